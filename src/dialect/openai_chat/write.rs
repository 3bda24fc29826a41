//! A streamed answer to a client, onto the wire, as OpenAI sends it: the first
//! chunk of a choice carries the role, usage comes in a chunk without choices,
//! `[DONE]` ends a success and nothing else.

use serde_json::{Map, Value, json};

use super::answer::{SPOKEN, id_of, picture, sealed_thought};
use super::citation;
use super::error::encode_error;
use super::fields::merge;
use super::message::THOUGHTS;
use super::response::finish_name;
use super::usage::usage_value;
use crate::dialect::{ReplyFacts, StreamEncoder, sound};
use crate::error::Error;
use crate::ir::{BESIDE, Dialect, Event, Part, Thinking, Usage};
use crate::sse::write_data;

/// What stands behind the delta of a choice that is not complete.
const GOING_ON: &str = ",\"finish_reason\":null";

/// Encodes chunks.
pub(super) struct Encoder {
    reply: ReplyFacts,
    /// The head of every chunk: `{"id":...,"model":"..."`, without the closing brace.
    head: Vec<u8>,
    /// Choices whose role was sent.
    begun: Vec<u32>,
    /// Free-text tools' calls: their arguments go under another name.
    custom: Vec<(u32, u32)>,
    usage: Option<Usage>,
    /// Fields of usage that the canonical form has no place for.
    usage_extra: Option<Value>,
    /// Characters of the first choice's text so far.
    said: u64,
    /// Choices of which sound was sent.
    sounding: Vec<u32>,
    /// How many sealed thoughts were sent.
    seals: usize,
    /// The chunk under construction, kept for its memory.
    chunk: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(reply: &ReplyFacts) -> Self {
        let mut encoder = Self {
            reply: reply.clone(),
            head: Vec::new(),
            begun: Vec::new(),
            custom: Vec::new(),
            usage: None,
            usage_extra: None,
            said: 0,
            sounding: Vec::new(),
            seals: 0,
            chunk: Vec::new(),
        };
        encoder.set_head("", "", None);
        encoder
    }

    fn set_head(&mut self, id: &str, model: &str, created: Option<u64>) {
        let head = json!({
            "id": id_of(id, &self.reply),
            "object": "chat.completion.chunk",
            "created": created.unwrap_or(self.reply.created),
            "model": if model.is_empty() { &self.reply.model } else { model },
        });
        self.head = head.to_string().into_bytes();
        self.head.pop();
    }

    /// Sends a chunk with `rest` behind the head; `rest` begins with a comma or is empty.
    fn send(&mut self, rest: &[&[u8]], out: &mut Vec<u8>) {
        self.chunk.clear();
        self.chunk.extend_from_slice(&self.head);
        for piece in rest {
            self.chunk.extend_from_slice(piece);
        }
        self.chunk.push(b'}');
        write_data(out, &self.chunk);
    }

    /// Sends a chunk of one choice: `delta` is JSON, `tail` what stands behind it.
    fn send_choice(&mut self, choice: u32, delta: &[u8], tail: &str, out: &mut Vec<u8>) {
        let index = choice.to_string();
        let usage: &[u8] = if self.reply.include_usage { b",\"usage\":null" } else { b"" };
        self.send(
            &[
                b",\"choices\":[{\"index\":",
                index.as_bytes(),
                b",\"delta\":",
                delta,
                tail.as_bytes(),
                b"}]",
                usage,
            ],
            out,
        );
    }

    /// Sends the role, before anything else of a choice.
    fn begin(&mut self, choice: u32, out: &mut Vec<u8>) {
        if !self.begun.contains(&choice) {
            self.begun.push(choice);
            self.send_choice(choice, b"{\"role\":\"assistant\",\"content\":\"\"}", GOING_ON, out);
        }
    }

    fn delta(&mut self, choice: u32, delta: &Value, out: &mut Vec<u8>) {
        self.begin(choice, out);
        self.send_choice(choice, delta.to_string().as_bytes(), GOING_ON, out);
    }

    /// Sends text under `name`.
    fn text(&mut self, choice: u32, name: &str, text: &str, out: &mut Vec<u8>) {
        self.begin(choice, out);
        let mut delta = format!("{{\"{name}\":").into_bytes();
        if serde_json::to_writer(&mut delta, text).is_ok() {
            delta.push(b'}');
            self.send_choice(choice, &delta, GOING_ON, out);
        }
    }

    fn seal(&mut self, choice: u32, thinking: &Thinking, out: &mut Vec<u8>) {
        let mut raw = thinking.extra.get("reasoning_details").cloned();
        if let Some(Value::Object(detail)) = raw.as_mut().filter(|_| thinking.text.is_empty()) {
            // The words went out before, as `reasoning_content`.
            detail.shift_remove("text");
        }
        if let Some(detail) = raw.or_else(|| sealed_thought(thinking, self.seals)) {
            self.seals += 1;
            self.delta(choice, &json!({ "reasoning_details": [detail] }), out);
        }
    }

