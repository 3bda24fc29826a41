//! Refusals outside any exchange: paths and methods that are none.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri};

use crate::dialect::{Inbound, inbound};
use crate::error::{Error, Kind, Origin};
use crate::ir::Dialect;

pub(super) async fn not_found(uri: Uri) -> Response {
    openai_refusal(&no_path(&uri))
}

pub(super) async fn wrong_method(uri: Uri) -> Response {
    let text = format!("{} does not take this method", uri.path());
    openai_refusal(&Error::new(Kind::MethodNotAllowed, Origin::Client, text))
}

pub(super) fn no_path(uri: &Uri) -> Error {
    let text = format!("no such path: {}; the API is under /v1", uri.path());
    Error::new(Kind::NotFound, Origin::Client, text).with_code("unknown_path")
}

pub(super) fn openai_refusal(error: &Error) -> Response {
    match inbound(Dialect::OpenAiChat) {
        Some(inbound) => refusal(inbound, error),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An error outside any exchange, in a dialect's shape.
pub(super) fn refusal(inbound: &dyn Inbound, error: &Error) -> Response {
    let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = inbound.encode_error(error, "");
    (status, [(http::header::CONTENT_TYPE, "application/json")], body).into_response()
}
