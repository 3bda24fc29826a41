//! Messages of a request, from the wire.

use serde_json::Value;

use super::citation;
use super::content::{answer_part, decode_part};
use super::fields::{Fields, missing, wrong};
use crate::dialect::sound;
use crate::error::Result;
use crate::ir::{Dialect, Extra, Message, Part, Role, Thinking, ToolCall, ToolResult};

/// Decodes one message of a request.
///
/// # Errors
/// `InvalidRequest` with the field at fault.
pub(super) fn decode(value: Value, path: &str) -> Result<Message> {
    let mut fields = Fields::checked(value, path)?;
    let name = fields.demand_text("role")?.ok_or_else(|| missing(&fields.path("role")))?;
    let role = match name.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => return Err(wrong(&fields.path("role"), "system, developer, user, assistant or tool")),
    };
    let mut message = Message::of(role, Vec::new());
    message.developer = name == "developer";
    let given = fields.get("content").is_some();
    let content = fields.take("content");
    message.plain = matches!(content, Some(Value::String(_)));
    let parts = decode_content(content, &fields.path("content"))?;
    if role == Role::Tool {
        let name = fields.demand_text("name")?.unwrap_or_default();
        let call_id = fields.demand_text("tool_call_id")?.unwrap_or_else(|| name.clone());
        let result = ToolResult { call_id, name, parts, is_error: false, extra: Extra::NONE };
        message.parts.push(Part::ToolResult(result));
    } else {
        message.name = fields.demand_text("name")?;
        take_thoughts(&mut fields, &mut message);
        message.parts.extend(parts);
        take_calls(&mut fields, &mut message, "");
    }
    message.extra = fields.rest();
    let says = !message.parts.is_empty() || message.plain || !message.extra.is_empty();
    if !says && !given {
        return Err(missing(&format!("{path}.content")));
    }
    if name == "function" {
        message.extra.insert("role", name.into());
    }
    Ok(message)
}

/// Content is text, a list of parts, or nothing.
fn decode_content(content: Option<Value>, path: &str) -> Result<Vec<Part>> {
    match content {
        None => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::text(text)]),
        Some(Value::Array(list)) => {
            let parts = list.into_iter().enumerate();
            parts.map(|(at, part)| decode_part(part, &format!("{path}[{at}]"))).collect()
        }
        Some(_) => Err(wrong(path, "a string or a list of parts")),
    }
}

/// Decodes an assistant's message of an answer. `seed` makes invented ids differ between answers.
pub(super) fn decode_answer(value: Value, seed: &str) -> Message {
    let mut fields = Fields::of(value);
    fields.take("role");
    let mut message = Message::of(Role::Assistant, Vec::new());
    take_thoughts(&mut fields, &mut message);
    match fields.take("content") {
        Some(Value::String(text)) => {
            message.plain = true;
            if !text.is_empty() {
                message.parts.push(Part::text(text));
            }
        }
        Some(Value::Array(list)) => message.parts.extend(list.into_iter().map(answer_part)),
        Some(other) => fields.put("content", other),
        None => {}
    }
    take_calls(&mut fields, &mut message, seed);
    message.parts.extend(fields.list("images").into_iter().map(pictured));
    if let Some(audio) = fields.get("audio") {
        let text = |name: &str| audio.get(name).and_then(Value::as_str);
        message.parts.extend(
            text("data").map(|data| sound::made(data, text("transcript"), Some(Dialect::OpenAiChat))),
        );
    }
    message.extra = fields.rest();
    message.citations = citation::of_message(&message.extra);
    message
}

/// A picture that the model made, as OpenRouter puts it beside the content.
/// Source: OpenRouter docs "Image Generation", checked 2026-11-21.
pub(super) fn pictured(value: Value) -> Part {
    match answer_part(value.clone()) {
        Part::Image(mut media) => {
            media.extra = Extra::NONE;
            media.extra.insert(PICTURE, value);
            Part::Image(media)
        }
        other => other,
    }
}

/// Under this name a picture keeps how it stood beside the content.
pub(super) const PICTURE: &str = "images";

/// The names under which servers put reasoning beside the content: DeepSeek's,
/// OpenRouter's, Copilot's.
pub(in crate::dialect) const THOUGHTS: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];

