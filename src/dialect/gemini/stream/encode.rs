//! Events to a client's stream.

use serde_json::{Map, Value, json};

use crate::dialect::gemini::emit::{Emit, object};
use crate::dialect::gemini::response::{NoNames, stated};
use crate::dialect::gemini::work::{self, Searches};
use crate::dialect::gemini::{citation, error, finish, logprobs};
use crate::dialect::{ReplyFacts, StreamEncoder};
use crate::error::Error;
use crate::ir::{BESIDE, Citation, Dialect, Event, Extra, Finish, Part, Ruler, Thinking, ToolCall, Usage};

/// Encodes events as frames. A tool call goes out when its arguments are
/// whole, the finish reasons with the usage in the last frame.
#[derive(Debug)]
pub(in crate::dialect::gemini) struct Encoder {
    reply: ReplyFacts,
    id: String,
    model: String,
    /// Calls that have not gone out: their choice, their number in it, and what came of them.
    calls: Vec<(u32, u32, ToolCall)>,
    finishes: Vec<(u32, Finish)>,
    usage: Option<Usage>,
    /// The prompt was blocked: there are no candidates.
    blocked: bool,
    /// What the first candidate says, and cites.
    said: Ruler,
    citations: Vec<Citation>,
    searches: Searches,
}

impl Encoder {
    /// An encoder for one answer.
    pub(in crate::dialect::gemini) fn new(reply: ReplyFacts) -> Self {
        let (id, model) = (reply.request_id.clone(), reply.model.clone());
        Self {
            reply,
            id,
            model,
            calls: Vec::new(),
            finishes: Vec::new(),
            usage: None,
            blocked: false,
            said: Ruler::default(),
            citations: Vec::new(),
            searches: Searches::default(),
        }
    }

    /// Writes a frame with these candidates.
    fn frame(&self, candidates: Vec<Value>, out: &mut Vec<u8>) {
        let mut frame = Map::new();
        if !candidates.is_empty() {
            frame.insert("candidates".to_owned(), Value::Array(candidates));
        }
        self.write(frame, out);
    }

    fn write(&self, mut frame: Map<String, Value>, out: &mut Vec<u8>) {
        if let Some(usage) = &self.usage {
            frame.insert("usageMetadata".to_owned(), Value::Object(finish::encode_usage(usage)));
        }
        frame.insert("modelVersion".to_owned(), Value::from(self.model.as_str()));
        frame.insert("responseId".to_owned(), Value::from(self.id.as_str()));
        write(&Value::Object(frame), out);
    }

    /// Writes a frame with these parts of one candidate.
    fn parts(&self, choice: u32, parts: &[Part], out: &mut Vec<u8>) {
        let mut wire = Vec::new();
        Emit { same: true, names: &NoNames, dropped: &mut Vec::new() }.parts(parts, "", &mut wire);
        self.frame(vec![candidate(choice, wire)], out);
    }

    /// Writes the calls that are whole. Pieces of several calls may come by
    /// turns, and signs of life between them: arguments are whole when they
    /// are an object, or when no more can come.
    fn flush(&mut self, all: bool, out: &mut Vec<u8>) {
        let whole = |call: &ToolCall| {
            !call.custom && serde_json::from_str::<Map<String, Value>>(&call.arguments).is_ok()
        };
        let held =
            self.calls.iter().position(|(_, _, call)| !all && !whole(call)).unwrap_or(self.calls.len());
        let rest = self.calls.split_off(held);
        for (choice, _, call) in std::mem::replace(&mut self.calls, rest) {
            self.parts(choice, &[Part::ToolCall(call)], out);
        }
    }

    fn opaque(&mut self, choice: u32, value: &Value, out: &mut Vec<u8>) {
        if let Some(Value::Object(fields)) = value.get("candidate").or_else(|| value.get(BESIDE)) {
            let mut map = object([("index", Value::from(choice))]);
            // The reason and the log probabilities come by themselves.
            let said =
                fields.iter().filter(|(name, _)| !matches!(name.as_str(), "finishReason" | "logprobsResult"));
            map.extend(said.map(|(name, value)| (name.clone(), value.clone())));
            self.frame(vec![Value::Object(map)], out);
        } else if let Some(feedback) = value.get("promptFeedback") {
            self.blocked |= feedback.get("blockReason").is_some();
            self.write(object([("promptFeedback", feedback.clone())]), out);
        } else {
            self.frame(vec![candidate(choice, vec![value.clone()])], out);
        }
    }

