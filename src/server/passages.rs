//! Paths of what is no conversation.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};

use super::linger::linger;
use super::refusal::{not_found, wrong_method};
use crate::dialect::inbound;
use crate::gateway::{Gateway, Passage, serve_passage};
use crate::ir::{Dialect, Endpoint};

/// Paths below `/v1`, and what they ask for.
const PATHS: [(&str, Endpoint); 10] = [
    ("embeddings", Endpoint::Embeddings),
    ("images/generations", Endpoint::Images),
    ("images/edits", Endpoint::Images),
    ("images/variations", Endpoint::Images),
    ("audio/transcriptions", Endpoint::Transcriptions),
    ("audio/translations", Endpoint::Transcriptions),
    ("audio/speech", Endpoint::Speech),
    ("moderations", Endpoint::Moderations),
    ("rerank", Endpoint::Rerank),
    ("messages/count_tokens", Endpoint::CountTokens),
];

/// The routes of these paths.
pub(super) fn router() -> Router<Arc<Gateway>> {
    let routes = PATHS.iter().fold(Router::new(), |router, (path, endpoint)| {
        router.route(&format!("/v1/{path}"), at(path, *endpoint))
    });
    routes.route("/v2/rerank", at("rerank", Endpoint::Rerank))
}

/// The paths, with the names of what they ask for.
pub(super) fn paths() -> Vec<(String, &'static str)> {
    let second = ("/v2/rerank".to_owned(), Endpoint::Rerank.name());
    PATHS.iter().map(|(path, endpoint)| (format!("/v1/{path}"), endpoint.name())).chain([second]).collect()
}

fn at(path: &'static str, endpoint: Endpoint) -> MethodRouter<Arc<Gateway>> {
    post(move |State(gateway): State<Arc<Gateway>>, request: Request| async move {
        let dialect =
            if endpoint == Endpoint::CountTokens { Dialect::Anthropic } else { Dialect::OpenAiChat };
        passage(gateway, endpoint, dialect, (path, None), request).await
    })
    .fallback(wrong_method)
}

/// Carries a passage; `place` is its path, and the model that the URL names.
pub(super) async fn passage(
    gateway: Arc<Gateway>,
    endpoint: Endpoint,
    dialect: Dialect,
    place: (&str, Option<String>),
    request: Request,
) -> Response {
    let Some(inbound) = inbound(dialect) else { return not_found(request.uri().clone()).await };
    let (parts, body) = request.into_parts();
    let (path, path_model) = (place.0.to_owned(), place.1);
    let passage = Passage { endpoint, inbound, path, path_model, headers: parts.headers };
    serve_passage(gateway, passage, linger(body)).await.map(Body::new)
}
