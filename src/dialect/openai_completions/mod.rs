//! OpenAI's legacy completions: a prompt in, its continuation out.
//! Source: OpenAI API reference "Completions", checked 2026-11-21.
//!
//! A text prompt reads as one message of the user. Prompts that are token ids
//! or lists of several texts have no place in a conversation: they are kept as
//! they stood and go to this dialect only. The other way round a conversation
//! becomes a transcript with the assistant's turn left open.

mod answer;
mod logprobs;
mod request;
mod response;
mod stream;
mod write;

#[cfg(test)]
mod tests;

use super::openai::OpenAi;
use super::openai_chat::scan;
use crate::ir::Dialect;

/// The dialect, both sides.
pub(super) static COMPLETIONS: OpenAi = OpenAi {
    dialect: Dialect::OpenAiCompletions,
    has_plain_talks: false,
    decode_request: request::decode,
    encode_response: answer::encode,
    stream_encoder: |reply| Box::new(write::Encoder::new(reply)),
    encode_request: request::encode,
    pass_through: request::pass_through,
    decode_response: response::decode,
    stream_decoder: || Box::new(stream::Decoder::default()),
    scan_response: scan::response,
    scan_frame: scan::frame,
};
