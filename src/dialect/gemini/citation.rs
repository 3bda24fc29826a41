//! Sources of what is said: grounding and citation metadata, both ways. Places
//! are counted in bytes of UTF-8 here, from zero, the end excluded; in streams
//! too they count from the beginning of all the text that was said.
//!
//! Source: Gemini API reference "GroundingMetadata" and "CitationMetadata",
//! Vertex AI reference "Citation", "GroundingSupportSegment", checked 2026-11-21.

use serde_json::{Value, json};

use super::fields::integer;
use crate::ir::{Citation, Dialect};

/// The citations of a candidate, whose fields `field` finds; `place` turns bytes
/// of the visible text into characters, where it can.
pub(super) fn decode<'a>(
    field: impl Fn(&str) -> Option<&'a Value>,
    place: &dyn Fn(u64) -> Option<u64>,
) -> Vec<Citation> {
    let mut found = field("groundingMetadata").map(|all| grounding(all, place)).unwrap_or_default();
    let cited = field("citationMetadata");
    let cited = cited.and_then(|all| all.get("citationSources").or_else(|| all.get("citations")));
    found.extend(list(cited).map(|source| Citation {
        range: range(source, place),
        url: text(source, "uri"),
        title: text(source, "title"),
        ..Citation::of(Dialect::Gemini)
    }));
    found
}

fn grounding(metadata: &Value, place: &dyn Fn(u64) -> Option<u64>) -> Vec<Citation> {
    let sources: Vec<Citation> = list(metadata.get("groundingChunks")).map(source).collect();
    let mut named = vec![false; sources.len()];
    let mut found = Vec::new();
    for support in list(metadata.get("groundingSupports")) {
        let range = support.get("segment").and_then(|segment| range(segment, place));
        for at in list(support.get("groundingChunkIndices")).filter_map(index) {
            let Some(source) = sources.get(at) else { continue };
            found.push(Citation { range, ..source.clone() });
            if let Some(named) = named.get_mut(at) {
                *named = true;
            }
        }
    }
    // Sources of nothing in particular.
    let rest = sources.into_iter().zip(named).filter(|(_, named)| !named);
    found.extend(rest.map(|(source, _)| source));
    found
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn index(value: &Value) -> Option<usize> {
    usize::try_from(integer(value)?).ok()
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A chunk has one member, named by what it comes from: `web`, `retrievedContext`, `maps`.
fn source(chunk: &Value) -> Citation {
    let inner = chunk.as_object().and_then(|members| members.values().find(|member| member.is_object()));
    let field = |name: &str| inner.and_then(|inner| text(inner, name));
    Citation {
        url: field("uri").or_else(|| field("sourceUri")),
        title: field("title"),
        quote: field("text"),
        file: field("documentName"),
        ..Citation::of(Dialect::Gemini)
    }
}

/// The characters of a segment; an absent begin is the first. A segment of a part
/// behind the first says no place: which texts stand before it is not known in streams.
fn range(segment: &Value, place: &dyn Fn(u64) -> Option<u64>) -> Option<(u64, u64)> {
    let at = |name: &str| segment.get(name).and_then(integer).and_then(|at| u64::try_from(at).ok());
    if at("partIndex").is_some_and(|part| part > 0) {
        return None;
    }
    let (from, to) = (at("startIndex").unwrap_or(0), at("endIndex")?);
    place(from).zip(place(to)).filter(|(from, to)| from < to)
}

/// Grounding metadata of what another maker's model cites; `None` when it cites
/// nothing. `place` turns characters of the visible text into bytes, where it can.
pub(super) fn encode(citations: &[Citation], place: &dyn Fn(u64) -> Option<u64>) -> Option<Value> {
    let foreign = |citation: &&Citation| citation.dialect != Dialect::Gemini && citation.label().is_some();
    let (mut chunks, mut supports) = (Vec::new(), Vec::new());
    for citation in citations.iter().filter(foreign) {
        let chunk = chunk(citation);
        let at = chunks.iter().position(|known| *known == chunk).unwrap_or_else(|| {
            chunks.push(chunk);
            chunks.len() - 1
        });
        let range = citation.range.and_then(|(from, to)| place(from).zip(place(to)));
        if let Some((from, to)) = range {
            let segment = json!({"startIndex": from, "endIndex": to});
            supports.push(json!({"segment": segment, "groundingChunkIndices": [at]}));
        }
    }
    (!chunks.is_empty()).then(|| json!({"groundingChunks": chunks, "groundingSupports": supports}))
}

fn chunk(citation: &Citation) -> Value {
    let title = citation.label().unwrap_or_default();
    match &citation.url {
        Some(url) => json!({"web": {"uri": url, "title": title}}),
        None => json!({"retrievedContext": {"title": title, "text": citation.quote}}),
    }
}
