//! Answers that clients fetch later.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::refusal::{openai_refusal, wrong_method};
use crate::gateway::{Gateway, forget_result, result_of};

/// The routes of these paths.
pub(super) fn router() -> Router<Arc<Gateway>> {
    Router::new().route("/v1/pointsman/results/{id}", get(fetch).delete(forget).fallback(wrong_method))
}

async fn fetch(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match result_of(&gateway, &headers, &id).await {
        Ok(found) => {
            let status = StatusCode::from_u16(found.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut reply = (status, [(CONTENT_TYPE, "application/json")], found.body).into_response();
            if let Some(seconds) = found.again {
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            reply
        }
        Err(error) => openai_refusal(&error),
    }
}

async fn forget(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match forget_result(&gateway, &headers, &id).await {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => openai_refusal(&error),
    }
}
