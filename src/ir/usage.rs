//! Token usage, normalised one way.

/// Tokens of one answer. `input` counts everything that went in, cached tokens
/// too; `output` counts everything that came out, reasoning too. Dialects that
/// count otherwise (Anthropic leaves cache tokens out of `input_tokens`, Gemini
/// thoughts out of `candidatesTokenCount`) convert at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input tokens.
    pub input: u64,
    /// Of them, read from the provider's cache. `Some(0)` is a statement and is kept.
    pub cached_input: Option<u64>,
    /// Of them, written to the provider's cache (all times to live).
    pub cache_write: Option<u64>,
    /// Of the written, those with the one-hour time to live (Anthropic).
    pub cache_write_1h: Option<u64>,
    /// All output tokens.
    pub output: u64,
    /// Of them, reasoning.
    pub reasoning: Option<u64>,
    /// Of the input, audio.
    pub audio_input: Option<u64>,
    /// Of the output, audio.
    pub audio_output: Option<u64>,
    /// The provider's own total, where it sent one that is not `input + output`.
    pub stated_total: Option<u64>,
    /// The tokens of input and output that the provider bills, where they are not those counted (Cohere).
    pub billed: Option<(u64, u64)>,
    /// Whether the gateway counted because the provider did not.
    pub estimated: bool,
}

impl Usage {
    /// The total that the provider stated, else the sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.stated_total.unwrap_or_else(|| self.input.saturating_add(self.output))
    }
}
