//! The data port: paths and their dialects.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::json_reply;
use super::linger::linger;
use super::passages::passage;
use super::refusal::{no_path, not_found, openai_refusal, refusal, wrong_method};
use crate::dialect::inbound;
use crate::error::{Error, Kind, Origin};
use crate::gateway::{Call, Gateway, feedback, models_of, serve};
use crate::ir::{Dialect, Endpoint};

/// Largest feedback, bytes.
const FEEDBACK: usize = 64 << 10;

/// Paths of conversations, what they ask for, and in which dialect.
pub(super) const TALKS: [(&str, Endpoint, Dialect); 4] = [
    ("/v1/chat/completions", Endpoint::Chat, Dialect::OpenAiChat),
    ("/v1/responses", Endpoint::Responses, Dialect::OpenAiResponses),
    ("/v1/completions", Endpoint::Completions, Dialect::OpenAiCompletions),
    ("/v1/messages", Endpoint::Messages, Dialect::Anthropic),
];

/// The router of the data port.
pub(super) fn router(gateway: Arc<Gateway>) -> Router {
    // Their posts went in at the front door.
    let talks =
        TALKS.into_iter().fold(Router::new(), |router, (path, ..)| router.route(path, any(wrong_method)));
    talks
        .route("/v1beta/models/{call}", post(generate).fallback(wrong_method))
        .route("/v1/feedback", post(take_feedback).fallback(wrong_method))
        .route("/v1/models", get(models).fallback(wrong_method))
        .route("/v1/models/{*model}", get(model).post(generate).fallback(wrong_method))
        .merge(super::passages::router())
        .merge(super::depot::router())
        .merge(super::results::router())
        .fallback(not_found)
        .with_state(gateway)
}

/// Every path of the data port, with the name of what it asks for.
#[must_use]
pub fn paths() -> Vec<(String, &'static str)> {
    let own = |path: &str, what| (path.to_owned(), what);
    let generate = ["generateContent", "streamGenerateContent"]
        .map(|call| (format!("/v1beta/models/{{model}}:{call}"), Endpoint::Generate.name()));
    let mut paths: Vec<(String, &'static str)> =
        TALKS.iter().map(|(path, endpoint, _)| own(path, endpoint.name())).collect();
    paths.extend(generate);
    paths.push(("/v1beta/models/{model}:countTokens".to_owned(), Endpoint::CountTokens.name()));
    paths.extend(super::passages::paths());
    paths.extend(super::depot::paths());
    paths.extend([
        own("/v1/models", "models"),
        own("/v1/models/{model}", "models"),
        own("/v1/feedback", "feedback"),
    ]);
    paths
}

/// `models/MODEL:generateContent` and `models/MODEL:streamGenerateContent`.
async fn generate(
    State(gateway): State<Arc<Gateway>>,
    Path(call): Path<String>,
    request: Request,
) -> Response {
    let Some(inbound) = inbound(Dialect::Gemini) else { return not_found(request.uri().clone()).await };
    let (model, stream) = match call.rsplit_once(':') {
        Some((model, "countTokens")) => {
            let place = ("", Some(model.to_owned()));
            return passage(gateway, Endpoint::CountTokens, Dialect::Gemini, place, request).await;
        }
        Some((model, "generateContent")) => (model, false),
        Some((model, "streamGenerateContent")) => (model, true),
        _ => return refusal(inbound, &no_path(request.uri())),
    };
    let (parts, body) = request.into_parts();
    let call = Call {
        endpoint: Endpoint::Generate,
        inbound,
        path_model: Some(model.to_owned()),
        path_stream: stream,
        headers: parts.headers,
    };
    Box::pin(serve(&gateway, call, linger(body))).await.map(Body::new)
}

pub(super) async fn conversation(
    gateway: Arc<Gateway>,
    endpoint: Endpoint,
    dialect: Dialect,
    request: Request,
) -> Response {
    let Some(inbound) = inbound(dialect) else { return not_found(request.uri().clone()).await };
    let (parts, body) = request.into_parts();
    let call = Call { endpoint, inbound, path_model: None, path_stream: false, headers: parts.headers };
    serve(&gateway, call, linger(body)).await.map(Body::new)
}

/// What the client says of an answer; 202: taken.
async fn take_feedback(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, body: Body) -> Response {
    let Ok(body) = axum::body::to_bytes(body, FEEDBACK).await else {
        return openai_refusal(&Error::new(Kind::TooLarge, Origin::Client, "the feedback is too large"));
    };
    match feedback(&gateway, &headers, &body) {
        Ok(()) => (StatusCode::ACCEPTED, json_reply(&json!({ "object": "feedback", "taken": true })))
            .into_response(),
        Err(error) => openai_refusal(&error),
    }
}

/// The models that the caller may ask for.
async fn models(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    match models_of(&gateway, &headers) {
        Ok(names) => {
            let list: Vec<Value> = names.iter().map(|name| entry(name)).collect();
            json_reply(&json!({
                "object": "list", "data": list,
                "has_more": false, "first_id": names.first(), "last_id": names.last(),
            }))
        }
        Err(error) => openai_refusal(&error),
    }
}

/// One of them.
async fn model(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
    headers: HeaderMap,
) -> Response {
    match models_of(&gateway, &headers) {
        Ok(names) if names.contains(&model) => json_reply(&entry(&model)),
        Ok(_) => {
            let text = format!("The model `{model}` does not exist or you do not have access to it");
            openai_refusal(&Error::new(Kind::NotFound, Origin::Client, text).with_param("model"))
        }
        Err(error) => openai_refusal(&error),
    }
}

/// A model as OpenAI lists it.
fn entry(name: &str) -> Value {
    // OpenAI's fields and Anthropic's, so that clients of either read it.
    json!({
        "id": name, "object": "model", "created": 0, "owned_by": "pointsman",
        "type": "model", "display_name": name, "created_at": "1970-01-01T00:00:00Z",
    })
}
