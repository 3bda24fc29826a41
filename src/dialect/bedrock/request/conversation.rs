//! The turns as Converse wants them: the system prompt apart, user and
//! assistant in turn, tool results at the head of a user's turn.
//!
//! Source: Amazon Bedrock, Converse, "messages"; Call a tool, checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::block::{self, Encoder};
use crate::dialect::fields::Path;
use crate::error::Result;
use crate::ir::{Message, Request, Role};

/// A conversation on the wire.
#[derive(Default)]
pub(super) struct Conversation {
    system: Vec<Value>,
    turns: Vec<(&'static str, Vec<Value>)>,
    called: Vec<String>,
}

impl Conversation {
    /// Puts the conversation of `request` together.
    ///
    /// # Errors
    /// `Unsupported` for media that Converse cannot carry.
    pub(super) fn of(request: &Request, encoder: &mut Encoder) -> Result<Self> {
        let mut conversation = Self::default();
        let at = Path::Root.field("messages");
        for (index, message) in request.messages.iter().enumerate() {
            conversation.add(message, at.index(index), encoder)?;
        }
        if conversation.turns.is_empty() && !conversation.system.is_empty() {
            // Nothing but instructions: the API wants a turn to answer.
            encoder.drop(at.index(0).field("role"));
            conversation.turns.push(("user", std::mem::take(&mut conversation.system)));
        }
        for (_, blocks) in &mut conversation.turns {
            if blocks.iter().any(|block| block.get("toolResult").is_some()) {
                blocks.sort_by_key(|block| block.get("toolResult").is_none());
            }
        }
        if let Some(("assistant", blocks)) = conversation.turns.last_mut()
            && let Some(Value::String(text)) = blocks.last_mut().and_then(|block| block.get_mut("text"))
        {
            // A turn that the model is to go on with must not end in white space.
            text.truncate(text.trim_end().len());
        }
        Ok(conversation)
    }

    /// Adds an instruction at the end of the system prompt.
    pub(super) fn instruct(&mut self, text: &str) {
        self.system.push(json!({ "text": text }));
    }

    /// Names of the tools that were called so far.
    pub(super) fn called(&self) -> &[String] {
        &self.called
    }

    /// `system` and `messages`.
    pub(super) fn into_fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        if !self.system.is_empty() {
            fields.insert("system".to_owned(), self.system.into());
        }
        let turns = self.turns.into_iter().map(|(role, content)| json!({ "role": role, "content": content }));
        fields.insert("messages".to_owned(), turns.collect());
        fields
    }

    fn add(&mut self, message: &Message, at: Path<'_>, encoder: &mut Encoder) -> Result<()> {
        let mut blocks = encoder.blocks(&message.parts, at.field("content"))?;
        if message.name.is_some() {
            encoder.drop(at.field("name"));
        }
        encoder.extra(&message.extra, at);
        if !blocks.is_empty() {
            blocks.extend(block::cache_point(&message.extra));
        }
        for call in message.tool_calls() {
            if !self.called.contains(&call.name) {
                self.called.push(call.name.clone());
            }
        }
        let role = match message.role {
            Role::System => {
                if !self.turns.is_empty() {
                    encoder.drop(at.field("role"));
                }
                self.system.extend(blocks);
                return Ok(());
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        match self.turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, before)) if *last == role => before.extend(blocks),
            _ => self.turns.push((role, blocks)),
        }
        Ok(())
    }
}
