//! What the HTTP client reports, as typed errors.

use std::error::Error as StdError;

use crate::error::{Error, Kind, Origin};

/// The typed error of a call to `host` that failed before or during its answer.
/// Names the host, never a URL with its path or query.
pub(super) fn classify(error: &reqwest::Error, host: &str) -> Error {
    let cause = innermost(error);
    let kind = if error.is_timeout() {
        Kind::TimedOut
    } else if is_tls(error) {
        Kind::Tls
    } else if error.is_connect() {
        Kind::Unreachable
    } else if error.is_decode() || error.is_body() {
        Kind::StreamBroken
    } else {
        Kind::Unreachable
    };
    let what = match kind {
        Kind::TimedOut => "no answer in time from",
        Kind::Tls => "no trusted TLS connection to",
        Kind::StreamBroken => "the answer broke off from",
        _ => "cannot reach",
    };
    Error::new(kind, Origin::Upstream, format!("{what} {host}: {cause}"))
}

/// The text of the last cause: the one that says something.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn StdError> = Some(error);
    while let Some(at) = cause {
        let inner = at.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if at.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = at.source();
    }
    false
}
