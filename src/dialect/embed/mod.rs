//! Embeddings: OpenAI's form towards clients, every vendor's towards providers.
//!
//! | step | call |
//! | --- | --- |
//! | a client's body | [`decode_request`] |
//! | not more inputs a call than the provider takes | [`crate::ir::EmbedRequest::pieces`] of [`Form::most_inputs`] |
//! | what goes to the provider | [`Form::encode`] |
//! | what comes back | [`Form::decode`] |
//! | the answer to the client | [`encode_response`] |

mod bedrock;
mod client;
mod cohere;
mod gemini;
mod listed;
mod ollama;
mod vector;

pub use client::{decode_request, encode_response};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::openai_chat::path;
use super::refusal::hidden;
use super::{Target, Wire};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{EmbedInput, EmbedRequest, EmbedResponse};

/// A provider's form of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// OpenAI's `embeddings`.
    OpenAi,
    /// Gemini's `batchEmbedContents`; Vertex's `predict` by quirk.
    Gemini,
    /// Cohere's `embed`, version 2.
    Cohere,
    /// Voyage's `embeddings`.
    Voyage,
    /// Ollama's `embed`.
    Ollama,
    /// Bedrock's `invoke` of Titan and Cohere models.
    Bedrock,
}

/// What a form can do.
trait Side: Sync {
    /// The call for `request`; what cannot be carried goes to `dropped`.
    fn encode(&self, request: &EmbedRequest, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Call>;

    /// The vectors in an answer.
    fn decode(&self, answer: Value) -> Option<EmbedResponse>;
}

/// Path and body of a call.
struct Call {
    path: String,
    body: Value,
}

impl Form {
    const fn side(self) -> &'static dyn Side {
        match self {
            Self::OpenAi => &listed::OpenAi,
            Self::Gemini => &gemini::Gemini,
            Self::Cohere => &cohere::Cohere,
            Self::Voyage => &listed::Voyage,
            Self::Ollama => &ollama::Ollama,
            Self::Bedrock => &bedrock::Bedrock,
        }
    }

    /// Most inputs of one call. Sources: the vendors' API references, checked 2026-11-21.
    #[must_use]
    pub const fn most_inputs(self) -> usize {
        match self {
            Self::OpenAi | Self::Ollama => 2048,
            Self::Voyage => 1000,
            Self::Gemini => 100,
            Self::Cohere => 96,
            Self::Bedrock => 1,
        }
    }

    /// Encodes `request`.
    ///
    /// # Errors
    /// `Unsupported` for token ids, which only OpenAI's form reads.
    pub fn encode(self, request: &EmbedRequest, target: &Target<'_>) -> Result<Wire> {
        let mut dropped = Vec::new();
        let call = self.side().encode(request, target, &mut dropped)?;
        let path = path(target, &call.path);
        Ok(Wire { path, body: Bytes::from(call.body.to_string()), headers: Vec::new(), dropped })
    }

    /// Decodes an answer of status 2xx.
    ///
    /// # Errors
    /// `InvalidResponse` when it holds no vectors; the provider's own error when it hides in a 200.
    pub fn decode(self, body: &[u8]) -> Result<EmbedResponse> {
        let answer: Value = serde_json::from_slice(body)
            .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
        if let Some(error) = hidden(&answer) {
            return Err(error);
        }
        let response = self.side().decode(answer).filter(|response| !response.vectors.is_empty());
        response.ok_or_else(|| Error::bad_answer("the provider's answer holds no vectors"))
    }
}

/// The texts of `request`.
///
/// # Errors
/// `Unsupported` when an input is token ids.
fn texts(request: &EmbedRequest) -> Result<Vec<&str>> {
    let texts = request.inputs.iter().enumerate().map(|(at, input)| match input {
        EmbedInput::Text(text) => Ok(text.as_str()),
        EmbedInput::Tokens(_) => {
            let message = "this provider embeds texts, not token ids";
            Err(Error::new(Kind::Unsupported, Origin::Client, message).with_param(format!("input[{at}]")))
        }
    });
    texts.collect()
}

/// Extra fields that a form reads under its own name.
const READ: [&str; 2] = ["input_type", "task_type"];

/// Copies the fields named in `own` into `body` and reports the others.
fn carry(request: &EmbedRequest, own: &[&str], body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    for (name, value) in request.extra.iter() {
        if own.contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        } else if !READ.contains(&name.as_str()) {
            dropped.push(name.clone());
        }
    }
    if request.user.is_some() {
        dropped.push("user".to_owned());
    }
}
