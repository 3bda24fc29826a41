//! Why a candidate ended, and what it used.
//!
//! Source: Gemini API reference "FinishReason" and "UsageMetadata"; Vertex AI
//! reference "Candidate.FinishReason" for the numbers, checked 2026-11-21.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::fields::integer;
use crate::dialect::lenient::{count, lenient};
use crate::ir::{Finish, Usage};

/// Names of Vertex's enum numbers, in order.
const NUMBERED: [&str; 18] = [
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_OTHER",
    "UNEXPECTED_TOOL_CALL",
    "NO_IMAGE",
    "TOO_MANY_TOOL_CALLS",
];

/// The name of a finish reason that came as a name or as a number.
pub(super) fn name(value: &Value) -> Option<&str> {
    match value {
        Value::String(name) => Some(name),
        number => NUMBERED.get(usize::try_from(integer(number)?).ok()?).copied(),
    }
}

/// The canonical finish. `calls`: whether the candidate calls tools, which Gemini does not name as a reason.
pub(super) fn decode(name: &str, calls: bool) -> Finish {
    match name {
        "STOP" if calls => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    }
}

/// The name on the wire.
pub(super) fn encode(finish: &Finish) -> &str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::ContentFilter | Finish::Refusal => "SAFETY",
        // Names that are Google's by their form: there are more of them every year.
        Finish::Other(name) if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => name,
        Finish::Pause | Finish::Other(_) => "OTHER",
    }
}

/// `usageMetadata` as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[serde(default, deserialize_with = "count")]
    prompt_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    candidates_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    thoughts_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cached_content_token_count: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    total_token_count: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    prompt_tokens_details: Option<Vec<Modality>>,
    #[serde(default, deserialize_with = "lenient")]
    candidates_tokens_details: Option<Vec<Modality>>,
}

/// Tokens of one modality.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modality {
    #[serde(default)]
    modality: Value,
    #[serde(default, deserialize_with = "count")]
    token_count: Option<u64>,
}

impl Metadata {
    /// Canonical usage; `None` when nothing was counted yet. Thoughts lie outside the candidates' count,
    /// what server-side tools read lies outside the prompt's.
    pub(super) fn usage(&self) -> Option<Usage> {
        if self.prompt_token_count.is_none() && self.total_token_count.is_none() {
            return None;
        }
        let thoughts = self.thoughts_token_count;
        let input = self.prompt_token_count.unwrap_or(0) + self.tool_use_prompt_token_count.unwrap_or(0);
        let output = self.candidates_token_count.unwrap_or(0) + thoughts.unwrap_or(0);
        Some(Usage {
            input,
            cached_input: self.cached_content_token_count,
            output,
            reasoning: thoughts,
            audio_input: audio(self.prompt_tokens_details.as_deref()),
            audio_output: audio(self.candidates_tokens_details.as_deref()),
            stated_total: self.total_token_count.filter(|total| *total != input + output),
            ..Usage::default()
        })
    }
}

/// Audio tokens among `details`; Vertex numbers the modality.
fn audio(details: Option<&[Modality]>) -> Option<u64> {
    const AUDIO_NUMBER: i64 = 4;
    details?
        .iter()
        .find(|entry| {
            entry.modality.as_str() == Some("AUDIO") || integer(&entry.modality) == Some(AUDIO_NUMBER)
        })
        .and_then(|entry| entry.token_count)
}

/// `usageMetadata` for `usage`.
pub(super) fn encode_usage(usage: &Usage) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |name: &str, value: u64| map.insert(name.to_owned(), Value::from(value));
    put("promptTokenCount", usage.input);
    // Some gateways count reasoning outside the output: the sum must hold here.
    let thoughts = usage.reasoning.map(|tokens| tokens.min(usage.output));
    put("candidatesTokenCount", usage.output.saturating_sub(thoughts.unwrap_or(0)));
    put("totalTokenCount", usage.total());
    if let Some(cached) = usage.cached_input {
        put("cachedContentTokenCount", cached);
    }
    if let Some(thoughts) = thoughts {
        put("thoughtsTokenCount", thoughts);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_as_text_or_number() {
        for (wire, calls, expected) in [
            (Value::from("STOP"), false, Finish::Stop),
            (Value::from("STOP"), true, Finish::ToolCalls),
            (Value::from(1), false, Finish::Stop),
            (Value::from(2), true, Finish::Length),
            (Value::from("SAFETY"), false, Finish::ContentFilter),
            (Value::from("UNEXPECTED_TOOL_CALL"), false, Finish::Other("UNEXPECTED_TOOL_CALL".into())),
            (Value::from(9), false, Finish::Other("MALFORMED_FUNCTION_CALL".into())),
        ] {
            assert_eq!(decode(name(&wire).unwrap(), calls), expected, "{wire}");
        }
        assert_eq!(name(&Value::from(99)), None);
    }
}
