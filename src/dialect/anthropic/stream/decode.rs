//! A provider's events into canonical ones.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::usage::{self, WireUsage};
use super::super::{citation, error, response};
use crate::dialect::StreamDecoder;
use crate::dialect::lenient::{count, lenient};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Event, Extent, Extra, Of, Thinking};
use crate::sse::Frame;

/// Decodes one stream.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Decoder {
    usage: WireUsage,
    /// Blocks under way; the API has one at a time, but numbers them.
    open: Vec<(u64, Block)>,
    calls: u32,
    /// How much text was said.
    said: Extent,
    /// Whether the last text or thought began with fields of its own.
    marked: bool,
    done: bool,
}

/// A content block under way.
#[derive(Debug)]
enum Block {
    /// Text: where it began, and the citations that came for it.
    Text(u64, Vec<Value>),
    /// Reasoning, with its seal as far as it came.
    Thinking(String),
    /// A tool call: its number, and whether arguments came.
    Call(u32, bool),
    /// A block that only this dialect knows, and its input as JSON text.
    Opaque(Map<String, Value>, String),
}

/// An event on the wire, as far as it is read.
#[derive(Deserialize)]
struct WireEvent {
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    kind: String,
    #[serde(default, deserialize_with = "count")]
    index: Option<u64>,
    message: Option<Value>,
    content_block: Option<Map<String, Value>>,
    delta: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
    /// Some servers name the event beside its data alone.
    #[serde(default)]
    error: Value,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        // Some servers end the stream as OpenAI does, behind `message_stop`.
        if frame.data.is_empty() || frame.data == b"[DONE]" {
            return Ok(());
        }
        let mut event: WireEvent = serde_json::from_slice(frame.data).map_err(|at| {
            Error::bad_answer(format!("the provider's stream has an event that is not one: {at}"))
        })?;
        if event.kind.is_empty() {
            let unnamed = if event.error.is_null() { "" } else { "error" };
            event.kind = if frame.event.is_empty() { unnamed } else { frame.event }.to_owned();
        }
        let index = event.index.unwrap_or(0);
        match event.kind.as_str() {
            "message_start" => self.message_start(event.message.unwrap_or_default(), out),
            "content_block_start" => {
                self.block_start(index, event.content_block.unwrap_or_default(), out);
            }
            "content_block_delta" => self.block_delta(index, event.delta.unwrap_or_default(), out),
            "content_block_stop" => self.block_stop(index, out),
            "message_delta" => self.message_delta(event, frame.data, out),
            "message_stop" => {
                self.done = true;
                out.push(Event::Done);
            }
            "ping" => out.push(Event::Ping),
            "error" => {
                let value = serde_json::from_slice(frame.data).unwrap_or_default();
                out.push(Event::Error(Box::new(error::decode_value(&value))));
            }
            // New events come without notice and are to be ignored.
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<Event>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        Err(Error::broken_stream("`message_stop`"))
    }
}

impl Decoder {
    fn message_start(&mut self, message: Value, out: &mut Vec<Event>) {
        let Value::Object(mut message) = message else { return };
        let (id, model) = (take(&mut message, "id"), take(&mut message, "model"));
        let usage = message.get("usage").map(WireUsage::of);
        message.retain(|name, value| !value.is_null() && !HEAD.contains(&name.as_str()));
        beside(Of::Answer, message, out);
        out.push(Event::Start { id, model, created: None });
        if let Some(usage) = usage {
            self.usage.update(usage);
            out.push(Event::Usage(self.usage.canonical()));
        }
    }

    fn block_start(&mut self, index: u64, mut block: Map<String, Value>, out: &mut Vec<Event>) {
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let opened = match kind.as_str() {
            "text" => {
                let from = self.said.chars;
                let text = take(&mut block, "text");
                let citations = block.shift_remove("citations").and_then(|list| list.as_array().cloned());
                self.mark(block, out);
                self.say(text, out);
                Block::Text(from, citations.unwrap_or_default())
            }
            "thinking" => {
                let (text, seal) = (take(&mut block, "thinking"), take(&mut block, "signature"));
                self.mark(block, out);
                think(text, out);
                Block::Thinking(seal)
            }
            "redacted_thinking" => {
                let signature = Some(take(&mut block, "data"));
                let thinking = Thinking { signature, redacted: true, ..Thinking::default() };
                out.push(Event::ThinkingSealed { choice: 0, thinking });
                return;
            }
            "tool_use" => self.call(&mut block, out),
            _ => Block::Opaque(block, String::new()),
        };
        self.open.push((index, opened));
    }

    /// Tells what else a text or thought begins with, and where the next one does not.
    fn mark(&mut self, mut fields: Map<String, Value>, out: &mut Vec<Event>) {
        fields.shift_remove("type");
        let marks = !fields.is_empty();
        if std::mem::replace(&mut self.marked, marks) || marks {
            let (dialect, fields) = (Dialect::Anthropic, Extra::of(fields));
            out.push(Event::Beside { dialect, of: Of::Block, fields });
        }
    }

