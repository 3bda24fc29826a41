//! Ollama's own chat (`chat` below `/api`): the provider's side. Clients do not speak it here.
//!
//! Source: Ollama API reference "Generate a chat message", checked 2026-11-21.

mod message;
mod request;
mod response;
mod stream;

use bytes::Bytes;

use super::{Framing, Outbound, StreamDecoder, Target, Wire};
use crate::error::Result;
use crate::ir::{Dialect, Request, Response};

/// The dialect, the provider's side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ollama;

impl Outbound for Ollama {
    fn dialect(&self) -> Dialect {
        Dialect::Ollama
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        let mut dropped = Vec::new();
        let body = request::encode(request, target, &mut dropped)?;
        let body = Bytes::from(body.to_string());
        Ok(Wire { path: "chat".to_owned(), body, headers: Vec::new(), dropped })
    }

    fn decode_response(&self, body: &[u8]) -> Result<Response> {
        response::decode(body)
    }

    fn framing(&self) -> Framing {
        Framing::Ndjson
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::<stream::Decoder>::default()
    }
}
