//! Server-sent events as bytes come in. Source: WHATWG HTML, section 9.2
//! "Server-sent events", checked 2026-11-21. Line ends are LF, CRLF or CR; one
//! byte order mark at the start is skipped; `id` and `retry` have no use here.

use super::{Frame, too_long};
use crate::error::Result;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Where the data of the frame under construction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// There is none yet.
    Nothing,
    /// One line, lying at this place of the bytes now being pushed.
    Borrowed(usize, usize),
    /// In the buffer.
    Owned,
}

/// Cuts server-sent events.
#[derive(Debug)]
pub(super) struct EventDecoder {
    cap: usize,
    /// A line that is cut off so far.
    line: Vec<u8>,
    /// The data lines of the frame so far, when they are not borrowed.
    data: Vec<u8>,
    state: Data,
    event: String,
    /// The last line ended in CR, so that an LF right behind belongs to it.
    after_cr: bool,
    /// No line was seen yet.
    at_start: bool,
}

impl EventDecoder {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap,
            line: Vec::new(),
            data: Vec::new(),
            state: Data::Nothing,
            event: String::new(),
            after_cr: false,
            at_start: true,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        let mut from = 0;
        while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
            if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
                from += 1;
                continue;
            }
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.keep(rest)?;
                break;
            };
            let (line, end) = rest.split_at(length);
            self.after_cr = end.first() == Some(&b'\r');
            if self.line.is_empty() {
                self.take_line(line, Some(from), bytes, &mut each)?;
            } else {
                self.keep(line)?;
                let mut line = std::mem::take(&mut self.line);
                self.take_line(&line, None, bytes, &mut each)?;
                line.clear();
                self.line = line;
            }
            from += length + 1;
        }
        self.settle(bytes);
        Ok(())
    }

    pub(super) fn finish(&mut self, mut each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.take_line(&line, None, &[], &mut each)?;
        }
        self.dispatch(&[], &mut each)
    }

    /// Keeps a piece of a line that is cut off.
    fn keep(&mut self, piece: &[u8]) -> Result<()> {
        if self.line.len() + piece.len() > self.cap {
            return Err(too_long(self.cap));
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    /// Reads one whole line. `place` is where it starts in `bytes`, if it lies there.
    fn take_line(
        &mut self,
        line: &[u8],
        place: Option<usize>,
        bytes: &[u8],
        each: &mut impl FnMut(Frame<'_>) -> Result<()>,
    ) -> Result<()> {
        if line.len() > self.cap {
            return Err(too_long(self.cap));
        }
        let mut skipped = 0;
        let mut text = line;
        if std::mem::take(&mut self.at_start)
            && let Some(rest) = text.strip_prefix(BOM)
        {
            text = rest;
            skipped = BOM.len();
        }
        if text.is_empty() {
            return self.dispatch(bytes, each);
        }
        let (field, value) = match (text.strip_prefix(b"data:"), memchr::memchr(b':', text)) {
            (Some(value), _) => (&b"data"[..], value),
            (None, Some(colon)) => {
                let (field, value) = text.split_at(colon);
                (field, value.get(1..).unwrap_or_default())
            }
            (None, None) => (text, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                let start = place.map(|place| place + skipped + (text.len() - value.len()));
                self.add_data(value, start, bytes)
            }
            b"event" => {
                self.event.clear();
                self.event.push_str(&String::from_utf8_lossy(value));
                Ok(())
            }
            // llama.cpp names the field itself where others name the event.
            b"error" => {
                self.event.clear();
                self.event.push_str("error");
                let start = place.map(|place| place + skipped + (text.len() - value.len()));
                self.add_data(value, start, bytes)
            }
            _ => Ok(()),
        }
    }

    /// Adds a data line, borrowing it when it is the frame's first.
    fn add_data(&mut self, value: &[u8], start: Option<usize>, bytes: &[u8]) -> Result<()> {
        if let (Data::Nothing, Some(start)) = (self.state, start) {
            self.state = Data::Borrowed(start, start + value.len());
            return Ok(());
        }
        self.settle(bytes);
        if self.data.len() + value.len() >= self.cap {
            return Err(too_long(self.cap));
        }
        if self.state == Data::Owned {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.state = Data::Owned;
        Ok(())
    }

    /// Moves borrowed data into the buffer, before its bytes are gone.
    fn settle(&mut self, bytes: &[u8]) {
        if let Data::Borrowed(start, end) = self.state {
            self.data.clear();
            self.data.extend_from_slice(bytes.get(start..end).unwrap_or_default());
            self.state = Data::Owned;
        }
    }

    /// Hands the frame out and starts the next.
    fn dispatch(&mut self, bytes: &[u8], each: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        let data = match self.state {
            Data::Nothing => &[],
            Data::Borrowed(start, end) => bytes.get(start..end).unwrap_or_default(),
            Data::Owned => self.data.as_slice(),
        };
        let handed = if data.is_empty() { Ok(()) } else { each(Frame { event: &self.event, data }) };
        self.state = Data::Nothing;
        self.data.clear();
        self.event.clear();
        handed
    }
}
