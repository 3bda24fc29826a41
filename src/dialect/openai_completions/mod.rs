//! OpenAI's legacy completions: a prompt in, its continuation out.
//! Source: OpenAI API reference "Completions", checked 2026-11-21.
//!
//! A text prompt reads as one message of the user. Prompts that are token ids
//! or lists of several texts have no place in a conversation: they are kept as
//! they stood and go to this dialect only. The other way round a conversation
//! becomes a transcript with the assistant's turn left open.

mod answer;
mod request;
mod response;
mod stream;
mod write;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::openai_chat::error::encode_error;
use super::openai_chat::scan;
use super::{
    Framing, Inbound, Outbound, PathFacts, ReplyFacts, Seen, StreamDecoder, StreamEncoder, Target, Wire,
};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, Response, Usage};
use crate::sse::Frame;

/// The dialect, both sides.
pub(super) struct OpenAiCompletions;

impl Inbound for OpenAiCompletions {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiCompletions
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

impl Outbound for OpenAiCompletions {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiCompletions
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        request::encode(request, target)
    }

    fn pass_through(&self, raw: &Bytes, target: &Target<'_>, _stream: bool) -> Option<Wire> {
        request::pass_through(raw, target)
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
