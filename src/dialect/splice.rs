//! Strings at known places of a JSON text, read and replaced while it streams:
//! names of models in a batch, ids in an answer. All other bytes pass as they
//! are, and nothing longer than one such string is held.
//!
//! Knows nothing of what the places mean.

use crate::error::{Error, Result};

/// Longest string at a wanted place, bytes.
const LONGEST: usize = 1024;
/// Longest key that is told apart, bytes.
const KEY: usize = 128;
/// Deepest nesting.
const DEPTH: usize = 128;

/// Replaces strings in JSON cut anywhere.
#[derive(Debug)]
pub struct Splicer {
    wanted: &'static [&'static str],
    /// Whether each line is a JSON text of its own, and the line's number from 1.
    lines: Option<u64>,
    /// The place of the value that is read: `requests[].params.model`.
    path: String,
    open: Vec<Level>,
    within: Within,
}

/// An object or array that is open.
#[derive(Debug)]
struct Level {
    object: bool,
    /// Length of the path that leads to it.
    base: usize,
    /// Whether a key is due.
    key_due: bool,
}

#[derive(Debug)]
enum Within {
    /// Between strings.
    Text,
    /// In a key: its bytes as far as they count.
    Key { held: Vec<u8>, escaped: bool },
    /// In a string that nobody wants.
    Passing { escaped: bool },
    /// In a string at a wanted place.
    Wanted { held: Vec<u8>, escaped: bool },
}

impl Splicer {
    /// Replaces at the places `wanted`: keys joined by `.`, elements of arrays
    /// as `[]`, any one key as `*`.
    #[must_use]
    pub const fn new(wanted: &'static [&'static str]) -> Self {
        Self { wanted, lines: None, path: String::new(), open: Vec::new(), within: Within::Text }
    }

    /// The same in a file of which each line is a JSON text.
    #[must_use]
    pub fn lines(wanted: &'static [&'static str]) -> Self {
        Self { lines: Some(1), ..Self::new(wanted) }
    }

    /// Takes the next bytes and appends what they become to `out`. `replace`
    /// gets each string at a wanted place, and the place.
    ///
    /// # Errors
    /// `InvalidRequest`: nested too deep, a line that is no whole JSON text, a
    /// string at a wanted place that is too long; else what `replace` returned.
    pub fn push(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        mut replace: impl FnMut(&str, &str) -> Result<Option<String>>,
    ) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match &mut self.within {
                Within::Text => self.text(rest, out)?,
                Within::Passing { escaped } => {
                    let (taken, left, ended) = string(rest, escaped);
                    out.extend_from_slice(taken);
                    self.string_line(taken)?;
                    if ended {
                        self.within = Within::Text;
                    }
                    left
                }
                Within::Key { held, escaped } => {
                    let (taken, left, ended) = string(rest, escaped);
                    out.extend_from_slice(taken);
                    if held.len() <= KEY {
                        held.extend_from_slice(taken);
                    }
                    let key = ended.then(|| std::mem::take(held));
                    self.string_line(taken)?;
                    if let Some(key) = key {
                        self.key(&key);
                    }
                    left
                }
                Within::Wanted { held, escaped } => {
                    let (taken, left, ended) = string(rest, escaped);
                    held.extend_from_slice(taken);
                    if held.len() > LONGEST {
                        return Err(self.wrong(&format!("`{}` is too long", self.path)));
                    }
                    if ended {
                        let held = std::mem::take(held);
                        self.value(&held, out, &mut replace)?;
                    }
                    left
                }
            };
        }
        Ok(())
    }

    /// Reads up to and including the next quote; gives what follows it.
    fn text<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<u8>) -> Result<&'b [u8]> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'{' | b'[' => self.enter(*byte == b'{')?,
                b'}' | b']' => {
                    if let Some(level) = self.open.pop() {
                        self.path.truncate(level.base);
                    }
                }
                b',' => {
                    if let Some(level) = self.open.last_mut() {
                        level.key_due = level.object;
                    }
                }
                b'\n' => self.line()?,
                b'"' => {
                    let (before, from) = bytes.split_at(at);
                    out.extend_from_slice(before);
                    self.within = self.string_begins();
                    if !matches!(self.within, Within::Wanted { .. }) {
                        out.push(b'"');
                    }
                    return Ok(from.get(1..).unwrap_or_default());
                }
                _ => {}
            }
        }
        out.extend_from_slice(bytes);
        Ok(&[])
    }

    fn enter(&mut self, object: bool) -> Result<()> {
        if self.open.len() >= DEPTH {
            return Err(self.wrong("it is nested too deep"));
        }
        self.open.push(Level { object, base: self.path.len(), key_due: object });
        if !object {
            self.path.push_str("[]");
        }
        Ok(())
    }

    fn string_begins(&self) -> Within {
        let (held, escaped) = (Vec::new(), false);
        if self.open.last().is_some_and(|level| level.key_due) {
            Within::Key { held, escaped }
        } else if self.wanted.iter().any(|wanted| matches(wanted, &self.path)) {
            Within::Wanted { held, escaped }
        } else {
            Within::Passing { escaped }
        }
    }

    /// A key has ended; `raw` with its closing quote.
    fn key(&mut self, raw: &[u8]) {
        self.within = Within::Text;
        // A key that could be taken for a path stands for none.
        let key = unquoted(raw).filter(|key| key.len() <= KEY && !key.contains(['.', '[', '*', '?']));
        if let Some(level) = self.open.last_mut() {
            level.key_due = false;
            self.path.truncate(level.base);
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(key.as_deref().unwrap_or("?"));
        }
    }

    /// A string at a wanted place has ended; `raw` with its closing quote.
    fn value(
        &mut self,
        raw: &[u8],
        out: &mut Vec<u8>,
        replace: &mut impl FnMut(&str, &str) -> Result<Option<String>>,
    ) -> Result<()> {
        self.within = Within::Text;
        let text = unquoted(raw).ok_or_else(|| self.wrong("it holds a malformed string"))?;
        let replaced = replace(&self.path, &text).map_err(|error| self.located(error))?;
        match replaced.filter(|new| *new != text) {
            Some(new) => out.extend_from_slice(serde_json::Value::from(new).to_string().as_bytes()),
            None => {
                out.push(b'"');
                out.extend_from_slice(raw);
            }
        }
        Ok(())
    }

    /// A line has ended between strings.
    fn line(&mut self) -> Result<()> {
        if self.lines.is_some() && !self.open.is_empty() {
            return Err(self.wrong("it is no whole JSON value"));
        }
        self.lines = self.lines.map(|line| line + 1);
        Ok(())
    }

    /// A string must not run over the end of its line: what reads line by line
    /// would see another meaning.
    fn string_line(&self, taken: &[u8]) -> Result<()> {
        if self.lines.is_some() && memchr::memchr(b'\n', taken).is_some() {
            return Err(self.wrong("a string runs over its end"));
        }
        Ok(())
    }

    fn wrong(&self, what: &str) -> Error {
        self.located(Error::invalid(what.to_owned()).with_code("invalid_json"))
    }

    fn located(&self, mut error: Error) -> Error {
        if let Some(line) = self.lines {
            error.message = format!("line {line} of the file: {}", error.message);
        }
        error
    }
}

