//! What a client gets instead of an answer when its request waits for a batch.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::exchange::Exchange;
use crate::model::Model;

/// Where clients fetch answers.
pub(super) const RESULTS: &str = "/v1/pointsman/results";

/// What a client gets instead of an answer.
pub(super) struct Ticket {
    pub(super) model: Arc<Model>,
    pub(super) dropped: Vec<String>,
}

impl Ticket {
    pub(super) fn body(&self, exchange: &Exchange) -> Bytes {
        let body = json!({
            "id": &*exchange.id,
            "object": "pointsman.deferred",
            "status": "queued",
            "model": exchange.asked,
            "created_at": exchange.started.unix_seconds(),
            "result_url": format!("{RESULTS}/{}", exchange.id),
        });
        Bytes::from(body.to_string())
    }
}
