//! Texts to vectors, in canonical form.

use super::{Extra, Usage};

/// What a client wants as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedRequest {
    /// The model's name as the client asked.
    pub model: String,
    /// What shall become vectors, in order; never empty.
    pub inputs: Vec<EmbedInput>,
    /// Length that the vectors shall have; absent: the model's own.
    pub dimensions: Option<u32>,
    /// What the vectors are for, where the client said.
    pub purpose: Option<Purpose>,
    /// How the client wants to read them.
    pub encoding: VectorEncoding,
    /// The end user's id.
    pub user: Option<String>,
    /// Wire fields without a place here.
    pub extra: Extra,
}

impl EmbedRequest {
    /// The request in pieces of at most `most` inputs, in order.
    pub fn pieces(&self, most: usize) -> impl Iterator<Item = Self> {
        let pieces = self.inputs.chunks(most.max(1));
        pieces.map(|inputs| Self { inputs: inputs.to_vec(), ..self.clone() })
    }

    /// All texts, for counting and for policies.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().filter_map(|input| match input {
            EmbedInput::Text(text) => Some(text.as_str()),
            EmbedInput::Tokens(_) => None,
        })
    }
}

/// One thing to become a vector.
#[derive(Debug, Clone, PartialEq)]
pub enum EmbedInput {
    /// A text.
    Text(String),
    /// A text as the model's own token ids.
    Tokens(Vec<u32>),
}

/// What vectors are for; models that search treat questions and documents differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A question to search with.
    Query,
    /// A document to be found.
    Document,
    /// Input of a classifier.
    Classification,
    /// Input of a clustering.
    Clustering,
    /// To be held against each other.
    Similarity,
}

/// How vectors stand on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VectorEncoding {
    /// As a list of numbers.
    #[default]
    Float,
    /// As base64 of little-endian 32-bit floats.
    Base64,
}

/// Vectors, in the order of the inputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmbedResponse {
    /// The model's name as the provider gave it; may be empty.
    pub model: String,
    /// The vectors.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens, where the provider said; there is no output.
    pub usage: Option<Usage>,
}

impl EmbedResponse {
    /// Appends the answer to the next piece of the same request.
    pub fn append(&mut self, mut next: Self) {
        self.vectors.append(&mut next.vectors);
        self.usage = match (self.usage, next.usage) {
            (Some(ours), Some(theirs)) => {
                Some(Usage { input: ours.input.saturating_add(theirs.input), stated_total: None, ..ours })
            }
            _ => None,
        };
    }
}
