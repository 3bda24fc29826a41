//! The texts of a passage, as policies read and change them: each is a message
//! of the user's in a canonical request that has nothing else.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Caching, Dialect, Endpoint, Message, Request, Role};

/// The canonical form of a passage with the body `raw`.
///
/// # Errors
/// `InvalidRequest` when the body is not JSON.
pub(in crate::dialect) fn request(
    endpoint: Endpoint,
    dialect: Dialect,
    (model, stream): (&str, bool),
    raw: &[u8],
) -> Result<Request> {
    let mut request = Request::new(dialect, model);
    request.stream = stream;
    if fields(endpoint).is_empty() {
        return Ok(request);
    }
    let body = parsed(raw)?;
    let texts = places(endpoint, &body);
    let texts = texts.iter().filter_map(|place| body.pointer(place)?.as_str());
    request.messages = texts.map(|text| Arc::new(Message::text(Role::User, text))).collect();
    Ok(request)
}

/// The body with the texts that policies made of `before`; `None` where they
/// changed none.
///
/// # Errors
/// `PolicyFailed` when they changed what passages do not have.
pub fn rewritten(endpoint: Endpoint, raw: &[u8], before: &Request, after: &Request) -> Result<Option<Bytes>> {
    let same = before.messages.len() == after.messages.len();
    let bare = Request {
        model: before.model.clone(),
        messages: before.messages.clone(),
        caching: Caching::default(),
        ..after.clone()
    };
    if !same || bare != *before || after.messages.iter().any(|message| message.role != Role::User) {
        let text = format!("a policy changed more than the texts of a request for {}", endpoint.name());
        return Err(Error::new(Kind::PolicyFailed, Origin::Policy, text));
    }
    if before.messages == after.messages {
        return Ok(None);
    }
    let mut body = parsed(raw)?;
    for (place, message) in places(endpoint, &body).iter().zip(&after.messages) {
        if let Some(text) = body.pointer_mut(place) {
            *text = message.joined_text().into();
        }
    }
    Ok(Some(Bytes::from(body.to_string())))
}

fn parsed(raw: &[u8]) -> Result<Value> {
    serde_json::from_slice(raw).map_err(|at| Error::invalid(format!("the body is not JSON: {at}")))
}

/// The fields that hold texts, or lists of them.
const fn fields(endpoint: Endpoint) -> &'static [&'static str] {
    match endpoint {
        Endpoint::Embeddings | Endpoint::Moderations => &["input"],
        Endpoint::Speech => &["input", "instructions"],
        Endpoint::Images => &["prompt"],
        Endpoint::Rerank => &["query", "documents"],
        _ => &[],
    }
}

/// Pointers to the texts of a body, in order.
fn places(endpoint: Endpoint, body: &Value) -> Vec<String> {
    let mut places = Vec::new();
    for field in fields(endpoint) {
        let at = format!("/{field}");
        match body.get(field) {
            Some(Value::String(_)) => places.push(at),
            Some(Value::Array(list)) => {
                for (index, item) in list.iter().enumerate() {
                    match item {
                        Value::String(_) => places.push(format!("{at}/{index}")),
                        Value::Object(item) if item.get("text").is_some_and(Value::is_string) => {
                            places.push(format!("{at}/{index}/text"));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_seen_and_put_back() {
        for (endpoint, body, texts, changed) in [
            (
                Endpoint::Embeddings,
                json!({ "model": "m", "input": ["a", "b"], "dimensions": 3 }),
                vec!["a", "b"],
                json!({ "model": "m", "input": ["a!", "b!"], "dimensions": 3 }),
            ),
            (
                Endpoint::Embeddings,
                json!({ "model": "m", "input": [1, 2] }),
                vec![],
                json!({ "model": "m", "input": [1, 2] }),
            ),
            (
                Endpoint::Moderations,
                json!({ "input": [{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": {} }] }),
                vec!["a"],
                json!({ "input": [{ "type": "text", "text": "a!" }, { "type": "image_url", "image_url": {} }] }),
            ),
            (
                Endpoint::Speech,
                json!({ "input": "a", "voice": "v", "instructions": "b" }),
                vec!["a", "b"],
                json!({ "input": "a!", "voice": "v", "instructions": "b!" }),
            ),
            (Endpoint::Images, json!({ "prompt": "a" }), vec!["a"], json!({ "prompt": "a!" })),
            (
                Endpoint::Rerank,
                json!({ "query": "q", "documents": ["a", { "text": "b", "n": 1 }] }),
                vec!["q", "a", "b"],
                json!({ "query": "q!", "documents": ["a!", { "text": "b!", "n": 1 }] }),
            ),
            (Endpoint::Transcriptions, json!({ "prompt": "a" }), vec![], json!({ "prompt": "a" })),
        ] {
            let raw = body.to_string();
            let before = request(endpoint, Dialect::OpenAiChat, ("m", false), raw.as_bytes()).unwrap();
            let seen: Vec<String> = before.messages.iter().map(|message| message.joined_text()).collect();
            assert_eq!(seen, texts);
            assert_eq!(rewritten(endpoint, raw.as_bytes(), &before, &before), Ok(None));
            let mut after = before.clone();
            for message in &mut after.messages {
                *message = Arc::new(Message::text(Role::User, message.joined_text() + "!"));
            }
            let found = rewritten(endpoint, raw.as_bytes(), &before, &after).unwrap();
            let found = found.map_or(body, |bytes| serde_json::from_slice(&bytes).unwrap());
            assert_eq!(found, changed);
        }
    }

    #[test]
    fn more_than_texts_is_refused() {
        let raw = br#"{"input":"a"}"#;
        let before = request(Endpoint::Embeddings, Dialect::OpenAiChat, ("m", false), raw).unwrap();
        let changes: [fn(&mut Request); 3] = [
            |request| request.params.temperature = Some(0.5),
            |request| request.messages.push(Arc::new(Message::text(Role::User, "b"))),
            |request| request.messages = vec![Arc::new(Message::text(Role::System, "a"))],
        ];
        for change in changes {
            let mut after = before.clone();
            change(&mut after);
            let error = rewritten(Endpoint::Embeddings, raw, &before, &after).unwrap_err();
            assert_eq!(error.kind, Kind::PolicyFailed);
        }
    }
}
