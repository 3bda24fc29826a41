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
mod include;
mod items;
mod outgoing;
mod parts;
mod request;
mod response;
mod scan;
mod spoken;
mod stream;
mod tools;
pub(super) mod work;
mod write;

use super::openai::OpenAi;
use crate::ir::Dialect;

/// The dialect, both sides.
pub(super) static RESPONSES: OpenAi = OpenAi {
    dialect: Dialect::OpenAiResponses,
    has_plain_talks: false,
    decode_request: request::decode,
    encode_response: answer::encode,
    stream_encoder: |reply| Box::new(write::Encoder::new(reply)),
    encode_request: outgoing::encode,
    pass_through: outgoing::pass_through,
    decode_response: response::decode,
    stream_decoder: || Box::new(stream::Decoder::default()),
    scan_response: scan::response,
    scan_frame: scan::frame,
};
