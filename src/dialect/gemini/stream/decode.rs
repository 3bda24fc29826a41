//! A provider's stream to events.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::partial::Partial;
use crate::dialect::StreamDecoder;
use crate::dialect::gemini::response::{Candidate, Chunk};
use crate::dialect::gemini::{citation, finish, logprobs, part};
use crate::error::{Error, Kind, Result};
use crate::ir::{Dialect, Event, Finish, Part, Ruler, Thinking, ToolCall};
use crate::sse::Frame;

/// Fields of a candidate that mean nothing in themselves.
const SILENT: [&str; 3] = ["logprobsResult", "avgLogprobs", "tokenCount"];

/// Decodes frames into events.
#[derive(Debug, Default)]
pub(in crate::dialect::gemini) struct Decoder {
    ids: Option<part::Ids>,
    choices: Vec<Choice>,
    blocked: bool,
}

/// What is known of one candidate so far.
#[derive(Debug, Default)]
struct Choice {
    index: u32,
    calls: u32,
    /// The call whose arguments still come in pieces.
    open: Option<Partial>,
    finish: Option<String>,
    said: Ruler,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        if frame.data == b"[DONE]" {
            return Ok(());
        }
        // Proxies that drop blank lines join several responses in one frame.
        for value in serde_json::Deserializer::from_slice(frame.data).into_iter() {
            let value = value.map_err(|at| {
                Error::bad_answer(format!("a frame of the provider's stream is not JSON: {at}"))
            })?;
            match Chunk::of(value) {
                Ok(chunk) => self.chunk(chunk, out),
                // A proxy's sign of life: whether an answer came shows at the end.
                Err(error) if error.kind == Kind::InvalidResponse => {}
                Err(error) => out.push(Event::Error(Box::new(error))),
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<()> {
        let ended = self.choices.iter().any(|choice| choice.finish.is_some());
        if !ended && !self.blocked {
            return Err(Error::broken_stream("the answer did"));
        }
        if self.choices.is_empty() {
            out.push(Event::Finish { choice: 0, finish: Finish::ContentFilter });
        }
        for choice in &mut self.choices {
            choice.close_call(out);
            let name = choice.finish.as_deref().unwrap_or("STOP");
            out.push(Event::Finish { choice: choice.index, finish: finish::decode(name, choice.calls > 0) });
        }
        out.push(Event::Done);
        Ok(())
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: Chunk, out: &mut Vec<Event>) {
        if self.ids.is_none() {
            self.ids = Some(part::Ids::of(&chunk.id));
            out.push(Event::Start { id: chunk.id, model: chunk.model, created: chunk.created });
        }
        for candidate in chunk.candidates {
            self.candidate(candidate, out);
        }
        if let Some(feedback) = chunk.rest.get("promptFeedback") {
            self.blocked |= feedback.get("blockReason").is_some();
            out.push(opaque(0, json!({"promptFeedback": feedback})));
        }
        if let Some(usage) = chunk.usage {
            out.push(Event::Usage(usage));
        }
    }

    fn candidate(&mut self, candidate: Candidate, out: &mut Vec<Event>) {
        let at =
            self.choices.iter().position(|choice| choice.index == candidate.index).unwrap_or_else(|| {
                self.choices.push(Choice { index: candidate.index, ..Choice::default() });
                self.choices.len() - 1
            });
        let (Some(choice), Some(ids)) = (self.choices.get_mut(at), self.ids.as_mut()) else { return };
        let mut parts = Vec::new();
        for value in candidate.parts {
            if choice.piece(&value, ids, out) {
                continue;
            }
            part::decode(value, ids, &mut parts);
            parts.drain(..).for_each(|part| choice.part(part, out));
        }
        if let Some(logprobs) = candidate.rest.get("logprobsResult").and_then(logprobs::decode) {
            out.push(Event::Logprobs { choice: choice.index, logprobs });
        }
        for citation in
            citation::decode(|name| candidate.rest.get(name), &|bytes| choice.said.chars_at(bytes))
        {
            out.push(Event::cited(choice.index, citation));
        }
        let said = candidate.rest.into_iter().filter(|(name, _)| !SILENT.contains(&name.as_str()));
        let said: Map<String, Value> = said.collect();
        if !said.is_empty() {
            out.push(opaque(choice.index, json!({"candidate": said})));
        }
        choice.finish = candidate.finish.or(choice.finish.take());
    }
}

fn opaque(choice: u32, value: Value) -> Event {
    Event::Opaque { dialect: Dialect::Gemini, choice, value: Arc::new(value) }
}

impl Choice {
    /// Takes a piece of a call whose arguments come in pieces; false: it is none.
    fn piece(&mut self, value: &Value, ids: &mut part::Ids, out: &mut Vec<Event>) -> bool {
        let Some(call) = value.get("functionCall") else { return false };
        let goes_on = call.get("willContinue").and_then(Value::as_bool).unwrap_or(false);
        let pieces = call.get("partialArgs").and_then(Value::as_array);
        let named = call.get("name").is_some_and(|name| name.as_str().is_some_and(|name| !name.is_empty()));
        if named {
            self.close_call(out);
            if !goes_on && pieces.is_none() {
                return false;
            }
            let mut parts = Vec::new();
            part::decode(value.clone(), ids, &mut parts);
            if let Some(Part::ToolCall(call)) = parts.pop() {
                out.push(self.begin(call).0);
                self.open = Some(Partial::default());
            }
        }
        let Some(open) = &mut self.open else { return true };
        if let Some(args) = call.get("args") {
            open.set(args.clone());
        }
        pieces.into_iter().flatten().for_each(|piece| open.add(piece));
        if !goes_on {
            self.close_call(out);
        }
        true
    }

    fn close_call(&mut self, out: &mut Vec<Event>) {
        if let Some(open) = self.open.take() {
            let call = self.calls.saturating_sub(1);
            out.push(Event::ToolArguments { choice: self.index, call, text: open.text() });
        }
    }

    /// The event that begins `call`, and its arguments.
    fn begin(&mut self, call: ToolCall) -> (Event, String) {
        let ToolCall { id, name, arguments, signature, custom, .. } = call;
        let number = self.calls;
        self.calls += 1;
        (Event::ToolCall { choice: self.index, call: number, id, name, signature, custom }, arguments)
    }

    fn part(&mut self, part: Part, out: &mut Vec<Event>) {
        let choice = self.index;
        match part {
            Part::Text { text, .. } if text.is_empty() => {}
            Part::Text { text, .. } => {
                self.said.add(&text);
                out.push(Event::Text { choice, text });
            }
            Part::Thinking(Thinking { text, signature, extra, .. }) => {
                if !text.is_empty() {
                    out.push(Event::Thinking { choice, text });
                }
                if signature.is_some() {
                    let thinking = Thinking { signature, extra, ..Thinking::default() };
                    out.push(Event::ThinkingSealed { choice, thinking });
                }
            }
            Part::ToolCall(call) => {
                let (begin, text) = self.begin(call);
                let Event::ToolCall { call, .. } = begin else { return };
                out.push(begin);
                out.push(Event::ToolArguments { choice, call, text });
            }
            Part::Opaque { value, .. } => out.push(Event::Opaque { dialect: Dialect::Gemini, choice, value }),
            media => out.push(Event::Media { choice, part: Arc::new(media) }),
        }
    }
}
