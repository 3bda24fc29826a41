//! Streamed answers: Converse's events, and `invoke`'s chunks, which wrap the
//! events of the model's own dialect as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::sync::Arc;

use super::{citation, finish, invoke, response};
use crate::dialect::anthropic::{EventDecoder, merge};
use crate::dialect::openai_chat::CHAT;
use crate::dialect::refusal::Report;
use crate::dialect::{Outbound as _, Seen, StreamDecoder};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Event, Extent, Part, Thinking};
use crate::sse::Frame;

/// Decodes one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// Decodes the chunks of a model that speaks another dialect.
    inner: Option<Inner>,
    started: bool,
    open: Vec<(u64, Block)>,
    calls: u32,
    /// How much text was said.
    said: Extent,
    stopped: bool,
}

/// The decoder of chunks that `invoke` wraps.
struct Inner(Box<dyn StreamDecoder>);

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner")
    }
}

/// A content block under way.
#[derive(Debug)]
enum Block {
    /// Reasoning, with its seal as far as it came.
    Thinking { seal: String, redacted: bool },
    /// A tool call: its number, and whether arguments came.
    Call(u32, bool),
    /// Text with its sources: where it began, and what it cites.
    Text(u64, Vec<Value>),
    /// A picture.
    Image(Map<String, Value>),
    /// A server-side block: its member's name and fields.
    Opaque(String, Map<String, Value>),
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        let value = parse(frame.data)?;
        if frame.event == "chunk" {
            return self.chunk(&value, out);
        }
        match value {
            // Some proxies send the events as lines of JSON, each under its name.
            Value::Object(events) if frame.event.is_empty() => {
                events.into_iter().for_each(|(name, value)| self.event(&name, value, out));
            }
            value => self.event(frame.event, value, out),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<()> {
        if let Some(inner) = &mut self.inner {
            return inner.0.finish(out);
        }
        if !self.stopped {
            return Err(Error::broken_stream("`messageStop`"));
        }
        out.push(Event::Done);
        Ok(())
    }
}

fn parse(data: &[u8]) -> Result<Value> {
    serde_json::from_slice(data)
        .map_err(|at| Error::bad_answer(format!("the provider's stream has an event that is not JSON: {at}")))
}

impl Decoder {
    /// A chunk of `invoke`: an event of Anthropic's, or one of Converse's under its name.
    fn chunk(&mut self, value: &Value, out: &mut Vec<Event>) -> Result<()> {
        let bytes = value.get("bytes").and_then(Value::as_str).unwrap_or_default();
        let data = STANDARD
            .decode(bytes)
            .map_err(|_| Error::bad_answer("the provider's stream has a chunk that is not base64"))?;
        let value = parse(&data)?;
        let frame = Frame { event: "", data: &data };
        // Some models answer in OpenAI's form.
        let chat = value.get("choices").is_some_and(|choices| {
            choices.get(0).is_none_or(|first| first.get("delta").or_else(|| first.get("message")).is_some())
        });
        if chat {
            let inner = self.inner.get_or_insert_with(|| Inner(CHAT.stream_decoder()));
            inner.0.push(&frame, out)?;
            out.extend(invoke::metrics(&value).filter(|_| value.get("usage").is_none()).map(Event::Usage));
            return Ok(());
        }
        let is_message = value.get("message").is_some() || value.get("delta").is_some();
        if let Some(said) = invoke::read(&value).filter(|_| !is_message) {
            self.said(said, out);
            return Ok(());
        }
        if value.get("type").is_some() {
            let inner = self.inner.get_or_insert_with(|| Inner(Box::new(EventDecoder::default())));
            return inner.0.push(&frame, out);
        }
        if let Value::Object(events) = value {
            events.into_iter().for_each(|(name, value)| self.event(&name, value, out));
        }
        Ok(())
    }

    /// A piece of plain text; usage comes with the last.
    fn said(&mut self, said: invoke::Said, out: &mut Vec<Event>) {
        self.start(out);
        if !said.text.is_empty() {
            out.push(Event::Text { choice: 0, text: said.text });
        }
        out.extend(said.usage.map(Event::Usage));
        if let Some(finish) = said.finish {
            self.stopped = true;
            out.push(Event::Finish { choice: 0, finish });
        }
    }

