//! Sources of what is said. They belong to a whole block here: its characters
//! are their range.
//!
//! Source: Amazon Bedrock API reference, Citation and CitationLocation, checked 2026-11-21.

use serde_json::Value;

use crate::ir::{Citation, Dialect};

/// One citation of the characters in `range`.
pub(super) fn decode(value: &Value, range: (u64, u64)) -> Citation {
    let text = |place: &str| value.pointer(place).and_then(Value::as_str).map(str::to_owned);
    let words = value.get("sourceContent").and_then(Value::as_array).into_iter().flatten();
    let words: String = words.filter_map(|piece| piece.get("text")?.as_str()).collect();
    // `source` names where the content came from: an address, or whatever the client called it.
    let source = text("/source");
    Citation {
        // Some models put the sources in an empty block behind the text.
        range: Some(range).filter(|(from, to)| from < to),
        url: text("/location/web/url").or_else(|| source.clone().filter(|source| source.contains("://"))),
        title: text("/title").or(source),
        quote: Some(words).filter(|words| !words.is_empty()),
        ..Citation::of(Dialect::Bedrock)
    }
}
