//! A whole answer to a client, onto the wire.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::response::is_content;
use super::{items, parts, work};
use crate::dialect::openai_chat::citation;
use crate::dialect::openai_chat::fields::merge;
use crate::dialect::openai_chat::options::Carry;
use crate::dialect::{ReplyFacts, gemini, sound};
use crate::ir::{Choice, Citation, Dialect, Extent, Finish, Part, Response, Usage};

/// Encodes an answer.
pub(super) fn encode(response: &Response, reply: &ReplyFacts) -> Bytes {
    let own = response.dialect == Dialect::OpenAiResponses;
    let first = response.choices.first();
    let output = first.map(|choice| output(choice, own, &reply.request_id)).unwrap_or_default();
    let mut value = skeleton(&response.id, &response.model, response.created, reply);
    let finish = first.and_then(|choice| choice.finish.as_ref());
    put(&mut value, finish_fields(finish));
    put(&mut value, json!({ "output": output }));
    if let Some(usage) = &response.usage {
        let mut usage = usage_value(usage);
        if let Some(rest) = response.extra.get("usage").filter(|_| own) {
            merge(&mut usage, rest);
        }
        put(&mut value, json!({ "usage": usage }));
    }
    if own {
        let more: Map<String, Value> = response
            .extra
            .iter()
            .filter(|(name, _)| *name != "usage")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        put(&mut value, Value::Object(more));
    }
    Bytes::from(value.to_string())
}

/// Sets fields, replacing what is there.
pub(super) fn put(value: &mut Value, fields: Value) {
    if let (Value::Object(value), Value::Object(fields)) = (value, fields) {
        value.extend(fields);
    }
}

/// A response object that has begun, with every field that SDKs demand.
pub(super) fn skeleton(id: &str, model: &str, created: Option<u64>, reply: &ReplyFacts) -> Value {
    let id = if id.is_empty() { format!("resp_{}", reply.request_id) } else { id.to_owned() };
    json!({
        "id": id,
        "object": "response",
        "created_at": created.unwrap_or(reply.created),
        "status": "in_progress",
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "metadata": {},
        "model": if model.is_empty() { &reply.model } else { model },
        "output": [],
        "parallel_tool_calls": true,
        "temperature": null,
        "tool_choice": "auto",
        "tools": [],
        "top_p": null,
        "usage": null,
    })
}

/// Status and reason of a response that has ended so.
pub(super) fn finish_fields(finish: Option<&Finish>) -> Value {
    let reason = match finish {
        Some(Finish::Length) => "max_output_tokens",
        Some(Finish::ContentFilter | Finish::Refusal) => "content_filter",
        Some(Finish::Other(name)) if name == "incomplete" => {
            return json!({ "status": "incomplete", "incomplete_details": null });
        }
        Some(Finish::Other(name)) if matches!(name.as_str(), "cancelled" | "failed") => {
            return json!({ "status": name });
        }
        // A name that nobody here knows is no proper end: the client reads it as it came.
        Some(Finish::Other(name)) => name,
        Some(Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls | Finish::Pause) | None => {
            return json!({ "status": "completed" });
        }
    };
    json!({ "status": "incomplete", "incomplete_details": { "reason": reason } })
}

/// Usage as this dialect states it.
pub(super) fn usage_value(usage: &Usage) -> Value {
    let mut value = json!({
        "input_tokens": usage.input,
        "input_tokens_details": { "cached_tokens": usage.cached_input.unwrap_or(0) },
        "output_tokens": usage.output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
        "total_tokens": usage.total(),
    });
    if let Some(written) = usage.cache_write {
        merge(&mut value, &json!({ "input_tokens_details": { "cache_write_tokens": written } }));
    }
    value
}

