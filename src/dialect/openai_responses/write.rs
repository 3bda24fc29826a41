//! A streamed answer to a client, onto the wire: items open, speak in deltas,
//! and close with what they said; the last event holds the whole response.

mod calls;
mod message;
mod work;

use serde_json::{Value, json};

use super::answer::{finish_fields, put, skeleton, usage_value};
use super::items;
use super::spoken::Spoken;
use crate::dialect::openai_chat::error::error_value;
use crate::dialect::{ReplyFacts, StreamEncoder, sound};
use crate::error::Error;
use crate::ir::{BESIDE, Dialect, Event, Finish, Part, Thinking, ToolCall, Usage};
use crate::sse::write_event;
use calls::Call;

/// Encodes events.
pub(super) struct Encoder {
    reply: ReplyFacts,
    response: Value,
    sequence: u64,
    begun: bool,
    /// Items that are complete or open, by their index; open ones are built up here.
    output: Vec<Value>,
    open: Option<Open>,
    /// Calls that are open: number of the call, index of the item, arguments so far.
    calls: Vec<Call>,
    /// Indices of the provider's items that are passed on as they are, and ours.
    mapped: Vec<(u64, usize)>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    /// Characters of the messages that are closed.
    said: u64,
}

/// The item that text or thought goes into.
enum Open {
    Message(Spoken),
    Reasoning { index: usize, text: String },
}

impl Encoder {
    pub(super) fn new(reply: &ReplyFacts) -> Self {
        Self {
            reply: reply.clone(),
            response: skeleton("", "", None, reply),
            sequence: 0,
            begun: false,
            output: Vec::new(),
            open: None,
            calls: Vec::new(),
            mapped: Vec::new(),
            finish: None,
            usage: None,
            said: 0,
        }
    }

