//! Bedrock's `invoke` of embedding models: Titan's own form and Cohere's.
//!
//! Source: Amazon Bedrock user guide "Amazon Titan Embeddings Text" and
//! "Cohere Embed models", checked 2026-11-21.

use serde_json::{Map, Value};

use super::{Call, Side, carry, cohere, texts, vector};
use crate::dialect::Target;
use crate::error::Result;
use crate::ir::{EmbedRequest, EmbedResponse, Usage};

/// The form.
pub(super) struct Bedrock;

impl Side for Bedrock {
    fn encode(&self, request: &EmbedRequest, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Call> {
        let body = if target.model.contains("cohere.") {
            cohere::body(request, dropped)?
        } else {
            let mut body = Map::new();
            body.insert("inputText".to_owned(), Value::from(texts(request)?.concat()));
            body.extend(request.dimensions.map(|count| ("dimensions".to_owned(), Value::from(count))));
            carry(request, &["normalize"], &mut body, dropped);
            body
        };
        Ok(Call { path: format!("model/{}/invoke", escape(target.model)), body: Value::Object(body) })
    }

    fn decode(&self, answer: Value) -> Option<EmbedResponse> {
        let Some(embedding) = answer.get("embedding") else { return cohere::decode(&answer) };
        let tokens = answer.get("inputTextTokenCount").and_then(Value::as_u64);
        Some(EmbedResponse {
            model: String::new(),
            vectors: vec![vector::decode(embedding)?],
            usage: tokens.map(|input| Usage { input, ..Usage::default() }),
        })
    }
}

/// A model's id or ARN as one segment of a path.
fn escape(model: &str) -> String {
    model.replace('%', "%25").replace(':', "%3A").replace('/', "%2F")
}