/// Takes reasoning that stands beside the content. `reasoning_details`
/// (OpenRouter) hold it with its seals, or the seals alone; else one of
/// [`THOUGHTS`]. The thought's extra remembers under which name it came.
fn take_thoughts(fields: &mut Fields, message: &mut Message) {
    let details: Vec<Thinking> = fields.list("reasoning_details").into_iter().map(detailed).collect();
    // Plain texts that repeat the details stay among the extra fields.
    if details.iter().all(|thought| thought.text.is_empty()) {
        take_plain_thought(fields, message);
    }
    message.parts.extend(details.into_iter().map(Part::Thinking));
}

fn take_plain_thought(fields: &mut Fields, message: &mut Message) {
    let mut extra = Extra::NONE;
    let mut text: Option<String> = None;
    for name in THOUGHTS {
        let Some(found) = fields.text(name) else { continue };
        let same = text.as_ref().is_none_or(|text| *text == found);
        extra.insert(name, if same { Value::Bool(true) } else { found.clone().into() });
        text.get_or_insert(found);
    }
    if let Some(text) = text {
        message.parts.push(Part::Thinking(Thinking { text, extra, ..Thinking::default() }));
    }
}

/// One of OpenRouter's `reasoning_details`.
fn detailed(detail: Value) -> Thinking {
    let text = |name: &str| detail.get(name).and_then(Value::as_str).map(str::to_owned);
    let sealed = text("type").as_deref() == Some("reasoning.encrypted");
    let mut thought = Thinking {
        text: text("text").or_else(|| text("summary")).unwrap_or_default(),
        signature: if sealed { text("data") } else { text("signature") },
        redacted: sealed,
        id: text("id"),
        extra: Extra::NONE,
    };
    thought.extra.insert("reasoning_details", detail);
    thought
}

/// Takes refusal and tool calls.
fn take_calls(fields: &mut Fields, message: &mut Message, seed: &str) {
    if let Some(refusal) = fields.text("refusal").filter(|text| !text.is_empty()) {
        message.parts.push(Part::Refusal(refusal));
    }
    for (at, call) in fields.list_or_one("tool_calls").into_iter().enumerate() {
        message.parts.push(Part::ToolCall(decode_call(call, seed, at)));
    }
    if let Some(call) = fields.lenient("function_call", |value| {
        let name = value.get("name").and_then(Value::as_str)?;
        (!name.is_empty()).then(|| value.clone())
    }) {
        // The form before tools: a call without an id.
        let mut call = Fields::of(call);
        let name = call.text("name").unwrap_or_default();
        let arguments = call.take("arguments").map_or_else(|| "{}".to_owned(), words);
        let mut extra = call.rest();
        extra.insert("function_call", true.into());
        extra.tell("function_call");
        message.parts.push(Part::ToolCall(ToolCall {
            id: name.clone(),
            name,
            arguments,
            extra,
            ..ToolCall::default()
        }));
    }
}

/// Arguments as JSON text; none are `{}`, whether said as nothing or as `null`.
fn words(value: Value) -> String {
    match value {
        Value::String(text) if matches!(text.trim(), "" | "null") => "{}".to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Decodes one tool call, the `at`th of its message.
fn decode_call(value: Value, seed: &str, at: usize) -> ToolCall {
    let mut fields = Fields::of(value);
    let custom = fields.text("type").as_deref() == Some("custom");
    let inner_name = if custom { "custom" } else { "function" };
    let other = if custom { "function" } else { "custom" };
    fields.lenient(other, |_| None::<()>);
    let mut inner = Fields::of(fields.take(inner_name).unwrap_or_default());
    let input = inner.take(if custom { "input" } else { "arguments" });
    let arguments = match input {
        Some(Value::String(text)) if custom => text,
        Some(value) => words(value),
        None if custom => String::new(),
        None => "{}".to_owned(),
    };
    let name = inner.text("name").unwrap_or_default();
    if !inner.is_empty() {
        fields.put(inner_name, Value::Object(inner.into_map()));
    }
    let id = fields
        .text("id")
        .filter(|id| !matches!(id.as_str(), "" | "null"))
        .unwrap_or_else(|| invented_id(seed, at));
    let signature = fields
        .get("extra_content")
        .and_then(|extra| extra.pointer("/google/thought_signature"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let mut extra = fields.rest();
    // Clients repeat the number that a stream gave the call.
    extra.tell("index");
    if signature.is_some() {
        extra.tell("extra_content");
    }
    ToolCall { id, name, arguments, signature, custom, extra }
}

/// An id for the `at`th call of an answer whose server gave none.
pub(super) fn invented_id(seed: &str, at: usize) -> String {
    format!("call_{:08x}{at}", crc32fast::hash(seed.as_bytes()))
}
