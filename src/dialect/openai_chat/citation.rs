//! Citations as OpenAI annotates them, both ways: with a member of their type's
//! name in chat completions, flat in responses; and the lists of sources that
//! search engines of this dialect put beside the choices.
//!
//! Places are characters of the text, from zero; the reference calls `end_index`
//! the last character, real answers give the one behind it. Whether a character
//! is a code point or a UTF-16 unit is not said: they are read and written as
//! code points, which differs only behind characters beyond U+FFFF.
//!
//! Source: OpenAI API reference "Chat" and "Responses", annotations; Perplexity
//! and xAI API references, `search_results` and `citations`, checked 2026-11-21.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fields::Fields;
use crate::ir::{Citation, Dialect, Extra};

/// The citation of an annotation in `dialect`, whose text begins `before`
/// characters after that of the choice; `None`: it annotates something else.
pub(in crate::dialect) fn decode(value: &Value, dialect: Dialect, before: u64) -> Option<Citation> {
    let kind = value.get("type")?.as_str()?;
    if !is_citation(value) {
        return None;
    }
    let inner = value.get(kind).filter(|inner| inner.is_object()).unwrap_or(value);
    let text = |name: &str| inner.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| inner.get(name).and_then(Value::as_u64).map(|at| before.saturating_add(at));
    Some(Citation {
        range: number("start_index").zip(number("end_index")).filter(|(from, to)| from < to),
        url: text("url"),
        title: text("title").or_else(|| text("filename")),
        quote: text("content").or_else(|| text("quote")),
        file: text("file_id"),
        raw: Some(Arc::new(value.clone())),
        ..Citation::of(dialect)
    })
}

/// Whether an annotation names a source.
pub(in crate::dialect) fn is_citation(value: &Value) -> bool {
    const KINDS: [&str; 4] = ["url_citation", "file_citation", "container_file_citation", "file_path"];
    value.get("type").and_then(Value::as_str).is_some_and(|kind| KINDS.contains(&kind))
}

/// The sources that an answer or a chunk names beside its choices: of no text
/// in particular, and kept where they stand.
pub(super) fn sources(fields: &Fields) -> Vec<Citation> {
    let list = |name: &str| fields.get(name).and_then(Value::as_array).into_iter().flatten();
    let told = list("search_results").map(|result| {
        let text = |name: &str| result.get(name).and_then(Value::as_str).map(str::to_owned);
        let (url, title, quote) = (text("url"), text("title"), text("snippet"));
        Citation { url, title, quote, ..Citation::of(Dialect::OpenAiChat) }
    });
    let mut sources: Vec<Citation> = told.filter(|source| source.url.is_some()).collect();
    for url in list("citations").filter_map(Value::as_str) {
        if !sources.iter().any(|source| source.url.as_deref() == Some(url)) {
            sources.push(Citation { url: Some(url.to_owned()), ..Citation::of(Dialect::OpenAiChat) });
        }
    }
    sources
}

/// The citations of a message's annotations.
pub(super) fn of_message(extra: &Extra) -> Vec<Citation> {
    let list = extra.get("annotations").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|value| decode(value, Dialect::OpenAiChat, 0)).collect()
}

/// The annotation for a client of `dialect`, who has been told `said`
/// characters since its text began, `before` characters into the choice's.
/// `None`: the dialect has no word for it, or it goes there by itself.
pub(in crate::dialect) fn encode(
    citation: &Citation,
    dialect: Dialect,
    before: u64,
    said: u64,
) -> Option<Value> {
    let (from, to) = citation.range.unwrap_or((before, before.saturating_add(said)));
    let (from, to) = (from.saturating_sub(before), to.saturating_sub(before));
    if citation.dialect == dialect {
        let mut raw = citation.raw.as_deref()?.clone();
        // The text may begin elsewhere than where the provider's began.
        for (name, at) in [("start_index", from), ("end_index", to)] {
            if let Some(place) = raw.get_mut(name).filter(|_| citation.range.is_some()) {
                *place = at.into();
            }
        }
        return Some(raw);
    }
    if let Some(url) = &citation.url {
        let title = citation.title.as_deref().unwrap_or(url);
        let inner = json!({ "start_index": from, "end_index": to, "url": url, "title": title });
        if dialect == Dialect::OpenAiChat {
            return Some(json!({ "type": "url_citation", "url_citation": inner }));
        }
        let mut flat = json!({ "type": "url_citation" });
        super::fields::merge(&mut flat, &inner);
        return Some(flat);
    }
    let file = citation.file.as_deref().filter(|_| dialect == Dialect::OpenAiResponses)?;
    let name = citation.title.as_deref().unwrap_or(file);
    Some(json!({ "type": "file_citation", "file_id": file, "filename": name, "index": to }))
}
