//! Amazon's binary event stream. Source: AWS SDK "Event stream encoding",
//! checked 2026-11-21: a prelude (total length, headers' length, CRC-32 of the
//! two), headers, payload, CRC-32 of all before it; numbers are big-endian.
//!
//! The event's name is `:event-type`, for exceptions `:exception-type`. A
//! message of type `error` has no payload: its `:error-code` is the name and
//! its `:error-message` the data.

use super::{Frame, broken, too_long};
use crate::error::{Error, Result};

/// Length of prelude and its checksum.
const PRELUDE: usize = 12;
/// Length of the smallest message: prelude and both checksums.
const SMALLEST: usize = PRELUDE + 4;

/// Cuts binary messages.
#[derive(Debug)]
pub(super) struct MessageDecoder {
    cap: usize,
    /// A message that is cut off so far.
    kept: Vec<u8>,
}

impl MessageDecoder {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap, kept: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        if self.kept.is_empty() {
            let used = self.read_all(bytes, &mut each)?;
            self.kept.extend_from_slice(bytes.get(used..).unwrap_or_default());
            return Ok(());
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(bytes);
        let used = self.read_all(&kept, &mut each)?;
        kept.drain(..used);
        self.kept = kept;
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        Err(broken("the provider's stream ended inside a binary message"))
    }

    /// Reads the whole messages at the head of `bytes`; returns their length.
    fn read_all(&self, bytes: &[u8], each: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<usize> {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| rest.len() >= PRELUDE) {
            let total = self.check_prelude(rest)?;
            let Some(message) = rest.get(..total) else { break };
            read_message(message, each)?;
            used += total;
        }
        Ok(used)
    }

    /// Checks the prelude and returns the message's length.
    fn check_prelude(&self, bytes: &[u8]) -> Result<usize> {
        let total = number(bytes, 0)? as usize;
        let headers = number(bytes, 4)? as usize;
        if number(bytes, 8)? != crc32fast::hash(slice(bytes, 0, 8)?) {
            return Err(corrupt());
        }
        if total > self.cap {
            return Err(too_long(self.cap));
        }
        if total < SMALLEST || headers > total - SMALLEST {
            return Err(corrupt());
        }
        Ok(total)
    }
}

/// Checks one whole message and hands out its frame.
fn read_message(message: &[u8], each: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
    let end = message.len().saturating_sub(4);
    if number(message, end)? != crc32fast::hash(slice(message, 0, end)?) {
        return Err(corrupt());
    }
    let headers_end = PRELUDE + number(message, 4)? as usize;
    let names = Names::read(slice(message, PRELUDE, headers_end)?)?;
    let payload = slice(message, headers_end, end)?;
    let data = if names.is_error { names.error_message.as_bytes() } else { payload };
    if data.is_empty() { Ok(()) } else { each(Frame { event: names.event, data }) }
}

/// The headers that matter.
#[derive(Default)]
struct Names<'a> {
    event: &'a str,
    error_message: &'a str,
    is_error: bool,
}

impl<'a> Names<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Self> {
        let mut names = Self::default();
        while let Some((&length, rest)) = bytes.split_first() {
            let name = slice(rest, 0, length.into())?;
            let rest = slice(rest, length.into(), rest.len())?;
            let (&kind, rest) = rest.split_first().ok_or_else(corrupt)?;
            let (value, rest) = header_value(kind, rest)?;
            bytes = rest;
            match name {
                b":event-type" | b":exception-type" | b":error-code" => names.event = text(value)?,
                b":error-message" => names.error_message = text(value)?,
                b":message-type" => names.is_error = value == b"error",
                _ => {}
            }
        }
        Ok(names)
    }
}

/// Splits a header's value of this type off `rest`.
fn header_value(kind: u8, rest: &[u8]) -> Result<(&[u8], &[u8])> {
    let (skip, length) = match kind {
        0 | 1 => (0, 0), // true, false
        2 => (0, 1),     // byte
        3 => (0, 2),     // short
        4 => (0, 4),     // integer
        5 | 8 => (0, 8), // long, timestamp
        9 => (0, 16),    // UUID
        6 | 7 => match *rest {
            // bytes, text
            [high, low, ..] => (2, usize::from(u16::from_be_bytes([high, low]))),
            _ => return Err(corrupt()),
        },
        _ => return Err(corrupt()),
    };
    Ok((slice(rest, skip, skip + length)?, slice(rest, skip + length, rest.len())?))
}

fn slice(bytes: &[u8], from: usize, to: usize) -> Result<&[u8]> {
    bytes.get(from..to).ok_or_else(corrupt)
}

fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let four: [u8; 4] = slice(bytes, at, at + 4)?.try_into().map_err(|_| corrupt())?;
    Ok(u32::from_be_bytes(four))
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| corrupt())
}

fn corrupt() -> Error {
    broken("the provider sent a binary message that is corrupt")
}