    /// Sends an event; stamps its type and sequence number.
    fn send(&mut self, kind: &str, fields: Value, out: &mut Vec<u8>) {
        let mut value = json!({ "type": kind, "sequence_number": self.sequence });
        self.sequence += 1;
        put(&mut value, fields);
        write_event(out, kind, value.to_string().as_bytes());
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            let response = json!({ "response": self.response });
            self.send("response.created", response.clone(), out);
            self.send("response.in_progress", response, out);
        }
    }

    fn id(&self, kind: &str) -> String {
        format!("{kind}_{}_{}", self.reply.request_id, self.output.len())
    }

    /// Adds an item to the output; returns its index.
    fn add(&mut self, item: Value, out: &mut Vec<u8>) -> usize {
        self.begin(out);
        let index = self.output.len();
        self.output.push(item.clone());
        self.send("response.output_item.added", json!({ "output_index": index, "item": item }), out);
        index
    }

    /// Replaces an item by its final form and says so.
    fn complete(&mut self, index: usize, item: Value, out: &mut Vec<u8>) {
        if let Some(place) = self.output.get_mut(index) {
            place.clone_from(&item);
        }
        self.send("response.output_item.done", json!({ "output_index": index, "item": item }), out);
    }

    fn item_id(&self, index: usize) -> Value {
        self.output.get(index).and_then(|item| item.get("id")).cloned().unwrap_or_default()
    }

    /// Closes the message or the thought that is open.
    fn close_open(&mut self, seal: Option<&Thinking>, out: &mut Vec<u8>) {
        match self.open.take() {
            None => {}
            Some(Open::Message(spoken)) => self.close_message(spoken, out),
            Some(Open::Reasoning { index, text }) => {
                let id = self.item_id(index);
                let at = json!({ "item_id": id, "output_index": index, "summary_index": 0 });
                let part = json!({ "type": "summary_text", "text": text });
                let mut done = at.clone();
                put(&mut done, json!({ "text": text }));
                self.send("response.reasoning_summary_text.done", done, out);
                let mut closed = at;
                put(&mut closed, json!({ "part": part }));
                self.send("response.reasoning_summary_part.done", closed, out);
                let mut item = json!({ "type": "reasoning", "id": id, "summary": [part] });
                if let Some(seal) = seal.and_then(|thought| thought.signature.as_ref()) {
                    put(&mut item, json!({ "encrypted_content": seal }));
                }
                self.complete(index, item, out);
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.close_open(None, out);
        self.close_calls(out);
    }

    /// A picture that the model made; this dialect's own, in a stream, stand there already.
    fn picture(&mut self, part: &Part, out: &mut Vec<u8>) {
        let id = self.id("ig");
        let Some(item) = items::picture_value(part, &id) else { return };
        if self.output.iter().any(|known| known.get("id") == item.get("id")) {
            return;
        }
        self.close(out);
        let begun =
            json!({ "type": "image_generation_call", "id": id, "status": "in_progress", "result": null });
        let index = self.add(begun, out);
        self.complete(index, item, out);
    }

    fn think(&mut self, piece: &str, out: &mut Vec<u8>) {
        if !matches!(self.open, Some(Open::Reasoning { .. })) {
            self.close(out);
            let id = self.id("rs");
            let index = self.add(json!({ "type": "reasoning", "id": id, "summary": [] }), out);
            let part = json!({ "type": "summary_text", "text": "" });
            let added = json!({ "item_id": id, "output_index": index, "summary_index": 0, "part": part });
            self.send("response.reasoning_summary_part.added", added, out);
            self.open = Some(Open::Reasoning { index, text: String::new() });
        }
        let Some(Open::Reasoning { index, text }) = &mut self.open else { return };
        text.push_str(piece);
        let index = *index;
        let delta = json!({ "item_id": self.item_id(index), "output_index": index, "summary_index": 0, "delta": piece });
        self.send("response.reasoning_summary_text.delta", delta, out);
    }

    fn seal(&mut self, thinking: &Thinking, out: &mut Vec<u8>) {
        if matches!(self.open, Some(Open::Reasoning { .. })) {
            self.close_open(Some(thinking), out);
            return;
        }
        self.close(out);
        let item = items::thought_value(thinking, true, &self.id("rs"));
        let index = self.add(item.clone(), out);
        self.complete(index, item, out);
    }

    /// Passes on an event that only this dialect knows, under our numbers.
    fn pass_on(&mut self, value: &Value, out: &mut Vec<u8>) {
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(Value::Object(response)) = value.get("response") {
            // The provider's own fields of the response, beside what is built here.
            let mut fields = response.clone();
            for name in ["output", "usage", "status", "id", "model", "created_at"] {
                fields.shift_remove(name);
            }
            put(&mut self.response, Value::Object(fields));
            return;
        }
        if value.get(BESIDE).is_some() {
            // Fields of a message that stand in its item, where one is.
            return;
        }
        if !kind.contains('.') {
            // An item of an answer that was made whole.
            self.close(out);
            let index = self.add(value.clone(), out);
            return self.complete(index, value.clone(), out);
        }
        let mut event = value.clone();
        if let Some(theirs) = value.get("output_index").and_then(Value::as_u64) {
            let known = self.mapped.iter().find(|(index, _)| *index == theirs).map(|(_, ours)| *ours);
            let ours = known.unwrap_or_else(|| {
                self.close(out);
                self.output.push(Value::Null);
                self.mapped.push((theirs, self.output.len() - 1));
                self.output.len() - 1
            });
            put(&mut event, json!({ "output_index": ours }));
            if let (Some(item), Some(place)) = (value.get("item"), self.output.get_mut(ours)) {
                place.clone_from(item);
            }
        }
        self.begin(out);
        if let Value::Object(fields) = &mut event {
            fields.shift_remove("sequence_number");
            fields.shift_remove("type");
        }
        self.send(&kind, event, out);
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created } => {
                self.response = skeleton(id, model, *created, &self.reply);
            }
            Event::Text { choice: 0, text } => self.say(false, text, out),
            Event::Refusal { choice: 0, text } => self.say(true, text, out),
            Event::Citation { choice: 0, citation } => self.cite(citation, out),
            Event::Logprobs { choice: 0, logprobs } => self.weigh(logprobs, out),
            Event::Media { part, .. } if sound::stands_elsewhere(part, Dialect::OpenAiResponses) => {}
            Event::Media { choice: 0, part } => match sound::words(part) {
                Some(words) => self.say(false, words, out),
                None => self.picture(part, out),
            },
            Event::Thinking { choice: 0, text } => self.think(text, out),
            Event::ThinkingSealed { choice: 0, thinking } => self.seal(thinking, out),
            Event::ToolCall { choice: 0, call, id, name, custom, .. } => {
                self.close_open(None, out);
                let begun =
                    ToolCall { id: id.clone(), name: name.clone(), custom: *custom, ..ToolCall::default() };
                let mut item = items::call_value(&begun);
                put(&mut item, json!({ "id": self.id("fc"), "status": "in_progress" }));
                let index = self.add(item, out);
                self.calls.push(Call { number: *call, index, call: begun });
            }
            Event::ToolArguments { choice: 0, call, text } => self.argue(*call, text, out),
            Event::Finish { choice: 0, finish } => {
                self.close(out);
                self.finish = Some(finish.clone());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Opaque { dialect: Dialect::OpenAiResponses, value, .. } => self.pass_on(value, out),
            Event::Opaque { dialect, choice: 0, value } => {
                if let Some(done) = crate::dialect::work::read(*dialect, value) {
                    self.work(&done, out);
                }
            }
            Event::Error(error) => self.fail(error, out),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            // One answer is all that this dialect carries.
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        self.close(out);
        self.end_all_work(out);
        let mut response = std::mem::take(&mut self.response);
        put(&mut response, finish_fields(self.finish.as_ref()));
        let output: Vec<Value> =
            std::mem::take(&mut self.output).into_iter().filter(|item| !item.is_null()).collect();
        put(&mut response, json!({ "output": output }));
        if let Some(usage) = &self.usage {
            put(&mut response, json!({ "usage": usage_value(usage) }));
        }
        let complete = response.get("status").is_some_and(|status| status == "completed");
        let kind = if complete { "response.completed" } else { "response.incomplete" };
        self.send(kind, json!({ "response": response }), out);
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        // Top level as documented; `error` is what OpenAI's SDKs raise on.
        let object = error_value(error);
        let mut fields = json!({ "code": error.code(), "message": error.message, "param": error.param });
        put(&mut fields, json!({ "error": object }));
        self.send("error", fields, out);
    }
}
