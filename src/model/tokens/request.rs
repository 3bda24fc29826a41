//! The tokens of a whole request: its texts, its tools, its media, and what
//! the chat form adds to each message.

use super::{Tokenizer, estimate};
use crate::dialect::LazyRequest;
use crate::error::Result;
use crate::ir::{Media, MediaSource, Message, Part, Request, ResponseFormat, Tool};

/// Tokens that the chat form adds to a message: role and separators.
/// Source: OpenAI Cookbook, "How to count tokens with tiktoken", checked 2026-11-21.
const MESSAGE: u64 = 4;

/// Tokens that open the answer. Same source.
const PRIMING: u64 = 3;

/// Tokens that the form adds to a tool, besides its JSON. Same source.
const TOOL: u64 = 8;

/// An image of unknown size: one of 1024 x 1024 at high detail, and one at low detail.
/// Source: OpenAI, "Images and vision: calculating costs", checked 2026-11-21.
const IMAGE: u64 = 765;
const IMAGE_LOW: u64 = 85;

/// Bytes a token of other inline media: some 1,500 tokens for a page of 100 KB.
const MEDIA_BYTES: u64 = 64;

/// Media of which only the address is known.
const MEDIA_UNSEEN: u64 = 1_000;

/// The input tokens of `request` by the cheap estimate; kept with the request.
///
/// # Errors
/// The request does not decode.
pub fn estimate_request(request: &LazyRequest) -> Result<u64> {
    match request.glance(&estimate) {
        Some(talk) => Ok(talk.weight + talk.messages * MESSAGE + PRIMING),
        None => request.figure(0, |request| count_request(request, &estimate)),
    }
}

/// The input tokens of `request` by `tokenizer`, see [`Tokenizer::near`]; kept
/// with the request.
///
/// # Errors
/// The request does not decode.
pub fn near_request(request: &LazyRequest, tokenizer: Tokenizer) -> Result<u64> {
    let slot = tokenizer.slot();
    request.figure(slot, |request| count_request(request, &|text| tokenizer.near(text)))
}

/// The input tokens of `request`, its texts counted by `count`.
pub fn count_request(request: &Request, count: &dyn Fn(&str) -> u64) -> u64 {
    let messages: u64 = request.messages.iter().map(|message| count_message(message, count)).sum();
    let tools: u64 = request.tools.iter().map(|tool| count_tool(tool, count)).sum();
    let format = match &request.format {
        Some(ResponseFormat::JsonSchema { schema, .. }) => count(&schema.to_string()),
        _ => 0,
    };
    messages + tools + format + PRIMING
}

/// The input tokens of `message` alone, its texts counted by `count`.
pub fn count_message(message: &Message, count: &dyn Fn(&str) -> u64) -> u64 {
    let name = message.name.as_deref().map_or(0, |name| count(name) + 1);
    MESSAGE + name + count_parts(&message.parts, count)
}

fn count_parts(parts: &[Part], count: &dyn Fn(&str) -> u64) -> u64 {
    parts.iter().map(|part| count_part(part, count)).sum()
}

fn count_part(part: &Part, count: &dyn Fn(&str) -> u64) -> u64 {
    match part {
        Part::Text { text, .. } | Part::Refusal(text) => count(text),
        Part::Image(media) if media.detail.as_deref() == Some("low") => IMAGE_LOW,
        Part::Image(_) => IMAGE,
        Part::Audio(media) | Part::Video(media) | Part::Document(media) => count_media(media, count),
        Part::ToolCall(call) => MESSAGE + count(&call.name) + count(&call.arguments),
        Part::ToolResult(result) => MESSAGE + count(&result.name) + count_parts(&result.parts, count),
        Part::Thinking(thinking) => count(&thinking.text),
        Part::Opaque { value, .. } => count(&value.to_string()),
    }
}

fn count_media(media: &Media, count: &dyn Fn(&str) -> u64) -> u64 {
    match &media.source {
        MediaSource::Text(text) => count(text),
        MediaSource::Base64(data) => (data.len() as u64 * 3 / 4).div_ceil(MEDIA_BYTES),
        MediaSource::Url(_) | MediaSource::FileId(_) => MEDIA_UNSEEN,
    }
}

fn count_tool(tool: &Tool, count: &dyn Fn(&str) -> u64) -> u64 {
    match tool {
        Tool::Function { name, description, parameters, .. } => {
            let description = description.as_deref().map_or(0, count);
            let parameters = parameters.as_ref().map_or(0, |schema| count(&schema.to_string()));
            TOOL + count(name) + description + parameters
        }
        Tool::Opaque { value, .. } => TOOL + count(&value.to_string()),
    }
}
