//! Canonical events as a client's event stream, in the order that the SDKs
//! demand: blocks one after the other, each started, continued and stopped.

mod calls;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::block::object;
use super::super::work::Writer;
use super::super::{citation, error, response, usage};
use super::write;
use crate::dialect::{ReplyFacts, StreamEncoder, sound, work};
use crate::error::Error;
use crate::ir::{Citation, Dialect, Event, Extra, Finish, Of, Thinking, Usage};
use calls::Call;

/// Fields of `message_delta` itself; what else is told at the end stands in its `delta`.
/// Source: Anthropic, Python SDK 2.12, `BetaRawMessageDeltaEvent`, checked 2026-11-21.
const OF_EVENT: [&str; 2] = ["context_management", "input_transformations"];

/// Encodes one stream.
#[derive(Debug)]
pub(in crate::dialect) struct Encoder {
    reply: ReplyFacts,
    started: bool,
    index: u64,
    open: Open,
    /// Calls that began while an earlier one was not complete.
    waiting: Vec<Call>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    calls_tools: bool,
    refuses: bool,
    /// What else the provider said at the beginning, at the end, and of calls.
    first: Map<String, Value>,
    last: Map<String, Value>,
    of_calls: Vec<(u32, Extra)>,
    /// What the text or thought begins with that comes next.
    of_next: Map<String, Value>,
    /// Writes what other providers did by their own tools.
    work: Writer,
}

/// The block that is open.
#[derive(Debug)]
enum Open {
    None,
    /// Whether it has citations: what comes then rests on something else.
    Text(bool),
    Thinking,
    Call(Call),
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, .. } => self.start(id, model, out),
            Event::Text { choice: 0, text } => self.text(text, out),
            Event::Refusal { choice: 0, text } => {
                self.refuses = true;
                self.text(text, out);
            }
            Event::Media { choice: 0, part } => {
                if let Some(words) = sound::words(part) {
                    self.text(words, out);
                }
            }
            Event::Thinking { choice: 0, text } => self.think(text, out),
            Event::ThinkingSealed { choice: 0, thinking } => self.seal(thinking, out),
            Event::ToolCall { choice: 0, call, id, name, .. } => {
                let call =
                    Call { number: *call, id: id.clone(), name: name.clone(), arguments: String::new() };
                self.call(call, out);
            }
            Event::ToolArguments { choice: 0, call, text } => self.arguments(*call, text, out),
            Event::Finish { choice: 0, finish } => self.finish = Some(finish.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Citation { choice: 0, citation } => self.cite(citation, out),
            Event::Opaque { dialect: Dialect::Anthropic, choice: 0, value } => self.opaque(value, out),
            Event::Opaque { dialect, choice: 0, value } => {
                let blocks = work::read(*dialect, value).map(|done| self.work.blocks(&done));
                blocks.into_iter().flatten().for_each(|block| self.called(block, out));
            }
            Event::Beside { dialect: Dialect::Anthropic, of, fields } => self.beside(*of, fields, out),
            Event::Ping => write("ping", &json!({ "type": "ping" }), out),
            // What is left is another choice's, another dialect's, or ends the stream through `finish` or `fail`.
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.close(out);
        let (reason, sequence) = response::stop(self.finish.as_ref(), self.calls_tools, self.refuses);
        let usage = self.usage.unwrap_or(Usage { input: self.reply.estimated_input, ..Usage::default() });
        let mut ended = object(json!({ "stop_reason": reason, "stop_sequence": sequence }));
        let mut counts = object(usage::encode(&usage));
        let mut event = object(json!({ "type": "message_delta" }));
        for (name, value) in std::mem::take(&mut self.last) {
            match value {
                Value::Object(more) if name == "usage" => counts.extend(more),
                value if OF_EVENT.contains(&name.as_str()) => drop(event.insert(name, value)),
                value => drop(ended.insert(name, value)),
            }
        }
        event.insert("delta".to_owned(), ended.into());
        event.insert("usage".to_owned(), counts.into());
        write("message_delta", &Value::Object(event), out);
        write("message_stop", &json!({ "type": "message_stop" }), out);
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        write("error", &error::encode_value(error, &self.reply.request_id), out);
    }
}

impl Encoder {
    /// For a client that is told `reply`.
    pub(in crate::dialect) fn new(reply: &ReplyFacts) -> Self {
        Self {
            reply: reply.clone(),
            started: false,
            index: 0,
            open: Open::None,
            waiting: Vec::new(),
            finish: None,
            usage: None,
            calls_tools: false,
            refuses: false,
            first: Map::new(),
            last: Map::new(),
            of_calls: Vec::new(),
            of_next: Map::new(),
            work: Writer::default(),
        }
    }

    /// `message_start`, at once: with the estimate of the input until the provider says better.
    fn start(&mut self, id: &str, model: &str, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let usage = Usage { input: self.reply.estimated_input, ..Usage::default() };
        let mut message = response::head(id, model, &self.reply);
        message.insert("content".to_owned(), json!([]));
        message.insert("stop_reason".to_owned(), Value::Null);
        message.insert("stop_sequence".to_owned(), Value::Null);
        let mut counts = object(usage::encode(&usage));
        if let Some(Value::Object(stated)) = self.first.shift_remove("usage") {
            counts.extend(stated);
        }
        message.insert("usage".to_owned(), counts.into());
        message.extend(std::mem::take(&mut self.first));
        write("message_start", &json!({ "type": "message_start", "message": message }), out);
    }

