//! A whole answer to a client, onto the wire.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::citation;
use super::content::{encode_part, url_of};
use super::fields::merge;
use super::message::PICTURE;
use super::options::Carry;
use super::response::finish_name;
use super::turns::{call_value, legacy_call, named_thought};
use super::usage::usage_value;
use crate::dialect::{ReplyFacts, sound};
use crate::ir::{Choice, Dialect, Finish, Part, Response, Thinking, ToolCall};

/// Encodes an answer.
pub(super) fn encode(response: &Response, reply: &ReplyFacts) -> Bytes {
    let own = response.dialect == Dialect::OpenAiChat;
    let choices: Vec<Value> =
        response.choices.iter().map(|choice| choice_value(choice, own, reply.bare_sound)).collect();
    let mut value = json!({
        "id": id_of(&response.id, reply),
        "object": "chat.completion",
        "created": response.created.unwrap_or(reply.created),
        "model": if response.model.is_empty() { &reply.model } else { &response.model },
    });
    put(&mut value, "choices", choices.into());
    if let Some(usage) = &response.usage {
        let leftover = response.extra.get("usage").filter(|_| own);
        put(&mut value, "usage", usage_value(usage, leftover));
    }
    if own {
        merge_extra(&mut value, response.extra.iter());
    }
    // A tree whose keys are strings is always written.
    Bytes::from(serde_json::to_vec(&value).unwrap_or_default())
}

/// The provider's id, else one made of our request's.
pub(super) fn id_of(id: &str, reply: &ReplyFacts) -> String {
    if id.is_empty() { format!("chatcmpl-{}", reply.request_id) } else { id.to_owned() }
}

/// Adds a field by moving it in: `json!` would copy it whole.
fn put(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

fn merge_extra<'a>(value: &mut Value, extra: impl Iterator<Item = (&'a String, &'a Value)>) {
    let more: Map<String, Value> = extra.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !more.is_empty() {
        merge(value, &Value::Object(more));
    }
}

fn choice_value(choice: &Choice, own: bool, bare_sound: bool) -> Value {
    let mut lost = Vec::new();
    let mut carry = Carry { own, dropped: &mut lost };
    let mut message = json!({ "role": "assistant" });
    put(&mut message, "content", content(choice, &mut carry));
    put_thoughts(&mut message, &choice.message.parts, own);
    let pictures: Vec<Value> = choice.message.parts.iter().filter_map(picture).collect();
    if !pictures.is_empty() && !message.get("content").is_some_and(Value::is_array) {
        put(&mut message, "images", pictures.into());
    }
    if !own {
        if let Some(audio) = spoken(choice, bare_sound) {
            put(&mut message, "audio", audio);
        }
        let said = choice.message.joined_text().chars().count() as u64;
        let cited = choice.message.citations.iter();
        let cited: Vec<Value> =
            cited.filter_map(|one| citation::encode(one, Dialect::OpenAiChat, 0, said)).collect();
        if !cited.is_empty() {
            merge(&mut message, &json!({ "annotations": cited }));
        }
    }
    let refusal: String = choice.message.parts.iter().filter_map(refusal_text).collect();
    put(&mut message, "refusal", if refusal.is_empty() { Value::Null } else { refusal.into() });
    let (legacy, calls): (Vec<&ToolCall>, Vec<&ToolCall>) =
        choice.message.tool_calls().partition(|call| own && call.extra.get("function_call").is_some());
    if let Some(call) = legacy.first() {
        merge(&mut message, &json!({ "function_call": legacy_call(call) }));
    }
    if !calls.is_empty() {
        let calls: Vec<Value> = calls.into_iter().map(|call| sealed_call(call, own)).collect();
        put(&mut message, "tool_calls", calls.into());
    }
    if own {
        merge_extra(&mut message, choice.message.extra.iter());
    }
    let unsaid = if calls_tools(choice) { "tool_calls" } else { "stop" };
    let mut finish = choice.finish.as_ref().map_or(unsaid, finish_name);
    if !legacy.is_empty() && choice.finish == Some(Finish::ToolCalls) {
        finish = "function_call";
    }
    let mut value = json!({ "index": choice.index });
    put(&mut value, "message", message);
    let other_form = || choice.extra.get("logprobs").filter(|_| own).cloned();
    put(&mut value, "logprobs", choice.logprobs.clone().or_else(other_form).unwrap_or_default());
    put(&mut value, "finish_reason", finish.into());
    if own {
        merge_extra(&mut value, choice.extra.iter());
    }
    value
}

