//! Answers with documents in order.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Form;
use crate::dialect::ReplyFacts;
use crate::dialect::refusal::hidden;
use crate::error::{Error, Result};
use crate::ir::{Ranked, RerankDocument, RerankRequest, RerankResponse, Usage};

/// Decodes an answer of any form.
pub(super) fn decode(body: &[u8]) -> Result<RerankResponse> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    if let Some(error) = hidden(&answer) {
        return Err(error);
    }
    // text-embeddings-inference answers with the list itself.
    let list = answer.get("results").or_else(|| answer.get("data")).unwrap_or(&answer).as_array();
    let ranked = list.and_then(|list| list.iter().map(ranked).collect::<Option<Vec<_>>>());
    let ranked = ranked.ok_or_else(|| Error::bad_answer("the provider's answer ranks nothing"))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let units = answer.pointer("/meta/billed_units");
    let search_units = units.and_then(|units| units.get("search_units")?.as_u64());
    Ok(RerankResponse { id: text("id"), model: text("model"), ranked, usage: usage(&answer), search_units })
}

fn ranked(entry: &Value) -> Option<Ranked> {
    // OpenAI's look-alikes say `score`, Bedrock `relevanceScore`.
    let names = ["relevance_score", "score", "relevanceScore"];
    let score = names.iter().find_map(|name| entry.get(*name)?.as_f64())?;
    Some(Ranked { index: entry.get("index")?.as_u64()?, score })
}

/// Tokens: Jina and Voyage state them in `usage`, Cohere in `meta.tokens` if at all.
fn usage(answer: &Value) -> Option<Usage> {
    let count = |place: &str| answer.pointer(place).and_then(Value::as_u64);
    let places = ["/usage/prompt_tokens", "/usage/total_tokens", "/meta/tokens/input_tokens"];
    let input = places.into_iter().find_map(count)?;
    let output =
        count("/usage/completion_tokens").or_else(|| count("/meta/tokens/output_tokens")).unwrap_or(0);
    Some(Usage { input, output, ..Usage::default() })
}

/// Encodes an answer in the client's form; `request` gives back the documents where the client wants them.
#[must_use]
pub fn encode_response(
    response: &RerankResponse,
    request: &RerankRequest,
    form: Form,
    reply: &ReplyFacts,
) -> Bytes {
    let with_documents = request.return_documents == Some(true);
    let list = response.ranked.iter().map(|one| {
        let mut entry = Map::new();
        entry.insert("index".to_owned(), Value::from(one.index));
        entry.insert("relevance_score".to_owned(), Value::from(one.score));
        let place = usize::try_from(one.index).ok();
        let document = place.and_then(|place| request.documents.get(place)).filter(|_| with_documents);
        entry.extend(document.map(|document| ("document".to_owned(), given_back(document, form))));
        Value::Object(entry)
    });
    let list: Vec<Value> = list.collect();
    let model = if response.model.is_empty() { &reply.model } else { &response.model };
    let id = if response.id.is_empty() { &reply.request_id } else { &response.id };
    let tokens = response.usage.map_or(0, |usage| usage.total());
    if form == Form::Voyage {
        let usage = json!({"total_tokens": tokens});
        let body = json!({"object": "list", "data": list, "model": model, "usage": usage});
        return Bytes::from(body.to_string());
    }
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    let mut body = Map::new();
    for (name, value) in
        [("id", json!(id)), ("model", json!(model)), ("results", json!(list)), ("usage", usage)]
    {
        body.insert(name.to_owned(), value);
    }
    if let Some(units) = response.search_units {
        let meta = json!({"api_version": {"version": "2"}, "billed_units": {"search_units": units}});
        body.insert("meta".to_owned(), meta);
    }
    Bytes::from(Value::Object(body).to_string())
}

/// A document as the form gives it back.
fn given_back(document: &RerankDocument, form: Form) -> Value {
    match (document, form) {
        (RerankDocument::Text(text), Form::Voyage) => Value::from(text.as_str()),
        (RerankDocument::Text(text), Form::Cohere | Form::Jina) => json!({"text": text}),
        (RerankDocument::Object(object), _) => object.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_every_form() {
        for body in [
            r#"{"results":[{"index":1,"relevance_score":0.5}]}"#,
            r#"{"data":[{"index":1,"score":0.5}]}"#,
            r#"{"results":[{"index":1,"relevanceScore":0.5}]}"#,
            r#"[{"index":1,"score":0.5}]"#,
        ] {
            let found = decode(body.as_bytes()).unwrap().ranked;
            assert_eq!(found, [Ranked { index: 1, score: 0.5 }], "{body}");
        }
        for body in [r#"{"error":"no"}"#, r#"{"results":[{"index":1}]}"#, "{}"] {
            assert!(decode(body.as_bytes()).is_err(), "{body}");
        }
    }
}
