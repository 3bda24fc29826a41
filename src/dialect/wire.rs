//! What goes to a provider, and in which of its ways.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::ids::ToolIds;

/// An encoded request, ready to be signed and sent.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Path and query after the provider's base URL, no leading slash (`chat/completions`).
    pub path: String,
    /// The body.
    pub body: Bytes,
    /// Headers besides authentication and content type.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Request fields that the dialect cannot carry, or carries changed, as
    /// paths (`logit_bias`, `messages[2].audio`), for `x-pointsman-dropped`.
    pub dropped: Vec<String>,
}

/// For whom a request is encoded.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The provider's name for the model.
    pub model: &'a str,
    /// Most tokens that the model answers with, for dialects that demand a limit.
    pub max_output_tokens: Option<u64>,
    /// The vendor's deviations from the dialect.
    pub quirks: &'a Quirks,
}

/// Deviations of a vendor from the dialect that it speaks. Data of `provider`;
/// the default is the dialect as its owner documents it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quirks {
    /// Which field carries the token limit.
    pub token_field: TokenField,
    /// Whether OpenAI's `developer` role must become `system`.
    pub no_developer_role: bool,
    /// Whether `stream_options` is refused.
    pub no_stream_options: bool,
    /// Which ids of tool calls are taken.
    pub tool_ids: ToolIds,
    /// Whether `json_schema` is refused, so that `json_object` and an instruction must do.
    pub no_json_schema: bool,
    /// Whether reasoning goes back as `reasoning_content` on assistant messages (DeepSeek's tool loops).
    pub reasoning_content: bool,
    /// Whether OpenAI's `prompt_cache_key` is known.
    pub cache_key: bool,
    /// Whether it runs code and searches the web itself where it is asked to, as the maker of its dialect does.
    pub serves_tools: bool,
    /// Whether Anthropic's `cache_control` is known on parts of OpenAI's chat dialect.
    pub cache_marks: bool,
    /// Request fields that the vendor refuses: left out and reported. Top-level
    /// ones, and [`SPEAKERS`].
    pub refused: &'static [&'static str],
    /// The same for some of its models.
    pub refused_by: &'static [Refusal],
    /// Path of chat completions where it is not `chat/completions` (Writer's `chat`).
    pub chat_path: Option<&'static str>,
    /// Top-level request fields that the vendor has under another name: `(OpenAI's, its own)`.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Query to append to each path (`api-version=...`).
    pub query: Option<String>,
    /// Deployments in the path, Azure's way: `openai/deployments/{model}/chat/completions`.
    pub deployment_paths: bool,
    /// Whether the model is left out of the body because the path carries it.
    pub model_in_path: bool,
    /// Vertex's form of Anthropic's or Gemini's paths (`publishers/.../models/{model}:rawPredict`).
    pub vertex: bool,
}

/// In [`Quirks::refused`]: the names of participants.
pub const SPEAKERS: &str = "messages[].name";

/// Request fields that some models of a vendor refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The top-level fields.
    pub fields: &'static [&'static str],
    /// The models: a name stands for its versions and sizes too (`o3`: `o3-mini`, `gpt-5`: `gpt-5.1`).
    pub models: &'static [&'static str],
    /// Whatever has this in its name is none of them.
    pub except: &'static [&'static str],
}

impl Refusal {
    fn is_by(&self, model: &str) -> bool {
        let named = |family: &&str| {
            let rest = model.strip_prefix(*family);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        };
        self.models.iter().any(named) && !self.except.iter().any(|part| model.contains(part))
    }
}

impl Target<'_> {
    /// The top-level request fields that the model refuses.
    pub(super) fn refused(&self) -> impl Iterator<Item = &'static str> {
        let by = self.quirks.refused_by.iter().filter(|refusal| refusal.is_by(self.model));
        let by = by.flat_map(|refusal| refusal.fields);
        self.quirks.refused.iter().chain(by).copied().filter(|name| *name != SPEAKERS)
    }

    /// Takes what the model refuses out of `body`; gives the names of what said
    /// something: a value that is the default as well says nothing.
    pub(super) fn take_refused(&self, body: &mut Map<String, Value>) -> Vec<&'static str> {
        let taken = self.refused().filter_map(|name| Some((name, body.shift_remove(name)?)));
        taken.filter(|(name, value)| !is_default(name, value)).map(|(name, _)| name).collect()
    }
}

/// Whether a field says what holds without it.
fn is_default(name: &str, value: &Value) -> bool {
    let number = |default: f64| value.as_f64().is_some_and(|value| (value - default).abs() < f64::EPSILON);
    match name {
        "n" | "temperature" | "top_p" => number(1.0),
        "presence_penalty" | "frequency_penalty" => number(0.0),
        "logprobs" => *value == Value::Bool(false),
        _ => value.is_null(),
    }
}

/// The field of the token limit in OpenAI's chat dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenField {
    /// As the client sent it; `max_completion_tokens` when translated.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`.
    MaxTokens,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_its_versions_and_sizes() {
        let refusal = Refusal { fields: &["x"], models: &["o3", "gpt-5"], except: &["gpt-5-chat"] };
        for (model, expected) in [
            ("o3", true),
            ("o3-2025-04-16", true),
            ("gpt-5.1", true),
            ("gpt-5-mini", true),
            ("gpt-5-chat-latest", false),
            ("gpt-50", false),
            ("gpt-4o", false),
        ] {
            assert_eq!(refusal.is_by(model), expected, "{model}");
        }
    }
}
