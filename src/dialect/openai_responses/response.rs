//! A provider's whole answer, from the wire.

use serde_json::{Map, Value, json};

use super::items;
use crate::dialect::openai_chat::citation;
use crate::dialect::openai_chat::fields::{Fields, as_count};
use crate::dialect::openai_chat::response::{finish_named, hidden_error};
use crate::dialect::openai_chat::usage::decode_usage;
use crate::error::{Error, Result};
use crate::ir::{Choice, Citation, Dialect, Extent, Finish, Logprobs, Message, Part, Response, Role};

/// Decodes an answer of status 2xx.
///
/// # Errors
/// `InvalidResponse` when it is not this protocol; the provider's own error
/// when it hides in a 200.
pub(super) fn decode(body: &[u8]) -> Result<Response> {
    let value: Value = serde_json::from_slice(body.trim_ascii())
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    hidden_error(&value)?;
    let finish = finish(&value);
    let mut fields = Fields::of(value);
    let id = fields.text("id").unwrap_or_default();
    let mut response = Response::new(Dialect::OpenAiResponses, id, fields.text("model").unwrap_or_default());
    response.created = fields.lenient("created_at", as_count);
    if fields.get("output").and_then(Value::as_array).is_none() {
        return Err(Error::bad_answer("the provider's answer has no list of `output`"));
    }
    let mut message = Message::of(Role::Assistant, Vec::new());
    for item in fields.list("output") {
        add(&item, &mut message);
    }
    message.citations = citations(&message.parts);
    let logprobs = logprobs(&message.parts);
    if let Some(usage) = fields.take("usage") {
        response.usage = decode_usage(&usage);
        let rest = leftover(usage);
        if !rest.is_empty() {
            fields.put("usage", Value::Object(rest));
        }
    }
    for name in ["object", "incomplete_details", "status"] {
        fields.take(name);
    }
    response.choices.push(Choice { index: 0, message, finish, logprobs, extra: Default::default() });
    response.extra = fields.rest();
    Ok(response)
}

/// Adds an item to the one message of the answer.
fn add(item: &Value, message: &mut Message) {
    if let Some(picture) = items::picture(item) {
        return message.parts.push(picture);
    }
    let mut turn = Message::of(Role::Assistant, Vec::new());
    items::add(item, &mut turn);
    message.parts.append(&mut turn.parts);
    if message.extra.is_empty() {
        message.extra = turn.extra;
    }
}

/// The sources that the texts name.
fn citations(parts: &[Part]) -> Vec<Citation> {
    let mut said = Extent::default();
    let mut citations = Vec::new();
    for part in parts {
        let Part::Text { text, extra } = part else { continue };
        let listed = extra.get("annotations").and_then(Value::as_array).into_iter().flatten();
        citations
            .extend(listed.filter_map(|value| citation::decode(value, Dialect::OpenAiResponses, said.chars)));
        said.add(text);
    }
    citations
}

/// The log probabilities that stand beside the texts.
fn logprobs(parts: &[Part]) -> Option<Logprobs> {
    let listed = parts.iter().filter_map(|part| match part {
        Part::Text { extra, .. } => extra.get("logprobs")?.as_array(),
        _ => None,
    });
    let all: Vec<Value> = listed.flatten().cloned().collect();
    (!all.is_empty()).then(|| json!({ "content": all, "refusal": null }))
}

/// Why the model stopped, by the status of the response; `None` while it works.
pub(super) fn finish(response: &Value) -> Option<Finish> {
    let calls = response.get("output").and_then(Value::as_array).into_iter().flatten().any(is_call);
    match response.get("status").and_then(Value::as_str)? {
        "completed" if calls => Some(Finish::ToolCalls),
        "completed" => Some(Finish::Stop),
        "incomplete" => Some(match response.pointer("/incomplete_details/reason").and_then(Value::as_str) {
            Some("max_output_tokens") => Finish::Length,
            Some(other) => finish_named(other).unwrap_or_else(|| Finish::Other(other.to_owned())),
            None => Finish::Other("incomplete".to_owned()),
        }),
        "queued" | "in_progress" => None,
        other => Some(Finish::Other(other.to_owned())),
    }
}

/// Whether an item waits for the client's result.
pub(super) fn is_call(item: &Value) -> bool {
    item.get("type").is_some_and(|kind| kind == "function_call" || kind == "custom_tool_call")
}

/// The fields of usage that the canonical form has no place for.
fn leftover(usage: Value) -> Map<String, Value> {
    let mut fields = Fields::of(usage).into_map();
    for name in
        ["input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details"]
    {
        fields.shift_remove(name);
    }
    fields
}

/// All parts that are content, for the encoder.
pub(super) fn is_content(part: &Part) -> bool {
    matches!(part, Part::Text { .. } | Part::Refusal(_) | Part::Audio(_))
}
