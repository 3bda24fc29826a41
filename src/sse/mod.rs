//! Framing of streams: server-sent events, lines of JSON, Amazon's binary
//! event stream. Sans-IO and incremental: bytes in at any cut, frames out.

/// One frame of a stream, borrowed from the decoder's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The event's name; empty when the frame has none.
    pub event: &'a str,
    /// Its payload: joined `data:` lines, a line of JSON, a binary message's payload.
    pub data: &'a [u8],
}