fn calls_tools(choice: &Choice) -> bool {
    choice.message.tool_calls().next().is_some()
}

/// The content: text, `null`, or the list that Mistral's thinking models send.
fn content(choice: &Choice, carry: &mut Carry<'_>) -> Value {
    let message = &choice.message;
    let listed = carry.own
        && message.parts.iter().any(|part| match part {
            Part::Thinking(thought) => thought.extra.get("thinking").is_some(),
            Part::Opaque { dialect, .. } => *dialect == Dialect::OpenAiChat,
            _ => false,
        });
    if listed {
        let apart = |part: &&Part| !matches!(part, Part::ToolCall(_) | Part::Refusal(_) | Part::Audio(_));
        return message.parts.iter().filter(apart).filter_map(|part| encode_part(part, "", carry)).collect();
    }
    let text = message.joined_text();
    if text.is_empty() && !message.plain { Value::Null } else { text.into() }
}

/// A picture that the model made, in the place that OpenRouter gives it.
/// Source: OpenRouter docs "Image Generation", checked 2026-11-21.
pub(super) fn picture(part: &Part) -> Option<Value> {
    let Part::Image(media) = part else { return None };
    if let Some(raw) = media.extra.get(PICTURE) {
        return Some(raw.clone());
    }
    Some(json!({ "type": "image_url", "image_url": { "url": url_of(media, "image/png")? } }))
}

/// Sound that another dialect's model made. How long it may be named is not known: no longer.
fn spoken(choice: &Choice, bare: bool) -> Option<Value> {
    let parts = &choice.message.parts;
    let data = sound::whole(parts, bare)?;
    let words: String = parts.iter().filter_map(sound::words).collect();
    let id = format!("{SPOKEN}_{}", choice.index);
    Some(json!({ "id": id, "expires_at": 0, "data": data, "transcript": words }))
}

/// Begins the name of sound that no answer can refer to.
pub(super) const SPOKEN: &str = "audio";

fn refusal_text(part: &Part) -> Option<&str> {
    if let Part::Refusal(text) = part { Some(text) } else { None }
}

/// Reasoning beside the content; seals go along as `reasoning_details`, from
/// where a client brings them back.
fn put_thoughts(message: &mut Value, parts: &[Part], own: bool) {
    let mut text = String::new();
    let mut details = Vec::new();
    let sealed =
        parts.iter().any(|part| matches!(part, Part::Thinking(thought) if thought.signature.is_some()));
    for part in parts {
        let Part::Thinking(thought) = part else { continue };
        if own && thought.extra.get("thinking").is_some() {
            continue;
        }
        match thought.extra.get("reasoning_details").filter(|_| own) {
            Some(detail) => details.push(detail.clone()),
            None if own => merge(message, &Value::Object(named_thought(thought))),
            None => {
                text.push_str(&thought.text);
                // Who reads the details reads nothing else: with one seal, every thought stands there.
                details.extend(sealed.then(|| detail_of(thought, details.len())));
            }
        }
    }
    if !text.is_empty() {
        merge(message, &json!({ "reasoning_content": text }));
    }
    if !details.is_empty() {
        merge(message, &json!({ "reasoning_details": details }));
    }
}

/// A sealed thought in OpenRouter's form; `None` when it has no seal.
pub(super) fn sealed_thought(thought: &Thinking, index: usize) -> Option<Value> {
    thought.signature.is_some().then(|| detail_of(thought, index))
}

/// A thought in OpenRouter's form.
/// Source: OpenRouter docs "Reasoning Tokens", checked 2026-11-21.
fn detail_of(thought: &Thinking, index: usize) -> Value {
    let seal = &thought.signature;
    let mut value = if thought.redacted {
        json!({ "type": "reasoning.encrypted", "data": seal, "index": index })
    } else {
        json!({ "type": "reasoning.text", "text": thought.text, "signature": seal, "index": index })
    };
    if let Some(id) = &thought.id {
        merge(&mut value, &json!({ "id": id }));
    }
    value
}

/// A tool call with its seal in the place where Google's form of this dialect has it.
/// Source: Gemini API docs "Thought signatures", OpenAI compatibility, checked 2026-11-21.
fn sealed_call(call: &ToolCall, own: bool) -> Value {
    let mut value = call_value(call, &call.id);
    if own {
        merge_extra(&mut value, call.extra.iter());
    }
    if let Some(seal) = &call.signature {
        merge(&mut value, &json!({ "extra_content": { "google": { "thought_signature": seal } } }));
    }
    value
}
