//! Errors: Google's `{"error": {code, message, status, details}}`, which also
//! comes in a list or under the content type of a stream.
//!
//! Source: Google Cloud API design guide "Errors" and Gemini API
//! "Troubleshooting guide", checked 2026-11-21.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::dialect::refusal::Report;
use crate::error::{Error, Retry};

/// The error in a body of status 200 or in a frame of a stream.
pub(super) fn of_value(value: &Value) -> Error {
    let report = Report::of(value);
    let mut error = report.error(200);
    if let (Retry::Backoff, Some(wait)) = (error.retry, report.delay) {
        error.retry = Retry::After(wait);
    }
    error
}

/// The body of an error for a client.
pub(super) fn encode(error: &Error, request_id: &str) -> Bytes {
    Bytes::from(json!({"error": object(error, request_id)}).to_string())
}

/// Google's error object.
pub(super) fn object(error: &Error, request_id: &str) -> Value {
    const TYPE: &str = "type.googleapis.com/google.rpc.";
    let mut details = vec![json!({
        "@type": format!("{TYPE}ErrorInfo"),
        "reason": error.code().to_ascii_uppercase(),
        "domain": "pointsman",
    })];
    if let Some(param) = &error.param {
        details.push(json!({
            "@type": format!("{TYPE}BadRequest"),
            "fieldViolations": [{"field": param, "description": error.message}],
        }));
    }
    if let Some(wait) = error.retry_after() {
        let delay = format!("{}s", wait.as_secs_f64());
        details.push(json!({"@type": format!("{TYPE}RetryInfo"), "retryDelay": delay}));
    }
    if !request_id.is_empty() {
        details.push(json!({"@type": format!("{TYPE}RequestInfo"), "requestId": request_id}));
    }
    json!({
        "code": error.http_status(),
        "message": error.message,
        "status": error.kind.row().google_status,
        "details": details,
    })
}
