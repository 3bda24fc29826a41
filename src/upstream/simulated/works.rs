//! What the simulated provider answers besides conversations: vectors,
//! verdicts, orders, pictures, sound and transcripts, so that everything can be
//! tried without a key. The same question gets the same answer.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Actor;
use super::marks::seconds;
use crate::error::{Error, Result};
use crate::provider::{Answer, Simulate};

/// Length of a vector where the request states none.
const DIMENSIONS: usize = 256;
/// Longest vector.
const MOST_DIMENSIONS: u64 = 4096;
/// A picture of one pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x00, 0x00, 0x00, 0x02, 0x00, 0x01,
    0x48, 0xaf, 0xa4, 0x71, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];
/// Samples a second of simulated sound.
const RATE: u32 = 8_000;
/// Words that the simulated moderation finds harmful.
const HARMFUL: [&str; 4] = ["kill", "murder", "bomb", "hate"];

/// The answer to what is no conversation: its type and body.
///
/// # Errors
/// `InvalidRequest`: the body is not what its path says.
pub(super) fn answer(actor: &Actor<'_>, path: &str, body: &[u8]) -> Result<Option<(&'static str, Vec<u8>)>> {
    let path = path.split('?').next().unwrap_or_default();
    let asked = || {
        serde_json::from_slice::<Value>(body)
            .map_err(|at| Error::invalid(format!("the body is not valid: {at}")))
    };
    let name = actor.upstream;
    let body = match path {
        "embeddings" => embeddings(name, &asked()?),
        "moderations" => moderations(name, &asked()?),
        "rerank" => rerank(name, &asked()?),
        "images/generations" => images(asked()?.get("n").and_then(Value::as_u64).unwrap_or(1)),
        "images/edits" | "images/variations" => images(1),
        "audio/speech" => return Ok(Some(("audio/wav", silence(&asked()?)))),
        "audio/transcriptions" | "audio/translations" => transcript(name, actor.behaviour, body.len()),
        _ => return Ok(None),
    };
    Ok(Some(("application/json", body.to_string().into_bytes())))
}

/// The texts of `input`: one or a list.
fn texts(input: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(part) => part.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        other => other.to_string(),
    };
    match input {
        Some(Value::Array(list)) if !list.iter().all(Value::is_number) => list.iter().map(text).collect(),
        Some(one) => vec![text(one)],
        None => Vec::new(),
    }
}

fn tokens(texts: &[String]) -> u64 {
    texts.iter().map(|text| (text.len() as u64).div_ceil(4)).sum()
}

fn embeddings(model: &str, asked: &Value) -> Value {
    let stated = asked.get("dimensions").and_then(Value::as_u64).map(|count| count.min(MOST_DIMENSIONS));
    let count = stated.and_then(|count| usize::try_from(count).ok()).unwrap_or(DIMENSIONS);
    let texts = texts(asked.get("input"));
    let base64 = asked.get("encoding_format").is_some_and(|format| format == "base64");
    let data = texts.iter().enumerate().map(|(index, text)| {
        let vector = unit_vector(text, count);
        let embedding = if base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
            Value::from(BASE64_STANDARD.encode(bytes))
        } else {
            Value::from(vector)
        };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    });
    let data: Vec<Value> = data.collect();
    let used = tokens(&texts);
    json!({ "object": "list", "model": model, "data": data, "usage": { "prompt_tokens": used, "total_tokens": used } })
}

/// A vector of length one: the sum of one direction for each word, so that
/// texts which share words lie near each other.
fn unit_vector(text: &str, count: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; count];
    for word in words(text).iter().chain(std::iter::once(&format!("\u{0}{text}"))) {
        let mut seed = [0; 8];
        Sha256::digest(word.as_bytes()).iter().zip(&mut seed).for_each(|(from, to)| *to = *from);
        let mut rng = fastrand::Rng::with_seed(u64::from_le_bytes(seed));
        sum.iter_mut().for_each(|part| *part += rng.f64() - 0.5);
    }
    let length = sum.iter().map(|part| part * part).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, reason = "vectors travel as 32-bit floats")]
    sum.iter().map(|part| (part / length) as f32).collect()
}

