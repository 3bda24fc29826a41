//! The look at a frame that passes through as bytes: what it is, told from its
//! event's name; only the frames that bear usage or an error are parsed.

use serde::Deserialize;
use serde_json::Value;

use super::super::error;
use super::super::usage::WireUsage;
use crate::dialect::Seen;
use crate::dialect::lenient::lenient;
use crate::sse::Frame;

/// `message_start` as far as it is read.
#[derive(Deserialize)]
struct Start {
    message: Bearer,
}

/// Whatever bears usage.
#[derive(Deserialize)]
struct Bearer {
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
}

/// Looks at one frame.
pub(in crate::dialect) fn scan(frame: &Frame<'_>, seen: &mut Seen) {
    match kind(frame) {
        b"content_block_delta" => {
            seen.content = true;
            seen.content_frames += 1;
        }
        b"content_block_start" => seen.content = true,
        b"message_start" => {
            let start = serde_json::from_slice::<Start>(frame.data).ok();
            note(start.and_then(|start| start.message.usage), seen);
        }
        b"message_delta" => {
            let delta = serde_json::from_slice::<Bearer>(frame.data).ok();
            note(delta.and_then(|delta| delta.usage), seen);
        }
        b"message_stop" => seen.done = true,
        b"error" => {
            let value: Value = serde_json::from_slice(frame.data).unwrap_or_default();
            seen.error = Some(Box::new(error::decode_value(&value)));
        }
        _ => {}
    }
}

/// The frame's kind: its event's name, else the first `type` of its payload.
fn kind<'a>(frame: &Frame<'a>) -> &'a [u8] {
    // `message` is what browsers call events without a name.
    if !matches!(frame.event, "" | "message") {
        return frame.event.as_bytes();
    }
    let Some(at) = memchr::memmem::find(frame.data, br#""type""#) else { return b"" };
    let rest = frame.data.get(at + 6..).unwrap_or_default();
    rest.split(|byte| *byte == b'"').nth(1).unwrap_or_default()
}

/// Lets `later` overwrite what was seen, field by field.
fn note(later: Option<WireUsage>, seen: &mut Seen) {
    if let Some(later) = later {
        let mut usage = seen.usage.as_ref().map_or_else(WireUsage::default, WireUsage::from_canonical);
        usage.update(later);
        seen.usage = Some(usage.canonical());
    }
}
