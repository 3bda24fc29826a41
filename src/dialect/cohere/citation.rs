//! Sources of what is said: documents of the request, and results of tools.
//!
//! Source: Cohere API reference v2 "Citation" and "Source", checked 2026-11-21.

use serde_json::Value;

use crate::ir::{Citation, Dialect};

/// The citations of `value`: one, or a list of them. Those of thoughts and
/// plans are of no visible text.
pub(super) fn decode(value: &Value) -> Vec<Citation> {
    let each: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    each.into_iter().flat_map(one).collect()
}

fn one(citation: &Value) -> Vec<Citation> {
    let number = |name: &str| citation.get(name).and_then(Value::as_u64);
    let of_text = citation.get("type").and_then(Value::as_str).is_none_or(|kind| kind == "TEXT_CONTENT");
    let range = number("start").zip(number("end")).filter(|_| of_text);
    let sources = citation.get("sources").and_then(Value::as_array).into_iter().flatten();
    sources.map(|named| Citation { range, ..source(named) }).collect()
}

/// A document, or a tool's output: both are objects of whatever the client sent.
fn source(value: &Value) -> Citation {
    let inner = value.get("document").or_else(|| value.get("tool_output")).unwrap_or(value);
    let text = |names: &[&str]| {
        names.iter().find_map(|name| inner.get(*name).and_then(Value::as_str)).map(str::to_owned)
    };
    Citation {
        url: text(&["url", "source_url", "link"]).filter(|url| url.contains("://")),
        title: text(&["title"]),
        quote: text(&["snippet", "text", "content"]),
        file: value.get("id").and_then(Value::as_str).map(str::to_owned),
        ..Citation::of(Dialect::Cohere)
    }
}
