//! Gemini's generateContent, streamGenerateContent and countTokens, as Google
//! AI and Vertex AI speak them.
//!
//! Owns the wire format and nothing else: who serves it and how it is signed
//! is data of `provider`.
//!
//! Seals (`thoughtSignature`) must come back on the next turn. On a function
//! call they are [`crate::ir::ToolCall::signature`]; on a text they are a
//! [`crate::ir::Thinking`] without words after the text.

mod citation;
mod config;
mod emit;
mod error;
mod fields;
mod finish;
mod logprobs;
mod media;
mod part;
mod request;
mod response;
mod scan;
mod schema;
mod stream;
mod tools;
pub(super) mod work;

use bytes::Bytes;

use super::{
    Framing, Inbound, Outbound, PathFacts, ReplyFacts, Seen, StreamDecoder, StreamEncoder, Target, Wire,
};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, Response, Usage};
use crate::sse::Frame;

/// The dialect, both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gemini;

impl Inbound for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn decode_request(&self, body: &[u8], path: PathFacts<'_>) -> Result<Request> {
        request::decode(body, path)
    }

    fn encode_response(&self, response: &Response, reply: &ReplyFacts) -> Bytes {
        response::encode(response, reply)
    }

    fn stream_encoder(&self, reply: &ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(reply.clone()))
    }

    fn encode_error(&self, error: &Error, request_id: &str) -> Bytes {
        error::encode(error, request_id)
    }
}

impl Outbound for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        let mut dropped = Vec::new();
        let body = request::encode(request, target.quirks, &mut dropped);
        let body = Bytes::from(body.to_string());
        Ok(Wire { path: path(target, request.stream), body, headers: Vec::new(), dropped })
    }

    fn pass_through(&self, raw: &Bytes, target: &Target<'_>, stream: bool) -> Option<Wire> {
        let (body, headers) = (raw.clone(), Vec::new());
        Some(Wire { path: path(target, stream), body, headers, dropped: Vec::new() })
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

    fn scan_response(&self, body: &[u8]) -> Result<Option<Usage>> {
        scan::response(body)
    }

    fn scan_frame(&self, frame: &Frame<'_>, seen: &mut Seen) {
        scan::frame(frame, seen);
    }
}

/// The path after the base URL: `models/M:generateContent`; on Vertex, whose
/// base URL ends in `projects/P/locations/L`, below `publishers/google`. A
/// model with a slash is a path already (`tunedModels/X`, `endpoints/N`).
fn path(target: &Target<'_>, stream: bool) -> String {
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let folder = match target.model {
        model if model.contains('/') => "",
        _ if target.quirks.vertex => "publishers/google/models/",
        _ => "models/",
    };
    let mut path = format!("{folder}{}:{method}", target.model);
    if let Some(query) = &target.quirks.query {
        path.push(if stream { '&' } else { '?' });
        path.push_str(query);
    }
    path
}