    fn call(&mut self, block: &mut Map<String, Value>, out: &mut Vec<Event>) -> Block {
        let call = self.calls;
        self.calls += 1;
        let (id, name) = (take(block, "id"), take(block, "name"));
        let input = block.shift_remove("input");
        block.shift_remove("type");
        beside(Of::Call(call), std::mem::take(block), out);
        out.push(Event::ToolCall { choice: 0, call, id, name, signature: None, custom: false });
        // The input is empty here and follows in pieces; some servers give it whole.
        let input = input.filter(|input| input.as_object().is_some_and(|input| !input.is_empty()));
        if let Some(input) = &input {
            out.push(Event::ToolArguments { choice: 0, call, text: input.to_string() });
        }
        Block::Call(call, input.is_some())
    }

    fn block_delta(&mut self, index: u64, mut delta: Map<String, Value>, out: &mut Vec<Event>) {
        let kind = take(&mut delta, "type");
        match kind.as_str() {
            "text_delta" => return self.say(take(&mut delta, "text"), out),
            "thinking_delta" => return think(take(&mut delta, "thinking"), out),
            _ => {}
        }
        let Some((_, block)) = self.open.iter_mut().find(|(open, _)| *open == index) else { return };
        match (block, kind.as_str()) {
            (Block::Text(_, citations), "citations_delta") => {
                citations.extend(delta.shift_remove("citation"));
            }
            (Block::Thinking(seal), "signature_delta") => seal.push_str(&take(&mut delta, "signature")),
            (Block::Call(call, given), "input_json_delta") => {
                let text = take(&mut delta, "partial_json");
                if !text.is_empty() {
                    *given = true;
                    out.push(Event::ToolArguments { choice: 0, call: *call, text });
                }
            }
            (Block::Opaque(_, input), "input_json_delta") => {
                input.push_str(&take(&mut delta, "partial_json"));
            }
            (Block::Opaque(fields, _), _) => merge(fields, delta),
            (Block::Text(..), _) => {
                delta.insert("type".to_owned(), kind.into());
                out.push(opaque(delta));
            }
            (Block::Thinking(_) | Block::Call(..), _) => {}
        }
    }

    fn block_stop(&mut self, index: u64, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == index) else { return };
        match self.open.swap_remove(at).1 {
            Block::Text(from, citations) => {
                let range = (from, self.said.chars);
                out.extend(citations.iter().map(|value| Event::cited(0, citation::decode(value, range))));
            }
            Block::Thinking(seal) => {
                let signature = Some(seal).filter(|seal| !seal.is_empty());
                out.push(Event::ThinkingSealed {
                    choice: 0,
                    thinking: Thinking { signature, ..Thinking::default() },
                });
            }
            Block::Call(_, true) => {}
            Block::Call(call, false) => {
                out.push(Event::ToolArguments { choice: 0, call, text: "{}".to_owned() });
            }
            Block::Opaque(mut fields, input) => {
                if let Ok(input) = serde_json::from_str::<Value>(&input) {
                    fields.insert("input".to_owned(), input);
                }
                out.push(opaque(fields));
            }
        }
    }

    fn message_delta(&mut self, event: WireEvent, data: &[u8], out: &mut Vec<Event>) {
        let mut delta = event.delta.unwrap_or_default();
        let reason = take(&mut delta, "stop_reason");
        if !reason.is_empty() {
            let sequence = Some(take(&mut delta, "stop_sequence")).filter(|sequence| !sequence.is_empty());
            out.push(Event::Finish { choice: 0, finish: response::finish(&reason, sequence) });
        }
        if let Some(usage) = event.usage {
            self.usage.update(usage);
            out.push(Event::Usage(self.usage.canonical()));
        }
        // `container`, `stop_details`, `context_management`, counts of tools, and what comes to be.
        let mut fields: Map<String, Value> = serde_json::from_slice(data).unwrap_or_default();
        if let Some(Value::Object(mut counts)) = fields.shift_remove("usage") {
            counts.retain(|name, _| !usage::KNOWN.contains(&name.as_str()));
            if !counts.is_empty() {
                fields.insert("usage".to_owned(), counts.into());
            }
        }
        fields.shift_remove("delta");
        fields.extend(delta);
        fields.retain(|name, value| !value.is_null() && !HEAD.contains(&name.as_str()));
        beside(Of::Answer, fields, out);
    }

    fn say(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.said.add(&text);
            out.push(Event::Text { choice: 0, text });
        }
    }
}

/// Fields of a message that are read, or say nothing.
const HEAD: [&str; 6] = ["id", "type", "role", "content", "stop_reason", "stop_sequence"];

/// Fields that only this dialect knows.
fn beside(of: Of, fields: Map<String, Value>, out: &mut Vec<Event>) {
    if !fields.is_empty() {
        out.push(Event::Beside { dialect: Dialect::Anthropic, of, fields: Extra::of(fields) });
    }
}

/// Takes a text; absent or of another type it is empty.
fn take(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.shift_remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

fn think(text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Thinking { choice: 0, text });
    }
}

fn opaque(fields: Map<String, Value>) -> Event {
    Event::Opaque { dialect: Dialect::Anthropic, choice: 0, value: Arc::new(Value::Object(fields)) }
}

/// Lets a delta that only this dialect knows grow its block: texts and lists
/// are continued, everything else is set.
pub(in crate::dialect) fn merge(block: &mut Map<String, Value>, delta: Map<String, Value>) {
    for (name, piece) in delta {
        match (block.get_mut(&name), piece) {
            (Some(Value::String(text)), Value::String(more)) => text.push_str(&more),
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (_, piece) => {
                block.insert(name, piece);
            }
        }
    }
}
