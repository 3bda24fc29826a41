//! The admin port: health, metrics, status. Never on the data port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::json_reply;
use crate::config::watch::ReloadStatus;
use crate::gateway::Gateway;
use crate::ir::Money;
use crate::model::Price;
use crate::problem::Problem;

/// What the admin port tells of.
#[derive(Clone)]
pub struct Admin {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Whether new requests are taken: false while draining.
    pub ready: Arc<AtomicBool>,
    /// How reloads do.
    pub reloads: Arc<ArcSwap<ReloadStatus>>,
}

/// The router of the admin port.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .fallback(nothing_here)
        .with_state(admin)
}

async fn readyz(State(admin): State<Admin>) -> Response {
    if !admin.ready.load(Ordering::Acquire) {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    // It serves without its records: whoever takes it away takes what still works.
    match admin.gateway.keeping().and_then(|keeping| keeping.trouble) {
        Some(trouble) => format!("degraded: records wait: {trouble}\n").into_response(),
        None => "ok\n".into_response(),
    }
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "here are /livez, /readyz, /metrics and /status\n")
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let reloads = admin.reloads.load();
    let text = admin.gateway.exposition(reloads.refused_ms.is_none(), reloads.refused);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn status(State(admin): State<Admin>) -> Response {
    json_reply(&describe(&admin))
}

/// The rates of a conversation's price, USD per million tokens and per request;
/// `tiers` hold for inputs above so many tokens.
fn rates(price: &Price) -> Value {
    let usd = |nano: i64| Money(nano).as_usd();
    let tiers = price.tiers.iter().map(|tier| {
        json!({
            "above": tier.above,
            "input": usd(tier.input),
            "output": usd(tier.output),
            "cached_input": tier.cached_input.map(usd),
            "cache_write": tier.cache_write.map(usd),
        })
    });
    json!({
        "input": usd(price.input),
        "output": usd(price.output),
        "cached_input": price.cached_input.map(usd),
        "cache_write": price.cache_write.map(usd),
        "reasoning": price.reasoning.map(usd),
        "request": price.request.map(usd),
        "tiers": tiers.collect::<Vec<_>>(),
    })
}

/// Bundle, reloads, models and feeds.
fn describe(admin: &Admin) -> Value {
    let gateway = &admin.gateway;
    let (bundle, now) = (gateway.bundle(), gateway.clock.now());
    let book = gateway.prices.load();
    let models: serde_json::Map<String, Value> = bundle
        .models
        .values()
        .map(|model| {
            let health = gateway.models.of(&model.name).health(&model.limits, now);
            let about = json!({
                "provider": model.provider.name.as_ref(),
                "healthy": health.healthy,
                "p50_ms": health.p50_ms,
                "p95_ms": health.p95_ms,
                "first_token_p95_ms": health.first_token_p95_ms,
                "tokens_per_second": health.tokens_per_second,
                "error_rate": health.error_rate,
                "in_flight": health.in_flight,
                "headroom": health.headroom,
                "samples": health.samples,
                "price": book.price(model).as_deref().map(rates),
            });
            (model.name.to_string(), about)
        })
        .collect();
    let feeds: Vec<Value> = book
        .feeds
        .iter()
        .map(|feed| {
            let mut about = serde_json::to_value(feed).unwrap_or_default();
            if let Some(fields) = about.as_object_mut() {
                fields.insert("age_seconds".to_owned(), json!(feed.age(now)));
            }
            about
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "bundle": bundle.hash.as_ref(),
        "rolled_back": gateway.rolled_back().as_deref(),
        "ready": admin.ready.load(Ordering::Acquire),
        "reload": reloading(&admin.reloads.load()),
        "routes": bundle.routes.iter().map(|route| route.name.as_ref()).collect::<Vec<_>>(),
        "models": models,
        "shadows": gateway.shadows(),
        "feeds": feeds,
        "records": gateway.keeping(),
        "log_lines_dropped": gateway.lines.dropped(),
    })
}

/// How reloads do.
fn reloading(status: &ReloadStatus) -> Value {
    let problems: Vec<Value> = status.problems.iter().map(Problem::as_json).collect();
    json!({
        "watching": status.watching,
        "hash": status.hash.as_ref(),
        "loaded_ms": status.loaded_ms,
        "accepted": status.accepted,
        "refused": status.refused,
        "refused_ms": status.refused_ms,
        "problems": problems,
    })
}