    /// What the model made; sound of this dialect has gone already.
    fn media(&mut self, choice: u32, part: &Part, out: &mut Vec<u8>) {
        if let Some(picture) = picture(part) {
            return self.delta(choice, &json!({ "images": [picture] }), out);
        }
        if sound::stands_elsewhere(part, Dialect::OpenAiChat) {
            return;
        }
        let Some(data) = sound::data(part) else { return };
        let begins = !data.is_empty() && !self.sounding.contains(&choice);
        let data = if begins {
            self.sounding.push(choice);
            sound::first(part, self.reply.bare_sound).unwrap_or_default()
        } else {
            data.to_owned()
        };
        let id = format!("{SPOKEN}_{choice}");
        let mut audio = json!({ "id": id, "data": data });
        if let Some(words) = sound::words(part) {
            merge(&mut audio, &json!({ "transcript": words }));
        }
        self.delta(choice, &json!({ "audio": audio }), out);
    }

    fn opaque(&mut self, choice: u32, value: &Value, out: &mut Vec<u8>) {
        let Value::Object(fields) = value else { return };
        if let Some(beside) = fields.get(BESIDE) {
            let mut delta = beside.clone();
            if let Value::Object(fields) = &mut delta {
                // The words of thoughts have gone by themselves.
                fields.retain(|name, _| !THOUGHTS.contains(&name.as_str()));
            }
            if let Some(Value::Array(annotations)) = delta.get_mut("annotations") {
                // Sources have gone by themselves.
                annotations.retain(|value| !citation::is_citation(value));
            }
            return self.delta(choice, &delta, out);
        }
        if fields.contains_key("type") {
            // A part of an answer that was made whole.
            return self.delta(choice, &json!({ "content": [value] }), out);
        }
        let mut fields: Map<String, Value> = fields.clone();
        if let Some(usage) = fields.shift_remove("usage") {
            self.usage_extra = Some(usage);
        }
        if fields.is_empty() {
            return;
        }
        let mut value = Value::Object(fields);
        if let Some(Value::Array(choices)) = value.get_mut("choices") {
            choices.iter_mut().for_each(|choice| merge(choice, &json!({ "finish_reason": null })));
        } else {
            merge(&mut value, &json!({ "choices": [] }));
        }
        let text = value.to_string();
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
        self.send(&[b",", inner.as_bytes()], out);
    }
}

/// A tool call that begins.
fn begun(call: u32, id: &str, name: &str, custom: bool) -> Value {
    if custom {
        return json!({ "index": call, "id": id, "type": "custom", "custom": { "name": name, "input": "" } });
    }
    let function = json!({ "name": name, "arguments": "" });
    json!({ "index": call, "id": id, "type": "function", "function": function })
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created } => self.set_head(id, model, *created),
            Event::Text { choice, text } => {
                self.said += text.chars().filter(|_| *choice == 0).count() as u64;
                self.text(*choice, "content", text, out);
            }
            Event::Citation { choice, citation } => {
                let value = citation::encode(citation, Dialect::OpenAiChat, 0, self.said);
                if let Some(value) = value {
                    self.delta(*choice, &json!({ "annotations": [value] }), out);
                }
            }
            Event::Refusal { choice, text } => self.text(*choice, "refusal", text, out),
            Event::Thinking { choice, text } => self.text(*choice, "reasoning_content", text, out),
            Event::ThinkingSealed { choice, thinking } => self.seal(*choice, thinking, out),
            Event::ToolCall { choice, call, id, name, signature, custom } => {
                if *custom {
                    self.custom.push((*choice, *call));
                }
                let mut value = begun(*call, id, name, *custom);
                if let Some(seal) = signature {
                    merge(
                        &mut value,
                        &json!({ "extra_content": { "google": { "thought_signature": seal } } }),
                    );
                }
                self.delta(*choice, &json!({ "tool_calls": [value] }), out);
            }
            Event::ToolArguments { choice, call, text } => {
                let custom = self.custom.contains(&(*choice, *call));
                let (kind, field) = if custom { ("custom", "input") } else { ("function", "arguments") };
                self.delta(
                    *choice,
                    &json!({ "tool_calls": [{ "index": call, kind: { field: text } }] }),
                    out,
                );
            }
            Event::Logprobs { choice, logprobs } => {
                self.begin(*choice, out);
                self.send_choice(*choice, b"{}", &format!(",\"logprobs\":{logprobs}{GOING_ON}"), out);
            }
            Event::Finish { choice, finish } => {
                self.begin(*choice, out);
                let tail = format!(",\"finish_reason\":{}", Value::from(finish_name(finish)));
                self.send_choice(*choice, b"{}", &tail, out);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Opaque { dialect: Dialect::OpenAiChat, choice, value } => self.opaque(*choice, value, out),
            Event::Media { choice, part } => self.media(*choice, part, out),
            Event::Error(error) => self.fail(error, out),
            // A comment line: OpenAI's SDKs skip it, and the connection is seen to live.
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Opaque { .. } | Event::Beside { .. } | Event::Done => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(usage) = self.usage.filter(|_| self.reply.include_usage) {
            let usage = usage_value(&usage, self.usage_extra.as_ref()).to_string();
            self.send(&[b",\"choices\":[],\"usage\":", usage.as_bytes()], out);
        }
        write_data(out, b"[DONE]");
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        write_data(out, &encode_error(error));
    }
}
