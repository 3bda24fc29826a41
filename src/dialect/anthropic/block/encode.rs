//! Content blocks for the wire: for a provider in a request, for a client in an answer.

use serde_json::{Map, Value, json};

use super::super::citation;
use super::super::work::Writer;
use super::media::cannot_carry;
use super::{CACHE_CONTROL, INVALID_JSON};
use crate::dialect::fields::Path;
use crate::dialect::work::Work;
use crate::dialect::{ids, work};
use crate::error::Result;
use crate::ir::{Dialect, Extra, Part, Thinking, ToolCall, ToolResult};

/// Encodes parts and keeps account of what could not go along.
pub(in crate::dialect) struct Encoder {
    /// The dialect from which the parts come.
    pub(in crate::dialect) from: Dialect,
    /// Paths of what is left out or changed.
    pub(in crate::dialect) dropped: Vec<String>,
    /// Whether a file that was uploaded before is used.
    pub(in crate::dialect) files: bool,
    /// Whether a client reads the blocks: it takes unsealed reasoning and any id.
    client: bool,
    /// Whether the request asks for code to be run: only then may blocks say that code ran.
    pub(in crate::dialect) runs_code: bool,
    /// Writes what other providers did by their own tools.
    work: Writer,
}

impl Encoder {
    /// For a provider; the parts come from `from`.
    pub(in crate::dialect) fn for_provider(from: Dialect) -> Self {
        Self {
            from,
            dropped: Vec::new(),
            files: false,
            client: false,
            runs_code: false,
            work: Writer::default(),
        }
    }

    /// For a client; the parts come from `from`.
    pub(in crate::dialect) fn for_client(from: Dialect) -> Self {
        Self { client: true, ..Self::for_provider(from) }
    }

    /// Whether the parts come in this very dialect.
    pub(in crate::dialect) fn same(&self) -> bool {
        self.from == Dialect::Anthropic
    }

    /// Accounts for what stands at `at`.
    pub(in crate::dialect) fn drop(&mut self, at: Path<'_>) {
        self.dropped.push(at.to_string());
    }

