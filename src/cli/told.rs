//! An exchange in one line, for people: in lists of records, and on the
//! terminal where `serve` is watched. Files and pipes get JSON.

use std::io::{self, Write};

use serde::Deserialize;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::ir::Money;
use crate::observe::harmless;

/// How the log line of an exchange begins; other lines are for people already.
const EXCHANGE: &[u8] = br#"{"event":"exchange""#;

/// What is told of an exchange, from its record or its log line.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    id: String,
    #[serde(alias = "ts_ms")]
    started_ms: u64,
    outcome: String,
    status: u16,
    error: Option<String>,
    asked: String,
    model: Option<String>,
    input_tokens: u64,
    output_tokens: u64,
    cost_nano_usd: i64,
    duration_ms: f64,
}

impl Told {
    /// What was asked for, and what answered.
    pub(super) fn way(&self) -> String {
        format!("{} -> {}", self.asked, self.model.as_deref().unwrap_or("-"))
    }

    /// The line; its way takes `width` letters at least.
    pub(super) fn line(&self, width: usize) -> String {
        let Self { id, outcome, status, input_tokens, output_tokens, duration_ms, .. } = self;
        let seconds = i64::try_from(self.started_ms / 1000).unwrap_or_default();
        let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let time = time.format(form).unwrap_or_default();
        let (way, cost) = (self.way(), Money(self.cost_nano_usd));
        let error = self.error.as_deref().map(|error| format!("  {error}")).unwrap_or_default();
        inert(&format!(
            "{id}  {time}  {outcome:9} {status}  {way:width$}  {duration_ms:>6.0} ms  {input_tokens:>5} + {output_tokens} tokens  {cost} USD{error}"
        ))
    }
}

/// A text that clients had a part in: what acts on a terminal is escaped.
pub(super) fn inert(text: &str) -> String {
    let line = harmless(text.replace('\u{1b}', "\\u001b").into_bytes());
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// A sink that shows exchanges to whoever watches; other lines go as they are.
pub(super) struct Watched<W> {
    sink: W,
    /// A line that has begun.
    begun: Vec<u8>,
}

impl<W> Watched<W> {
    pub(super) const fn new(sink: W) -> Self {
        Self { sink, begun: Vec::new() }
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.begun);
                let exchange = line.starts_with(EXCHANGE).then(|| serde_json::from_slice::<Told>(&line).ok());
                match exchange.flatten() {
                    Some(told) => writeln!(self.sink, "{}", told.line(0))?,
                    None => self.sink.write_all(&line)?,
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_reads_exchanges_in_a_line() {
        let exchange = "{\"event\":\"exchange\",\"ts_ms\":1795315077657,\"id\":\"01M8\",\"outcome\":\"failed\",\"status\":502,\"error\":\"upstream_failed\",\"asked\":\"a\\u001b[2J\\nb\",\"model\":null,\"input_tokens\":5,\"output_tokens\":13,\"cost_nano_usd\":22800,\"duration_ms\":652.07,\"notes\":{}}\n";
        let shown = "01M8  2026-11-22 02:37:57  failed    502  a\\u001b[2J\\u000ab -> -     652 ms      5 + 13 tokens  0.000022800 USD  upstream_failed\n";
        for cut in [0, 1, 20, exchange.len() - 1, exchange.len()] {
            let mut seen = Vec::new();
            let mut sink = Watched::new(&mut seen);
            sink.write_all(b"an event\n").unwrap();
            let (head, tail) = exchange.as_bytes().split_at(cut);
            sink.write_all(head).unwrap();
            sink.write_all(tail).unwrap();
            sink.write_all(b"{\"event\":\"exchange\"}\n").unwrap();
            let expected = format!("an event\n{shown}{{\"event\":\"exchange\"}}\n");
            assert_eq!(String::from_utf8(seen).unwrap(), expected, "cut at {cut}");
        }
    }
}
