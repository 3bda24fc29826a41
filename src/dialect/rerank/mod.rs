//! Reranking: Cohere's, Jina's and Voyage's forms to each other.
//!
//! Cohere's and Jina's requests are one; an answer in that form carries the
//! counts of both, so that clients of either read it.
//!
//! Sources: Cohere API reference "Rerank" (v2), Jina API "Reranker", Voyage
//! API reference "Rerankers", all checked 2026-11-21.

mod answer;
mod request;

pub use answer::encode_response;
pub use request::decode_request;

use bytes::Bytes;

use super::openai_chat::path;
use super::{Target, Wire};
use crate::error::Result;
use crate::ir::{RerankRequest, RerankResponse};

/// A form of reranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Cohere's `rerank`.
    Cohere,
    /// Jina's `rerank`, which llama.cpp, vLLM, Together, OpenRouter and others speak.
    Jina,
    /// Voyage's `rerank`.
    Voyage,
}

impl Form {
    /// Encodes `request` for a provider.
    ///
    /// # Errors
    /// `Unsupported` for documents that are no texts where the form knows texts only.
    pub fn encode(self, request: &RerankRequest, target: &Target<'_>) -> Result<Wire> {
        let mut dropped = Vec::new();
        let body = request::encode(self, request, target, &mut dropped)?;
        let body = Bytes::from(body.to_string());
        Ok(Wire { path: path(target, "rerank"), body, headers: Vec::new(), dropped })
    }

    /// Decodes an answer of status 2xx, whichever form it has.
    ///
    /// # Errors
    /// `InvalidResponse` when it ranks nothing; the provider's own error when it hides in a 200.
    pub fn decode(self, body: &[u8]) -> Result<RerankResponse> {
        answer::decode(body)
    }
}
