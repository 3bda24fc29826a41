//! Paths of files and batches.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, Method};

use super::linger::linger;
use super::refusal::{not_found, wrong_method};
use crate::dialect::inbound;
use crate::gateway::{Errand, Gateway, Place, serve_errand};
use crate::ir::{Dialect, Endpoint};

type Gate = State<Arc<Gateway>>;

/// What comes behind an id: path, and methods besides.
const PARTS: [(&str, &str, &str); 6] = [
    ("files", "content", "GET"),
    ("batches", "cancel", "POST"),
    ("batches", "requests", "GET POST"),
    ("batches", "results", "GET"),
    ("messages/batches", "cancel", "POST"),
    ("messages/batches", "results", "GET"),
];

/// Where things lie.
const ROOTS: [(&str, Endpoint); 3] =
    [("files", Endpoint::Files), ("batches", Endpoint::Batches), ("messages/batches", Endpoint::Batches)];

/// The paths, with the names of what they ask for.
pub(super) fn paths() -> Vec<(String, &'static str)> {
    let mut paths = Vec::new();
    for (root, endpoint) in ROOTS {
        let parts = PARTS.iter().filter(|(of, ..)| *of == root).map(|(_, part, _)| format!("/{{id}}/{part}"));
        let below = ["".to_owned(), "/{id}".to_owned()].into_iter().chain(parts);
        paths.extend(below.map(|below| (format!("/v1/{root}{below}"), endpoint.name())));
    }
    paths
}

/// The routes of these paths.
pub(super) fn router() -> Router<Arc<Gateway>> {
    let all = ROOTS.into_iter().map(|(root, _)| root).fold(Router::new(), |router, root| {
        let list = get(move |gateway: Gate, request: Request| run(gateway, root, None, request))
            .post(move |gateway: Gate, request: Request| run(gateway, root, None, request))
            .fallback(wrong_method);
        router.route(&format!("/v1/{root}"), list).route(&format!("/v1/{root}/{{id}}"), one(root))
    });
    PARTS.into_iter().fold(all, |router, (root, part, methods)| {
        let ask = move |gateway: Gate, Path(id): Path<String>, request: Request| {
            run(gateway, root, Some((id, Some(part))), request)
        };
        let asked = match methods {
            "GET" => get(ask),
            "POST" => post(ask),
            _ => get(ask).post(ask),
        };
        router.route(&format!("/v1/{root}/{{id}}/{part}"), asked.fallback(wrong_method))
    })
}

/// One thing, by its id.
fn one(root: &'static str) -> MethodRouter<Arc<Gateway>> {
    let ask = move |gateway: Gate, Path(id): Path<String>, request: Request| {
        run(gateway, root, Some((id, None)), request)
    };
    let act = move |gateway: Gate, Path(id): Path<String>, request: Request| async move {
        // xAI's form of a call on a batch.
        match id.strip_suffix(":cancel").filter(|_| root == "batches") {
            Some(id) => run(gateway, root, Some((id.to_owned(), Some(":cancel"))), request).await,
            None => wrong_method(request.uri().clone()).await,
        }
    };
    get(ask).delete(ask).post(act).fallback(wrong_method)
}

async fn run(
    State(gateway): Gate,
    root: &'static str,
    thing: Option<(String, Option<&'static str>)>,
    request: Request,
) -> Response {
    let (id, part) = thing.map_or((None, None), |(id, part)| (Some(id), part));
    let endpoint = if root == "files" { Endpoint::Files } else { Endpoint::Batches };
    let (parts, body) = request.into_parts();
    let Some(inbound) = inbound(dialect(root, &parts.headers)) else { return not_found(parts.uri).await };
    // A HEAD is asked as a GET; the server leaves the body out.
    let method = if parts.method == Method::HEAD { Method::GET } else { parts.method };
    let query = parts.uri.query().map(str::to_owned);
    let errand =
        Errand { endpoint, inbound, method, place: Place { root, id, part }, query, headers: parts.headers };
    serve_errand(gateway, errand, linger(body)).await.map(Body::new)
}

/// OpenAI and Anthropic keep files at the same path; Anthropic's clients state their version.
fn dialect(root: &str, headers: &HeaderMap) -> Dialect {
    if root == "messages/batches" || headers.contains_key("anthropic-version") {
        Dialect::Anthropic
    } else {
        Dialect::OpenAiChat
    }
}
