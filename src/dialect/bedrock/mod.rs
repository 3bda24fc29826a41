//! Amazon Bedrock: Converse for every model, and `invoke` for models whose own
//! body is Anthropic's. Providers speak it, clients do not.
//!
//! Which of the two is spoken follows from the model's id: `invoke/ID` and
//! `converse/ID` say it outright; else a request that came in Anthropic's
//! dialect goes to a Claude model by `invoke`, which keeps all of it, and
//! everything else by Converse. Answers tell by their shape which they are;
//! those of other makers' own bodies are read as well.
//!
//! Source: Amazon Bedrock API reference, Converse, ConverseStream, InvokeModel,
//! InvokeModelWithResponseStream, checked 2026-11-21.

mod citation;
mod finish;
mod invoke;
mod request;
mod response;
mod stream;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::{Framing, Outbound, Seen, StreamDecoder, Target, Wire};
use crate::error::Result;
use crate::ir::{Dialect, Request, Response, Usage};
use crate::sse::Frame;

/// Bedrock, the provider's side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bedrock;

impl Outbound for Bedrock {
    fn dialect(&self) -> Dialect {
        Dialect::Bedrock
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Wire> {
        request::encode(request, target)
    }

    fn pass_through(&self, _: &Bytes, _: &Target<'_>, _: bool) -> Option<Wire> {
        // No client speaks it.
        None
    }

    fn decode_response(&self, body: &[u8]) -> Result<Response> {
        response::decode(body)
    }

    fn framing(&self) -> Framing {
        Framing::AwsEventStream
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn scan_response(&self, body: &[u8]) -> Result<Option<Usage>> {
        Ok(response::decode(body)?.usage)
    }

    fn scan_frame(&self, frame: &Frame<'_>, seen: &mut Seen) {
        stream::scan(frame, seen);
    }
}
