//! The turns of a conversation as the API wants them: the system prompt apart,
//! user and assistant in turn, tool results at the head of a user's turn.
//!
//! A conversation that came in this dialect keeps its turns; only tool results,
//! which the canonical form keeps apart, return to their user's turn.
//!
//! Source: Anthropic, Messages API reference, `messages`; Tool use, "Handling
//! results from client tools", checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::super::block::{CACHE_CONTROL, Encoder};
use crate::dialect::fields::Path;
use crate::error::Result;
use crate::ir::{Message, Part, Request, Role};

/// A conversation on the wire.
pub(super) struct Conversation {
    /// Blocks of the system prompt.
    pub(super) system: Vec<Value>,
    /// Whether the system prompt is one plain text.
    pub(super) system_plain: bool,
    /// The turns.
    turns: Vec<Turn>,
}

/// A turn while it is put together.
struct Turn {
    role: &'static str,
    blocks: Vec<Value>,
    plain: bool,
    results: bool,
    fields: Map<String, Value>,
}

impl Conversation {
    /// Puts the conversation of `request` together.
    ///
    /// # Errors
    /// `Unsupported` for media that the dialect has no block for.
    pub(super) fn of(request: &Request, encoder: &mut Encoder) -> Result<Self> {
        let mut conversation = Self { system: Vec::new(), system_plain: true, turns: Vec::new() };
        let at = Path::Root.field("messages");
        for (index, message) in request.messages.iter().enumerate() {
            conversation.add(message, at.index(index), encoder)?;
        }
        conversation.system_plain &= conversation.system.len() == 1;
        if !encoder.same() {
            conversation.mend(encoder);
        }
        Ok(conversation)
    }

    /// The turns as JSON.
    pub(super) fn into_messages(self) -> Vec<Value> {
        self.turns.into_iter().map(Turn::into_value).collect()
    }

    /// Whether thinking with a budget may be asked for: a turn that goes on
    /// after tool calls must then have begun with a thought.
    ///
    /// Source: Anthropic, Extended thinking, "Preserving thinking blocks", checked 2026-11-21.
    pub(super) fn may_think(&self) -> bool {
        let last = self.turns.iter().rev().find(|turn| turn.role == "assistant");
        let continues = self.turns.last().is_some_and(|turn| turn.results || turn.role == "assistant");
        let thought = |turn: &Turn| {
            turn.blocks.first().is_some_and(|block| is(block, "thinking") || is(block, "redacted_thinking"))
        };
        !continues || last.is_none_or(thought)
    }

    /// Adds an instruction at the end of the system prompt.
    pub(super) fn instruct(&mut self, text: &str) {
        self.system_plain = self.system.is_empty();
        self.system.push(json!({ "type": "text", "text": text }));
    }

    fn add(&mut self, message: &Message, at: Path<'_>, encoder: &mut Encoder) -> Result<()> {
        let blocks = encoder.blocks(&message.parts, at.field("content"))?;
        if message.name.is_some() {
            encoder.drop(at.field("name"));
        }
        let leading = self.turns.is_empty();
        if message.role == Role::System && (leading || !encoder.same()) {
            if !leading {
                encoder.drop(at.field("role"));
            }
            self.system_plain &= is_plain(message);
            self.system.extend(blocks);
            self.carry(message, at, encoder, true);
            return Ok(());
        }
        let role = match message.role {
            Role::System => "system",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let results = message.role == Role::Tool;
        let same = encoder.same();
        if blocks.is_empty() && !same {
            return Ok(());
        }
        match self.turns.last_mut() {
            Some(last) if last.role == role && (!same || last.results) => {
                last.plain = false;
                last.results |= results;
                last.blocks.extend(blocks);
            }
            _ => {
                let plain = is_plain(message);
                self.turns.push(Turn { role, blocks, plain, results, fields: Map::new() });
            }
        }
        self.carry(message, at, encoder, false);
        Ok(())
    }

    /// Takes the fields of a message along: a cache mark of another dialect's
    /// message is one of its last block's here.
    fn carry(&mut self, message: &Message, at: Path<'_>, encoder: &mut Encoder, system: bool) {
        if message.extra.is_empty() {
            return;
        }
        let mut fields = Map::new();
        encoder.extra(&mut fields, &message.extra, at);
        let turn = self.turns.last_mut().filter(|_| !system);
        if encoder.same() {
            if let Some(turn) = turn {
                turn.fields.extend(fields);
            }
            return;
        }
        let (plain, blocks) = match turn {
            Some(turn) => (&mut turn.plain, &mut turn.blocks),
            None => (&mut self.system_plain, &mut self.system),
        };
        if let (Some(mark), Some(Value::Object(last))) =
            (fields.shift_remove(CACHE_CONTROL), blocks.last_mut())
        {
            *plain = false;
            last.insert(CACHE_CONTROL.to_owned(), mark);
        }
    }

    /// Makes turns of another dialect ones that the API takes.
    fn mend(&mut self, encoder: &mut Encoder) {
        if self.turns.is_empty() && !self.system.is_empty() {
            // Nothing but instructions: the API wants a turn to answer.
            encoder.drop(Path::Root.field("messages").index(0).field("role"));
            let (blocks, plain) = (std::mem::take(&mut self.system), self.system_plain);
            self.turns.push(Turn { role: "user", blocks, plain, results: false, fields: Map::new() });
        }
        for turn in self.turns.iter_mut().filter(|turn| turn.results) {
            turn.blocks.sort_by_key(|block| !is(block, "tool_result"));
        }
        // A turn that the model is to go on with must not end in white space.
        if let Some(last) = self.turns.last_mut().filter(|turn| turn.role == "assistant")
            && let Some(Value::String(text)) = last.blocks.last_mut().and_then(|block| block.get_mut("text"))
        {
            text.truncate(text.trim_end().len());
        }
    }
}

impl Turn {
    fn into_value(self) -> Value {
        let mut turn = Map::new();
        turn.insert("role".to_owned(), self.role.into());
        turn.insert("content".to_owned(), plain_or_blocks(self.blocks, self.plain));
        turn.extend(self.fields);
        Value::Object(turn)
    }
}

/// A lone text as a string where it was one, else the list of blocks.
pub(super) fn plain_or_blocks(mut blocks: Vec<Value>, plain: bool) -> Value {
    match blocks.as_mut_slice() {
        [only] if plain => only.get_mut("text").map(Value::take).unwrap_or_default(),
        _ => Value::Array(blocks),
    }
}

/// Whether the message is one text without anything beside it.
fn is_plain(message: &Message) -> bool {
    message.plain && matches!(message.parts.as_slice(), [Part::Text { extra, .. }] if extra.is_empty())
}

/// Whether `block` is of the type `kind`.
fn is(block: &Value, kind: &str) -> bool {
    block.get("type").and_then(Value::as_str) == Some(kind)
}
