//! A provider's streamed answer, from the wire.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::calls::Calls;
use super::citation;
use super::fields::{Fields, as_count};
use super::message::{THOUGHTS, pictured};
use super::response::{finish_named, hidden_error, openai_logprobs};
use super::usage::{decode_usage, leftover, timed};
use crate::dialect::refusal::Report;
use crate::dialect::{StreamDecoder, sound};
use crate::error::{Error, Result};
use crate::ir::{Citation, Dialect, Event, Finish, Thinking};
use crate::sse::Frame;

/// Fields that only make frames longer (OpenAI's and Mistral's padding against traffic analysis).
const PADDING: [&str; 3] = ["obfuscation", "p", "object"];

/// Decodes chunks.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    id: String,
    started: bool,
    done: bool,
    failed: bool,
    choices: Vec<Choice>,
    /// Extra fields of chunks as last passed on: most repeat on every chunk.
    extras: Map<String, Value>,
    /// Sources that stand beside the choices, as last named.
    sources: Vec<Citation>,
    /// Whether tokens were stated, so that timings do not count.
    counted: bool,
}

/// What is known of one choice.
#[derive(Debug)]
struct Choice {
    index: u32,
    finished: bool,
    /// Whether deltas came, so that a whole message repeats them.
    spoken: bool,
    calls: Calls,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        let data = frame.data.trim_ascii();
        if self.done || self.failed || data.is_empty() {
            return Ok(());
        }
        let last = data.strip_suffix(b"[DONE]");
        // Servers that send no blank lines join several chunks in one frame.
        for value in serde_json::Deserializer::from_slice(last.unwrap_or(data)).into_iter() {
            let value: Value = value.map_err(|at| {
                Error::bad_answer(format!("a chunk of the provider's stream is not JSON: {at}"))
            })?;
            let hidden = hidden_error(&value).err();
            if let Some(error) =
                hidden.or_else(|| (frame.event == "error").then(|| Report::of(&value).error(200)))
            {
                self.fail(error, out);
                return Ok(());
            }
            self.chunk(Fields::of(value), out);
        }
        match last {
            Some(_) if self.choices.is_empty() => Err(Error::no_answer("choices")),
            Some(_) => {
                self.end(out);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<()> {
        if self.done || self.failed {
            return Ok(());
        }
        // Some servers never send [DONE]: the reason for stopping is end enough.
        if !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finished) {
            self.end(out);
            return Ok(());
        }
        Err(Error::broken_stream("the answer was complete"))
    }
}

impl Decoder {
    fn end(&mut self, out: &mut Vec<Event>) {
        for choice in &mut self.choices {
            choice.calls.close(false, choice.index, out);
            if !std::mem::replace(&mut choice.finished, true) {
                // Some servers never say why they stopped: that they did is said by `[DONE]`.
                let finish = if choice.calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
                out.push(Event::Finish { choice: choice.index, finish });
            }
        }
        self.done = true;
        out.push(Event::Done);
    }

    fn fail(&mut self, error: Error, out: &mut Vec<Event>) {
        self.failed = true;
        out.push(Event::Error(Box::new(error)));
    }

    fn chunk(&mut self, mut fields: Fields, out: &mut Vec<Event>) {
        let id = fields.text("id").unwrap_or_default();
        let model = fields.text("model").unwrap_or_default();
        let created = fields.lenient("created", as_count);
        let choices = fields.list("choices");
        let usage = fields.take("usage");
        // Azure's first chunk has no id, no model and no choices: it starts nothing.
        if !self.started && (!id.is_empty() || !choices.is_empty()) {
            self.started = true;
            self.id.clone_from(&id);
            out.push(Event::Start { id, model, created });
        }
        let usage = usage.or_else(|| beside(&choices, "usage"));
        let sources = citation::sources(&fields);
        if !sources.is_empty() {
            self.sources = sources;
        }
        for choice in choices {
            self.choice(Fields::of(choice), out);
        }
        let groq = fields.get("x_groq").and_then(|groq| groq.get("usage"));
        let stated = usage.as_ref().or(groq).and_then(decode_usage);
        self.counted |= stated.is_some();
        let timed = || fields.get("timings").filter(|_| !self.counted).and_then(timed);
        out.extend(stated.or_else(timed).map(Event::Usage));
        if let Some(rest) = usage.as_ref().map(leftover).filter(|rest| !rest.is_empty()) {
            fields.put("usage", Value::Object(rest));
        }
        self.extra(fields.into_map(), out);
    }

    /// Passes on extra fields of a chunk that say something new.
    fn extra(&mut self, mut rest: Map<String, Value>, out: &mut Vec<Event>) {
        rest.retain(|name, value| {
            !value.is_null() && !PADDING.contains(&name.as_str()) && self.extras.get(name) != Some(value)
        });
        if rest.is_empty() {
            return;
        }
        self.extras.extend(rest.clone());
        out.push(opaque(0, Value::Object(rest)));
    }

