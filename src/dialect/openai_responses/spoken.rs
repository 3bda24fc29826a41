//! The one part of a message item that a stream is saying: its words, and what
//! stands beside them.

use serde_json::{Value, json};

use super::answer::put;
use crate::dialect::openai_chat::citation;
use crate::ir::{Citation, Dialect, Logprobs};

/// A message's part under way.
#[derive(Debug)]
pub(super) struct Spoken {
    /// The item's place in the output.
    pub(super) index: usize,
    /// Whether it declines.
    pub(super) refusal: bool,
    text: String,
    /// Characters of it.
    chars: u64,
    /// Characters that were said before it.
    before: u64,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
}

impl Spoken {
    pub(super) fn new(index: usize, refusal: bool, before: u64) -> Self {
        let text = String::new();
        Self { index, refusal, text, chars: 0, before, annotations: Vec::new(), logprobs: Vec::new() }
    }

    /// The type of the part, and the field of its words.
    pub(super) fn names(&self) -> (&'static str, &'static str) {
        if self.refusal { ("refusal", "refusal") } else { ("output_text", "text") }
    }

    pub(super) fn say(&mut self, piece: &str) {
        self.chars += piece.chars().count() as u64;
        self.text.push_str(piece);
    }

    /// Characters that were said when it ends.
    pub(super) fn end(&self) -> u64 {
        self.before + self.chars
    }

    /// Annotates the text; the annotation and its number, where there is a word for it.
    pub(super) fn cite(&mut self, cited: &Citation) -> Option<(usize, Value)> {
        let dialect = Dialect::OpenAiResponses;
        let value = citation::encode(cited, dialect, self.before, self.chars)?;
        self.annotations.push(value.clone());
        Some((self.annotations.len() - 1, value))
    }

    /// Adds log probabilities of the words; the list of them.
    pub(super) fn weigh(&mut self, logprobs: &Logprobs) -> Option<Value> {
        let list = logprobs.get("content")?.as_array()?;
        self.logprobs.extend(list.iter().cloned());
        Some(list.clone().into())
    }

    /// The whole part, and the fields of the event that says so.
    pub(super) fn done(self) -> (Value, Value) {
        let (kind, field) = self.names();
        let mut done = json!({ field: self.text });
        let mut part = json!({ "type": kind, field: self.text });
        if !self.refusal {
            put(&mut part, json!({ "annotations": self.annotations }));
            if !self.logprobs.is_empty() {
                put(&mut part, json!({ "logprobs": self.logprobs }));
            }
            put(&mut done, json!({ "logprobs": self.logprobs }));
        }
        (done, part)
    }
}
