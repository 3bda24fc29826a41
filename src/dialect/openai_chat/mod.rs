//! OpenAI chat completions, and what look-alike servers add to it.
//! Source: OpenAI API reference "Chat", checked 2026-11-21; additions of other
//! servers (`reasoning_content`, `reasoning_details`, `thinking` parts) from
//! DeepSeek's, OpenRouter's and Mistral's API references, same date.
//!
//! Normalisations when a request is encoded anew in this dialect: `stop` becomes
//! a list, `tool_choice: "any"` becomes `required`, `null`s and empty lists of
//! known fields go, a tool without `type` gets `function`, streams always ask for usage.

mod answer;
pub(super) mod caching;
mod calls;
pub(super) mod citation;
pub(super) mod content;
pub(super) mod error;
pub(super) mod fields;
mod message;
pub(super) mod options;
pub(super) mod outgoing;
pub(super) mod reasoning;
mod request;
pub(super) mod response;
pub(super) mod scan;
mod stream;
mod turns;
pub(super) mod usage;
mod write;

pub(super) use outgoing::path;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::{
    Framing, Inbound, Outbound, PathFacts, ReplyFacts, Seen, StreamDecoder, StreamEncoder, Target, Wire,
};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, Response, Usage};
use crate::sse::Frame;

/// The dialect, both sides.
pub(super) struct OpenAiChat;

impl Inbound for OpenAiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiChat
    }

    fn has_plain_talks(&self) -> bool {
        true
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
        error::encode_error(error)
    }
}

impl Outbound for OpenAiChat {
    fn dialect(&self) -> Dialect {
        Dialect::OpenAiChat
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