    fn choice(&mut self, mut fields: Fields, out: &mut Vec<Event>) {
        if let Some(error) = fields.take("error") {
            self.fail(Report::of(&error).error(200), out);
            return;
        }
        let index =
            fields.lenient("index", as_count).map_or(0, |index| u32::try_from(index).unwrap_or(u32::MAX));
        let finish = fields.text("finish_reason").and_then(|name| finish_named(&name));
        let logprobs = fields.lenient("logprobs", openai_logprobs);
        fields.lenient("logprobs", |value| (value == &json!({})).then_some(()));
        let (delta, message) = (fields.take("delta"), fields.take("message"));
        if !self.choices.iter().any(|choice| choice.index == index) {
            let seed = if index == 0 { self.id.clone() } else { format!("{}#{index}", self.id) };
            self.choices.push(Choice { index, finished: false, spoken: false, calls: Calls::new(seed) });
        }
        let Some(choice) = self.choices.iter_mut().find(|choice| choice.index == index) else { return };
        let message = message.filter(|_| !choice.spoken);
        choice.spoken |= delta.is_some();
        let mut delta = Fields::of(delta.or(message).unwrap_or_default());
        read_delta(&mut delta, choice, out);
        out.extend(logprobs.map(|logprobs| Event::Logprobs { choice: index, logprobs }));
        pass_extra(index, delta, fields, out);
        if let Some(finish) = finish.filter(|_| !choice.finished) {
            choice.finished = true;
            choice.calls.close(finish == Finish::Length, index, out);
            for source in self.sources.drain(..) {
                out.push(Event::cited(index, source));
            }
            out.push(Event::Finish { choice: index, finish });
        }
    }
}

fn read_delta(delta: &mut Fields, choice: &mut Choice, out: &mut Vec<Event>) {
    let index = choice.index;
    delta.take("role");
    read_thoughts(delta, index, out);
    match delta.take("content") {
        Some(Value::String(text)) => say(index, text, out),
        Some(Value::Array(parts)) => parts.into_iter().for_each(|part| read_part(part, index, out)),
        _ => {}
    }
    if let Some(text) = delta.text("refusal").filter(|text| !text.is_empty()) {
        out.push(Event::Refusal { choice: index, text });
    }
    for call in delta.list_or_one("tool_calls") {
        choice.calls.push(Fields::of(call), index, out);
    }
    for picture in delta.list("images") {
        out.push(Event::Media { choice: index, part: Arc::new(pictured(picture)) });
    }
    if let Some(audio) = delta.get("audio") {
        let text = |name: &str| audio.get(name).and_then(Value::as_str);
        let (data, words) = (text("data"), text("transcript"));
        let said =
            data.or(words).map(|_| sound::made(data.unwrap_or_default(), words, Some(Dialect::OpenAiChat)));
        out.extend(said.map(|part| Event::Media { choice: index, part: Arc::new(part) }));
    }
    read_annotations(delta, index, out);
    if let Some(call) = delta.take("function_call") {
        choice.calls.push(Fields::of(json!({ "index": 0, "function": call })), index, out);
    }
}

/// Sources of the text; what else is annotated stays.
fn read_annotations(delta: &mut Fields, choice: u32, out: &mut Vec<Event>) {
    let mut rest = Vec::new();
    for value in delta.list("annotations") {
        match citation::decode(&value, Dialect::OpenAiChat, 0) {
            Some(citation) => out.push(Event::Citation { choice, citation: Arc::new(citation) }),
            None => rest.push(value),
        }
    }
    if !rest.is_empty() {
        delta.put("annotations", rest.into());
    }
}

fn say(choice: u32, text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Text { choice, text });
    }
}

/// Reasoning beside the content, under any of its names, once.
fn read_thoughts(delta: &mut Fields, choice: u32, out: &mut Vec<Event>) {
    let plain = THOUGHTS.map(|name| delta.text(name));
    let mut text = plain.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or_default();
    let details = delta.list("reasoning_details");
    let field = |detail: &Value, name: &str| detail.get(name).and_then(Value::as_str).map(str::to_owned);
    if text.is_empty() {
        text = details
            .iter()
            .filter_map(|detail| field(detail, "text").or_else(|| field(detail, "summary")))
            .collect();
    }
    if !text.is_empty() {
        out.push(Event::Thinking { choice, text });
    }
    for detail in details {
        let redacted = field(&detail, "type").as_deref() == Some("reasoning.encrypted");
        let signature = field(&detail, if redacted { "data" } else { "signature" });
        if signature.is_some() {
            let mut thinking =
                Thinking { signature, redacted, id: field(&detail, "id"), ..Thinking::default() };
            thinking.extra.insert("reasoning_details", detail);
            out.push(Event::ThinkingSealed { choice, thinking });
        }
    }
}

/// One part of content that comes as a list (Mistral).
fn read_part(part: Value, choice: u32, out: &mut Vec<Event>) {
    if let Value::String(text) = part {
        return say(choice, text, out);
    }
    let text = |value: &Value| value.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    match part.get("type").and_then(Value::as_str) {
        Some("text") => say(choice, text(&part), out),
        Some("thinking") => {
            let thought = match part.get("thinking") {
                Some(Value::String(thought)) => thought.clone(),
                Some(Value::Array(list)) => list.iter().map(text).collect(),
                _ => String::new(),
            };
            if !thought.is_empty() {
                out.push(Event::Thinking { choice, text: thought });
            }
        }
        _ => out.push(opaque(
            choice,
            json!({ "choices": [{ "index": choice, "delta": { "content": [part] } }] }),
        )),
    }
}

/// A field that stands in a choice where others have it beside the choices (Moonshot's usage).
fn beside(choices: &[Value], name: &str) -> Option<Value> {
    choices.iter().find_map(|choice| choice.get(name).filter(|value| !value.is_null()).cloned())
}

/// Passes on extra fields of a choice and of its delta.
fn pass_extra(index: u32, delta: Fields, choice: Fields, out: &mut Vec<Event>) {
    let said = |fields: Fields| {
        let mut map = fields.into_map();
        map.retain(|_, value| !value.is_null());
        map
    };
    let (delta, mut rest) = (said(delta), said(choice));
    if delta.is_empty() && rest.is_empty() {
        return;
    }
    rest.insert("index".into(), index.into());
    rest.insert("delta".into(), delta.into());
    out.push(opaque(index, json!({ "choices": [rest] })));
}

fn opaque(choice: u32, value: Value) -> Event {
    Event::Opaque { dialect: Dialect::OpenAiChat, choice, value: Arc::new(value) }
}
