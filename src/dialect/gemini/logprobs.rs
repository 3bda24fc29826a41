//! Log probabilities: Gemini's two parallel lists to OpenAI's one and back.

use serde_json::{Map, Value, json};

use super::emit::object;
use super::fields::take;
use crate::ir::Logprobs;

/// OpenAI's form of a `logprobsResult`.
pub(super) fn decode(result: &Value) -> Option<Logprobs> {
    let chosen = result.get("chosenCandidates")?.as_array()?;
    let top = result.get("topCandidates").and_then(Value::as_array);
    let content = chosen.iter().enumerate().map(|(at, candidate)| {
        let mut entry = token(candidate);
        let alternatives = top.and_then(|top| top.get(at)?.get("candidates")?.as_array());
        let alternatives = alternatives.into_iter().flatten().map(|one| Value::Object(token(one)));
        entry.insert("top_logprobs".to_owned(), Value::Array(alternatives.collect()));
        Value::Object(entry)
    });
    Some(json!({"content": content.collect::<Vec<_>>(), "refusal": null}))
}

fn token(candidate: &Value) -> Map<String, Value> {
    let text = candidate.get("token").and_then(Value::as_str).unwrap_or_default();
    object([
        ("token", Value::from(text)),
        ("logprob", candidate.get("logProbability").cloned().unwrap_or(Value::Null)),
        ("bytes", json!(text.as_bytes())),
    ])
}

/// Gemini's `logprobsResult` of OpenAI's form.
pub(super) fn encode(logprobs: &Logprobs) -> Option<Value> {
    let content = logprobs.get("content")?.as_array()?;
    let candidate = |entry: &Value| {
        let mut entry = entry.as_object().cloned().unwrap_or_default();
        json!({
            "token": take(&mut entry, "token").unwrap_or_default(),
            "logProbability": take(&mut entry, "logprob").unwrap_or_default(),
        })
    };
    let chosen: Vec<Value> = content.iter().map(candidate).collect();
    let top = content.iter().map(|entry| {
        let list = entry.get("top_logprobs").and_then(Value::as_array).into_iter().flatten();
        json!({"candidates": list.map(candidate).collect::<Vec<_>>()})
    });
    Some(json!({"chosenCandidates": chosen, "topCandidates": top.collect::<Vec<_>>()}))
}
