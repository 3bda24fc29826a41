//! Why an answer ended, and what it used.
//!
//! Source: Amazon Bedrock API reference, ConverseResponse and TokenUsage,
//! checked 2026-11-21.

use serde_json::Value;

use crate::ir::{Finish, Usage};

/// Why the model stopped.
pub(super) fn finish(reason: &str) -> Finish {
    match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(None),
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "guardrail_intervened" | "content_filtered" => Finish::ContentFilter,
        _ => Finish::Other(reason.to_owned()),
    }
}

/// Usage in canonical form: `inputTokens` leaves out what was read from and written to the cache.
pub(super) fn usage(value: &Value) -> Usage {
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    // The names with `Count` are those of Nova's own body.
    let cached = number("cacheReadInputTokens").or_else(|| number("cacheReadInputTokenCount"));
    let written = number("cacheWriteInputTokens").or_else(|| number("cacheWriteInputTokenCount"));
    let details = value.get("cacheDetails").and_then(Value::as_array);
    let hour = details.map(|details| {
        let hours = details.iter().filter(|detail| detail.get("ttl").is_some_and(|ttl| ttl == "1h"));
        hours.filter_map(|detail| detail.get("inputTokens").and_then(Value::as_u64)).sum()
    });
    let input = number("inputTokens").unwrap_or(0);
    let input = input.saturating_add(cached.unwrap_or(0)).saturating_add(written.unwrap_or(0));
    let output = number("outputTokens").unwrap_or(0);
    Usage {
        input,
        cached_input: cached,
        cache_write: written,
        cache_write_1h: hour,
        output,
        stated_total: number("totalTokens").filter(|total| *total != input.saturating_add(output)),
        ..Usage::default()
    }
}
