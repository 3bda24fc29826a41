//! Messages towards Cohere: texts, pictures, documents, tool calls and results.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Media, MediaSource, Message, Part, Role, Thinking, ToolCall, ToolResult};

/// The messages, and the documents in them, which stand apart on the wire.
pub(super) fn encode(
    messages: &[Arc<Message>],
    dropped: &mut Vec<String>,
) -> Result<(Vec<Value>, Vec<Value>)> {
    let mut writer = Writer { messages: Vec::new(), documents: Vec::new(), dropped };
    for (at, message) in messages.iter().enumerate() {
        writer.message(message, &format!("messages[{at}]"))?;
    }
    Ok((writer.messages, writer.documents))
}

struct Writer<'a> {
    messages: Vec<Value>,
    documents: Vec<Value>,
    dropped: &'a mut Vec<String>,
}

/// What is gathered of one message.
#[derive(Default)]
struct Gathered {
    content: Vec<Value>,
    calls: Vec<Value>,
    plan: String,
}

impl Writer<'_> {
    fn message(&mut self, message: &Message, path: &str) -> Result<()> {
        if message.name.is_some() {
            self.dropped.push(format!("{path}.name"));
        }
        self.dropped.extend(message.extra.losses().map(|name| format!("{path}.{name}")));
        let mut gathered = Gathered::default();
        for part in &message.parts {
            self.part(part, path, &mut gathered)?;
        }
        let Gathered { mut content, calls, plan } = gathered;
        let role = match message.role {
            Role::System => "system",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        let mut map = Map::new();
        map.insert("role".to_owned(), Value::from(role));
        if !plan.is_empty() && calls.is_empty() {
            content.insert(0, json!({"type": "thinking", "thinking": plan}));
        } else if !plan.is_empty() {
            map.insert("tool_plan".to_owned(), Value::from(plan));
        }
        let text_alone = match content.as_slice() {
            [one] if one["type"] == "text" => Some(one["text"].clone()),
            _ => None,
        };
        if content.is_empty() && calls.is_empty() {
            return Ok(());
        }
        if !content.is_empty() {
            map.insert("content".to_owned(), text_alone.unwrap_or(Value::Array(content)));
        }
        if !calls.is_empty() {
            map.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        self.messages.push(Value::Object(map));
        Ok(())
    }

    fn part(&mut self, part: &Part, path: &str, out: &mut Gathered) -> Result<()> {
        match part {
            Part::Text { text, extra } => {
                self.dropped.extend(extra.losses().map(|name| format!("{path}.content.{name}")));
                if !text.is_empty() {
                    out.content.push(json!({"type": "text", "text": text}));
                }
            }
            Part::Refusal(text) => out.content.push(json!({"type": "text", "text": text})),
            Part::Image(media) => {
                self.dropped.extend(media.extra.losses().map(|name| format!("{path}.content.{name}")));
                self.dropped.extend(media.name.as_ref().map(|_| format!("{path}.content.filename")));
                out.content.push(image(media, path)?);
            }
            Part::Document(Media { source: MediaSource::Text(text), name, extra, .. }) => {
                self.dropped.extend(extra.losses().map(|name| format!("{path}.content.{name}")));
                let id = format!("doc-{}", self.documents.len());
                let mut data = Map::new();
                data.extend(name.as_deref().map(|title| ("title".to_owned(), Value::from(title))));
                data.insert("text".to_owned(), Value::from(text.as_str()));
                self.documents.push(json!({"id": id, "data": data}));
            }
            Part::Audio(_) | Part::Video(_) | Part::Document(_) => return Err(unsupported(path)),
            Part::ToolCall(call) => {
                self.seal(call.signature.as_deref(), path);
                self.dropped.extend(call.extra.losses().map(|name| format!("{path}.tool_calls.{name}")));
                out.calls.push(call_of(call));
            }
            Part::ToolResult(result) => self.result(result, path)?,
            Part::Thinking(Thinking { text, signature, redacted: false, .. }) if !text.is_empty() => {
                self.seal(signature.as_deref(), path);
                out.plan.push_str(text);
            }
            Part::Thinking(_) => self.dropped.push(format!("{path}.thinking")),
            Part::Opaque { dialect, .. } => self.dropped.push(format!("{path}.{}", dialect.name())),
        }
        Ok(())
    }

    /// Another vendor's seal has no place here.
    fn seal(&mut self, seal: Option<&str>, path: &str) {
        self.dropped.extend(seal.map(|_| format!("{path}.signature")));
    }

    /// A tool's result is a message of its own.
    fn result(&mut self, result: &ToolResult, path: &str) -> Result<()> {
        let mut gathered = Gathered::default();
        for part in &result.parts {
            self.part(part, path, &mut gathered)?;
        }
        let texts: String = gathered.content.iter().filter_map(|part| part["text"].as_str()).collect();
        if gathered.content.iter().any(|part| part["type"] != "text") {
            self.dropped.push(format!("{path}.content"));
        }
        self.dropped.extend(result.extra.losses().map(|name| format!("{path}.{name}")));
        if result.is_error {
            self.dropped.push(format!("{path}.is_error"));
        }
        self.messages.push(json!({"role": "tool", "tool_call_id": result.call_id, "content": texts}));
        Ok(())
    }
}

fn call_of(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

fn image(media: &Media, path: &str) -> Result<Value> {
    let url = match &media.source {
        MediaSource::Base64(data) => {
            format!("data:{};base64,{data}", media.mime.as_deref().unwrap_or("image/jpeg"))
        }
        MediaSource::Url(url) => url.clone(),
        MediaSource::FileId(_) | MediaSource::Text(_) => return Err(unsupported(path)),
    };
    let mut inner = Map::new();
    inner.insert("url".to_owned(), Value::from(url));
    inner.extend(media.detail.as_deref().map(|detail| ("detail".to_owned(), Value::from(detail))));
    Ok(json!({"type": "image_url", "image_url": inner}))
}

fn unsupported(path: &str) -> Error {
    let message = "Cohere reads texts, pictures and plain-text documents only";
    Error::new(Kind::Unsupported, Origin::Client, message).with_param(format!("{path}.content"))
}
