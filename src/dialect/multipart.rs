//! `multipart/form-data`: found part by part while it arrives, and written.
//!
//! The scanner keeps no content: it tells where parts lie, and whoever holds
//! the bytes looks there. Source: RFC 7578 and RFC 2046, checked 2026-11-21.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

use crate::error::{Error, Result};

/// Largest head of a part, bytes.
const HEAD: usize = 16 << 10;

/// A part of a form, and where its content lies in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, for files.
    pub filename: Option<String>,
    /// The content's type, where stated.
    pub content_type: Option<String>,
    /// The content's place in the body.
    pub content: Range<usize>,
}

/// The boundary that `content_type` names, if it is `multipart/form-data`.
#[must_use]
pub fn boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(rest, "boundary").filter(|boundary| !boundary.is_empty() && boundary.len() <= 200)
}

/// Finds parts in bytes cut anywhere.
#[derive(Debug)]
pub struct Scanner {
    delimiter: Vec<u8>,
    /// What may still hold a delimiter or a head, with a line end put before the body.
    window: Vec<u8>,
    /// Place of the window's begin in the body, plus that line end's 2.
    base: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// In a content, or before the first part.
    Content(Option<Part>),
    /// Behind a delimiter.
    Delimited,
    /// In the head of a part.
    Head,
    /// Behind the last delimiter.
    Closed,
}

impl Scanner {
    /// A scanner for forms with this boundary.
    #[must_use]
    pub fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Self { delimiter, window: b"\r\n".to_vec(), base: 0, state: State::Content(None) }
    }

    /// Whether the form's end was seen.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The part whose content is being read.
    #[must_use]
    pub const fn open(&self) -> Option<&Part> {
        match &self.state {
            State::Content(part) => part.as_ref(),
            _ => None,
        }
    }

    /// Up to where the body is understood: what comes after may yet be the
    /// begin of a delimiter or of a part's head.
    #[must_use]
    pub const fn settled(&self) -> usize {
        self.base.saturating_sub(2)
    }

    /// Takes the next bytes and calls `each` for every part that they complete.
    ///
    /// # Errors
    /// `InvalidRequest` when it is no form; else what `each` returned.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Part) -> Result<()>) -> Result<()> {
        self.window.extend_from_slice(bytes);
        loop {
            let goes_on = match &mut self.state {
                State::Content(part) => match memmem::find(&self.window, &self.delimiter) {
                    Some(at) => {
                        let end = (self.base + at).saturating_sub(2);
                        if let Some(mut part) = part.take() {
                            part.content.end = end;
                            each(part)?;
                        }
                        self.drop_front(at + self.delimiter.len());
                        self.state = State::Delimited;
                        true
                    }
                    None => {
                        let keep = self.delimiter.len() - 1;
                        self.drop_front(self.window.len().saturating_sub(keep));
                        false
                    }
                },
                State::Delimited => self.delimited()?,
                State::Head => self.head()?,
                State::Closed => {
                    self.window.clear();
                    false
                }
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn drop_front(&mut self, count: usize) {
        self.window.drain(..count);
        self.base += count;
    }

    /// Reads the end of a delimiter's line; false when more is needed.
    fn delimited(&mut self) -> Result<bool> {
        if self.window.starts_with(b"--") {
            self.state = State::Closed;
            return Ok(true);
        }
        match memmem::find(&self.window, b"\r\n") {
            Some(at) if self.window.iter().take(at).all(|byte| b" \t".contains(byte)) => {
                // The line's end stays: it is the empty line of a part without a head.
                self.drop_front(at);
                self.state = State::Head;
                Ok(true)
            }
            Some(_) => Err(no_form("a boundary is followed by something else than a line's end")),
            None if self.window.len() > 256 => Err(no_form("a boundary's line does not end")),
            None => Ok(false),
        }
    }

    /// Reads the head of a part; false when more is needed.
    fn head(&mut self) -> Result<bool> {
        let Some(end) = memmem::find(&self.window, b"\r\n\r\n") else {
            return if self.window.len() > HEAD {
                Err(no_form("the head of a part is too long"))
            } else {
                Ok(false)
            };
        };
        let head = self.window.get(..end).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| no_form("the head of a part is not UTF-8"))?;
        let mut part = read_head(head)?;
        self.drop_front(end + 4);
        let start = self.base.saturating_sub(2);
        part.content = start..start;
        self.state = State::Content(Some(part));
        Ok(true)
    }
}

/// Name, file name and type of a part.
fn read_head(head: &str) -> Result<Part> {
    let mut part = Part { name: String::new(), filename: None, content_type: None, content: 0..0 };
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            return Err(no_form("a part has a malformed head"));
        };
        if name.trim().eq_ignore_ascii_case("content-disposition") {
            let rest = value.split_once(';').map_or("", |(_, rest)| rest);
            part.name = parameter(rest, "name").unwrap_or_default();
            part.filename = parameter(rest, "filename");
        } else if name.trim().eq_ignore_ascii_case("content-type") {
            part.content_type = Some(value.trim().to_owned());
        }
    }
    if part.name.is_empty() { Err(no_form("a part has no name")) } else { Ok(part) }
}

