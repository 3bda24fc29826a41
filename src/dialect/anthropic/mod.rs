//! Anthropic messages: what Claude Code and the anthropic SDKs speak, and what
//! Anthropic, Vertex, Bedrock and others answer.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `request` | a request's body, both ways |
//! | `block` | content blocks, both ways |
//! | `response`, `stream`, `citation`, `error`, `usage` | the same for answers |
//! | `generation` | what a model of a generation accepts |

mod block;
mod citation;
mod error;
mod generation;
mod request;
mod response;
mod stream;
mod usage;
pub(super) mod work;

pub(super) use block::{INVALID_JSON, object, picture_type};
pub(super) use request::{encode_body, is_recursive, keep_known, restrict};
pub(super) use response::decode_value as decode_response;
pub(super) use stream::{Decoder as EventDecoder, merge};

use bytes::Bytes;
use http::HeaderMap;

use super::{
    Framing, Inbound, Outbound, PathFacts, Refused, ReplyFacts, Seen, StreamDecoder, StreamEncoder, Target,
    Wire,
};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, Response, Usage};
use crate::sse::Frame;

/// Anthropic messages, both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anthropic;

impl Inbound for Anthropic {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn decode_request(&self, body: &[u8], path: PathFacts<'_>) -> Result<Request> {
        request::decode(body, path)
    }

    fn companions(&self) -> &'static [&'static str] {
        request::COMPANIONS
    }

    fn adopt(&self, request: &mut Request, companions: &HeaderMap) {
        request::adopt(request, companions);
    }

    fn encode_response(&self, response: &Response, reply: &ReplyFacts) -> Bytes {
        response::encode(response, reply)
    }

    fn stream_encoder(&self, reply: &ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(reply))
    }

    fn encode_error(&self, error: &Error, request_id: &str) -> Bytes {
        error::encode(error, request_id)
    }
}

impl Outbound for Anthropic {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        request::encode(request, target)
    }

    fn pass_through(&self, raw: &Bytes, target: &Target<'_>, stream: bool) -> Option<Wire> {
        request::pass_through(raw, target, stream)
    }

    fn decode_response(&self, body: &[u8]) -> Result<Response> {
        response::decode(body)
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_error(&self, refused: &Refused<'_>) -> Error {
        error::decode(refused)
    }

    fn scan_response(&self, body: &[u8]) -> Result<Option<Usage>> {
        response::scan(body)
    }

    fn scan_frame(&self, frame: &Frame<'_>, seen: &mut Seen) {
        stream::scan(frame, seen);
    }
}

#[cfg(test)]
mod tests;
