//! OpenAI's embeddings, and Voyage's, which differ in the names of some fields.
//!
//! Sources: OpenAI API reference "Create embeddings"; Voyage API reference
//! "Text embeddings", both checked 2026-11-21.

use serde_json::{Map, Value};

use super::{Call, Side, carry, texts, vector};
use crate::dialect::Target;
use crate::error::Result;
use crate::ir::{EmbedInput, EmbedRequest, EmbedResponse, Purpose, Usage, VectorEncoding};

/// OpenAI's form.
pub(super) struct OpenAi;

impl Side for OpenAi {
    fn encode(&self, request: &EmbedRequest, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Call> {
        let mut body = Map::new();
        if !target.quirks.model_in_path {
            body.insert("model".to_owned(), Value::from(target.model));
        }
        let inputs = request.inputs.iter().map(|input| match input {
            EmbedInput::Text(text) => Value::from(text.as_str()),
            EmbedInput::Tokens(ids) => Value::from(ids.as_slice()),
        });
        body.insert("input".to_owned(), Value::Array(inputs.collect()));
        if request.encoding == VectorEncoding::Base64 {
            body.insert("encoding_format".to_owned(), Value::from("base64"));
        }
        let dimensions = request.dimensions.map(|count| ("dimensions".to_owned(), Value::from(count)));
        let user = request.user.as_deref().map(|user| ("user".to_owned(), Value::from(user)));
        body.extend(dimensions.into_iter().chain(user));
        body.extend(request.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        for name in target.quirks.refused {
            if body.shift_remove(*name).is_some() {
                dropped.push((*name).to_owned());
            }
        }
        Ok(Call { path: "embeddings".to_owned(), body: Value::Object(body) })
    }

    fn decode(&self, answer: Value) -> Option<EmbedResponse> {
        decode(&answer)
    }
}

/// Voyage's form.
pub(super) struct Voyage;

impl Side for Voyage {
    fn encode(&self, request: &EmbedRequest, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Call> {
        let mut body = Map::new();
        body.insert("model".to_owned(), Value::from(target.model));
        body.insert("input".to_owned(), Value::from(texts(request)?));
        let input_type = match request.purpose {
            Some(Purpose::Query) => Some("query"),
            Some(Purpose::Document) => Some("document"),
            _ => None,
        };
        body.extend(input_type.map(|name| ("input_type".to_owned(), Value::from(name))));
        body.extend(request.dimensions.map(|count| ("output_dimension".to_owned(), Value::from(count))));
        if request.encoding == VectorEncoding::Base64 {
            body.insert("encoding_format".to_owned(), Value::from("base64"));
        }
        carry(request, &["truncation"], &mut body, dropped);
        Ok(Call { path: "embeddings".to_owned(), body: Value::Object(body) })
    }

    fn decode(&self, answer: Value) -> Option<EmbedResponse> {
        decode(&answer)
    }
}

/// The answer that both give; entries may stand in any order.
fn decode(answer: &Value) -> Option<EmbedResponse> {
    let mut entries: Vec<(u64, Vec<f32>)> = Vec::new();
    for (at, entry) in (0..).zip(answer.get("data")?.as_array()?) {
        let index = entry.get("index").and_then(Value::as_u64).unwrap_or(at);
        entries.push((index, vector::decode(entry.get("embedding")?)?));
    }
    entries.sort_by_key(|(index, _)| *index);
    let count = |name: &str| answer.get("usage").and_then(|usage| usage.get(name)?.as_u64());
    let input = count("prompt_tokens").or_else(|| count("total_tokens"));
    Some(EmbedResponse {
        model: answer.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
        vectors: entries.into_iter().map(|(_, vector)| vector).collect(),
        usage: input.map(|input| Usage { input, ..Usage::default() }),
    })
}
