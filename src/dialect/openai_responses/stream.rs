//! A provider's streamed answer, from the wire.

use std::sync::Arc;

use serde_json::{Value, json};

use super::items;
use super::response::{finish, is_call};
use crate::dialect::openai_chat::citation;
use crate::dialect::openai_chat::usage::decode_usage;
use crate::dialect::refusal::Report;
use crate::dialect::{StreamDecoder, sound};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Event, Extent, Finish};
use crate::sse::Frame;

/// Decodes events.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    ended: bool,
    calls: u32,
    items: Vec<Item>,
    /// How much text the part that is being said has, and the parts before it.
    part: Extent,
    before: u64,
}

/// What is known of one item of the output.
#[derive(Debug)]
struct Item {
    index: u64,
    /// The number of the call, when it is one.
    call: Option<u32>,
    /// Whether text, thought or arguments came in deltas.
    spoken: bool,
    /// Characters that were said before it, and whether sources of it were named.
    from: u64,
    cited: bool,
}

impl StreamDecoder for Decoder {
    fn push(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<()> {
        let data = frame.data.trim_ascii();
        if self.ended || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(data).map_err(|at| {
            Error::bad_answer(format!("an event of the provider's stream is not JSON: {at}"))
        })?;
        let kind = value.get("type").and_then(Value::as_str).unwrap_or(frame.event).to_owned();
        if let Some(error) = failure(&kind, &value) {
            self.ended = true;
            out.push(Event::Error(Box::new(error)));
            return Ok(());
        }
        self.event(&kind, value, out);
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<Event>) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        Err(Error::broken_stream("the answer was complete"))
    }
}

/// The error that an event of this kind reports, if it does.
pub(super) fn failure(kind: &str, value: &Value) -> Option<Error> {
    let response = value.get("response").unwrap_or(value);
    let error = response.get("error").filter(|error| !error.is_null());
    match kind {
        "error" => Some(Report::of(value).error(200)),
        "response.failed" => Some(Report::of(response).error(200)),
        _ => error.map(|_| Report::of(response).error(200)),
    }
}

impl Decoder {
    fn event(&mut self, kind: &str, value: Value, out: &mut Vec<Event>) {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match kind {
            "response.created" | "response.in_progress" => self.start(&value, out),
            "response.output_text.delta" => {
                self.spoke(&value);
                self.say(text("delta"), out);
                let logprobs =
                    value.get("logprobs").filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
                if let Some(list) = logprobs {
                    out.push(Event::Logprobs { choice: 0, logprobs: json!({ "content": list }) });
                }
            }
            "response.output_text.annotation.added" => self.cite(value, out),
            "response.refusal.delta" => {
                self.spoke(&value);
                out.push(Event::Refusal { choice: 0, text: text("delta") });
            }
            "response.reasoning_summary_text.delta"
            | "response.reasoning_text.delta"
            | "response.reasoning_summary.delta"
            | "response.reasoning.delta" => {
                self.spoke(&value);
                out.push(Event::Thinking { choice: 0, text: text("delta") });
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                if let Some(call) = self.spoke(&value) {
                    out.push(Event::ToolArguments { choice: 0, call, text: text("delta") });
                }
            }
            "response.content_part.added" => self.next_part(),
            "response.output_item.added" => self.item_added(value, out),
            "response.output_item.done" => self.item_done(value, out),
            "response.audio.delta" | "response.audio.transcript.delta" => {
                let (data, words) = if kind.contains("transcript") { ("", "delta") } else { ("delta", "") };
                let words = value.get(words).and_then(Value::as_str);
                let part = sound::made(&text(data), words, Some(Dialect::OpenAiResponses));
                out.push(Event::Media { choice: 0, part: Arc::new(part) });
                out.push(opaque(value));
            }
            "response.completed" | "response.incomplete" => self.end(&value, out),
            "keepalive" | "ping" => out.push(Event::Ping),
            name if SILENT.contains(&name) => {}
            _ => out.push(opaque(value)),
        }
    }

    fn say(&mut self, text: String, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        self.part.add(&text);
        out.push(Event::Text { choice: 0, text });
    }

    /// A source of the part that is being said.
    fn cite(&mut self, value: Value, out: &mut Vec<Event>) {
        if let Some(item) = self.item_at(index_of(&value)) {
            item.cited = true;
        }
        out.push(cited(value, self.before));
    }

    fn start(&mut self, value: &Value, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let Some(response) = value.get("response") else { return };
        let text = |name: &str| response.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let created = response.get("created_at").and_then(Value::as_u64);
        out.push(Event::Start { id: text("id"), model: text("model"), created });
        out.push(opaque(value.clone()));
    }

    /// Notes that an item of the output speaks; returns the number of its call.
    fn spoke(&mut self, value: &Value) -> Option<u32> {
        let item = self.item_at(index_of(value))?;
        item.spoken = true;
        item.call
    }

    fn item_at(&mut self, index: u64) -> Option<&mut Item> {
        if !self.items.iter().any(|item| item.index == index) {
            let from = self.before + self.part.chars;
            self.items.push(Item { index, call: None, spoken: false, from, cited: false });
        }
        self.items.iter_mut().find(|item| item.index == index)
    }

