//! Streamed answers, both ways, and the look at those that pass through.
//!
//! Source: Anthropic, Streaming messages, checked 2026-11-21.

mod decode;
mod encode;
mod scan;

use serde_json::Value;

use crate::sse;

pub(in crate::dialect) use decode::{Decoder, merge};
pub(super) use encode::Encoder;
pub(super) use scan::scan;

/// Appends one event to a client's stream.
fn write(name: &str, payload: &Value, out: &mut Vec<u8>) {
    sse::write_event(out, name, payload.to_string().as_bytes());
}
