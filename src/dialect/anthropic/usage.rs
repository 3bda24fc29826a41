//! Token usage, both ways. Anthropic's `input_tokens` leaves out what was read
//! from and written to its cache; ours counts everything that went in.
//!
//! Source: Anthropic, Prompt caching, "Tracking cache performance", checked 2026-11-21.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::dialect::lenient::{count, lenient};
use crate::ir::Usage;

/// `usage` as it stands in an answer, in `message_start` and in `message_delta`:
/// a later statement overwrites an earlier one field by field.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    cache_creation: Option<CacheCreation>,
    #[serde(default, deserialize_with = "lenient")]
    output_tokens_details: Option<OutputDetails>,
}

/// Tokens written to the cache by their time to live.
#[derive(Debug, Clone, Copy, Deserialize)]
struct CacheCreation {
    #[serde(default, deserialize_with = "count")]
    ephemeral_1h_input_tokens: Option<u64>,
}

/// What the output tokens were spent on.
#[derive(Debug, Clone, Copy, Deserialize)]
struct OutputDetails {
    #[serde(default, deserialize_with = "count")]
    thinking_tokens: Option<u64>,
}

/// The names above: what remains of a `usage` object is extra.
pub(super) const KNOWN: [&str; 6] = [
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens_details",
];

impl WireUsage {
    /// Reads a `usage` object; of one that is none, nothing is read.
    pub(super) fn of(value: &Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }

    /// Lets the fields that `later` states replace ours.
    pub(super) fn update(&mut self, later: Self) {
        fn set<T>(ours: &mut Option<T>, later: Option<T>) {
            if later.is_some() {
                *ours = later;
            }
        }
        set(&mut self.input_tokens, later.input_tokens);
        set(&mut self.output_tokens, later.output_tokens);
        set(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        set(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        set(&mut self.cache_creation, later.cache_creation);
        set(&mut self.output_tokens_details, later.output_tokens_details);
    }

    /// What would have been on the wire.
    pub(super) fn from_canonical(usage: &Usage) -> Self {
        let cached = usage.cached_input.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
        Self {
            input_tokens: Some(usage.input.saturating_sub(cached)),
            output_tokens: Some(usage.output),
            cache_read_input_tokens: usage.cached_input,
            cache_creation_input_tokens: usage.cache_write,
            cache_creation: usage
                .cache_write_1h
                .map(|hour| CacheCreation { ephemeral_1h_input_tokens: Some(hour) }),
            output_tokens_details: usage
                .reasoning
                .map(|tokens| OutputDetails { thinking_tokens: Some(tokens) }),
        }
    }

    /// In canonical form.
    pub(super) fn canonical(self) -> Usage {
        let fresh = self.input_tokens.unwrap_or(0);
        let cached = self.cache_read_input_tokens.unwrap_or(0);
        let written = self.cache_creation_input_tokens.unwrap_or(0);
        Usage {
            input: fresh.saturating_add(cached).saturating_add(written),
            cached_input: self.cache_read_input_tokens,
            cache_write: self.cache_creation_input_tokens,
            cache_write_1h: self.cache_creation.and_then(|by_life| by_life.ephemeral_1h_input_tokens),
            output: self.output_tokens.unwrap_or(0),
            reasoning: self.output_tokens_details.and_then(|details| details.thinking_tokens),
            ..Usage::default()
        }
    }
}

/// A `usage` object for a client. Every field that the SDKs declare is there.
pub(super) fn encode(usage: &Usage) -> Value {
    // Some look-alikes count what they read from the cache outside the input: the sum must hold here.
    let cached = usage.cached_input.unwrap_or(0).min(usage.input);
    let written = usage.cache_write.unwrap_or(0).min(usage.input.saturating_sub(cached));
    let hour = usage.cache_write_1h.unwrap_or(0).min(written);
    let mut wire = json!({
        "input_tokens": usage.input.saturating_sub(cached).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written.saturating_sub(hour),
            "ephemeral_1h_input_tokens": hour,
        },
        "output_tokens": usage.output,
    });
    if let (Some(thinking), Some(fields)) = (usage.reasoning, wire.as_object_mut()) {
        fields.insert("output_tokens_details".to_owned(), json!({ "thinking_tokens": thinking }));
    }
    wire
}
