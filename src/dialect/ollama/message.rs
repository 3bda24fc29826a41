//! Messages towards Ollama: content is one text, pictures stand beside it as base64.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Media, MediaSource, Message, Part, Role, Thinking, ToolCall, ToolResult};

/// Encodes the messages; what cannot be carried goes to `dropped`.
pub(super) fn encode(messages: &[Arc<Message>], dropped: &mut Vec<String>) -> Result<Vec<Value>> {
    let mut out = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        let earlier = messages.get(..at).unwrap_or_default();
        encode_one(message, earlier, (&path, dropped), &mut out)?;
    }
    Ok(out)
}

/// What is gathered of one message.
#[derive(Default)]
struct Gathered {
    text: String,
    thinking: String,
    images: Vec<Value>,
    calls: Vec<Value>,
}

fn encode_one(
    message: &Message,
    earlier: &[Arc<Message>],
    (path, dropped): (&str, &mut Vec<String>),
    out: &mut Vec<Value>,
) -> Result<()> {
    if message.name.is_some() {
        dropped.push(format!("{path}.name"));
    }
    dropped.extend(message.extra.losses().map(|name| format!("{path}.{name}")));
    let mut gathered = Gathered::default();
    for part in &message.parts {
        match part {
            Part::ToolResult(result) => out.push(result_of(result, earlier, (path, dropped))?),
            other => gather(other, (path, dropped), &mut gathered)?,
        }
    }
    let role = match message.role {
        Role::System => "system",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    };
    let Gathered { text, thinking, images, calls } = gathered;
    let results = message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
    if results && text.is_empty() && images.is_empty() {
        return Ok(());
    }
    let mut map = Map::new();
    map.insert("role".to_owned(), Value::from(role));
    map.insert("content".to_owned(), Value::from(text));
    if !thinking.is_empty() {
        map.insert("thinking".to_owned(), Value::from(thinking));
    }
    for (name, list) in [("images", images), ("tool_calls", calls)] {
        if !list.is_empty() {
            map.insert(name.to_owned(), Value::Array(list));
        }
    }
    out.push(Value::Object(map));
    Ok(())
}

fn gather(part: &Part, (path, dropped): (&str, &mut Vec<String>), out: &mut Gathered) -> Result<()> {
    match part {
        Part::Text { text, extra } => {
            dropped.extend(extra.losses().map(|name| format!("{path}.content.{name}")));
            out.text.push_str(text);
        }
        Part::Refusal(text) => out.text.push_str(text),
        Part::Document(Media { source: MediaSource::Text(text), name, extra, .. }) => {
            dropped.extend(name.as_ref().map(|_| format!("{path}.content.filename")));
            dropped.extend(extra.losses().map(|name| format!("{path}.content.{name}")));
            out.text.push_str(text);
        }
        Part::Image(Media { source: MediaSource::Base64(data), name, detail, extra, .. }) => {
            dropped.extend(extra.losses().map(|name| format!("{path}.content.{name}")));
            dropped.extend(name.as_ref().map(|_| format!("{path}.content.filename")));
            let told = detail.as_deref().filter(|detail| *detail != "auto");
            dropped.extend(told.map(|_| format!("{path}.content.detail")));
            out.images.push(Value::from(&**data));
        }
        Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::Document(_) => {
            return Err(unsupported(path));
        }
        Part::Thinking(Thinking { text, signature, redacted: false, .. }) if !text.is_empty() => {
            dropped.extend(signature.as_ref().map(|_| format!("{path}.signature")));
            out.thinking.push_str(text);
        }
        Part::Thinking(_) => dropped.push(format!("{path}.thinking")),
        Part::ToolCall(call) => {
            dropped.extend(call.signature.as_ref().map(|_| format!("{path}.signature")));
            dropped.extend(call.extra.losses().map(|name| format!("{path}.tool_calls.{name}")));
            out.calls.push(call_of(call, (path, dropped)));
        }
        Part::Opaque { dialect, .. } => dropped.push(format!("{path}.{}", dialect.name())),
        Part::ToolResult(_) => {}
    }
    Ok(())
}

/// A call; its arguments are an object here.
fn call_of(call: &ToolCall, (path, dropped): (&str, &mut Vec<String>)) -> Value {
    let arguments = match serde_json::from_str(&call.arguments) {
        Ok(object @ Value::Object(_)) => object,
        _ if call.arguments.trim().is_empty() => json!({}),
        _ => {
            dropped.push(format!("{path}.tool_calls.arguments"));
            json!({"input": call.arguments})
        }
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// A tool's result is a message of its own that names the tool.
fn result_of(
    result: &ToolResult,
    earlier: &[Arc<Message>],
    (path, dropped): (&str, &mut Vec<String>),
) -> Result<Value> {
    let mut gathered = Gathered::default();
    for part in &result.parts {
        gather(part, (path, dropped), &mut gathered)?;
    }
    dropped.extend(result.extra.losses().map(|name| format!("{path}.{name}")));
    if result.is_error {
        dropped.push(format!("{path}.is_error"));
    }
    let mut calls = earlier.iter().rev().flat_map(|message| message.tool_calls());
    let called = calls.find(|call| call.id == result.call_id).map(|call| call.name.as_str());
    let name = called.unwrap_or(&result.name);
    let mut map = Map::new();
    map.insert("role".to_owned(), Value::from("tool"));
    map.insert("tool_name".to_owned(), Value::from(name));
    map.insert("tool_call_id".to_owned(), Value::from(result.call_id.as_str()));
    map.insert("content".to_owned(), Value::from(gathered.text));
    if !gathered.images.is_empty() {
        map.insert("images".to_owned(), Value::Array(gathered.images));
    }
    Ok(Value::Object(map))
}

fn unsupported(path: &str) -> Error {
    let message = "Ollama reads texts and pictures that are sent inline only";
    Error::new(Kind::Unsupported, Origin::Client, message).with_param(format!("{path}.content"))
}
