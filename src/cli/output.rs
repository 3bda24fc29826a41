//! Where commands write: results to standard output, notes to standard error.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use serde_json::Value;

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For machines: one JSON document.
    Json,
}

/// A command's streams. Writing to a stream that was closed is no failure: the
/// reader had enough.
pub struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// How results are shown.
    pub format: Format,
    /// Whether results are shown in colour.
    pub colour: bool,
    /// Whether somebody watches, so that long work may show its progress.
    pub watched: bool,
}

impl Output {
    /// The process' own streams, in colour where that is wanted.
    #[must_use]
    pub fn terminal(format: Format) -> Self {
        let out = AutoStream::auto(std::io::stdout());
        let colour = out.current_choice() != ColorChoice::Never;
        let watched = format == Format::Human && std::io::stderr().is_terminal();
        Self {
            out: Box::new(out),
            err: Box::new(AutoStream::auto(std::io::stderr())),
            format,
            colour,
            watched,
        }
    }

    /// Streams into memory, for tests.
    #[must_use]
    pub fn to(out: Box<dyn Write>, err: Box<dyn Write>, format: Format) -> Self {
        Self { out, err, format, colour: false, watched: false }
    }

    /// Writes a line of the result.
    pub fn line(&mut self, text: impl AsRef<str>) {
        drop(writeln!(self.out, "{}", text.as_ref()).and_then(|()| self.out.flush()));
    }

    /// Writes a line beside the result.
    pub fn note(&mut self, text: impl AsRef<str>) {
        drop(writeln!(self.err, "{}", text.as_ref()).and_then(|()| self.err.flush()));
    }

    /// Writes a JSON document as the result.
    pub fn json(&mut self, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.line(text);
    }

    /// Whether the result is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }
}