/// The items of an answer: runs of content as messages, the rest on its own.
fn output(choice: &Choice, own: bool, request_id: &str) -> Vec<Value> {
    let mut lost = Vec::new();
    let mut carry = Carry { own, dropped: &mut lost };
    let mut output: Vec<Value> = Vec::new();
    let mut content = Vec::new();
    let id = |kind: &str, at: usize| format!("{kind}_{request_id}_{at}");
    let mut message_extra = Some(&choice.message.extra);
    let mut flush = |content: &mut Vec<Value>, output: &mut Vec<Value>, carry: &mut Carry<'_>| {
        if content.is_empty() {
            return;
        }
        let mut item = json!({ "type": "message", "role": "assistant", "content": std::mem::take(content) });
        if let Some(extra) = message_extra.take() {
            carry.extra(&mut item, extra, "");
        }
        merge(&mut item, &json!({ "id": id("msg", output.len()), "status": "completed" }));
        output.push(item);
    };
    let mut beside = Beside::of(choice, own);
    for part in &choice.message.parts {
        if is_content(part) {
            // SDKs know no sound among an answer's parts: its words do.
            let words = sound::words(part).filter(|_| !own).map(Part::text);
            let mut value = parts::encode(words.as_ref().unwrap_or(part), true, "", &mut carry);
            if let (Some(value), Some(text)) = (&mut value, part.as_text()) {
                beside.put(value, text);
            }
            content.extend(value);
            continue;
        }
        flush(&mut content, &mut output, &mut carry);
        let at = output.len();
        match part {
            Part::ToolCall(call) => {
                let mut item = items::call_value(call);
                carry.extra(&mut item, &call.extra, "");
                merge(&mut item, &json!({ "id": id("fc", at), "status": "completed" }));
                output.push(item);
            }
            Part::Thinking(thought) => output.push(items::thought_value(thought, own, &id("rs", at))),
            Part::Opaque { dialect: Dialect::OpenAiResponses, value } => output.push((**value).clone()),
            Part::Opaque { dialect, value } => {
                let done = crate::dialect::work::read(*dialect, value);
                done.into_iter().for_each(|done| work::add(&done, &id("ci", at), &mut output));
            }
            picture => output.extend(items::picture_value(picture, &id("ig", at))),
        }
    }
    flush(&mut content, &mut output, &mut carry);
    let grounding = choice.extra.get(gemini::work::METADATA).filter(|_| !own);
    if let Some(searched) = grounding.and_then(gemini::work::searched) {
        work::add(&searched, &id("ws", output.len()), &mut output);
    }
    output.iter_mut().filter(|item| work::is_open(item)).for_each(|item| work::end(item, None));
    output
}

/// What another dialect's answer says beside its texts: sources and log probabilities.
struct Beside<'a> {
    citations: &'a [Citation],
    logprobs: Option<&'a Value>,
    said: Extent,
    /// How many texts are to come.
    texts: usize,
}

impl<'a> Beside<'a> {
    /// What stands beside the texts of `choice`; they bring their `own` themselves.
    fn of(choice: &'a Choice, own: bool) -> Self {
        let logprobs = choice.logprobs.as_ref().and_then(|all| all.get("content"));
        let texts = choice.message.parts.iter().filter(|part| part.as_text().is_some()).count();
        if own {
            return Self { citations: &[], logprobs: None, said: Extent::default(), texts };
        }
        Self { citations: &choice.message.citations, logprobs, said: Extent::default(), texts }
    }

    /// Puts beside `text` what belongs to it; what belongs to no text in particular goes to the last.
    fn put(&mut self, value: &mut Value, text: &str) {
        let before = self.said.chars;
        self.said.add(text);
        self.texts -= 1;
        let last = self.texts == 0;
        let here = |citation: &&Citation| {
            let from = citation.range.map_or(u64::MAX, |(from, _)| from);
            from >= before && (last || from < self.said.chars)
        };
        let chars = self.said.chars - before;
        let cited = self.citations.iter().filter(here);
        let cited: Vec<Value> =
            cited.filter_map(|one| citation::encode(one, Dialect::OpenAiResponses, before, chars)).collect();
        if !cited.is_empty() {
            put(value, json!({ "annotations": cited }));
        }
        if let Some(logprobs) = self.logprobs.take() {
            put(value, json!({ "logprobs": logprobs }));
        }
    }
}
