//! OpenAI responses. Source: OpenAI API reference "Responses" and its
//! streaming events, checked 2026-11-21.
//!
//! A conversation is a list of items here. Items of one turn of the assistant
//! become one message; items that only this dialect knows (calls of built-in
//! tools, references, compactions) are kept as they stood.
//!
//! Normalisations when a request is encoded anew in this dialect: `input` is a
//! list, content is a list of parts, messages carry `type`, empty lists and
//! `null`s of known fields go.

mod answer;
mod items;
mod outgoing;
mod parts;
mod request;
mod response;
mod scan;
mod spoken;
mod stream;
mod write;

use bytes::Bytes;

use super::openai_chat::error::encode_error;
use super::{
    Framing, Inbound, Outbound, PathFacts, ReplyFacts, Seen, StreamDecoder, StreamEncoder, Target, Wire,
};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, Response, Usage};
use crate::sse::Frame;

/// The dialect, both sides.
pub(super) struct OpenAiResponses;

impl Inbound for OpenAiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiResponses
    }

    fn decode_request(&self, body: &[u8], _path: PathFacts<'_>) -> Result<Request> {
        request::decode(body)
    }

    fn encode_response(&self, response: &Response, reply: &ReplyFacts) -> Bytes {
        answer::encode(response, reply)
    }

    fn stream_encoder(&self, reply: &ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(write::Encoder::new(reply))
    }

    fn encode_error(&self, error: &Error, _request_id: &str) -> Bytes {
        encode_error(error)
    }
}

impl Outbound for OpenAiResponses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiResponses
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        outgoing::encode(request, target)
    }

    fn pass_through(&self, raw: &Bytes, target: &Target<'_>, _stream: bool) -> Option<Wire> {
        outgoing::pass_through(raw, target)
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

    fn scan_response(&self, body: &[u8]) -> Result<Option<Usage>> {
        scan::response(body)
    }

    fn scan_frame(&self, frame: &Frame<'_>, seen: &mut Seen) {
        scan::frame(frame, seen);
    }
}