    fn start(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: String::new(), model: String::new(), created: None });
        }
    }

    fn event(&mut self, name: &str, mut value: Value, out: &mut Vec<Event>) {
        self.start(out);
        let index = value.get("contentBlockIndex").and_then(Value::as_u64).unwrap_or(0);
        let mut member = |name: &str| value.get_mut(name).map(Value::take).unwrap_or_default();
        match name {
            "contentBlockStart" => self.block_start(index, member("start"), out),
            "contentBlockDelta" => self.block_delta(index, member("delta"), out),
            "contentBlockStop" => self.block_stop(index, out),
            "messageStop" => {
                self.stopped = true;
                if let Some(reason) = value.get("stopReason").and_then(Value::as_str) {
                    out.push(Event::Finish { choice: 0, finish: finish::finish(reason) });
                }
            }
            "metadata" => {
                if let Some(usage) = value.get("usage") {
                    out.push(Event::Usage(finish::usage(usage)));
                }
            }
            name if is_exception(name) => out.push(Event::Error(Box::new(exception(name, &value)))),
            // `messageStart` says only the role; what is not known is ignored.
            _ => {}
        }
    }

    fn block_start(&mut self, index: u64, start: Value, out: &mut Vec<Event>) {
        let Value::Object(start) = start else { return };
        for (member, value) in start {
            let Value::Object(fields) = value else { continue };
            let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let block = if member == "toolUse" && !response::is_server_tool(fields.get("type")) {
                let call = self.calls;
                self.calls += 1;
                let (id, name) = (text("toolUseId"), text("name"));
                out.push(Event::ToolCall { choice: 0, call, id, name, signature: None, custom: false });
                Block::Call(call, false)
            } else if member == "image" {
                Block::Image(fields)
            } else {
                Block::Opaque(member, fields)
            };
            self.open.push((index, block));
        }
    }

    fn block_delta(&mut self, index: u64, delta: Value, out: &mut Vec<Event>) {
        let Value::Object(delta) = delta else { return };
        for (member, value) in delta {
            match (member.as_str(), value) {
                ("text", Value::String(text)) if !text.is_empty() => {
                    self.text_block(index);
                    self.said.add(&text);
                    out.push(Event::Text { choice: 0, text });
                }
                ("reasoningContent", Value::Object(fields)) => self.reasoning(index, fields, out),
                ("citation", citation) => {
                    if let Some(cited) = self.text_block(index) {
                        cited.push(citation);
                    }
                }
                ("toolUse", Value::Object(fields)) => self.tool_input(index, fields, out),
                (_, value) => self.grow(index, value),
            }
        }
    }

    /// The text block of this number: where it began, and what it cites; its
    /// sources may come before its words. Text has no start of its own.
    fn text_block(&mut self, index: u64) -> Option<&mut Vec<Value>> {
        if !self.open.iter().any(|(open, _)| *open == index) {
            self.open.push((index, Block::Text(self.said.chars, Vec::new())));
        }
        self.open.iter_mut().find_map(|(open, block)| match block {
            Block::Text(_, cited) if *open == index => Some(cited),
            _ => None,
        })
    }

    fn reasoning(&mut self, index: u64, fields: Map<String, Value>, out: &mut Vec<Event>) {
        if !self.open.iter().any(|(open, _)| *open == index) {
            self.open.push((index, Block::Thinking { seal: String::new(), redacted: false }));
        }
        let block = self.open.iter_mut().find(|(open, _)| *open == index).map(|(_, block)| block);
        let Some(Block::Thinking { seal, redacted }) = block else { return };
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("text", Value::String(text)) if !text.is_empty() => {
                    out.push(Event::Thinking { choice: 0, text });
                }
                ("signature", Value::String(text)) => seal.push_str(&text),
                ("redactedContent", Value::String(text)) => {
                    *redacted = true;
                    seal.push_str(&text);
                }
                _ => {}
            }
        }
    }

    fn tool_input(&mut self, index: u64, mut fields: Map<String, Value>, out: &mut Vec<Event>) {
        match self.open.iter_mut().find(|(open, _)| *open == index) {
            Some((_, Block::Call(call, given))) => {
                let Some(Value::String(text)) = fields.shift_remove("input") else { return };
                if !text.is_empty() {
                    *given = true;
                    out.push(Event::ToolArguments { choice: 0, call: *call, text });
                }
            }
            _ => self.grow(index, Value::Object(fields)),
        }
    }

    /// Lets a server-side block grow.
    fn grow(&mut self, index: u64, value: Value) {
        let block = self.open.iter_mut().find(|(open, _)| *open == index);
        match (block, value) {
            (Some((_, Block::Opaque(_, fields) | Block::Image(fields))), Value::Object(delta)) => {
                merge(fields, delta);
            }
            (Some((_, Block::Opaque(_, fields))), content @ Value::Array(_)) => {
                merge(fields, Map::from_iter([("content".to_owned(), content)]));
            }
            _ => {}
        }
    }

    fn block_stop(&mut self, index: u64, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == index) else { return };
        match self.open.swap_remove(at).1 {
            Block::Text(from, cited) => {
                let range = (from, self.said.chars);
                out.extend(cited.iter().map(|value| Event::cited(0, citation::decode(value, range))));
            }
            Block::Image(fields) => out.push(match response::picture(fields) {
                Part::Opaque { dialect, value } => Event::Opaque { dialect, choice: 0, value },
                picture => Event::Media { choice: 0, part: Arc::new(picture) },
            }),
            Block::Thinking { seal, redacted } => {
                let signature = Some(seal).filter(|seal| !seal.is_empty());
                let thinking = Thinking { signature, redacted, ..Thinking::default() };
                out.push(Event::ThinkingSealed { choice: 0, thinking });
            }
            Block::Call(_, true) => {}
            Block::Call(call, false) => {
                out.push(Event::ToolArguments { choice: 0, call, text: "{}".to_owned() });
            }
            Block::Opaque(member, mut fields) => {
                let input = fields.get("input").and_then(Value::as_str);
                if let Some(input) = input.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
                    fields.insert("input".to_owned(), input);
                }
                out.push(opaque(&member, Value::Object(fields)));
            }
        }
    }
}

