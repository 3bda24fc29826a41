//! Documents ordered by relevance, in canonical form.

use serde_json::Value;

use super::{Extra, Usage};

/// What a client wants ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct RerankRequest {
    /// The model's name as the client asked.
    pub model: String,
    /// What the documents are held against.
    pub query: String,
    /// The documents, in the client's order; never empty.
    pub documents: Vec<RerankDocument>,
    /// How many to return; absent: all.
    pub top: Option<u64>,
    /// Whether the documents come back with their scores.
    pub return_documents: Option<bool>,
    /// Wire fields without a place here.
    pub extra: Extra,
}

/// A document: a text, or an object as the client sent it.
#[derive(Debug, Clone, PartialEq)]
pub enum RerankDocument {
    /// A text.
    Text(String),
    /// An object with a `text` or other fields.
    Object(Value),
}

impl RerankDocument {
    /// The text, or the object's field `text`.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Object(object) => object.get("text")?.as_str(),
        }
    }
}

/// Documents ordered by relevance, the best first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RerankResponse {
    /// The provider's id; may be empty.
    pub id: String,
    /// The model's name as the provider gave it; may be empty.
    pub model: String,
    /// The documents that were kept.
    pub ranked: Vec<Ranked>,
    /// Tokens, where the provider said.
    pub usage: Option<Usage>,
    /// Searches that are billed, where the provider counts so (Cohere).
    pub search_units: Option<u64>,
}

/// One document's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place in the request.
    pub index: u64,
    /// Its relevance; higher is better, the range is the model's.
    pub score: f64,
}
