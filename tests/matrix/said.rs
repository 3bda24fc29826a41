//! What an answer says, whatever its dialect: told to a provider's dialect by
//! `answers`, read back by what a client gets.

use serde_json::{Value, json};

/// Kinds of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Tool,
    Tools,
    NoArguments,
    Structured,
    Thought,
    Cut,
    Sequence,
    Filtered,
    Empty,
    Cached,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Plain,
        Self::Tool,
        Self::Tools,
        Self::NoArguments,
        Self::Structured,
        Self::Thought,
        Self::Cut,
        Self::Sequence,
        Self::Filtered,
        Self::Empty,
        Self::Cached,
    ];
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    #[default]
    Stop,
    Sequence,
    Length,
    Tools,
    Filter,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Said {
    pub text: &'static str,
    pub thought: &'static str,
    pub seal: &'static str,
    pub calls: Vec<(&'static str, Value)>,
    pub end: End,
    /// All input, of it from the cache, all output, of it reasoning.
    pub usage: (u64, u64, u64, u64),
}

/// The answer of this kind.
pub fn said(kind: Kind) -> Said {
    let plain = Said { text: "Grüezi, 東京 🚂", usage: (90, 0, 12, 0), ..Said::default() };
    let call = |city: &str| ("weather", json!({ "city": city }));
    match kind {
        Kind::Plain => plain,
        Kind::Tool => Said { text: "I look.", calls: vec![call("Bern")], end: End::Tools, ..plain },
        Kind::Tools => Said { text: "", calls: vec![call("Bern"), call("Oslo")], end: End::Tools, ..plain },
        Kind::NoArguments => Said { text: "", calls: vec![("now", json!({}))], end: End::Tools, ..plain },
        Kind::Structured => Said { text: "{\"city\":\"Bern\"}", ..plain },
        Kind::Thought => {
            Said { thought: "Hm, a greeting.", seal: "c2VhbA==", usage: (90, 0, 12, 5), ..plain }
        }
        Kind::Cut => Said { end: End::Length, ..plain },
        Kind::Sequence => Said { end: End::Sequence, ..plain },
        Kind::Filtered => Said { text: "", end: End::Filter, ..plain },
        Kind::Empty => Said { text: "", ..plain },
        Kind::Cached => Said { usage: (90, 64, 12, 0), ..plain },
    }
}
