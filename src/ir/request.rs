//! A request of a client, in canonical form.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Dialect;
use super::{Extra, Message};

/// What a client asks for: the family of work, whatever its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// A conversation in OpenAI's chat form.
    Chat,
    /// A conversation in OpenAI's responses form.
    Responses,
    /// A conversation in Anthropic's messages form.
    Messages,
    /// A conversation in Gemini's generateContent form.
    Generate,
    /// OpenAI's legacy text completion.
    Completions,
    /// How many tokens a conversation has.
    CountTokens,
    /// Texts to vectors.
    Embeddings,
    /// Pictures made or edited.
    Images,
    /// Sound to text.
    Transcriptions,
    /// Text to sound.
    Speech,
    /// Is this text harmful?
    Moderations,
    /// Order documents by relevance.
    Rerank,
    /// Work that can wait.
    Batches,
    /// Stored files.
    Files,
}

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 14] = [
        Self::Chat,
        Self::Responses,
        Self::Messages,
        Self::Generate,
        Self::Completions,
        Self::CountTokens,
        Self::Embeddings,
        Self::Images,
        Self::Transcriptions,
        Self::Speech,
        Self::Moderations,
        Self::Rerank,
        Self::Batches,
        Self::Files,
    ];

    /// Its name in YAML, Rhai, metrics and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Generate => "generate",
            Self::Completions => "completions",
            Self::CountTokens => "count_tokens",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Transcriptions => "transcriptions",
            Self::Speech => "speech",
            Self::Moderations => "moderations",
            Self::Rerank => "rerank",
            Self::Batches => "batches",
            Self::Files => "files",
        }
    }

    /// The endpoint of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == name)
    }

    /// Whether it is a conversation: decoded into a [`Request`], translated
    /// between dialects, answered by any model that converses.
    #[must_use]
    pub const fn is_conversation(self) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Messages | Self::Generate | Self::Completions)
    }
}

/// A conversation that a client wants continued.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The dialect in which it came; [`Extra`] fields go back to that one only.
    pub dialect: Dialect,
    /// The model's name as the client asked.
    pub model: String,
    /// The conversation; system messages stand first where the dialect keeps them apart.
    pub messages: Vec<Arc<Message>>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// Which tool it must or may call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once; absent: the provider's default.
    pub parallel_tools: Option<bool>,
    /// The form that the answer must have.
    pub format: Option<ResponseFormat>,
    /// Sampling and limits.
    pub params: Params,
    /// Whether and how the model reasons.
    pub reasoning: Option<Reasoning>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// What the stream shall contain.
    pub stream_options: StreamOptions,
    /// The end user's id, as the client named it (`user`, `metadata.user_id`).
    pub user: Option<String>,
    /// The client's own labels.
    pub metadata: Option<Map<String, Value>>,
    /// What a policy asks providers to keep of the prompt. What the client itself
    /// said of it stands in the extra fields of parts and of the request.
    pub caching: Caching,
    /// Top-level wire fields without a place here.
    pub extra: Extra,
}

impl Request {
    /// An empty conversation for `model`.
    #[must_use]
    pub fn new(dialect: Dialect, model: impl Into<String>) -> Self {
        Self {
            dialect,
            model: model.into(),
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tools: None,
            format: None,
            params: Params::default(),
            reasoning: None,
            stream: false,
            stream_options: StreamOptions::default(),
            user: None,
            metadata: None,
            caching: Caching::default(),
            extra: Extra::NONE,
        }
    }
}

/// What providers are asked to keep of a prompt for the next request: hints,
/// which those that keep by themselves, or nothing, are not told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caching {
    /// Requests of one key meet in one cache (OpenAI's `prompt_cache_key`).
    pub key: Option<String>,
    /// How long to keep the beginning of the prompt, for providers that must be told where it ends.
    pub prefix: Option<CacheLife>,
}

/// How long a provider keeps a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLife {
    /// Five minutes since the last use.
    Minutes,
    /// An hour; costs more to write.
    Hour,
}

impl CacheLife {
    /// Its name on the wire and in policies: `5m`, `1h`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minutes => "5m",
            Self::Hour => "1h",
        }
    }
}

/// Sampling and limits; absent fields are left to the provider.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params {
    /// Most tokens to answer with.
    pub max_tokens: Option<u64>,
    /// Whether that limit came in OpenAI's older field `max_tokens` of chat completions.
    pub older_limit_field: bool,
    /// 0 to 2 (Anthropic: to 1).
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// How many tokens to sample from.
    pub top_k: Option<u64>,
    /// Sequences that end the answer.
    pub stop: Vec<String>,
    /// Seed of the sampling.
    pub seed: Option<i64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// How many answers.
    pub n: Option<u32>,
    /// Whether to return log probabilities.
    pub logprobs: Option<bool>,
    /// How many alternatives a position, 0 to 20.
    pub top_logprobs: Option<u32>,
    /// Bias by token id, as the client sent it.
    pub logit_bias: Option<Map<String, Value>>,
}

/// What a stream shall contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamOptions {
    /// Whether the client wants usage at the end (always so in dialects where it is never left out).
    pub include_usage: bool,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    /// A function of the client's.
    Function {
        /// Its name.
        name: String,
        /// What it does, for the model.
        description: Option<String>,
        /// JSON Schema of its arguments.
        parameters: Option<Value>,
        /// Whether arguments must follow the schema strictly.
        strict: Option<bool>,
        /// Wire fields without a place here (`cache_control`, ...).
        extra: Extra,
    },
    /// A tool that only one dialect knows (web search, code execution, ...).
    Opaque {
        /// The dialect that knows it.
        dialect: Dialect,
        /// The tool as it stood on the wire.
        value: Arc<Value>,
    },
}

/// Which tool the model must or may call.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// At least one, the model decides which.
    Required,
    /// This one.
    Named(String),
    /// One of these (OpenAI's `allowed_tools`, Gemini's `allowedFunctionNames`); the flag says whether it must call.
    Allowed(Vec<String>, bool),
    /// A form that only one dialect knows.
    Opaque(Value),
}

/// The form that an answer must have.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// Name of the schema; dialects without names invent `response`.
        name: String,
        /// What the answer is, for the model.
        description: Option<String>,
        /// The JSON Schema.
        schema: Value,
        /// Whether it must be followed strictly.
        strict: Option<bool>,
    },
}

/// How hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More than much, less than the most (`xhigh`).
    XHigh,
    /// As much as the model can.
    Max,
}

/// Whether and how a model reasons.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reasoning {
    /// On or off, where the client said so outright.
    pub enabled: Option<bool>,
    /// How hard.
    pub effort: Option<Effort>,
    /// Most tokens to think with.
    pub budget_tokens: Option<u64>,
    /// Whether the thoughts shall be returned in words.
    pub include_thoughts: Option<bool>,
    /// Wire fields without a place here (`summary`, `display`, ...).
    pub extra: Extra,
}
