//! What a model names as the source of what it says.

use std::sync::Arc;

use serde_json::Value;

use super::{Dialect, Part};

/// A source, and what rests on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Citation {
    /// The dialect in which it came.
    pub dialect: Dialect,
    /// The characters (Unicode code points) of the choice's visible text that
    /// rest on it, from the first to the one behind the last; absent where the
    /// provider does not say, or counts what cannot be counted here.
    pub range: Option<(u64, u64)>,
    /// The address of the source.
    pub url: Option<String>,
    /// The title of the source, or its file's name.
    pub title: Option<String>,
    /// The words of the source.
    pub quote: Option<String>,
    /// The provider's id of the file that is the source.
    pub file: Option<String>,
    /// How it stood on the wire, for clients of the same dialect; absent where
    /// it stood among what goes to them in another way.
    pub raw: Option<Arc<Value>>,
}

impl Citation {
    /// A citation of nothing yet.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        Self { dialect, range: None, url: None, title: None, quote: None, file: None, raw: None }
    }

    /// What it is called: its title, else its address, else its file.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        [&self.title, &self.url, &self.file].into_iter().find_map(Option::as_deref)
    }
}

/// The citations that stand at an answer's texts, in lists named `citations`:
/// `decode` makes one of a list's value and the characters of its text.
pub fn cited(parts: &[Part], decode: impl Fn(&Value, (u64, u64)) -> Citation) -> Vec<Citation> {
    let mut said = Extent::default();
    let mut citations = Vec::new();
    for part in parts {
        let Part::Text { text, extra } = part else { continue };
        let from = said.chars;
        said.add(text);
        let listed = extra.get("citations").and_then(Value::as_array).into_iter().flatten();
        citations.extend(listed.map(|value| decode(value, (from, said.chars))));
    }
    citations
}

/// How much visible text a choice has said: what ranges of citations count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Unicode code points.
    pub chars: u64,
    /// Bytes of UTF-8.
    pub bytes: u64,
}

impl Extent {
    /// Counts `text`.
    pub fn add(&mut self, text: &str) {
        self.chars += text.chars().count() as u64;
        self.bytes += text.len() as u64;
    }

    /// `bytes` of the text as characters, where that can be told without the
    /// text: as long as every character was one byte.
    #[must_use]
    pub fn chars_at(&self, bytes: u64) -> Option<u64> {
        (self.chars == self.bytes && bytes <= self.bytes).then_some(bytes)
    }
}
