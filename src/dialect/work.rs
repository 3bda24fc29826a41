//! What a provider did for a model with tools of its own: code that ran, and
//! searches of the web. On the wire it is a part that one dialect knows; here it
//! is read in one form, so that each dialect that has a place for it writes it.
//!
//! How it stands on a dialect's wire is known in that dialect's folder.

use serde_json::Value;

use super::{anthropic, gemini, openai_responses};
use crate::ir::Dialect;

/// A call of a provider's own tool, its outcome, or both in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Pairs a call with its outcome; empty where they stand one after the other.
    pub(super) id: String,
    /// What was done.
    pub(super) call: Option<Call>,
    /// What came of it.
    pub(super) outcome: Option<Outcome>,
    /// What else is said of it, which no other dialect has a place for.
    pub(super) beside: Option<&'static str>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// Code ran.
    Code(Language, String),
    /// The web was searched for these words.
    Search(Vec<String>),
}

/// What code is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Bash,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What the code printed, and whether it failed.
    Printed(String, bool),
    /// Pages that were found: address and title.
    Found(Vec<(String, String)>),
}

impl Work {
    /// Whether it is a search.
    fn is_search(&self) -> bool {
        matches!(self.call, Some(Call::Search(_))) || matches!(self.outcome, Some(Outcome::Found(_)))
    }

    /// What a client of `to` that is told of it is not told all the same.
    pub(super) fn unsaid(&self, to: Dialect) -> Vec<&'static str> {
        let titled = |pages: &[(String, String)]| pages.iter().any(|(_, title)| !title.is_empty());
        let titles = to == Dialect::OpenAiResponses
            && matches!(&self.outcome, Some(Outcome::Found(pages)) if titled(pages));
        self.beside.into_iter().chain(titles.then_some("web_search.titles")).collect()
    }

    /// Whether dialects other than its own that run code and search have words for it in an answer.
    pub(super) fn is_told(&self, to: Dialect) -> bool {
        match to {
            Dialect::OpenAiResponses | Dialect::Gemini => true,
            // What is found is sealed there, and goes back under the seal.
            Dialect::Anthropic => !self.is_search(),
            _ => false,
        }
    }
}

/// What `value`, which `dialect` knows, says was done; `None`: nothing that another has a place for.
pub(super) fn read(dialect: Dialect, value: &Value) -> Option<Work> {
    match dialect {
        Dialect::Anthropic => anthropic::work::read(value),
        Dialect::Gemini => gemini::work::read(value),
        Dialect::OpenAiResponses => openai_responses::work::read(value),
        _ => None,
    }
}

#[cfg(test)]
#[path = "work_tests.rs"]
mod tests;
