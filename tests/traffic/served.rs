//! Which recordings are exercised, and by which test: a table that every case
//! must stand in, so that none is passed over in silence.

use std::collections::BTreeMap;

use crate::cases;

/// What becomes of an endpoint's recordings.
enum Fate {
    /// These tests hold them.
    Held(&'static str),
    /// Pointsman does not serve it, for this reason.
    NotServed(&'static str),
}

use Fate::{Held, NotServed};

/// Every endpoint of the recordings. `replay` is the whole gateway before a replaying provider.
const FATES: [(&str, Fate); 27] = [
    ("chat", Held("traffic, across, replay")),
    ("responses", Held("traffic, across, replay")),
    ("completions", Held("traffic, across, replay")),
    ("messages", Held("traffic_messages, across, replay")),
    ("vertex_raw", Held("traffic_messages, across, replay")),
    ("generate_content", Held("gemini, across, replay")),
    ("stream_generate_content", Held("gemini, across, replay")),
    ("converse", Held("traffic_bedrock, across, replay")),
    ("converse_stream", Held("traffic_bedrock, across, replay")),
    ("invoke", Held("traffic_bedrock, across, replay, native (vectors)")),
    ("invoke_stream", Held("traffic_bedrock, across, replay")),
    ("native_chat", Held("native, across, replay")),
    ("embeddings", Held("native, passages, replay")),
    ("rerank", Held("native, passages, replay")),
    ("images", Held("replay")),
    ("audio_in", Held("replay")),
    ("audio_out", Held("replay")),
    ("moderation", Held("replay")),
    ("count_tokens", Held("traffic_messages, replay")),
    ("predict", Held("replay")),
    ("models", NotServed("Pointsman lists its own models")),
    ("vector", Held("upstream::vector")),
    ("files", Held("depot")),
    ("batches", Held("depot")),
    ("native_generate", NotServed("older than chat at Cohere and Ollama")),
    ("interactions", NotServed("Gemini's stateful API")),
    ("other_api", NotServed("assistants, agents, caches, tokenizers")),
];

#[test]
fn every_recording_has_its_place() {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut unknown = Vec::new();
    for case in cases::all() {
        match FATES.iter().find(|(endpoint, _)| *endpoint == case.endpoint) {
            Some((endpoint, _)) => *counts.entry((endpoint, case.provider)).or_default() += 1,
            None => unknown.push(case.label()),
        }
    }
    println!("| endpoint | recordings | by | provider: count |\n| --- | --- | --- | --- |");
    for (endpoint, fate) in FATES {
        let of: Vec<_> = counts.iter().filter(|((of, _), _)| *of == endpoint).collect();
        let total: usize = of.iter().map(|(_, count)| **count).sum();
        let each: Vec<String> =
            of.iter().map(|((_, provider), count)| format!("{provider} {count}")).collect();
        let by = match fate {
            Held(by) => by.to_owned(),
            NotServed(why) => format!("not served: {why}"),
        };
        if total > 0 {
            println!("| {endpoint} | {total} | {by} | {} |", each.join(", "));
        }
    }
    assert!(unknown.is_empty(), "recordings of an endpoint that no test knows: {unknown:?}");
}
