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
mod counts;
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
mod server_tests;
#[cfg(test)]
mod tests;

use super::openai::OpenAi;
use crate::ir::Dialect;

/// The dialect, both sides.
pub(super) static CHAT: OpenAi = OpenAi {
    dialect: Dialect::OpenAiChat,
    has_plain_talks: true,
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
