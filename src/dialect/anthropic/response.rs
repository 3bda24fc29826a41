//! Whole answers, both ways.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{ReplyFacts, sound};
use super::block::{self, Encoder, object};
use super::usage::{self, WireUsage};
use super::{citation, error};
use crate::dialect::fields::{Fields, Path};
use crate::dialect::lenient::lenient;
use crate::error::{Error, Result};
use crate::ir::{Choice, Citation, Dialect, Extent, Finish, Message, Part, Response, Role, Usage, cited};

/// Decodes an answer of status 2xx.
pub(super) fn decode(body: &[u8]) -> Result<Response> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    decode_value(value)
}

/// Decodes an answer that was parsed already.
pub(in crate::dialect) fn decode_value(value: Value) -> Result<Response> {
    let unnamed = value.get("content").is_none() && value.get("error").is_some_and(|error| !error.is_null());
    if unnamed || value.get("type").and_then(Value::as_str) == Some("error") {
        return Err(error::decode_value(&value));
    }
    read(value).map_err(|at| Error::bad_answer(format!("the provider's answer is not a message: {at}")))
}

fn read(value: Value) -> Result<Response> {
    let mut fields = Fields::of(value, Path::Root)?;
    let content = fields.take("content").ok_or_else(|| Path::Root.field("content").must_be("given"))?;
    let (parts, _) = block::content(Some(content), Path::Root.field("content"))?;
    let id = fields.string("id")?.unwrap_or_default();
    let model = fields.string("model")?.unwrap_or_default();
    let stop_reason = fields.string("stop_reason")?;
    let stop_sequence = fields.string("stop_sequence")?;
    let mut response = Response::new(Dialect::Anthropic, id, model);
    if let Some(value) = fields.take("usage") {
        response.usage = Some(WireUsage::of(&value).canonical());
        let mut rest = object(value);
        rest.retain(|name, _| !usage::KNOWN.contains(&name.as_str()));
        if !rest.is_empty() {
            fields.put("usage", Value::Object(rest));
        }
    }
    fields.take("type");
    fields.take("role");
    let citations = cited(&parts, citation::decode);
    response.choices.push(Choice {
        index: 0,
        message: Message { citations, ..Message::of(Role::Assistant, parts) },
        finish: stop_reason.map(|reason| finish(&reason, stop_sequence)),
        logprobs: None,
        extra: crate::ir::Extra::NONE,
    });
    response.extra = fields.rest();
    Ok(response)
}

/// Why the model stopped. Source: Anthropic, Handling stop reasons, checked 2026-11-21.
pub(super) fn finish(reason: &str, sequence: Option<String>) -> Finish {
    match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(sequence),
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Refusal,
        "pause_turn" => Finish::Pause,
        _ => Finish::Other(reason.to_owned()),
    }
}

/// `stop_reason` and `stop_sequence` for a client.
pub(super) fn stop(finish: Option<&Finish>, calls_tools: bool, refuses: bool) -> (&str, Option<&str>) {
    match finish {
        _ if refuses => ("refusal", None),
        // Some providers finish a forced call as if it were text.
        None | Some(Finish::Stop | Finish::ToolCalls) if calls_tools => ("tool_use", None),
        None | Some(Finish::Stop | Finish::ToolCalls) => ("end_turn", None),
        Some(Finish::StopSequence(sequence)) => ("stop_sequence", sequence.as_deref()),
        Some(Finish::Length) => ("max_tokens", None),
        Some(Finish::ContentFilter | Finish::Refusal) => ("refusal", None),
        Some(Finish::Pause) => ("pause_turn", None),
        // A name that nobody here knows is no proper end: the client reads it as it came.
        Some(Finish::Other(name)) => (name, None),
    }
}

/// Encodes an answer for a client. Of several choices the first is the answer.
pub(super) fn encode(response: &Response, reply: &ReplyFacts) -> Bytes {
    let mut encoder = Encoder::for_client(response.dialect);
    let choice = response.choices.first();
    let parts = choice.map_or(&[][..], |choice| choice.message.parts.as_slice());
    let calls_tools = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let refuses = parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    let finish = choice.and_then(|choice| choice.finish.as_ref());
    let (stop_reason, stop_sequence) = stop(finish, calls_tools, refuses);
    let mut message = head(&response.id, &response.model, reply);
    let said = choice.map(|choice| content(&choice.message, &mut encoder));
    message.insert("content".to_owned(), said.unwrap_or_default().into());
    message.insert("stop_reason".to_owned(), stop_reason.into());
    message.insert("stop_sequence".to_owned(), stop_sequence.into());
    let mut usage = object(usage::encode(&response.usage.unwrap_or_default()));
    if let Some(Value::Object(rest)) = response.extra.get("usage").filter(|_| encoder.same()) {
        usage.extend(rest.clone());
    }
    message.insert("usage".to_owned(), Value::Object(usage));
    if encoder.same() {
        encoder.extra(&mut message, &response.extra, Path::Root);
    }
    serde_json::to_vec(&message).unwrap_or_default().into()
}

/// The blocks of an answer. Media that an answer cannot have here is left out;
/// what another dialect cites stands on the text that holds the range.
fn content(message: &Message, encoder: &mut Encoder) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::with_capacity(message.parts.len());
    let mut said = Extent::default();
    let mut cited: Vec<&Citation> =
        if encoder.same() { Vec::new() } else { message.citations.iter().collect() };
    let last = message.parts.iter().rposition(|part| part.as_text().is_some());
    for (at, part) in message.parts.iter().enumerate() {
        if matches!(part, Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::Document(_)) {
            let words = sound::words(part);
            blocks.extend(words.map(|words| json!({ "type": "text", "text": words })));
            continue;
        }
        let encoded = encoder.blocks(std::slice::from_ref(part), Path::Root);
        blocks.extend(encoded.unwrap_or_default());
        let Some(text) = part.as_text() else { continue };
        said.add(text);
        let (due, later) = cited
            .into_iter()
            .partition(|one| last == Some(at) || one.range.is_some_and(|(from, _)| from < said.chars));
        cited = later;
        let citations: Vec<Value> = Vec::into_iter(due).filter_map(citation::encode).collect();
        if let (Some(Value::Object(block)), false) = (blocks.last_mut(), citations.is_empty()) {
            block.insert("citations".to_owned(), citations.into());
        }
    }
    blocks
}

/// The fields with which a message begins.
pub(super) fn head(id: &str, model: &str, reply: &ReplyFacts) -> Map<String, Value> {
    let id = if id.is_empty() { format!("msg_{}", reply.request_id) } else { id.to_owned() };
    let model = if model.is_empty() { &reply.model } else { model };
    object(json!({ "id": id, "type": "message", "role": "assistant", "model": model }))
}

/// An answer as far as a pass-through reads it.
#[derive(Deserialize)]
struct Scan<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
}

/// Reads usage, or the error that hides in a 200, and skips over the rest.
pub(super) fn scan(body: &[u8]) -> Result<Option<Usage>> {
    let scan: Scan<'_> = serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not a message: {at}")))?;
    if scan.kind.as_deref() == Some("error") {
        let value = serde_json::from_slice(body).unwrap_or_default();
        return Err(error::decode_value(&value));
    }
    Ok(scan.usage.map(WireUsage::canonical))
}