    /// What another provider did by its own tools: searches are told at the end.
    fn work(&mut self, choice: u32, dialect: Dialect, value: &Value, out: &mut Vec<u8>) {
        let Some(done) = crate::dialect::work::read(dialect, value) else { return };
        let mut parts = Vec::new();
        work::parts(&done, &mut parts);
        if !parts.is_empty() {
            self.frame(vec![candidate(choice, parts)], out);
        }
        if choice == 0 {
            self.searches.add(done);
        }
    }

    fn arguments(&mut self, choice: u32, number: u32, text: &str) {
        let mut open = self.calls.iter_mut().rev();
        if let Some((.., call)) = open.find(|(of, open, _)| (*of, *open) == (choice, number)) {
            call.arguments.push_str(text);
        }
    }
}

impl StreamEncoder for Encoder {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        if !matches!(event, Event::ToolArguments { .. } | Event::Usage(_) | Event::Beside { .. }) {
            self.flush(matches!(event, Event::Finish { .. }), out);
        }
        match event {
            Event::Start { id, model, .. } => {
                self.id = stated(id, &self.reply.request_id).to_owned();
                self.model = stated(model, &self.reply.model).to_owned();
            }
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                if *choice == 0 {
                    self.said.add(text);
                }
                self.parts(*choice, &[Part::text(text.as_str())], out);
            }
            Event::Thinking { choice, text } => {
                let thinking = Thinking { text: text.clone(), ..Thinking::default() };
                self.parts(*choice, &[Part::Thinking(thinking)], out);
            }
            Event::ThinkingSealed { choice, thinking } if thinking.signature.is_some() => {
                self.parts(*choice, &[Part::Thinking(thinking.clone())], out);
            }
            Event::ThinkingSealed { .. } => {}
            Event::ToolCall { choice, call: number, id, name, signature, custom } => {
                let (id, name) = (id.clone(), name.clone());
                let call = ToolCall {
                    id,
                    name,
                    signature: signature.clone(),
                    custom: *custom,
                    ..ToolCall::default()
                };
                self.calls.push((*choice, *number, call));
            }
            Event::ToolArguments { choice, call, text } => self.arguments(*choice, *call, text),
            Event::Citation { choice: 0, citation } => self.citations.push((**citation).clone()),
            Event::Logprobs { choice, logprobs } => {
                if let Some(result) = logprobs::encode(logprobs) {
                    let index = Value::from(*choice);
                    self.frame(
                        vec![Value::Object(object([("index", index), ("logprobsResult", result)]))],
                        out,
                    );
                }
            }
            Event::Finish { choice, finish } => self.finishes.push((*choice, finish.clone())),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Opaque { dialect: Dialect::Gemini, choice, value } => self.opaque(*choice, value, out),
            Event::Opaque { dialect, choice, value } => self.work(*choice, *dialect, value, out),
            Event::Media { choice, part } => self.parts(*choice, &[known(part)], out),
            Event::Error(error) => self.fail(error, out),
            Event::Citation { .. } | Event::Beside { .. } | Event::Ping | Event::Done => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(true, out);
        if self.blocked {
            return self.frame(Vec::new(), out);
        }
        let cited = citation::encode(&self.citations, &|chars| self.said.bytes_at(chars));
        let mut cited = std::mem::take(&mut self.searches).beside(cited);
        let last = self.finishes.iter().map(|(choice, finish)| {
            let mut last = candidate_map(*choice, vec![json!({"text": ""})]);
            let cited = cited.take_if(|_| *choice == 0);
            last.extend(cited.map(|cited| ("groundingMetadata".to_owned(), cited)));
            last.insert("finishReason".to_owned(), Value::from(finish::encode(finish)));
            Value::Object(last)
        });
        self.frame(last.collect(), out);
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        write(&json!({"error": error::object(error, &self.reply.request_id)}), out);
    }
}

/// A part without the fields of other dialects, which Google's SDKs refuse.
fn known(part: &Part) -> Part {
    let mut part = part.clone();
    if let Part::Image(media) | Part::Audio(media) | Part::Video(media) | Part::Document(media) = &mut part {
        let fields = media.extra.iter().filter(|(name, _)| OF_PARTS.contains(&name.as_str()));
        media.extra = Extra::of(fields.map(|(name, value)| (name.clone(), value.clone())).collect());
    }
    part
}

/// Fields beside the medium of a part.
/// Source: Gemini API reference "Part", checked 2026-11-21.
const OF_PARTS: [&str; 5] =
    ["thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"];

fn candidate(choice: u32, parts: Vec<Value>) -> Value {
    Value::Object(candidate_map(choice, parts))
}

fn candidate_map(choice: u32, parts: Vec<Value>) -> Map<String, Value> {
    object([("content", json!({"parts": parts, "role": "model"})), ("index", Value::from(choice))])
}

/// One frame; lines end as Google's do.
fn write(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(value.to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}