/// The parameter `wanted` in `; name=value; name="value"`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut letters = text.chars().peekable();
    while letters.peek().is_some() {
        let name: String = std::iter::from_fn(|| letters.next_if(|c| *c != '=' && *c != ';')).collect();
        let mut value = String::new();
        if letters.next_if_eq(&'=').is_some() {
            if letters.next_if_eq(&'"').is_some() {
                while let Some(letter) = letters.next().filter(|c| *c != '"') {
                    let escaped = letter == '\\' && matches!(letters.peek(), Some('"' | '\\'));
                    value.push(if escaped { letters.next().unwrap_or(letter) } else { letter });
                }
            }
            let rest: String = std::iter::from_fn(|| letters.next_if(|c| *c != ';')).collect();
            value.push_str(rest.trim());
        }
        letters.next();
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
    }
    None
}

/// All parts of a whole form.
///
/// # Errors
/// `InvalidRequest` when it is no form, or breaks off.
pub fn parts(body: &[u8], boundary: &str) -> Result<Vec<Part>> {
    let (mut scanner, mut parts) = (Scanner::new(boundary), Vec::new());
    scanner.push(body, |part| {
        parts.push(part);
        Ok(())
    })?;
    if scanner.is_closed() { Ok(parts) } else { Err(no_form("the form breaks off before its end")) }
}

fn no_form(what: &str) -> Error {
    Error::invalid(format!("the body is no multipart form: {what}")).with_code("invalid_form")
}

/// Writes a form.
#[derive(Debug, Default)]
pub struct Writer {
    parts: Vec<(String, Bytes)>,
}

impl Writer {
    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        let head = format!("content-disposition: form-data; name=\"{}\"\r\n\r\n", plain(name));
        self.parts.push((head, Bytes::from(value.into())));
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, name: &str, filename: &str, content_type: &str, content: Bytes) -> Self {
        let head = format!(
            "content-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\ncontent-type: {}\r\n\r\n",
            plain(name),
            plain(filename),
            plain(content_type)
        );
        self.parts.push((head, content));
        self
    }

    /// The content type and the body, under a boundary that no content has.
    #[must_use]
    pub fn finish(self) -> (String, Bytes) {
        let mut number = 0_u32;
        let taken = |boundary: &str| {
            self.parts.iter().any(|(_, content)| memmem::find(content, boundary.as_bytes()).is_some())
        };
        let mut boundary = "pointsman-form-0".to_owned();
        while taken(&boundary) {
            number += 1;
            boundary = format!("pointsman-form-{number}");
        }
        let mut body = Vec::new();
        for (head, content) in &self.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), Bytes::from(body))
    }
}

/// What may stand between quotes in a head.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '"' || c == '\\' { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;\\\"b.wav\"\r\nContent-Type: audio/wav\r\n\r\nRI\r\n--xy\r\nFF\r\n--xx\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper\r\n--xx\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--xx--\r\n";

    fn found(chunk: usize) -> Vec<Part> {
        let (mut scanner, mut parts) = (Scanner::new("xx"), Vec::new());
        for piece in FORM.chunks(chunk) {
            let each = |part| {
                parts.push(part);
                Ok(())
            };
            scanner.push(piece, each).unwrap();
            assert!(scanner.window.len() <= chunk + HEAD);
        }
        assert!(scanner.is_closed());
        parts
    }

    #[test]
    fn parts_are_found_at_any_cut() {
        let whole = found(FORM.len());
        let names: Vec<_> = whole.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["file", "model", "empty"]);
        assert_eq!(whole[0].filename.as_deref(), Some("a;\"b.wav"));
        assert_eq!(whole[0].content_type.as_deref(), Some("audio/wav"));
        let contents: Vec<_> = whole.iter().map(|part| &FORM[part.content.clone()]).collect();
        assert_eq!(contents, [&b"RI\r\n--xy\r\nFF"[..], b"whisper", b""]);
        for chunk in 1..40 {
            assert_eq!(found(chunk), whole, "{chunk} bytes a piece");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let file = Bytes::from_static(b"pointsman-form-0\r\n--pointsman-form-1");
        let form = Writer::default().field("model", "m").file("file", "a\"b", "audio/wav", file.clone());
        let (content_type, body) = form.finish();
        let parts = parts(&body, &boundary(&content_type).unwrap()).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((&parts[1].name, parts[1].filename.as_deref()), (&"file".to_owned(), Some("a_b")));
        assert_eq!(body[parts[1].content.clone()], file);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in [
            "",
            "--xx\r\n",
            "hello",
            "--xx junk\r\n\r\n",
            "--xx\r\nno colon\r\n\r\nx\r\n--xx--",
            "--xx\r\nA: b\r\n\r\nx\r\n--xx--",
        ] {
            assert_eq!(parts(body.as_bytes(), "xx").unwrap_err().code(), "invalid_form", "{body}");
        }
        assert_eq!(boundary("multipart/form-data; charset=x; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(boundary("application/json; boundary=x"), None);
    }
}
