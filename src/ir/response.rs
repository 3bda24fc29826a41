//! A whole answer.

use serde_json::Value;

use super::{Dialect, Extra, Message, Part, Usage};

/// A whole answer of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The dialect in which it came; [`Extra`] fields go back to that one only.
    pub dialect: Dialect,
    /// The provider's id; invented by the encoder where empty.
    pub id: String,
    /// The model's name as the provider gave it; may be empty.
    pub model: String,
    /// Seconds since the Unix epoch, where the dialect has it.
    pub created: Option<u64>,
    /// The answers, by index; one unless the request asked for more.
    pub choices: Vec<Choice>,
    /// Tokens, where the provider said.
    pub usage: Option<Usage>,
    /// Wire fields without a place here (`system_fingerprint`, `service_tier`, ...).
    pub extra: Extra,
}

impl Response {
    /// An answer without choices.
    #[must_use]
    pub fn new(dialect: Dialect, id: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            dialect,
            id: id.into(),
            model: model.into(),
            created: None,
            choices: Vec::new(),
            usage: None,
            extra: Extra::NONE,
        }
    }

    /// The visible text of the first choice.
    #[must_use]
    pub fn text(&self) -> String {
        self.choices.first().map(|choice| choice.message.joined_text()).unwrap_or_default()
    }

    /// What the first choice says: its text, or the words of its sound where there is none.
    #[must_use]
    pub fn said(&self) -> String {
        let text = self.text();
        if !text.is_empty() {
            return text;
        }
        let parts = self.choices.iter().take(1).flat_map(|choice| &choice.message.parts);
        parts
            .filter_map(|part| match part {
                Part::Audio(media) => media.transcript.as_deref(),
                _ => None,
            })
            .collect()
    }
}

/// One answer of a [`Response`].
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its place among the choices.
    pub index: u32,
    /// What the model said.
    pub message: Message,
    /// Why it stopped; absent when the provider did not say.
    pub finish: Option<Finish>,
    /// Log probabilities, in OpenAI's form.
    pub logprobs: Option<Logprobs>,
    /// Wire fields without a place here.
    pub extra: Extra,
}

/// Log probabilities in OpenAI's `logprobs` form (`{content: [...], refusal: [...]}`).
pub type Logprobs = Value;

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// It was done.
    Stop,
    /// It met one of the request's stop sequences; which, where known.
    StopSequence(Option<String>),
    /// It reached the token limit.
    Length,
    /// It waits for the results of its tool calls.
    ToolCalls,
    /// A filter cut the answer.
    ContentFilter,
    /// The model declined (Anthropic's `refusal`).
    Refusal,
    /// It paused and wants to be called again with what it said (Anthropic's `pause_turn`).
    Pause,
    /// A name that only the provider knows.
    Other(String),
}