/// Something that only this dialect knows, under its member's name.
fn opaque(member: &str, value: Value) -> Event {
    let value = Value::Object(Map::from_iter([(member.to_owned(), value)]));
    Event::Opaque { dialect: Dialect::Bedrock, choice: 0, value: Arc::new(value) }
}

fn is_exception(name: &str) -> bool {
    name.ends_with("Exception") || name.ends_with("Error")
}

/// The error of an exception inside a stream.
///
/// Source: Amazon Bedrock API reference, ConverseStreamOutput, checked 2026-11-21.
fn exception(name: &str, value: &Value) -> Error {
    const STATUSES: [(&str, u16); 5] = [
        ("throttling", 429),
        ("validation", 400),
        ("serviceunavailable", 503),
        ("modeltimeout", 408),
        ("modelstreamerror", 424),
    ];
    let lower = name.to_ascii_lowercase();
    let status =
        STATUSES.iter().find(|(start, _)| lower.starts_with(start)).map_or(500, |(_, status)| *status);
    let mut report = Report::of(value);
    name.clone_into(&mut report.class);
    Error { upstream_status: None, ..report.error(status) }
}

/// Looks at one frame, for streams whose bytes go elsewhere.
pub(super) fn scan(frame: &Frame<'_>, seen: &mut Seen) {
    match frame.event {
        "contentBlockDelta" | "chunk" => {
            seen.content = true;
            seen.content_frames += 1;
        }
        "contentBlockStart" => seen.content = true,
        "messageStop" => seen.done = true,
        "metadata" => {
            let value: Value = serde_json::from_slice(frame.data).unwrap_or_default();
            seen.usage = value.get("usage").map(finish::usage).or(seen.usage);
        }
        name if is_exception(name) => {
            let value: Value = serde_json::from_slice(frame.data).unwrap_or_default();
            seen.error = Some(Box::new(exception(name, &value)));
        }
        _ => {}
    }
}