    fn next_part(&mut self) {
        self.before += std::mem::take(&mut self.part).chars;
    }

    fn item_added(&mut self, value: Value, out: &mut Vec<Event>) {
        let index = index_of(&value);
        let Some(item) = value.get("item") else { return };
        if is_call(item) {
            self.begin_call(index, item, out);
        } else {
            let known = item.get("type").is_some_and(|kind| kind == "message" || kind == "reasoning");
            self.item_at(index);
            if !known {
                out.push(opaque(value));
            }
        }
    }

    fn begin_call(&mut self, index: u64, item: &Value, out: &mut Vec<Event>) -> u32 {
        let number = self.calls;
        self.calls += 1;
        if let Some(place) = self.item_at(index) {
            place.call = Some(number);
        }
        let call = items::call(item);
        let (id, name, custom) = (call.id, call.name, call.custom);
        out.push(Event::ToolCall { choice: 0, call: number, id, name, signature: None, custom });
        number
    }

    /// A whole item: says what no delta said before.
    fn item_done(&mut self, value: Value, out: &mut Vec<Event>) {
        let index = index_of(&value);
        let Some(item) = value.get("item") else { return };
        let known = self.items.iter().find(|known| known.index == index);
        let (begun, spoken) = known.map_or((None, false), |known| (known.call, known.spoken));
        if let Some(place) = self.item_at(index) {
            place.spoken = true;
        }
        match item.get("type").and_then(Value::as_str) {
            Some("function_call" | "custom_tool_call") => {
                let call = begun.unwrap_or_else(|| self.begin_call(index, item, out));
                if !spoken {
                    out.push(Event::ToolArguments { choice: 0, call, text: items::call(item).arguments });
                }
            }
            Some("reasoning") => {
                let mut thinking = items::thought(item);
                if spoken {
                    thinking.text.clear();
                }
                out.push(Event::ThinkingSealed { choice: 0, thinking });
            }
            Some("message") => self.message_done(index, item, spoken, out),
            _ => {
                let picture = items::picture(item);
                out.push(opaque(value));
                out.extend(picture.map(|part| Event::Media { choice: 0, part: Arc::new(part) }));
            }
        }
    }

    /// A whole message: says the parts that no delta said before, and names the
    /// sources that no event named.
    fn message_done(&mut self, index: u64, item: &Value, spoken: bool, out: &mut Vec<Event>) {
        if let Some(Value::String(text)) = item.get("content").filter(|_| !spoken) {
            self.next_part();
            return self.say(text.clone(), out);
        }
        let known = self.items.iter().find(|known| known.index == index);
        let (mut before, named) = known.map_or((0, false), |known| (known.from, known.cited));
        for part in item.get("content").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
            let (said, refusal) = (text("text").unwrap_or_default(), text("refusal"));
            let chars = said.chars().count() as u64;
            if !spoken {
                self.next_part();
                self.say(said, out);
            }
            let annotations = part.get("annotations").and_then(Value::as_array).filter(|_| !named);
            for annotation in annotations.into_iter().flatten() {
                out.push(cited(json!({ "annotation": annotation }), before));
            }
            before += chars;
            out.extend(refusal.filter(|_| !spoken).map(|text| Event::Refusal { choice: 0, text }));
        }
    }

    fn end(&mut self, value: &Value, out: &mut Vec<Event>) {
        self.start(value, out);
        let Some(response) = value.get("response") else { return };
        if !self.items.iter().any(|item| item.spoken) {
            // Servers that stream no items put them all here.
            let output = response.get("output").and_then(Value::as_array).into_iter().flatten();
            for (index, item) in output.enumerate() {
                self.item_done(json!({ "output_index": index, "item": item }), out);
            }
        }
        if let Some(usage) = response.get("usage").and_then(decode_usage) {
            out.push(Event::Usage(usage));
        }
        let finish = match finish(response) {
            Some(Finish::Stop) if self.calls > 0 => Finish::ToolCalls,
            other => other.unwrap_or(Finish::Stop),
        };
        out.push(Event::Finish { choice: 0, finish });
        out.push(Event::Done);
        self.ended = true;
    }
}

/// Events that repeat what deltas and items say.
const SILENT: [&str; 14] = [
    "response.content_part.done",
    "response.output_text.done",
    "response.refusal.done",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.done",
    "response.reasoning_summary.done",
    "response.reasoning.done",
    // vLLM's, of thoughts that are told whole.
    "response.reasoning_part.added",
    "response.reasoning_part.done",
    "response.queued",
];

fn index_of(value: &Value) -> u64 {
    value.get("output_index").and_then(Value::as_u64).unwrap_or(0)
}

/// The source that `value` annotates, of a part with so many characters before it.
fn cited(value: Value, before: u64) -> Event {
    let cited =
        value.get("annotation").and_then(|cited| citation::decode(cited, Dialect::OpenAiResponses, before));
    cited.map_or_else(|| opaque(value), |citation| Event::cited(0, citation))
}

fn opaque(value: Value) -> Event {
    Event::Opaque { dialect: Dialect::OpenAiResponses, choice: 0, value: Arc::new(value) }
}