    /// What the provider said besides the answer.
    fn beside(&mut self, of: Of, fields: &Extra, out: &mut Vec<u8>) {
        let named = fields.iter().map(|(name, value)| (name.clone(), value.clone()));
        match of {
            Of::Call(call) => self.of_calls.push((call, fields.clone())),
            Of::Answer if self.started => self.last.extend(named),
            Of::Answer => self.first.extend(named),
            Of::Block => {
                if matches!(self.open, Open::Text(_) | Open::Thinking) {
                    self.close(out);
                }
                // Citations come by themselves.
                self.of_next = named.filter(|(name, _)| name != "citations").collect();
            }
        }
    }

    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.start("", "", out);
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.open, Open::Text(false)) {
            self.open_text(out);
        }
        self.delta(&json!({ "type": "text_delta", "text": text }), out);
    }

    fn think(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.ensure_thinking(out);
        self.delta(&json!({ "type": "thinking_delta", "thinking": text }), out);
    }

    fn ensure_thinking(&mut self, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Thinking) {
            self.open_next(
                Open::Thinking,
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                out,
            );
        }
    }

    /// The end of a thought, with its seal.
    fn seal(&mut self, thinking: &Thinking, out: &mut Vec<u8>) {
        let seal = thinking.signature.as_deref().unwrap_or_default();
        if thinking.redacted {
            self.whole(&json!({ "type": "redacted_thinking", "data": seal }), out);
            return;
        }
        if matches!(self.open, Open::Thinking) || !seal.is_empty() || !thinking.text.is_empty() {
            self.ensure_thinking(out);
            self.think(&thinking.text, out);
            if !seal.is_empty() {
                self.delta(&json!({ "type": "signature_delta", "signature": seal }), out);
            }
            self.close(out);
        }
    }

    fn open_text(&mut self, out: &mut Vec<u8>) {
        self.open_next(Open::Text(false), json!({ "type": "text", "text": "" }), out);
    }

    /// Opens a text or thought with the fields that belong to it.
    fn open_next(&mut self, next: Open, mut block: Value, out: &mut Vec<u8>) {
        if let Value::Object(block) = &mut block {
            block.extend(std::mem::take(&mut self.of_next));
        }
        self.open(next, &block, out);
    }

    /// A citation of the open text.
    fn cite(&mut self, cited: &Citation, out: &mut Vec<u8>) {
        let Some(citation) = citation::encode(cited) else { return };
        if !matches!(self.open, Open::Text(_)) {
            self.open_text(out);
        }
        self.open = Open::Text(true);
        self.delta(&json!({ "type": "citations_delta", "citation": citation }), out);
    }

    /// A block that only this dialect knows, or a delta of the open text.
    fn opaque(&mut self, value: &Arc<Value>, out: &mut Vec<u8>) {
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind.is_empty() {
            return;
        }
        if !kind.ends_with("_delta") {
            self.whole(value, out);
        } else {
            if !matches!(self.open, Open::Text(_)) {
                self.open_text(out);
            }
            self.delta(value, out);
        }
    }

    /// A provider's own call, whose input the SDKs read from deltas, or its result.
    fn called(&mut self, mut block: Value, out: &mut Vec<u8>) {
        let input = block.get_mut("input").map(|input| std::mem::replace(input, json!({})));
        self.open(Open::None, &block, out);
        input.into_iter().for_each(|input| self.partial_json(&input.to_string(), out));
        self.end_block(out);
    }

    /// A block that comes whole.
    fn whole(&mut self, block: &Value, out: &mut Vec<u8>) {
        self.open(Open::None, block, out);
        self.end_block(out);
    }

    /// Closes what is open and opens `next`.
    fn open(&mut self, next: Open, block: &Value, out: &mut Vec<u8>) {
        self.close(out);
        self.start_block(block, out);
        self.open = next;
    }

    /// Closes what is open, and lets what waits pass.
    fn close(&mut self, out: &mut Vec<u8>) {
        self.stop_block(out);
        for call in std::mem::take(&mut self.waiting) {
            self.open_call(call, out);
            self.stop_block(out);
        }
    }

    fn start_block(&mut self, block: &Value, out: &mut Vec<u8>) {
        self.ensure_started(out);
        let event = json!({ "type": "content_block_start", "index": self.index, "content_block": block });
        write("content_block_start", &event, out);
    }

    fn delta(&mut self, delta: &Value, out: &mut Vec<u8>) {
        let event = json!({ "type": "content_block_delta", "index": self.index, "delta": delta });
        write("content_block_delta", &event, out);
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        if !matches!(std::mem::replace(&mut self.open, Open::None), Open::None) {
            self.end_block(out);
        }
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        write("content_block_stop", &json!({ "type": "content_block_stop", "index": self.index }), out);
        self.index += 1;
    }
}
