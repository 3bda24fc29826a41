//! Token usage in OpenAI's words, with the spellings of look-alike servers.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::counts::Stated;
use super::fields::merge;
use crate::ir::Usage;

/// Reads a usage object; `None` when it states no tokens. Both OpenAI's forms
/// are read: `prompt_tokens` and `input_tokens`.
pub(in crate::dialect) fn decode_usage(value: &Value) -> Option<Usage> {
    Stated::deserialize(value).ok()?.0
}

/// Usage out of llama.cpp's `timings`, which stand beside or instead of it:
/// `cache_n` tokens of the prompt were kept from before, `prompt_n` were read.
/// Source: llama.cpp server README, "timings", checked 2026-11-21.
pub(super) fn timed(timings: &Value) -> Option<Usage> {
    let count = |name: &str| timings.get(name).and_then(Value::as_u64);
    let (read, output, cached_input) = (count("prompt_n")?, count("predicted_n")?, count("cache_n"));
    Some(Usage {
        input: read.saturating_add(cached_input.unwrap_or(0)),
        cached_input,
        output,
        ..Usage::default()
    })
}

/// The fields of a usage object that [`decode_usage`] has no place for.
pub(super) fn leftover(value: &Value) -> Map<String, Value> {
    let known: &[(&str, &[&str])] = &[
        ("prompt_tokens", &[]),
        ("completion_tokens", &[]),
        ("total_tokens", &[]),
        ("prompt_tokens_details", &["cached_tokens", "cache_write_tokens", "audio_tokens"]),
        ("completion_tokens_details", &["reasoning_tokens", "audio_tokens"]),
    ];
    let mut rest = value.as_object().cloned().unwrap_or_default();
    for (name, inner) in known {
        match rest.get_mut(*name) {
            Some(Value::Object(details)) if !inner.is_empty() => {
                details.retain(|name, _| !inner.contains(&name.as_str()));
                if details.is_empty() {
                    rest.shift_remove(*name);
                }
            }
            _ => {
                rest.shift_remove(*name);
            }
        }
    }
    rest
}

/// Usage as OpenAI states it; `leftover` fields are merged in.
pub(in crate::dialect) fn usage_value(usage: &Usage, leftover: Option<&Value>) -> Value {
    let mut prompt = Map::new();
    let mut completion = Map::new();
    let put = |map: &mut Map<String, Value>, name: &str, count: Option<u64>| {
        if let Some(count) = count {
            map.insert(name.to_owned(), count.into());
        }
    };
    put(&mut prompt, "cached_tokens", usage.cached_input);
    put(&mut prompt, "cache_write_tokens", usage.cache_write);
    put(&mut prompt, "audio_tokens", usage.audio_input);
    put(&mut completion, "reasoning_tokens", usage.reasoning);
    put(&mut completion, "audio_tokens", usage.audio_output);
    let mut value = json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total(),
    });
    if let Value::Object(fields) = &mut value {
        if !prompt.is_empty() {
            fields.insert("prompt_tokens_details".into(), prompt.into());
        }
        if !completion.is_empty() {
            fields.insert("completion_tokens_details".into(), completion.into());
        }
    }
    if let Some(more) = leftover {
        merge(&mut value, more);
    }
    value
}
