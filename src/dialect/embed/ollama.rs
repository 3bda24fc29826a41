//! Ollama's `embed`.
//!
//! Source: Ollama API reference "Generate embeddings", checked 2026-11-21.

use serde_json::{Map, Value};

use super::{Call, Side, carry, texts, vector};
use crate::dialect::Target;
use crate::error::Result;
use crate::ir::{EmbedRequest, EmbedResponse, Usage};

/// The form.
pub(super) struct Ollama;

impl Side for Ollama {
    fn encode(&self, request: &EmbedRequest, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Call> {
        let mut body = Map::new();
        body.insert("model".to_owned(), Value::from(target.model));
        body.insert("input".to_owned(), Value::from(texts(request)?));
        body.extend(request.dimensions.map(|count| ("dimensions".to_owned(), Value::from(count))));
        carry(request, &["truncate", "options", "keep_alive"], &mut body, dropped);
        Ok(Call { path: "embed".to_owned(), body: Value::Object(body) })
    }

    fn decode(&self, answer: Value) -> Option<EmbedResponse> {
        let tokens = answer.get("prompt_eval_count").and_then(Value::as_u64);
        Some(EmbedResponse {
            model: answer.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
            vectors: vector::decode_all(answer.get("embeddings")?)?,
            usage: tokens.map(|input| Usage { input, ..Usage::default() }),
        })
    }
}
