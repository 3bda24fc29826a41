//! Key to principal, from headers alone.

use std::sync::{Arc, LazyLock};

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::Bundle;
use crate::clock::Now;
use crate::error::{Error, Kind, Origin, Result};
use crate::principal::{Principal, Sight};

/// Headers that SDKs put a bare key in, besides `Authorization: Bearer`.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// Who calls. Without configured keys everybody is anonymous: the server has
/// made sure that only loopback, or an explicitly open port, gets here.
///
/// # Errors
/// `Unauthenticated`: no key, an unknown or an expired one.
pub(super) fn identify(bundle: &Bundle, headers: &HeaderMap, now: Now) -> Result<Arc<Principal>> {
    if bundle.keys.is_empty() {
        return Ok(Arc::clone(&ALONE));
    }
    let Some(presented) = presented(headers) else {
        if bundle.settings.open {
            return Ok(Arc::clone(&ANONYMOUS));
        }
        return Err(refused("no API key: send `Authorization: Bearer KEY`"));
    };
    // Every key is compared, whether or not one has matched: the time says nothing.
    let mut found = None;
    for entry in &bundle.keys {
        if entry.secret.matches(presented) {
            found = Some(entry);
        }
    }
    match found {
        Some(entry) if entry.expires_ms.is_none_or(|end| now.unix_ms < end) => {
            Ok(Arc::clone(&entry.principal))
        }
        Some(_) => Err(refused("Incorrect API key provided: the key has expired")),
        None => Err(refused("Incorrect API key provided")),
    }
}

fn refused(message: &str) -> Error {
    Error::new(Kind::Unauthenticated, Origin::Client, message)
}

/// Callers without a key, beside those with one.
static ANONYMOUS: LazyLock<Arc<Principal>> = LazyLock::new(|| without_key(Sight::Own));
/// Callers where there are no keys: what is kept is everybody's.
static ALONE: LazyLock<Arc<Principal>> = LazyLock::new(|| without_key(Sight::Account));

fn without_key(files: Sight) -> Arc<Principal> {
    Arc::new(Principal { key: Arc::from("anonymous"), files, ..Principal::default() })
}

/// The key that the client sent, in any of the headers that SDKs use.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    bearer.or_else(|| KEY_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok()))
}

/// Whether the key may ask for `model`: its globs, or none for all.
pub(super) fn may_ask(principal: &Principal, model: &str) -> bool {
    principal.models.is_empty()
        || principal
            .models
            .iter()
            .any(|glob| globset::Glob::new(glob).is_ok_and(|glob| glob.compile_matcher().is_match(model)))
}
