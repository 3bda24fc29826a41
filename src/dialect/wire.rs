//! What goes to a provider, and in which of its ways.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

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
    /// Whether tool call ids must be 9 alphanumerics (Mistral).
    pub short_tool_ids: bool,
    /// Whether `json_schema` is refused, so that `json_object` and an instruction must do.
    pub no_json_schema: bool,
    /// Whether reasoning goes back as `reasoning_content` on assistant messages (DeepSeek's tool loops).
    pub reasoning_content: bool,
    /// Whether OpenAI's `prompt_cache_key` is known.
    pub cache_key: bool,
    /// Whether Anthropic's `cache_control` is known on parts of OpenAI's chat dialect.
    pub cache_marks: bool,
    /// Top-level request fields that the vendor refuses: left out and reported.
    pub refused: &'static [&'static str],
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

/// The field of the token limit in OpenAI's chat dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenField {
    /// As the client sent it; `max_completion_tokens` when translated.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`.
    MaxTokens,
}
