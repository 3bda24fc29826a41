//! How OpenAI's dialects hang together: their forms differ, the manner in which
//! they are read and written does not. Each is a table of its own functions.

use bytes::Bytes;

use super::openai_chat::error::encode_error;
use super::{
    Framing, Inbound, Outbound, PathFacts, ReplyFacts, Seen, StreamDecoder, StreamEncoder, Target, Wire,
};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, Response, Usage};
use crate::sse::Frame;

/// One of OpenAI's dialects, both sides. The fields are what [`Inbound`] and
/// [`Outbound`] call by the same names.
pub(super) struct OpenAi {
    pub(super) dialect: Dialect,
    pub(super) has_plain_talks: bool,
    pub(super) decode_request: fn(&[u8]) -> Result<Request>,
    pub(super) encode_response: fn(&Response, &ReplyFacts) -> Bytes,
    pub(super) stream_encoder: fn(&ReplyFacts) -> Box<dyn StreamEncoder>,
    pub(super) encode_request: fn(&Request, &Target<'_>) -> Result<Wire>,
    pub(super) pass_through: fn(&Bytes, &Target<'_>) -> Option<Wire>,
    pub(super) decode_response: fn(&[u8]) -> Result<Response>,
    pub(super) stream_decoder: fn() -> Box<dyn StreamDecoder>,
    pub(super) scan_response: fn(&[u8]) -> Result<Option<Usage>>,
    pub(super) scan_frame: fn(&Frame<'_>, &mut Seen),
}

impl Inbound for OpenAi {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn has_plain_talks(&self) -> bool {
        self.has_plain_talks
    }

    fn decode_request(&self, body: &[u8], _path: PathFacts<'_>) -> Result<Request> {
        (self.decode_request)(body)
    }

    fn encode_response(&self, response: &Response, reply: &ReplyFacts) -> Bytes {
        (self.encode_response)(response, reply)
    }

    fn stream_encoder(&self, reply: &ReplyFacts) -> Box<dyn StreamEncoder> {
        (self.stream_encoder)(reply)
    }

    fn encode_error(&self, error: &Error, _request_id: &str) -> Bytes {
        encode_error(error)
    }
}

impl Outbound for OpenAi {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        (self.encode_request)(request, target)
    }

    fn pass_through(&self, raw: &Bytes, target: &Target<'_>, _stream: bool) -> Option<Wire> {
        (self.pass_through)(raw, target)
    }

    fn decode_response(&self, body: &[u8]) -> Result<Response> {
        (self.decode_response)(body)
    }

    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        (self.stream_decoder)()
    }

    fn scan_response(&self, body: &[u8]) -> Result<Option<Usage>> {
        (self.scan_response)(body)
    }

    fn scan_frame(&self, frame: &Frame<'_>, seen: &mut Seen) {
        (self.scan_frame)(frame, seen);
    }
}
