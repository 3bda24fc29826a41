//! Errors as OpenAI's SDKs read them.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::Error;

/// The body of an error answer, and the data of an error frame in a stream.
pub(in crate::dialect) fn encode_error(error: &Error) -> Bytes {
    Bytes::from(json!({ "error": error_value(error) }).to_string())
}

/// The error object itself.
pub(in crate::dialect) fn error_value(error: &Error) -> Value {
    json!({
        "message": error.message,
        "type": error.kind.row().openai_type,
        "param": error.param,
        "code": error.code(),
    })
}
