//! A file or batch on its way to a provider: the models and files that it names
//! are found and replaced while it passes, everything else stays as it is.
//!
//! Sources: OpenAI API reference "Upload file" and "Batch: the request input
//! object", Anthropic API reference "Create a Message Batch" and "Create a
//! File", xAI API reference "Add batch requests", all checked 2026-11-21.

use std::collections::VecDeque;
use std::ops::Range;

use super::multipart::{Part, Scanner};
use super::splice::Splicer;
use crate::error::{Error, Result};

/// Where a line of OpenAI's batch file names its model, and files; the places of
/// [`super::PLACES`] in OpenAI's conversations.
const LINES: &[&str] = &[
    "body.model",
    "body.messages[].content[].file.file_id",
    "body.input[].content[].file_id",
    "body.input[].output[].file_id",
    "body.input[].output.file_id",
    "body.tools[].container.file_ids[]",
    "body.tools[].input_image_mask.file_id",
    "body.prompt.variables.*.file_id",
    "body.images[].file_id",
    "body.mask.file_id",
];
/// Where a batch in one JSON object does: Anthropic's, and xAI's.
const REQUESTS: &[&str] = &[
    "requests[].params.model",
    "requests[].params.messages[].content[].file_id",
    "requests[].params.messages[].content[].source.file_id",
    "requests[].params.messages[].content[].content[].source.file_id",
    "batch_requests[].batch_request.*.model",
];
/// Longest plain field of a form, bytes.
const FIELD: usize = 64 << 10;
/// The purpose of files that hold batches.
const BATCH: &str = "batch";

/// What a parcel names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A model.
    Model,
    /// A file, by its id.
    File,
}

/// Reads a parcel cut anywhere.
#[derive(Debug)]
pub enum Parcel {
    /// Requests in one JSON object.
    Json(Splicer),
    /// A form with a file.
    Form(Box<FormReader>),
}

/// Reads a form with a file.
#[derive(Debug)]
pub struct FormReader {
    scanner: Scanner,
    splicer: Splicer,
    /// Whether the file's lines are looked into; absent: while nobody knows.
    lines: bool,
    /// What has come and is not understood yet, and its place.
    pending: Vec<u8>,
    place: usize,
    /// Files that are complete and not passed on yet.
    files: VecDeque<Range<usize>>,
    purpose: Option<String>,
}

impl Parcel {
    /// A batch in one JSON object.
    #[must_use]
    pub const fn json() -> Self {
        Self::Json(Splicer::new(REQUESTS))
    }

    /// A form of this boundary; `lines` says whether its file is looked into.
    #[must_use]
    pub fn form(boundary: &str, lines: bool) -> Self {
        Self::Form(Box::new(FormReader {
            scanner: Scanner::new(boundary),
            splicer: Splicer::lines(LINES),
            lines,
            pending: Vec::new(),
            place: 0,
            files: VecDeque::new(),
            purpose: None,
        }))
    }

    /// Takes the next bytes and appends what they become to `out`; `rename`
    /// gets each name and says what stands for it, if anything else.
    ///
    /// # Errors
    /// `InvalidRequest`: it is malformed; else what `rename` returned.
    pub fn push(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        mut rename: impl FnMut(Named, &str) -> Result<Option<String>>,
    ) -> Result<()> {
        let mut replace = |place: &str, name: &str| {
            rename(if place.ends_with("model") { Named::Model } else { Named::File }, name)
        };
        match self {
            Self::Json(splicer) => splicer.push(bytes, out, replace),
            Self::Form(form) => form.push(bytes, out, &mut replace),
        }
    }

    /// The form's `purpose`, as far as it has come.
    #[must_use]
    pub fn purpose(&self) -> Option<&str> {
        match self {
            Self::Json(_) => None,
            Self::Form(form) => form.purpose.as_deref(),
        }
    }

    /// Whether it is a file of batch lines; `None`: its form has not said so yet.
    #[must_use]
    pub fn is_batch(&self) -> Option<bool> {
        match self {
            Self::Json(_) => Some(true),
            Self::Form(form) => form.purpose.as_ref().map(|purpose| purpose == BATCH),
        }
    }

    /// The parcel has come to its end.
    ///
    /// # Errors
    /// `InvalidRequest`: it breaks off, or its form said too late what it holds.
    pub fn finish(&self) -> Result<()> {
        let Self::Form(form) = self else { return Ok(()) };
        if !form.scanner.is_closed() {
            return Err(Error::invalid("the form breaks off before its end").with_code("invalid_form"));
        }
        let told = form.purpose.is_none() || self.is_batch() == Some(form.lines);
        if told { Ok(()) } else { Err(told_late()) }
    }
}

fn told_late() -> Error {
    let text = "the form says `purpose` only after a large file: put `purpose` before `file`";
    Error::invalid(text).with_param("purpose")
}