fn words(text: &str) -> BTreeSet<String> {
    let split = text.split(|letter: char| !letter.is_alphanumeric());
    split.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn moderations(model: &str, asked: &Value) -> Value {
    let results = texts(asked.get("input")).into_iter().map(|text| {
        let violent = words(&text).iter().any(|word| HARMFUL.contains(&word.as_str()));
        let score = if violent { 0.97 } else { 0.0001 };
        json!({ "flagged": violent, "categories": { "violence": violent }, "category_scores": { "violence": score } })
    });
    json!({ "id": "modr-sim", "model": model, "results": results.collect::<Vec<_>>() })
}

/// Documents by the share of the query's words that they have.
fn rerank(model: &str, asked: &Value) -> Value {
    let query = words(asked.get("query").and_then(Value::as_str).unwrap_or_default());
    let documents = texts(asked.get("documents"));
    let mut ranked: Vec<(usize, f64)> = documents
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let shared = words(text).intersection(&query).count();
            (index, shared as f64 / query.len().max(1) as f64)
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let top = ["top_n", "top_k"].iter().find_map(|name| asked.get(*name)?.as_u64());
    let kept = ranked.iter().take(top.and_then(|top| usize::try_from(top).ok()).unwrap_or(usize::MAX));
    let results: Vec<Value> =
        kept.map(|(index, score)| json!({ "index": index, "relevance_score": score })).collect();
    let used = tokens(&documents);
    json!({ "id": "rerank-sim", "model": model, "results": results, "usage": { "prompt_tokens": used, "total_tokens": used } })
}

fn images(count: u64) -> Value {
    let picture = json!({ "b64_json": BASE64_STANDARD.encode(PNG) });
    let data = vec![picture; usize::try_from(count.clamp(1, 10)).unwrap_or(1)];
    json!({ "created": seconds(), "data": data })
}

/// As much silence as it takes to say the text, ten seconds at most, as WAV.
fn silence(asked: &Value) -> Vec<u8> {
    let said = asked.get("input").and_then(Value::as_str).unwrap_or_default();
    let words = u32::try_from(said.split_whitespace().count()).unwrap_or(u32::MAX);
    let samples = (words.saturating_mul(RATE / 3)).clamp(RATE / 10, RATE * 10);
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + samples).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16_u32.to_le_bytes());
    // Uncompressed, one channel, 8 bits a sample.
    wav.extend_from_slice(&[1, 0, 1, 0]);
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&[1, 0, 8, 0]);
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&samples.to_le_bytes());
    wav.resize(wav.len() + usize::try_from(samples).unwrap_or(0), 0x80);
    wav
}

fn transcript(model: &str, behaviour: &Simulate, bytes: usize) -> Value {
    let text = match &behaviour.answer {
        Answer::Scripted(lines) => lines.first().cloned().unwrap_or_default(),
        Answer::Canned | Answer::Echo => format!("{model} here: a recording that nobody has listened to."),
    };
    let seconds = (bytes / 16_000).max(1);
    json!({ "text": text, "usage": { "type": "duration", "seconds": seconds } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_length_one_and_are_near_where_words_are_shared() {
        let [a, b, c] =
            ["the night train", "the night bus", "green apples"].map(|text| unit_vector(text, 256));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        assert!((dot(&a, &a) - 1.0).abs() < 1e-3);
        assert!(dot(&a, &b) > dot(&a, &c) + 0.2);
        assert_eq!(a, unit_vector("the night train", 256));
    }

    #[test]
    fn documents_are_ordered_by_shared_words() {
        let asked = json!({ "query": "night train", "documents": ["a bus", "the night train", { "text": "train" }], "top_n": 2 });
        let answer = rerank("m", &asked);
        assert_eq!(answer["results"][0]["index"], 1);
        assert_eq!(answer["results"][1]["index"], 2);
        assert_eq!(answer["results"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_picture_is_a_png() {
        let crc = |from: usize, to: usize| crc32fast::hash(&PNG[from..to]).to_be_bytes();
        assert_eq!(crc(12, 29), PNG[29..33]);
        assert_eq!(crc(37, 51), PNG[51..55]);
        assert_eq!(crc(59, 63), PNG[63..67]);
    }
}
