//! Answers that are passed through as bytes. Frames name their type, so only
//! the last ones are parsed.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::Seen;
use crate::dialect::openai_chat::usage::decode_usage;
use crate::dialect::refusal::Report;
use crate::error::{Error, Result};
use crate::ir::Usage;
use crate::sse::Frame;

/// The parts of a response object that are read.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

fn usage(raw: &RawValue) -> Option<Usage> {
    decode_usage(&serde_json::from_str::<Value>(raw.get()).ok()?)
}

/// Reads the usage of a whole answer.
///
/// # Errors
/// `InvalidResponse` when it is not this protocol; the provider's own error
/// when it hides in a 200.
pub(super) fn response(body: &[u8]) -> Result<Option<Usage>> {
    let body = body.trim_ascii();
    let head: Head<'_> = serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    if head.error.is_some_and(|raw| raw.get() != "null") {
        return Err(Report::read(body).error(200));
    }
    if !head.output.is_some_and(|output| output.get().starts_with('[')) {
        return Err(Error::bad_answer("the provider's answer has no list of `output`"));
    }
    Ok(head.usage.and_then(usage))
}

/// Looks at one frame of a stream.
pub(super) fn frame(frame: &Frame<'_>, seen: &mut Seen) {
    // `message` is what browsers call events without a name.
    let unnamed = matches!(frame.event, "" | "message");
    let kind = if unnamed { kind(frame.data) } else { Some(frame.event) };
    match kind {
        Some(name) if name.ends_with(".delta") || name == "response.output_item.done" => {
            seen.content = true;
            seen.content_frames += 1;
        }
        Some(kind @ ("response.completed" | "response.incomplete" | "response.failed" | "error")) => {
            last(kind, frame.data, seen);
        }
        _ => {}
    }
}

/// The value of `type`, which servers write first or last: for frames without a name.
fn kind(data: &[u8]) -> Option<&str> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a str>,
    }
    serde_json::from_slice::<Kind<'_>>(data).ok()?.kind
}

/// Parses a frame that ends the stream.
fn last(kind: &str, data: &[u8], seen: &mut Seen) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let response = value.get("response").unwrap_or(&value);
    if let Some(usage) = response.get("usage").and_then(decode_usage) {
        seen.usage = Some(usage);
    }
    match super::stream::failure(kind, &value) {
        Some(error) => seen.error = Some(Box::new(error)),
        None => seen.done = true,
    }
}
