//! Cohere's chat, version 2 (`chat` below `/v2`): the provider's side. Clients do not speak it here.
//!
//! Source: Cohere API reference "Chat" (v2), checked 2026-11-21.

mod citation;
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
pub(super) struct Cohere;

impl Outbound for Cohere {
    fn dialect(&self) -> Dialect {
        Dialect::Cohere
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
        Framing::Sse
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::<stream::Decoder>::default()
    }
}
