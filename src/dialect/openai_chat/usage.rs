//! Token usage in OpenAI's words, with the spellings of look-alike servers.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fields::{as_count, merge};
use crate::ir::Usage;

/// Usage in OpenAI's own words and nothing else: most answers, read without a
/// tree of values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize, Default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

/// [`decode_usage`] of JSON text.
pub(super) fn read_usage(text: &str) -> Option<Usage> {
    let Ok(plain) = serde_json::from_str::<Plain>(text) else {
        return decode_usage(&serde_json::from_str(text).ok()?);
    };
    let prompt = plain.prompt_tokens_details.unwrap_or_default();
    let completion = plain.completion_tokens_details.unwrap_or_default();
    let (input, total) = (plain.prompt_tokens, Some(plain.total_tokens));
    let output = whole_output((input, plain.completion_tokens), completion.reasoning_tokens, total);
    Some(Usage {
        input,
        cached_input: prompt.cached_tokens,
        cache_write: prompt.cache_write_tokens,
        output,
        reasoning: completion.reasoning_tokens,
        audio_input: prompt.audio_tokens,
        audio_output: completion.audio_tokens,
        stated_total: total.filter(|total| *total != input.saturating_add(output)),
        ..Usage::default()
    })
}

/// Output tokens, reasoning included. xAI leaves reasoning out of
/// `completion_tokens`, but not out of the total.
fn whole_output((input, stated): (u64, u64), reasoning: Option<u64>, total: Option<u64>) -> u64 {
    let reasoning = reasoning.unwrap_or(0);
    let with = stated.saturating_add(reasoning);
    if reasoning > 0 && total == Some(input.saturating_add(with)) { with } else { stated }
}

/// Reads a usage object; `None` when it states no tokens. Both OpenAI's forms
/// are read: `prompt_tokens` and `input_tokens`.
pub(in crate::dialect) fn decode_usage(value: &Value) -> Option<Usage> {
    let count = |path: &str| value.pointer(path).and_then(as_count);
    let input = count("/prompt_tokens").or_else(|| count("/input_tokens"));
    let output = count("/completion_tokens").or_else(|| count("/output_tokens"));
    if input.is_none() && output.is_none() && count("/total_tokens").is_none() {
        return None;
    }
    let (input, stated_output) = (input.unwrap_or(0), output.unwrap_or(0));
    let reasoning = count("/completion_tokens_details/reasoning_tokens")
        .or_else(|| count("/output_tokens_details/reasoning_tokens"))
        // Perplexity's.
        .or_else(|| count("/reasoning_tokens"));
    let total = count("/total_tokens");
    let output = whole_output((input, stated_output), reasoning, total);
    Some(Usage {
        input,
        cached_input: count("/prompt_tokens_details/cached_tokens")
            .or_else(|| count("/input_tokens_details/cached_tokens"))
            .or_else(|| count("/prompt_cache_hit_tokens"))
            .or_else(|| count("/cached_tokens")),
        cache_write: count("/prompt_tokens_details/cache_write_tokens")
            .or_else(|| count("/input_tokens_details/cache_write_tokens"))
            .or_else(|| count("/cache_creation_input_tokens")),
        cache_write_1h: count("/cache_creation/ephemeral_1h_input_tokens"),
        output,
        reasoning,
        audio_input: count("/prompt_tokens_details/audio_tokens"),
        audio_output: count("/completion_tokens_details/audio_tokens"),
        stated_total: total.filter(|total| *total != input.saturating_add(output)),
        billed: None,
        estimated: false,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Text and tree give the same, whichever way the text is read.
    #[test]
    fn text_reads_as_its_tree() {
        for text in [
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":2},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":0,"accepted_prediction_tokens":0}}"#,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":20,"completion_tokens_details":{"reasoning_tokens":7}}"#,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":99,"prompt_tokens_details":null}"#,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_cache_hit_tokens":5}"#,
            r#"{"prompt_tokens":9.0,"completion_tokens":null,"total_tokens":9}"#,
            r#"{"input_tokens":9,"output_tokens":4}"#,
            r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"reasoning_tokens":3}"#,
            r#"{"queue_time":0.1}"#,
            "null",
        ] {
            let tree = serde_json::from_str(text).unwrap();
            assert_eq!(read_usage(text), decode_usage(&tree), "{text}");
        }
        assert_eq!(
            read_usage(r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#).unwrap().output,
            4
        );
    }
}
