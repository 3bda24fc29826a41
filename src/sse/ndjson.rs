//! One JSON value a line. Blank lines are skipped; a last line needs no end.

use super::{Frame, too_long};
use crate::error::Result;

/// Cuts lines.
#[derive(Debug)]
pub(super) struct LineDecoder {
    cap: usize,
    /// A line that is cut off so far.
    line: Vec<u8>,
}

impl LineDecoder {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap, line: Vec::new() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        let mut rest = bytes;
        while let Some(length) = memchr::memchr(b'\n', rest) {
            let (line, end) = rest.split_at(length);
            rest = end.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.hand_out(line, &mut each)?;
            } else {
                self.keep(line)?;
                self.flush(&mut each)?;
            }
        }
        self.keep(rest)
    }

    pub(super) fn finish(&mut self, mut each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        self.flush(&mut each)
    }

    fn keep(&mut self, piece: &[u8]) -> Result<()> {
        if self.line.len() + piece.len() > self.cap {
            return Err(too_long(self.cap));
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    /// Hands out the kept line.
    fn flush(&mut self, each: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        let handed = self.hand_out(&self.line, each);
        self.line.clear();
        handed
    }

    fn hand_out(&self, line: &[u8], each: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        if line.len() > self.cap {
            return Err(too_long(self.cap));
        }
        let data = line.trim_ascii();
        if data.is_empty() { Ok(()) } else { each(Frame { event: "", data }) }
    }
}
