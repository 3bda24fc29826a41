//! Errors, both ways: the types by which Anthropic tells what went wrong, and
//! the body that its SDKs map to their exceptions.
//!
//! Source: Anthropic, Errors; Rate limits, checked 2026-11-21.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::Refused;
use super::super::refusal::{self, Report};
use crate::error::{Error, Kind, Origin, Retry};

/// The status that goes with a type, for errors inside a stream, which have none.
const STATUSES: [(&str, u16); 10] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

/// Words of a limit on spending, which no wait of ours outlasts.
const SPENT: [&str; 3] = ["api usage limits", "spend limit", "credit balance"];

/// Reads the error of a refused request.
pub(super) fn decode(refused: &Refused<'_>) -> Error {
    let error = refusal::read(refused);
    let body = serde_json::from_slice(refused.body).unwrap_or_default();
    spent(error, &body)
}

/// Reads `{"type": "error", "error": {...}}` in an answer that began well.
pub(super) fn decode_value(value: &Value) -> Error {
    let report = Report::of(value);
    let status = STATUSES.iter().find(|(name, _)| *name == report.class).map_or(500, |(_, status)| *status);
    let mut error = report.error(status);
    error.upstream_status = None;
    spent(error, value)
}

/// Tells a limit on spending from one on speed: both have the same type.
fn spent(error: Error, body: &Value) -> Error {
    let code = body.pointer("/error/details/error_code").and_then(Value::as_str);
    let words = error.message.to_ascii_lowercase();
    let spent = code == Some("enforced_spend_limit_reached") || SPENT.iter().any(|said| words.contains(said));
    if !spent || !matches!(error.kind, Kind::RateLimited | Kind::InvalidRequest) {
        return error;
    }
    let kind = Kind::QuotaExceeded;
    Error { kind, origin: Origin::Upstream, retry: Retry::Never, status: None, code: None, ..error }
}

/// The error as the SDKs read it, in a body and in a stream alike.
pub(super) fn encode_value(error: &Error, request_id: &str) -> Value {
    json!({
        "type": "error",
        "error": { "type": error.kind.row().anthropic_type, "message": error.message },
        "request_id": request_id,
    })
}

/// The body of an error.
pub(super) fn encode(error: &Error, request_id: &str) -> Bytes {
    encode_value(error, request_id).to_string().into()
}
