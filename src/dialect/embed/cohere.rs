//! Cohere's `embed`, version 2; answers of version 1 are read too.
//!
//! Source: Cohere API reference "Embed" (v2), checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::{Call, Side, carry, texts, vector};
use crate::dialect::Target;
use crate::error::Result;
use crate::ir::{EmbedRequest, EmbedResponse, Purpose, Usage};

/// The form.
pub(super) struct Cohere;

impl Side for Cohere {
    fn encode(&self, request: &EmbedRequest, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Call> {
        let mut body = body(request, dropped)?;
        body.insert("model".to_owned(), Value::from(target.model));
        Ok(Call { path: "embed".to_owned(), body: Value::Object(body) })
    }

    fn decode(&self, answer: Value) -> Option<EmbedResponse> {
        decode(&answer)
    }
}

/// The body but for the model.
pub(super) fn body(request: &EmbedRequest, dropped: &mut Vec<String>) -> Result<Map<String, Value>> {
    let mut body = Map::new();
    body.insert("texts".to_owned(), Value::from(texts(request)?));
    body.insert("input_type".to_owned(), Value::from(input_type(request.purpose)));
    body.insert("embedding_types".to_owned(), json!(["float"]));
    body.extend(request.dimensions.map(|count| ("output_dimension".to_owned(), Value::from(count))));
    carry(request, &["truncate"], &mut body, dropped);
    Ok(body)
}

/// Cohere demands a purpose; documents are what most texts are.
const fn input_type(purpose: Option<Purpose>) -> &'static str {
    match purpose {
        Some(Purpose::Query) => "search_query",
        Some(Purpose::Classification) => "classification",
        Some(Purpose::Clustering) => "clustering",
        None | Some(Purpose::Document | Purpose::Similarity) => "search_document",
    }
}

/// The vectors, by type or as version 1 lists them.
pub(super) fn decode(answer: &Value) -> Option<EmbedResponse> {
    let embeddings = answer.get("embeddings")?;
    let vectors = vector::decode_all(embeddings.get("float").unwrap_or(embeddings))?;
    let units = answer.pointer("/meta/billed_units");
    let count = |name: &str| units.and_then(|units| units.get(name)?.as_u64());
    let usage = count("input_tokens")
        .map(|input| Usage { input: input + count("image_tokens").unwrap_or(0), ..Usage::default() });
    Some(EmbedResponse { model: String::new(), vectors, usage })
}
