//! The messages of a request to a provider, onto the wire.
//!
//! Results of tools are messages of their own here; what comes as one turn in
//! other dialects is taken apart, and media inside results move to a message of
//! the user behind them, because OpenAI takes only text in results.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::content::encode_part;
use super::fields::merge;
use super::message::THOUGHTS;
use super::options::Carry;
use crate::dialect::{Quirks, SPEAKERS};
use crate::ir::{Message, Part, Role, Thinking, ToolCall, ToolResult};

/// Collects messages on the wire.
pub(super) struct Turns<'a, 'b> {
    carry: &'a mut Carry<'b>,
    quirks: &'a Quirks,
    messages: Vec<Value>,
    /// Media out of tool results, waiting for the end of the run of results.
    media: Vec<Value>,
}

impl<'a, 'b> Turns<'a, 'b> {
    pub(super) fn new(carry: &'a mut Carry<'b>, quirks: &'a Quirks) -> Self {
        Self { carry, quirks, messages: Vec::new(), media: Vec::new() }
    }

    /// Adds the `at`th message of the conversation.
    pub(super) fn add(&mut self, at: usize, message: &Message) {
        let path = format!("messages[{at}]");
        let mut others = false;
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => self.add_result(&path, message, result),
                _ => others = true,
            }
        }
        let only_results = !others && message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
        if !only_results {
            self.flush_media();
            self.add_turn(&path, message);
        }
    }

    pub(super) fn into_messages(mut self) -> Vec<Value> {
        self.flush_media();
        self.messages
    }

    fn flush_media(&mut self) {
        if !self.media.is_empty() {
            let content = std::mem::take(&mut self.media);
            self.messages.push(json!({ "role": "user", "content": content }));
        }
    }

    fn add_result(&mut self, path: &str, message: &Message, result: &ToolResult) {
        let mut content = Vec::new();
        for part in &result.parts {
            match encode_part(part, path, self.carry) {
                Some(value) if self.carry.own || value.get("text").is_some() => content.push(value),
                Some(value) => self.media.push(value),
                None => self.carry.lose(format!("{path}.content")),
            }
        }
        if !self.media.is_empty() && content.is_empty() {
            content.push(json!({ "type": "text", "text": "The result follows in the next message." }));
        }
        if result.is_error {
            self.carry.lose(format!("{path}.is_error"));
        }
        let content = self.content_value(message.plain, content).unwrap_or_else(|| "".into());
        let mut value = json!({ "role": "tool" });
        let legacy = self.carry.own && message.extra.get("role").is_some();
        if !legacy {
            merge(&mut value, &json!({ "tool_call_id": self.tool_id(&result.call_id) }));
        }
        if self.carry.own && !result.name.is_empty() && !self.quirks.refused.contains(&SPEAKERS) {
            merge(&mut value, &json!({ "name": result.name }));
        }
        merge(&mut value, &json!({ "content": content }));
        self.carry.extra(&mut value, &result.extra, path);
        self.carry.extra(&mut value, &message.extra, path);
        if legacy && let Value::Object(fields) = &mut value {
            fields.insert("role".into(), "function".into());
        }
        self.messages.push(value);
    }

    fn add_turn(&mut self, path: &str, message: &Message) {
        let mut value = json!({ "role": self.role(message) });
        match &message.name {
            Some(name) if !self.quirks.refused.contains(&SPEAKERS) => {
                merge(&mut value, &json!({ "name": name }));
            }
            Some(_) => self.carry.lose(format!("{path}.name")),
            None => {}
        }
        let mut content = Vec::new();
        let mut calls = Vec::new();
        let mut thoughts: Vec<&Thinking> = Vec::new();
        let mut refusal = None;
        for part in &message.parts {
            match part {
                Part::ToolResult(_) => {}
                Part::ToolCall(call) if call.extra.get("function_call").is_some() && self.carry.own => {
                    merge(&mut value, &json!({ "function_call": legacy_call(call) }));
                }
                Part::ToolCall(call) => calls.push(self.call_value(call, path)),
                Part::Refusal(text) if message.plain || !self.carry.own || content.is_empty() => {
                    refusal = Some(text.clone());
                }
                Part::Thinking(thought) if thought.extra.get("thinking").is_none() || !self.carry.own => {
                    thoughts.push(thought);
                }
                part => match encode_part(part, path, self.carry) {
                    Some(part) => content.push(part),
                    None => self.carry.lose(format!("{path}.content")),
                },
            }
        }
        let content = self.content_value(message.plain, content).unwrap_or(Value::Null);
        if !content.is_null() || calls.is_empty() {
            merge(&mut value, &json!({ "content": content }));
        }
        self.put_thoughts(&mut value, &thoughts, path);
        if let Some(text) = refusal {
            merge(&mut value, &json!({ "refusal": text }));
        }
        if !calls.is_empty() {
            merge(&mut value, &json!({ "tool_calls": calls }));
        }
        self.carry.extra(&mut value, &message.extra, path);
        self.messages.push(value);
    }

    fn role(&self, message: &Message) -> &'static str {
        match message.role {
            Role::System if message.developer && !self.quirks.no_developer_role => "developer",
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }

    /// Content as text where it came so or where one text is all there is.
    fn content_value(&self, plain: bool, mut parts: Vec<Value>) -> Option<Value> {
        let bare = |part: &Value| part.as_object().is_some_and(|fields| fields.len() == 2);
        let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
        if let ([only], true) = (parts.as_slice(), plain || !self.carry.own)
            && bare(only)
            && let Some(text) = text(only)
        {
            return Some(text.into());
        }
        if parts.is_empty() {
            return plain.then(|| "".into());
        }
        Some(Value::Array(std::mem::take(&mut parts)))
    }

    /// Reasoning of earlier turns goes back under the names under which it came.
    fn put_thoughts(&mut self, value: &mut Value, thoughts: &[&Thinking], path: &str) {
        let mut details = Vec::new();
        let mut plain = String::new();
        for thought in thoughts {
            if !self.carry.own {
                plain.push_str(&thought.text);
                continue;
            }
            match thought.extra.get("reasoning_details") {
                Some(detail) => details.push(detail.clone()),
                None => merge(value, &Value::Object(named_thought(thought))),
            }
        }
        if !details.is_empty() {
            merge(value, &json!({ "reasoning_details": details }));
        }
        if thoughts.is_empty() || self.carry.own {
            return;
        }
        if self.quirks.reasoning_content && !plain.is_empty() {
            merge(value, &json!({ "reasoning_content": plain }));
        } else {
            self.carry.lose(format!("{path}.thinking"));
        }
    }

    fn call_value(&mut self, call: &ToolCall, path: &str) -> Value {
        let mut value = call_value(call, &self.tool_id(&call.id));
        if call.signature.is_some() && !self.carry.own {
            self.carry.lose(format!("{path}.tool_calls.signature"));
        }
        self.carry.extra(&mut value, &call.extra, &format!("{path}.tool_calls"));
        value
    }

    fn tool_id<'c>(&self, id: &'c str) -> Cow<'c, str> {
        self.quirks.tool_ids.fit(id)
    }
}

/// A tool call on the wire, without its extra fields.
pub(super) fn call_value(call: &ToolCall, id: &str) -> Value {
    if call.custom {
        return json!({ "id": id, "type": "custom", "custom": { "name": call.name, "input": call.arguments } });
    }
    json!({ "id": id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
}

/// A call in the form before tools.
pub(super) fn legacy_call(call: &ToolCall) -> Value {
    json!({ "name": call.name, "arguments": call.arguments })
}

/// The text of a thought under each name under which it came.
pub(super) fn named_thought(thought: &Thinking) -> Map<String, Value> {
    let mut named = Map::new();
    for name in THOUGHTS {
        match thought.extra.get(name) {
            Some(Value::Bool(true)) => drop(named.insert(name.into(), thought.text.clone().into())),
            Some(Value::String(text)) => drop(named.insert(name.into(), text.clone().into())),
            _ => {}
        }
    }
    if named.is_empty() {
        named.insert("reasoning_content".into(), thought.text.clone().into());
    }
    named
}