    /// The blocks of `parts`, without what cannot go along.
    pub(in crate::dialect) fn blocks(&mut self, parts: &[Part], at: Path<'_>) -> Result<Vec<Value>> {
        let mut blocks = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Opaque { dialect, value } if *dialect != Dialect::Anthropic => {
                    let later = parts.get(index + 1..).unwrap_or_default();
                    match work::read(*dialect, value).map(|done| self.work(&done, later, at.index(index))) {
                        Some(own) if !own.is_empty() => blocks.extend(own),
                        _ => self.drop(at.index(index)),
                    }
                }
                part => blocks.extend(self.block(part, at.index(index))?),
            }
        }
        Ok(blocks)
    }

    /// The block of `part`; `None` when it is left out.
    ///
    /// # Errors
    /// `Unsupported` for media without which the request would mean something else.
    fn block(&mut self, part: &Part, at: Path<'_>) -> Result<Option<Value>> {
        Ok(match part {
            Part::Text { text, extra } => self.text(text, extra, at),
            Part::Refusal(text) => self.text(text, &Extra::NONE, at),
            Part::Image(media) => Some(self.image(media, at)?),
            Part::Document(media) => Some(self.document(media, at)?),
            Part::Audio(_) => return Err(cannot_carry("audio", at)),
            Part::Video(_) => return Err(cannot_carry("video", at)),
            Part::ToolCall(call) => Some(self.tool_use(call, at)),
            Part::ToolResult(result) => Some(self.tool_result(result, at)?),
            Part::Thinking(thinking) => self.thinking(thinking, at),
            Part::Opaque { value, .. } => Some(value.as_ref().clone()),
        })
    }

    /// What another provider did by its own tools. The API takes a call only with
    /// its result, and both only of a tool that the request has.
    fn work(&mut self, done: &Work, later: &[Part], at: Path<'_>) -> Vec<Value> {
        let ends = |part: &Part| match part {
            Part::Opaque { dialect, value } => {
                work::read(*dialect, value).is_some_and(|next| next.outcome.is_some() && next.id == done.id)
            }
            _ => false,
        };
        let whole = match (&done.call, &done.outcome) {
            (Some(_), None) => later.iter().any(ends),
            (None, _) => self.work.is_called(done),
            (Some(_), Some(_)) => true,
        };
        let fits = self.client || (self.runs_code && whole);
        if !fits {
            return Vec::new();
        }
        let blocks = self.work.blocks(done);
        if done.beside.is_some() && !blocks.is_empty() {
            self.drop(at);
        }
        blocks
    }

    /// Adds the fields of `extra` that may go along.
    pub(in crate::dialect) fn extra(&mut self, block: &mut Map<String, Value>, extra: &Extra, at: Path<'_>) {
        for (name, value) in extra.iter() {
            if block.contains_key(name) {
                continue;
            }
            if self.same() || name == CACHE_CONTROL {
                let own = |cited: &&Value| !citation::is_foreign(cited);
                let value = match value {
                    // What another maker's model cited is nothing that the API knows of.
                    Value::Array(cited) if name == "citations" && !self.client => {
                        cited.iter().filter(own).cloned().collect()
                    }
                    value => value.clone(),
                };
                block.insert(name.clone(), value);
            } else if extra.is_lost(name) {
                self.drop(at.field(name));
            }
        }
    }

    /// A text block. The API refuses empty ones; they say nothing.
    fn text(&mut self, text: &str, extra: &Extra, at: Path<'_>) -> Option<Value> {
        if text.trim().is_empty() && !self.same() {
            return None;
        }
        let mut block = object(json!({ "type": "text", "text": text }));
        self.extra(&mut block, extra, at);
        Some(Value::Object(block))
    }

    fn tool_use(&mut self, call: &ToolCall, at: Path<'_>) -> Value {
        let input = serde_json::from_str(&call.arguments).ok().filter(Value::is_object);
        let input = input.unwrap_or_else(|| {
            if call.arguments.trim().is_empty() {
                return Value::Object(Map::new());
            }
            self.drop(at.field("arguments"));
            // A free-text tool's words are no broken JSON.
            json!({ if call.custom { "input" } else { INVALID_JSON }: call.arguments })
        });
        if call.signature.is_some() {
            self.drop(at.field("signature"));
        }
        let mut block =
            object(json!({ "type": "tool_use", "id": self.id(&call.id), "name": call.name, "input": input }));
        self.extra(&mut block, &call.extra, at);
        Value::Object(block)
    }

    /// A tool call's id: as it is for a client, as the API demands it for a provider.
    fn id(&self, id: &str) -> String {
        if self.client { id.to_owned() } else { ids::plain(id) }
    }

    fn tool_result(&mut self, result: &ToolResult, at: Path<'_>) -> Result<Value> {
        let mut block = object(json!({ "type": "tool_result", "tool_use_id": self.id(&result.call_id) }));
        match result.parts.as_slice() {
            [] => {}
            [Part::Text { text, extra }] if extra.is_empty() => {
                block.insert("content".to_owned(), text.as_str().into());
            }
            parts => {
                block.insert("content".to_owned(), self.blocks(parts, at.field("content"))?.into());
            }
        }
        if result.is_error {
            block.insert("is_error".to_owned(), true.into());
        }
        self.extra(&mut block, &result.extra, at);
        Ok(Value::Object(block))
    }

    /// Reasoning goes back only under its maker's seal: Gemini's and Responses'
    /// seals, and reasoning without one, are refused by the API.
    fn thinking(&mut self, thinking: &Thinking, at: Path<'_>) -> Option<Value> {
        let foreign = matches!(self.from, Dialect::OpenAiResponses);
        let seal =
            if self.client { thinking.signature.as_deref() } else { thinking.seal_of(Dialect::Anthropic) };
        let seal = seal.unwrap_or_default();
        if !self.client && (seal.is_empty() || foreign) {
            self.drop(at);
            return None;
        }
        let mut block = object(if thinking.redacted {
            json!({ "type": "redacted_thinking", "data": seal })
        } else {
            json!({ "type": "thinking", "thinking": thinking.text, "signature": seal })
        });
        if self.same() {
            // In others the extra fields say how the thought stood on the wire.
            self.extra(&mut block, &thinking.extra, at);
        }
        Some(Value::Object(block))
    }
}

/// The fields of an object literal.
pub(in crate::dialect) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
