//! What the HTTP client reports, as typed errors.

use std::error::Error as StdError;
use std::io;

use super::road::{How, ProxyFailed};
use crate::error::{Error, Kind, Origin, Retry};

/// No file descriptor is left, of the machine's or of the process' own: no fault of a provider's.
/// Source: errno(3), checked 2026-11-21.
const ENFILE: i32 = 23;
/// See [`ENFILE`].
const EMFILE: i32 = 24;

/// Where a call failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// Before its answer began.
    Call(hyper_util::client::legacy::Error),
    /// Within its answer.
    Body(hyper::Error),
}

/// The typed error of a call to `host` that failed before or during its answer.
/// Names the host, never a URL with its path or query.
pub(super) fn classify(failed: &Failed, host: &str) -> Error {
    let (outermost, otherwise): (&dyn StdError, _) = match failed {
        Failed::Call(error) => (error, Kind::Unreachable),
        Failed::Body(error) => (error, Kind::StreamBroken),
    };
    if let Some(failed) = causes(outermost).find_map(|cause| cause.downcast_ref::<ProxyFailed>()) {
        return through(failed, host);
    }
    let kind = causes(outermost).filter_map(kind_of).last().unwrap_or(otherwise);
    // The text of the last cause is the one that says something.
    let cause = causes(outermost).last().unwrap_or(outermost);
    let origin = if kind == Kind::Unavailable { Origin::Gateway } else { Origin::Upstream };
    let what = match kind {
        Kind::TimedOut => "no answer in time from",
        Kind::Tls => "no trusted TLS connection to",
        Kind::StreamBroken => "the answer broke off from",
        Kind::Unavailable => "the gateway has no file descriptor left to reach",
        _ => "cannot reach",
    };
    Error::new(kind, origin, format!("{what} {host}: {cause}"))
}

/// The typed error of a call to `host` that a proxy failed. It is no fault of the provider's.
pub(super) fn through(failed: &ProxyFailed, host: &str) -> Error {
    let kind = match &failed.how {
        How::Late => Kind::TimedOut,
        _ => causes(failed).filter_map(kind_of).last().unwrap_or(Kind::Unreachable),
    };
    let cause = match &failed.how {
        How::Away(_) => causes(failed).last().map(|cause| format!(": {cause}")).unwrap_or_default(),
        _ => String::new(),
    };
    let error = Error::new(kind, Origin::Gateway, format!("cannot reach {host}: {failed}{cause}"));
    // What a proxy forbids it forbids again.
    let forbids = matches!(failed.how, How::Refused(400..500));
    if forbids { error.with_retry(Retry::Never) } else { error }
}

/// `outermost` and what caused it, down to the last cause.
pub(super) fn causes<'a>(
    outermost: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(outermost), |cause| beneath(*cause))
}

/// What caused `cause`. An I/O error that wraps another passes it over as its source.
fn beneath<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map_or_else(|| cause.source(), |inner| Some(inner))
}

/// The kind that one cause stands for by itself.
fn kind_of(cause: &(dyn StdError + 'static)) -> Option<Kind> {
    if cause.is::<rustls::Error>() {
        return Some(Kind::Tls);
    }
    if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout) {
        return Some(Kind::TimedOut);
    }
    let io = cause.downcast_ref::<io::Error>()?;
    if matches!(io.raw_os_error(), Some(ENFILE | EMFILE)) {
        return Some(Kind::Unavailable);
    }
    (io.kind() == io::ErrorKind::TimedOut).then_some(Kind::TimedOut)
}
