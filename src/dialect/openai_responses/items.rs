//! Items of the assistant: calls and reasoning, to and from the wire. What
//! requests bring back and what answers hold has the same form.

use std::sync::Arc;

use serde_json::{Value, json};

use super::parts;
use crate::dialect::openai_chat::fields::{Fields, merge};
use crate::ir::{Dialect, Extra, Media, MediaSource, Message, Part, Thinking, ToolCall};

/// Adds an assistant's item to its turn. `false`: it is a message of its own
/// that the turn has no room for.
pub(super) fn add(item: &Value, turn: &mut Message) -> bool {
    match item.get("type").and_then(Value::as_str).unwrap_or("message") {
        "message" => {
            if turn.parts.iter().any(|part| matches!(part, Part::Text { .. } | Part::Refusal(_))) {
                return false;
            }
            let mut fields = Fields::of(item.clone());
            fields.take("type");
            fields.take("role");
            match fields.take("content") {
                Some(Value::String(text)) => turn.parts.push(Part::text(text)),
                Some(Value::Array(list)) => turn.parts.extend(list.into_iter().map(parts::decode)),
                _ => {}
            }
            turn.extra = named(fields.rest());
        }
        "function_call" | "custom_tool_call" => turn.parts.push(Part::ToolCall(call(item))),
        "reasoning" => turn.parts.push(Part::Thinking(thought(item))),
        _ => turn.parts.push(opaque(item)),
    }
    true
}

/// An item that only this dialect knows.
pub(super) fn opaque(item: &Value) -> Part {
    Part::Opaque { dialect: Dialect::OpenAiResponses, value: Arc::new(item.clone()) }
}

/// A tool call.
pub(super) fn call(item: &Value) -> ToolCall {
    let mut fields = Fields::of(item.clone());
    let custom = fields.text("type").as_deref() == Some("custom_tool_call");
    let text = fields.text(if custom { "input" } else { "arguments" }).unwrap_or_default();
    let arguments = if text.trim().is_empty() && !custom { "{}".to_owned() } else { text };
    ToolCall {
        id: fields.text("call_id").unwrap_or_default(),
        name: fields.text("name").unwrap_or_default(),
        arguments,
        signature: None,
        custom,
        extra: named(fields.rest()),
    }
}

/// Fields of an item, of which its name and state mean nothing to other dialects.
pub(super) fn named(mut extra: Extra) -> Extra {
    ["id", "status"].into_iter().for_each(|name| extra.tell(name));
    extra
}

/// The item of a tool call, without its own id.
pub(super) fn call_value(call: &ToolCall) -> Value {
    if call.custom {
        return json!({
            "type": "custom_tool_call", "call_id": call.id, "name": call.name, "input": call.arguments,
        });
    }
    json!({ "type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments })
}

/// The picture of a call of the image tool that has ended.
pub(super) fn picture(item: &Value) -> Option<Part> {
    let field = |name: &str| item.get(name).and_then(Value::as_str);
    if field("type") != Some("image_generation_call") {
        return None;
    }
    let data = field("result").filter(|data| !data.is_empty())?;
    let mime = format!("image/{}", field("output_format").unwrap_or("png"));
    let mut media = Media::of(MediaSource::Base64(data.into()), Some(mime));
    media.extra.insert(ITEM, item.clone());
    Some(Part::Image(media))
}

/// The item of a picture; `None` where it is none, or only an address.
pub(super) fn picture_value(part: &Part, id: &str) -> Option<Value> {
    let Part::Image(Media { source: MediaSource::Base64(data), mime, extra, .. }) = part else { return None };
    if let Some(item) = extra.get(ITEM) {
        return Some(item.clone());
    }
    let format = mime.as_deref().and_then(|mime| mime.strip_prefix("image/")).unwrap_or("png");
    Some(json!({
        "type": "image_generation_call", "id": id, "status": "completed", "result": data.as_ref(),
        "output_format": format,
    }))
}

/// Under this name a picture keeps the item that it was.
const ITEM: &str = "image_generation_call";

/// A reasoning item. The item goes along as it stood, to come back so.
pub(super) fn thought(item: &Value) -> Thinking {
    let texts = |name: &str| -> String {
        let list = item.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|part| part.get("text")?.as_str()).collect()
    };
    let field = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut extra = Extra::NONE;
    extra.insert("reasoning_item", item.clone());
    Thinking {
        text: [texts("summary"), texts("content")].concat(),
        signature: field("encrypted_content"),
        redacted: false,
        id: field("id"),
        extra,
    }
}

/// The item of a thought; `id` where it brings none of its own.
pub(super) fn thought_value(thought: &Thinking, own: bool, id: &str) -> Value {
    if let Some(item) = thought.extra.get("reasoning_item").filter(|_| own) {
        return item.clone();
    }
    let mut value = json!({ "type": "reasoning", "id": thought.id.as_deref().unwrap_or(id), "summary": [] });
    if !thought.text.is_empty() {
        let summary = json!([{ "type": "summary_text", "text": thought.text }]);
        if let Value::Object(fields) = &mut value {
            fields.insert("summary".into(), summary);
        }
    }
    if let Some(seal) = &thought.signature {
        merge(&mut value, &json!({ "encrypted_content": seal }));
    }
    value
}
