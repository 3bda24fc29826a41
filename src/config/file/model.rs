//! `models:`

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Share, TagValue, Tokens, Usd};
use crate::yaml::{At, Named};

/// A model: where it runs, what it can do, what it costs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a model such as `{ provider: openai }`")]
pub struct Model {
    /// The provider's name.
    pub provider: At<String>,
    /// The provider's name for the model. Default: our name.
    pub upstream: Option<At<String>>,
    /// Most tokens of input and output together.
    pub context_window: Option<At<Tokens>>,
    /// Most tokens of one answer.
    pub max_output_tokens: Option<At<Tokens>>,
    /// What goes in and comes out. Default: text.
    #[serde(default)]
    pub modalities: Modalities,
    /// What it can do: `tools`, `parallel_tools`, `structured_output`, `reasoning`, ... Absent: everything is tried.
    pub capabilities: Option<Vec<At<String>>>,
    /// Its price; wins over feeds. Absent everywhere: unpriced, which is never zero.
    pub price: Option<At<Price>>,
    /// Free labels for policies.
    #[serde(default)]
    pub tags: Named<TagValue>,
    /// What the provider allows us.
    #[serde(default)]
    pub limits: Limits,
    /// How it behaves, for models of a simulated provider.
    pub simulate: Option<At<Simulate>>,
}

/// What goes in and comes out: `text`, `image`, `audio`, `video`, `document`, `embedding`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "modalities such as `{ input: [text, image], output: [text] }`"
)]
pub struct Modalities {
    /// What goes in.
    pub input: Option<Vec<At<String>>>,
    /// What comes out.
    pub output: Option<Vec<At<String>>>,
}

/// US dollars per million tokens, where nothing else is said.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a price such as `{ input: 0.25, output: 2.00 }`")]
pub struct Price {
    /// Input tokens.
    pub input: Usd,
    /// Output tokens.
    #[serde(default = "nothing")]
    pub output: Usd,
    /// Input read from the provider's cache. Default: the input rate.
    pub cached_input: Option<Usd>,
    /// Input written to the provider's cache. Default: the input rate.
    pub cache_write: Option<Usd>,
    /// The same with the one-hour time to live.
    pub cache_write_1h: Option<Usd>,
    /// Reasoning tokens. Default: the output rate.
    pub reasoning: Option<Usd>,
    /// Audio input tokens.
    pub audio_input: Option<Usd>,
    /// Audio output tokens.
    pub audio_output: Option<Usd>,
    /// Rates of the provider's batch service.
    pub batch: Option<Batch>,
    /// US dollars per request.
    pub request: Option<Usd>,
    /// US dollars per image.
    pub image: Option<Usd>,
    /// US dollars per second of audio.
    pub audio_second: Option<Usd>,
    /// US dollars per million characters of text to speak.
    pub characters: Option<Usd>,
    /// Rates for long contexts.
    #[serde(default)]
    pub tiers: Vec<Tier>,
}

fn nothing() -> Usd {
    Usd(0)
}

/// Rates of a batch service, US dollars per million tokens.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "batch rates such as `{ input: 0.1, output: 1 }`")]
pub struct Batch {
    /// Input tokens.
    pub input: Usd,
    /// Output tokens.
    pub output: Usd,
}

/// Rates for the whole request when its input exceeds a number of tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a tier such as `{ above: 200k, input: 2.5, output: 15 }`")]
pub struct Tier {
    /// Input tokens above which the tier holds.
    pub above: Tokens,
    /// Input rate.
    pub input: Usd,
    /// Output rate.
    pub output: Usd,
    /// Cached input rate.
    pub cached_input: Option<Usd>,
    /// Cache write rate.
    pub cache_write: Option<Usd>,
}

/// What the provider allows us with this model.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "limits such as `{ requests_per_minute: 500 }`")]
pub struct Limits {
    /// Requests a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<Tokens>,
    /// Requests at once.
    pub concurrent: Option<u64>,
}

/// How a simulated model behaves. Default: it answers at once, without errors.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a simulation such as `{ latency_ms: { p50: 120, p95: 400 } }`"
)]
pub struct Simulate {
    /// Milliseconds to the first token.
    pub latency_ms: Spread,
    /// Output tokens a second; 0: all at once.
    pub tokens_per_second: f64,
    /// Share of requests that fail with status 500.
    pub error_rate: Option<Share>,
    /// Share of requests that are refused with status 429.
    pub rate_limit_rate: Option<Share>,
    /// What it answers: `canned` (default), `echo`, or texts that it says in turn.
    pub answer: Option<Script>,
    /// Seed of latencies and faults, so that a drill can be repeated.
    pub seed: u64,
}

/// A distribution by two of its points, milliseconds.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "`{ p50: 120, p95: 400 }`")]
pub struct Spread {
    /// Median.
    pub p50: u64,
    /// 95th percentile. Default: the median.
    pub p95: Option<u64>,
}

/// What a simulated model says.
#[derive(Debug, Clone, PartialEq)]
pub enum Script {
    /// A sentence that names the model.
    Canned,
    /// The last user message.
    Echo,
    /// These texts in turn.
    Texts(Vec<String>),
}

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScriptVisitor)
    }
}

struct ScriptVisitor;

impl<'de> serde::de::Visitor<'de> for ScriptVisitor {
    type Value = Script;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("`canned`, `echo` or a list of texts")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Script, E> {
        match text {
            "canned" => Ok(Script::Canned),
            "echo" => Ok(Script::Echo),
            other => Err(E::unknown_variant(other, &["canned", "echo"])),
        }
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Script, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = seq.next_element()? {
            texts.push(text);
        }
        Ok(Script::Texts(texts))
    }
}

impl JsonSchema for Script {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Script".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What a simulated model says: `canned`, `echo`, or a list of texts.",
            "oneOf": [{ "enum": ["canned", "echo"] }, { "type": "array", "items": { "type": "string" } }]
        })
    }
}
