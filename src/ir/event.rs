//! A streamed answer as a sequence of events.

use std::sync::Arc;

use serde_json::Value;

use super::{Citation, Dialect, Extra, Finish, Logprobs, Part, Thinking, Usage};
use crate::error::Error;

/// One step of a streamed answer.
///
/// Order: [`Event::Start`] first, after an [`Event::Beside`] of the whole answer
/// at most; parts of a choice in the order in which they are said;
/// [`Event::Finish`] once a choice; [`Event::Usage`] any number of times, the
/// last one holds; [`Event::Done`] last, and only when the provider ended the
/// stream as its protocol demands. In every variant `choice` is the index of the
/// answer, `text` a piece of it.
#[expect(missing_docs, reason = "the fields recur and are explained once above")]
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The provider's id; may be empty.
        id: String,
        /// The model's name as the provider gave it; may be empty.
        model: String,
        /// Seconds since the Unix epoch, where the dialect has it.
        created: Option<u64>,
    },
    /// More visible text.
    Text { choice: u32, text: String },
    /// More refusal.
    Refusal { choice: u32, text: String },
    /// More reasoning in words.
    Thinking { choice: u32, text: String },
    /// A piece of reasoning is complete: its seal (`text` is empty when it was streamed as [`Event::Thinking`]).
    ThinkingSealed { choice: u32, thinking: Thinking },
    /// A tool call begins. `call` numbers the calls of a choice from 0, without gaps.
    ToolCall { choice: u32, call: u32, id: String, name: String, signature: Option<String>, custom: bool },
    /// More of a tool call's arguments, as JSON text.
    ToolArguments { choice: u32, call: u32, text: String },
    /// A picture, film or file that the model made, whole; sound and its words, whole or in pieces
    /// whose bytes follow on each other.
    Media { choice: u32, part: Arc<Part> },
    /// A source of text that was just said, or of what was said before.
    Citation { choice: u32, citation: Arc<Citation> },
    /// Log probabilities of the text just sent, in OpenAI's form.
    Logprobs { choice: u32, logprobs: Logprobs },
    /// A choice is complete.
    Finish { choice: u32, finish: Finish },
    /// Tokens so far; the last one holds.
    Usage(Usage),
    /// Something that only one dialect knows, as it stood on the wire.
    Opaque { dialect: Dialect, choice: u32, value: Arc<Value> },
    /// Fields that only one dialect knows. They say nothing of what is said: nobody waits for them.
    Beside { dialect: Dialect, of: Of, fields: Extra },
    /// The provider is alive and has nothing to say yet: passed on at once where the client's dialect has such a sign.
    Ping,
    /// The provider reports an error inside the stream.
    Error(Box<Error>),
    /// The provider ended the stream properly.
    Done,
}

/// What the fields of an [`Event::Beside`] belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The answer as a whole.
    Answer,
    /// A tool call of the first choice, by its number, that comes next.
    Call(u32),
    /// The text or thought of the first choice that begins next: what came before it is complete.
    Block,
}

impl Event {
    /// A source of what `choice` says.
    #[must_use]
    pub fn cited(choice: u32, citation: Citation) -> Self {
        Self::Citation { choice, citation: Arc::new(citation) }
    }
}
