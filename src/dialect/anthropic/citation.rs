//! Citations, both ways. They belong to a whole text block here: its characters
//! are their range.
//!
//! Source: Anthropic, Citations; Web search tool, "Citations"; Search results, checked 2026-11-21.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::ir::{Citation, Dialect};

/// One citation of the characters in `range`.
pub(super) fn decode(value: &Value, range: (u64, u64)) -> Citation {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    // A search result's `source` is its address, a document has none.
    Citation {
        range: Some(range).filter(|(from, to)| from < to),
        url: text("url").or_else(|| text("source")),
        title: text("title").or_else(|| text("document_title")),
        quote: text("cited_text"),
        file: text("file_id"),
        raw: Some(Arc::new(value.clone())),
        ..Citation::of(Dialect::Anthropic)
    }
}

/// A citation for a client; `None` when it names nothing. What another maker's
/// model cites is no search of Anthropic's: its `encrypted_index` is empty,
/// and it is not sent to Anthropic again.
pub(super) fn encode(citation: &Citation) -> Option<Value> {
    if citation.dialect == Dialect::Anthropic {
        return citation.raw.as_deref().cloned();
    }
    let label = citation.label()?;
    Some(json!({
        "type": "web_search_result_location",
        "url": citation.url.as_deref().unwrap_or_default(),
        "title": label,
        "cited_text": citation.quote.as_deref().unwrap_or_default(),
        "encrypted_index": "",
    }))
}

/// Whether a citation in a request is one that [`encode`] made of another maker's.
pub(super) fn is_foreign(value: &Value) -> bool {
    value.get("encrypted_index").is_some_and(|index| index == "")
}
