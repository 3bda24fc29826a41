//! What the record keeps of a request: its size and features always, its body
//! only where content is kept; and the request made from that for a replay.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::dialect::{LazyRequest, PathFacts, inbound};
use crate::ir::{Dialect, Endpoint, Part};
use crate::model::tokens::estimate_request;
use crate::record;

/// What is recorded of a request: its sizes and features for replays; the body
/// itself only where content is kept.
pub(super) fn facts(request: &LazyRequest, content: bool) -> Value {
    if content && let Ok(body) = serde_json::from_slice::<Value>(request.raw()) {
        return json!({ "body": body });
    }
    let Ok(decoded) = request.decoded() else { return Value::Null };
    let parts = || decoded.messages.iter().flat_map(|message| &message.parts);
    json!({
        "tokens": estimate_request(request).ok(),
        "max_tokens": decoded.params.max_tokens,
        "messages": decoded.messages.len(),
        "tools": decoded.tools.len(),
        "images": parts().any(|part| matches!(part, Part::Image(_))),
        "schema": decoded.format.is_some(),
    })
}

/// The request of a record, and whether it is the request itself (else one of
/// the same size and features). `None`: the record keeps too little.
#[must_use]
pub fn request_of(record: &record::Exchange) -> Option<(LazyRequest, bool)> {
    let facts = record.request.as_ref()?;
    let endpoint = Endpoint::named(&record.endpoint).filter(|endpoint| endpoint.is_conversation())?;
    let dialect = Dialect::ALL.into_iter().find(|dialect| dialect.name() == record.dialect)?;
    if let Some(body) = facts.get("body") {
        let model = (dialect == Dialect::Gemini).then_some(record.asked.as_str());
        let path = PathFacts { model, stream: record.stream };
        let raw = Bytes::from(body.to_string());
        return Some((LazyRequest::read(endpoint, inbound(dialect)?, raw, path).ok()?, true));
    }
    let body = likeness(record, facts).to_string();
    let request =
        LazyRequest::read(Endpoint::Chat, inbound(Dialect::OpenAiChat)?, body.into(), PathFacts::default());
    Some((request.ok()?, false))
}

/// A chat request of the same size and features, with filler for text.
fn likeness(record: &record::Exchange, facts: &Value) -> Value {
    let number = |name: &str| facts.get(name).and_then(Value::as_u64);
    let flag = |name: &str| facts.get(name).and_then(Value::as_bool).unwrap_or(false);
    let words = usize::try_from(number("tokens").unwrap_or(0)).unwrap_or(0).min(4_000_000);
    let mut content = vec![json!({ "type": "text", "text": "word ".repeat(words) })];
    if flag("images") {
        content.push(json!({ "type": "image_url", "image_url": { "url": "https://example.com/x.png" } }));
    }
    let tool = |at: u64| json!({ "type": "function", "function": { "name": format!("tool_{at}"), "parameters": { "type": "object" } } });
    let mut request = json!({
        "model": record.asked,
        "stream": record.stream,
        "messages": [{ "role": "user", "content": content }],
    });
    if let Some(fields) = request.as_object_mut() {
        if let Some(tools) = number("tools").filter(|tools| *tools > 0) {
            fields.insert("tools".to_owned(), (0..tools.min(128)).map(tool).collect());
        }
        if flag("schema") {
            fields.insert("response_format".to_owned(), json!({ "type": "json_object" }));
        }
        if let Some(most) = number("max_tokens") {
            fields.insert("max_completion_tokens".to_owned(), json!(most));
        }
    }
    request
}
