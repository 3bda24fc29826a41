//! The client's side: OpenAI's embeddings.
//!
//! Source: OpenAI API reference "Create embeddings", checked 2026-11-21.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::vector;
use crate::dialect::ReplyFacts;
use crate::dialect::fields::{Fields, Path};
use crate::error::{Error, Result};
use crate::ir::{EmbedInput, EmbedRequest, EmbedResponse, Purpose, VectorEncoding};

/// Names of purposes, as clients of any vendor write them.
const PURPOSES: [(&str, Purpose); 12] = [
    ("query", Purpose::Query),
    ("search_query", Purpose::Query),
    ("retrieval_query", Purpose::Query),
    ("question_answering", Purpose::Query),
    ("document", Purpose::Document),
    ("passage", Purpose::Document),
    ("search_document", Purpose::Document),
    ("retrieval_document", Purpose::Document),
    ("classification", Purpose::Classification),
    ("clustering", Purpose::Clustering),
    ("semantic_similarity", Purpose::Similarity),
    ("similarity", Purpose::Similarity),
];

/// Decodes a client's request.
///
/// # Errors
/// `InvalidRequest` with the field at fault.
pub fn decode_request(body: &[u8]) -> Result<EmbedRequest> {
    let value = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))?;
    let mut fields = Fields::of(value, Path::Root)?;
    let model = fields.need_string("model")?;
    let inputs = match fields.take("input") {
        Some(input) => decode_inputs(input)?,
        None => return Err(wrong_input()),
    };
    let dimensions = match fields.u64("dimensions")?.map(u32::try_from) {
        Some(Ok(count)) if count > 0 => Some(count),
        Some(_) => return Err(Path::Root.field("dimensions").must_be("a whole number of 1 or more")),
        None => None,
    };
    let encoding = match fields.string("encoding_format")?.as_deref() {
        None | Some("float") => VectorEncoding::Float,
        Some("base64") => VectorEncoding::Base64,
        Some(_) => return Err(Path::Root.field("encoding_format").must_be("float or base64")),
    };
    let user = fields.string("user")?;
    let named = fields.peek_str("input_type").or_else(|| fields.peek_str("task_type"));
    let named = named.map(str::to_ascii_lowercase);
    let purpose =
        PURPOSES.iter().find(|(name, _)| Some(*name) == named.as_deref()).map(|(_, purpose)| *purpose);
    Ok(EmbedRequest { model, inputs, dimensions, purpose, encoding, user, extra: fields.rest() })
}

/// One text, texts, one list of token ids, or lists of token ids.
fn decode_inputs(input: Value) -> Result<Vec<EmbedInput>> {
    let list = match input {
        Value::String(text) => return Ok(vec![EmbedInput::Text(text)]),
        Value::Array(list) if !list.is_empty() => list,
        _ => return Err(wrong_input()),
    };
    if list.iter().all(Value::is_number) {
        return Ok(vec![tokens(&list)?]);
    }
    let inputs = list.into_iter().map(|one| match one {
        Value::String(text) => Ok(EmbedInput::Text(text)),
        Value::Array(list) => tokens(&list),
        _ => Err(wrong_input()),
    });
    inputs.collect()
}

fn tokens(list: &[Value]) -> Result<EmbedInput> {
    let ids: Option<Vec<u32>> = list.iter().map(|id| u32::try_from(id.as_u64()?).ok()).collect();
    ids.filter(|ids| !ids.is_empty()).map(EmbedInput::Tokens).ok_or_else(wrong_input)
}

fn wrong_input() -> Error {
    Path::Root.field("input").must_be("a string, a list of strings, token ids, or lists of token ids")
}

/// Encodes an answer for a client who asked for `encoding`.
#[must_use]
pub fn encode_response(response: &EmbedResponse, encoding: VectorEncoding, reply: &ReplyFacts) -> Bytes {
    let write = match encoding {
        VectorEncoding::Float => vector::to_list,
        VectorEncoding::Base64 => vector::to_base64,
    };
    let data =
        response.vectors.iter().enumerate().map(
            |(index, vector)| json!({"object": "embedding", "index": index, "embedding": write(vector)}),
        );
    let data: Vec<Value> = data.collect();
    let model = if response.model.is_empty() { &reply.model } else { &response.model };
    let tokens = response.usage.map_or(0, |usage| usage.input);
    let mut body = Map::new();
    body.insert("object".to_owned(), Value::from("list"));
    body.insert("data".to_owned(), Value::Array(data));
    body.insert("model".to_owned(), Value::from(model.as_str()));
    body.insert("usage".to_owned(), json!({"prompt_tokens": tokens, "total_tokens": tokens}));
    Bytes::from(Value::Object(body).to_string())
}