/// The bytes of a string up to and including its closing quote, what follows,
/// and whether that quote was there.
fn string<'b>(bytes: &'b [u8], escaped: &mut bool) -> (&'b [u8], &'b [u8], bool) {
    let mut at = 0;
    loop {
        if std::mem::take(escaped) {
            at += 1;
        }
        let left = bytes.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', left) {
            None => return (bytes, &[], false),
            Some(found) if left.get(found) == Some(&b'"') => {
                let (taken, rest) = bytes.split_at(at + found + 1);
                return (taken, rest, true);
            }
            Some(found) => {
                at += found + 1;
                *escaped = true;
                if at >= bytes.len() {
                    return (bytes, &[], false);
                }
            }
        }
    }
}

/// The text of a string, given without its opening quote.
fn unquoted(raw: &[u8]) -> Option<String> {
    serde_json::from_slice(&[b"\"", raw].concat()).ok()
}

/// Whether `path` is the place `wanted`.
fn matches(wanted: &str, path: &str) -> bool {
    let mut parts = path.split('.');
    wanted.split('.').all(|want| parts.next().is_some_and(|part| want == "*" || want == part))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of `text` cut into pieces of `size`, every wanted string in capitals, and what was found.
    fn spliced(mut splicer: Splicer, text: &str, size: usize) -> (Result<String>, Vec<String>) {
        let (mut out, mut found) = (Vec::new(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            let pushed = splicer.push(piece, &mut out, |path, value| {
                found.push(format!("{path}={value}"));
                Ok((value != "same").then(|| value.to_uppercase()))
            });
            if let Err(error) = pushed {
                return (Err(error), found);
            }
        }
        (Ok(String::from_utf8(out).unwrap()), found)
    }

    #[test]
    fn strings_at_wanted_places_are_replaced_however_the_text_is_cut() {
        const ANTHROPIC: &[&str] = &["requests[].params.model"];
        const LINES: &[&str] = &["body.model", "a.*.m"];
        for (splicer, text, expected, found) in [
            (
                (|| Splicer::new(ANTHROPIC)) as fn() -> Splicer,
                r#"{"model":"no","requests":[{"custom_id":"model","params":{"x":{"model":"no"},"mod\u0065l":"ha\"i","y":[1,"model"]}},{"params":{"model":"same","model":"two"}}]}"#,
                r#"{"model":"no","requests":[{"custom_id":"model","params":{"x":{"model":"no"},"mod\u0065l":"HA\"I","y":[1,"model"]}},{"params":{"model":"same","model":"TWO"}}]}"#,
                vec![
                    "requests[].params.model=ha\"i",
                    "requests[].params.model=same",
                    "requests[].params.model=two",
                ],
            ),
            (
                || Splicer::lines(LINES),
                "{\"body\":{\"model\":\"a\"}}\r\n\n{\"body.model\":\"no\",\"a\":{\"b\":{\"m\":\"\\\\\"}}}\n{\"body\":{\"model\":null}}",
                "{\"body\":{\"model\":\"A\"}}\r\n\n{\"body.model\":\"no\",\"a\":{\"b\":{\"m\":\"\\\\\"}}}\n{\"body\":{\"model\":null}}",
                vec!["body.model=a", "a.b.m=\\"],
            ),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                let (out, seen) = spliced(splicer(), text, size);
                assert_eq!(
                    (out.unwrap().as_str(), seen),
                    (expected, found.iter().map(ToString::to_string).collect())
                );
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let deep = "[".repeat(DEPTH + 1);
        let long = format!("{{\"body\":{{\"model\":\"{}\"}}}}", "x".repeat(LONGEST + 1));
        for (text, expected) in [
            ("{\"a\":\"x\n{\\\"body\":{\"model\":\"m\"}}", "line 1 of the file: a string runs over its end"),
            ("{}\n{\"a\":\n1}", "line 2 of the file: it is no whole JSON value"),
            (deep.as_str(), "line 1 of the file: it is nested too deep"),
            (long.as_str(), "line 1 of the file: `body.model` is too long"),
        ] {
            let (out, _) = spliced(Splicer::lines(&["body.model"]), text, 5);
            assert_eq!(out.unwrap_err().message, expected);
        }
    }
}
