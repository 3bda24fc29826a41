//! A streamed answer of `/v2/chat`: typed events, `message-end` last.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::citation;
use super::response::{Call, Counted, Logprob, arguments, call_id, failure, finish, logprobs as logprobs_of};
use crate::dialect::StreamDecoder;
use crate::dialect::refusal::Report;
use crate::error::{Error, Result};
use crate::ir::{Dialect, Event};
use crate::sse::Frame;

/// Decodes frames into events.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The answer's id: makes ids of calls that have none.
    id: String,
    calls: u32,
    /// Arguments were sent for the call that is open.
    argued: bool,
    ended: bool,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        if frame.data == b"[DONE]" {
            return Ok(());
        }
        let mut value: Value = serde_json::from_slice(frame.data)
            .map_err(|at| Error::bad_answer(format!("a frame of the provider's stream is not JSON: {at}")))?;
        let kind = value.get("type").and_then(Value::as_str).unwrap_or(frame.event).to_owned();
        let message = value.pointer_mut("/delta/message").map(Value::take).unwrap_or_default();
        match kind.as_str() {
            "message-start" => {
                let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                self.id.clone_from(&id);
                out.push(Event::Start { id, model: String::new(), created: None });
            }
            "content-start" | "content-delta" => {
                content(&message, out);
                let logprobs = value.get("logprobs").filter(|logprobs| !logprobs.is_null());
                if let Some(Ok(logprob)) = logprobs.map(Logprob::deserialize) {
                    out.push(Event::Logprobs { choice: 0, logprobs: logprobs_of(&[logprob]) });
                }
            }
            "tool-plan-delta" => {
                let text = text_at(&message, "/tool_plan");
                out.extend(text.map(|text| Event::Thinking { choice: 0, text }));
            }
            "tool-call-start" | "tool-call-delta" => self.call(message, kind == "tool-call-start", out),
            "tool-call-end" => self.close_call(out),
            "citation-start" => {
                let cited = message.get("citations").map(citation::decode).unwrap_or_default();
                out.extend(cited.into_iter().map(|citation| Event::cited(0, citation)));
            }
            "message-end" => self.end(&value, out),
            _ if value.get("message").is_some_and(Value::is_string) || value.get("error").is_some() => {
                out.push(Event::Error(Box::new(Report::of(&value).error(200))));
            }
            // `content-end`, `citation-end`, `debug` and what comes to be say nothing here.
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<()> {
        if !self.ended {
            return Err(Error::broken_stream("the answer did"));
        }
        out.push(Event::Done);
        Ok(())
    }
}

impl Decoder {
    fn call(&mut self, message: Value, begins: bool, out: &mut Vec<Event>) {
        let Some(Ok(call)) = message.get("tool_calls").map(Call::deserialize) else { return };
        if begins {
            self.close_call(out);
            let number = self.calls;
            let id = call_id(call.id, &self.id, number as usize);
            let name = call.function.name.unwrap_or_default();
            self.calls += 1;
            self.argued = false;
            out.push(Event::ToolCall { choice: 0, call: number, id, name, signature: None, custom: false });
        }
        let text = call.function.arguments.filter(|text| !text.is_empty());
        if let Some(text) = text.filter(|text| self.argued || text != "null") {
            self.argued = true;
            out.push(Event::ToolArguments { choice: 0, call: self.calls.saturating_sub(1), text });
        }
    }

    /// A call without arguments has the empty object.
    fn close_call(&mut self, out: &mut Vec<Event>) {
        if self.calls > 0 && !std::mem::replace(&mut self.argued, true) {
            out.push(Event::ToolArguments { choice: 0, call: self.calls - 1, text: arguments(None) });
        }
    }

    fn end(&mut self, value: &Value, out: &mut Vec<Event>) {
        self.close_call(out);
        self.ended = true;
        let delta = value.get("delta").unwrap_or(&Value::Null);
        if let Some(error) = delta.get("error").filter(|error| !error.is_null()) {
            return out.push(Event::Error(Box::new(Report::of(error).error(200))));
        }
        if let Some(name) = delta.get("finish_reason").and_then(Value::as_str) {
            if let Some(error) = failure(name) {
                return out.push(Event::Error(Box::new(error)));
            }
            out.push(Event::Finish { choice: 0, finish: finish(name) });
        }
        let usage = delta.get("usage").and_then(|usage| Counted::deserialize(usage).ok()?.usage());
        out.extend(usage.map(Event::Usage));
    }
}

fn content(message: &Value, out: &mut Vec<Event>) {
    let text = text_at(message, "/content/text");
    out.extend(text.map(|text| Event::Text { choice: 0, text }));
    let thinking = text_at(message, "/content/thinking");
    out.extend(thinking.map(|text| Event::Thinking { choice: 0, text }));
    let known = |name: &String| matches!(name.as_str(), "type" | "text" | "thinking");
    let fields = message.get("content").and_then(Value::as_object);
    if let Some(fields) =
        fields.filter(|fields| fields.iter().any(|(name, value)| !known(name) && !value.is_null()))
    {
        let value = Arc::new(Value::Object(fields.clone()));
        out.push(Event::Opaque { dialect: Dialect::Cohere, choice: 0, value });
    }
}

/// The text at `place`, if there is any.
fn text_at(value: &Value, place: &str) -> Option<String> {
    value.pointer(place)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