impl FormReader {
    fn push(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        replace: &mut impl FnMut(&str, &str) -> Result<Option<String>>,
    ) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        let mut done = Vec::new();
        self.scanner.push(bytes, |part| {
            done.push(part);
            Ok(())
        })?;
        for part in done {
            self.take(part)?;
        }
        let end = self.place + self.pending.len();
        let (upto, open) = match self.scanner.open() {
            _ if self.scanner.is_closed() => (end, None),
            Some(part) if is_file(part) => (self.scanner.settled(), Some(part.content.start)),
            Some(part) if self.scanner.settled().saturating_sub(part.content.start) > FIELD => {
                let text = format!("the form's field `{}` is longer than {FIELD} bytes", part.name);
                return Err(Error::invalid(text).with_code("invalid_form"));
            }
            Some(part) => (part.content.start, None),
            None => (self.scanner.settled(), None),
        };
        self.pass(upto.min(end), open, out, replace)
    }

    /// A part is complete.
    fn take(&mut self, part: Part) -> Result<()> {
        if is_file(&part) {
            self.files.push_back(part.content);
        } else if part.name == "purpose" {
            let at = |place: usize| place.saturating_sub(self.place);
            let content = self.pending.get(at(part.content.start)..at(part.content.end));
            let value = String::from_utf8_lossy(content.unwrap_or_default()).into_owned();
            // What is authorised is what is sent: one purpose, one meaning.
            if self.purpose.replace(value).is_some() {
                let error = Error::invalid("the form has `purpose` twice");
                return Err(error.with_param("purpose").with_code("duplicate_key"));
            }
        }
        Ok(())
    }

    /// Passes on what lies before `upto`: files through the splicer, the rest
    /// as it is. `open` is where a file begins whose end has not come.
    fn pass(
        &mut self,
        upto: usize,
        open: Option<usize>,
        out: &mut Vec<u8>,
        replace: &mut impl FnMut(&str, &str) -> Result<Option<String>>,
    ) -> Result<()> {
        while self.place < upto {
            let file = self.files.front().cloned().or(open.map(|start| start..usize::MAX));
            let (end, inside) = match file {
                Some(file) if file.end <= self.place => {
                    self.files.pop_front();
                    continue;
                }
                Some(file) if file.start <= self.place => (file.end.min(upto), true),
                Some(file) => (file.start.min(upto), false),
                None => (upto, false),
            };
            let piece = self.pending.get(..end - self.place).unwrap_or_default();
            if inside && self.lines {
                self.splicer.push(piece, out, &mut *replace)?;
            } else {
                out.extend_from_slice(piece);
            }
            self.pending.drain(..end - self.place);
            self.place = end;
        }
        Ok(())
    }
}

fn is_file(part: &Part) -> bool {
    part.name == "file" && part.filename.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n{\"body\":{\"model\":\"m\"}}\n--b {\"body\":{\"model\":\"n\"}}\r\n--b\r\nContent-Disposition: form-data; name=\"after\"\r\n\r\n{\"body\":{\"model\":\"m\"}}\r\n--b--\r\nepilogue";

    #[test]
    fn only_the_file_of_a_form_is_looked_into_however_it_is_cut() {
        for (lines, expected) in [(true, vec!["m", "n"]), (false, vec![])] {
            for size in [1, 2, 5, 17, 1000] {
                let (mut parcel, mut out, mut names) = (Parcel::form("b", lines), Vec::new(), Vec::new());
                for piece in FORM.as_bytes().chunks(size) {
                    let rename = |_, name: &str| {
                        names.push(name.to_owned());
                        Ok(Some(format!("{name}-2026")))
                    };
                    parcel.push(piece, &mut out, rename).unwrap();
                }
                let renamed = if lines {
                    FORM.replacen("\"m\"", "\"m-2026\"", 1).replacen("\"n\"", "\"n-2026\"", 1)
                } else {
                    FORM.to_owned()
                };
                assert_eq!(
                    (names, String::from_utf8(out).unwrap()),
                    (expected.iter().map(ToString::to_string).collect(), renamed)
                );
                assert_eq!((parcel.purpose(), parcel.is_batch()), (Some("batch"), Some(true)));
                assert_eq!(parcel.finish().is_ok(), lines);
            }
        }
    }

    #[test]
    fn forms_that_mean_two_things_or_break_off_are_refused() {
        let twice = FORM.replace("name=\"after\"", "name=\"purpose\"");
        let long = FORM
            .replace("name=\"after\"\r\n\r\n", &format!("name=\"after\"\r\n\r\n{}", "x".repeat(FIELD + 1)));
        for (text, expected) in [
            (twice.as_str(), "the form has `purpose` twice"),
            (FORM.split_once("\r\n--b--").unwrap().0, "the form breaks off before its end"),
            (long.split_once("\r\n--b--").unwrap().0, "the form's field `after` is longer than 65536 bytes"),
        ] {
            let mut parcel = Parcel::form("b", true);
            let pushed = parcel.push(text.as_bytes(), &mut Vec::new(), |_, _| Ok(None));
            assert_eq!(pushed.and_then(|()| parcel.finish()).unwrap_err().message, expected);
        }
    }

    #[test]
    fn requests_of_each_vendor_name_their_models() {
        for text in [
            r#"{"requests":[{"custom_id":"1","params":{"model":"m"}}]}"#,
            r#"{"batch_requests":[{"batch_request_id":"1","batch_request":{"responses":{"model":"m"}}}]}"#,
        ] {
            let (mut parcel, mut out) = (Parcel::json(), Vec::new());
            parcel.push(text.as_bytes(), &mut out, |_, name| Ok(Some(name.repeat(2)))).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), text.replace("\"m\"", "\"mm\""));
        }
    }
}
