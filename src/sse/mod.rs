//! Framing of streams: server-sent events, lines of JSON, Amazon's binary
//! event stream. Sans-IO and incremental: bytes in at any cut, frames out.
//!
//! A frame that lies whole in the bytes just pushed is handed out as a slice of
//! them; only what is cut waits in a buffer. Knows nothing of what frames mean.

mod aws;
mod event;
mod ndjson;
mod write;

#[cfg(test)]
mod tests;

pub use write::{write_data, write_event};

use crate::error::{Error, Kind, Origin, Result};

/// Most bytes of one line, of the joined data of one frame, and of one JSON line:
/// a picture comes in one of them.
pub const MAX_LINE: usize = 32 << 20;

/// One frame of a stream, borrowed from the decoder's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The event's name; empty when the frame has none.
    pub event: &'a str,
    /// Its payload: joined `data:` lines, a line of JSON, a binary message's payload.
    pub data: &'a [u8],
}

/// How a provider frames its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// Amazon's binary event stream.
    AwsEventStream,
}

/// Cuts a stream into frames, whatever its [`Framing`].
#[derive(Debug)]
pub struct Framer(Decoder);

#[derive(Debug)]
enum Decoder {
    Sse(event::EventDecoder),
    Ndjson(ndjson::LineDecoder),
    Aws(aws::MessageDecoder),
}

impl Framer {
    /// A framer at the start of a stream, with the cap [`MAX_LINE`].
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self::capped(framing, MAX_LINE)
    }

    /// A framer that refuses lines, joined data and messages of more than `cap` bytes.
    #[must_use]
    pub fn capped(framing: Framing, cap: usize) -> Self {
        Self(match framing {
            Framing::Sse => Decoder::Sse(event::EventDecoder::new(cap)),
            Framing::Ndjson => Decoder::Ndjson(ndjson::LineDecoder::new(cap)),
            Framing::AwsEventStream => Decoder::Aws(aws::MessageDecoder::new(cap)),
        })
    }

    /// Takes the next bytes, cut anywhere, and calls `each` for every frame
    /// that they complete. Frames without data are left out.
    ///
    /// # Errors
    /// `StreamBroken` when a line passes the cap or a binary message is
    /// corrupt; else what `each` returned. The framer is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8], each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        match &mut self.0 {
            Decoder::Sse(decoder) => decoder.push(bytes, each),
            Decoder::Ndjson(decoder) => decoder.push(bytes, each),
            Decoder::Aws(decoder) => decoder.push(bytes, each),
        }
    }

    /// The transport has ended: hands out a last frame that lacks its end mark.
    ///
    /// # Errors
    /// `StreamBroken` when a binary message is cut off; else what `each` returned.
    pub fn finish(&mut self, each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        match &mut self.0 {
            Decoder::Sse(decoder) => decoder.finish(each),
            Decoder::Ndjson(decoder) => decoder.finish(each),
            Decoder::Aws(decoder) => decoder.finish(),
        }
    }
}

/// The stream cannot be cut into frames any more.
fn broken(message: impl Into<String>) -> Error {
    Error::new(Kind::StreamBroken, Origin::Upstream, message)
}

/// The error for a line, frame or message above the cap.
fn too_long(cap: usize) -> Error {
    broken(format!("the provider sent a frame of more than {cap} bytes")).with_code("frame_too_long")
}
