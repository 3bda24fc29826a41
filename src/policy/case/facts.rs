//! Models and their health as a case states them. What is not said is as good
//! as it can be: healthy, with room, unpriced.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ir::{Dialect, Money};
use crate::model::{Candidate, Health, Limits, Model, Price, Tag};
use crate::provider::{Kind, Provider, kind};

/// A model of a case.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelFacts {
    /// The provider's name.
    pub provider: Option<String>,
    /// The provider's kind: `simulated` unless said otherwise.
    pub kind: Option<String>,
    /// The provider's name for the model.
    pub upstream: Option<String>,
    /// Most tokens of input and output together.
    pub context_window: Option<u64>,
    /// Most tokens of one answer.
    pub max_output_tokens: Option<u64>,
    /// What goes in and comes out.
    pub modalities: Option<Modalities>,
    /// What it can do.
    pub capabilities: Option<Vec<String>>,
    /// Price in USD a million tokens.
    pub price: Option<PriceFacts>,
    /// Usual price in USD a million tokens.
    pub usual_price: Option<PriceFacts>,
    /// Labels.
    pub tags: Map<String, Value>,
    /// Whether its breaker lets requests through.
    pub healthy: Option<bool>,
    /// Median duration, ms.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the duration, ms.
    pub p95_ms: Option<f64>,
    /// 95th percentile of the time to the first token, ms.
    pub first_token_p95_ms: Option<f64>,
    /// Output tokens a second.
    pub tokens_per_second: Option<f64>,
    /// Share of failed attempts.
    pub error_rate: Option<f64>,
    /// Attempts under way.
    pub in_flight: Option<u64>,
    /// Share of limits free.
    pub headroom: Option<f64>,
    /// Attempts in the window.
    pub samples: Option<u64>,
}

/// Media of a model.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Modalities {
    /// What goes in.
    pub input: Vec<String>,
    /// What comes out.
    pub output: Vec<String>,
}

/// A price, USD a million tokens.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PriceFacts {
    /// Input.
    pub input: f64,
    /// Output.
    pub output: f64,
    /// Input read from the provider's cache.
    pub cached_input: Option<f64>,
}

impl PriceFacts {
    fn price(&self) -> Arc<Price> {
        let nano = |usd: f64| Money::from_usd(usd).0;
        Arc::new(Price {
            input: nano(self.input),
            output: nano(self.output),
            cached_input: self.cached_input.map(nano),
            ..Price::default()
        })
    }
}

impl ModelFacts {
    /// These facts, and `base` where they say nothing.
    pub(super) fn or(self, base: &Self) -> Self {
        let mut tags = base.tags.clone();
        tags.extend(self.tags);
        Self {
            provider: self.provider.or_else(|| base.provider.clone()),
            kind: self.kind.or_else(|| base.kind.clone()),
            upstream: self.upstream.or_else(|| base.upstream.clone()),
            context_window: self.context_window.or(base.context_window),
            max_output_tokens: self.max_output_tokens.or(base.max_output_tokens),
            modalities: self.modalities.or_else(|| base.modalities.clone()),
            capabilities: self.capabilities.or_else(|| base.capabilities.clone()),
            price: self.price.or_else(|| base.price.clone()),
            usual_price: self.usual_price.or_else(|| base.usual_price.clone()),
            tags,
            healthy: self.healthy.or(base.healthy),
            p50_ms: self.p50_ms.or(base.p50_ms),
            p95_ms: self.p95_ms.or(base.p95_ms),
            first_token_p95_ms: self.first_token_p95_ms.or(base.first_token_p95_ms),
            tokens_per_second: self.tokens_per_second.or(base.tokens_per_second),
            error_rate: self.error_rate.or(base.error_rate),
            in_flight: self.in_flight.or(base.in_flight),
            headroom: self.headroom.or(base.headroom),
            samples: self.samples.or(base.samples),
        }
    }

    /// The candidate of this name; `None`: the provider table has no such kind.
    pub(super) fn candidate(&self, name: &str) -> Option<Candidate> {
        Some(Candidate {
            model: Arc::new(self.model(name, kind(self.kind.as_deref().unwrap_or("simulated"))?)),
            price: self.price.as_ref().map(PriceFacts::price),
            usual_price: self.usual_price.as_ref().map(PriceFacts::price),
            health: self.health(),
        })
    }

    fn model(&self, name: &str, kind: &'static Kind) -> Model {
        let provider = Provider {
            name: self.provider.as_deref().unwrap_or("case").into(),
            kind,
            base_url: String::new(),
            api_key: None,
            account: crate::provider::aws::Account::default(),
            proxies: None,
            headers: Vec::new(),
            quirks: kind.quirks.clone(),
            dialect: kind.dialects.first().copied().unwrap_or(Dialect::OpenAiChat),
        };
        let media = self.modalities.clone().unwrap_or_default();
        Model {
            name: name.into(),
            provider: Arc::new(provider),
            upstream: self.upstream.clone().unwrap_or_else(|| name.to_owned()),
            context_window: self.context_window,
            max_output_tokens: self.max_output_tokens,
            input: media.input,
            output: media.output,
            capabilities: self.capabilities.clone(),
            price: None,
            tags: tags(&self.tags),
            limits: Limits::default(),
            simulate: None,
        }
    }

    fn health(&self) -> Health {
        Health {
            healthy: self.healthy.unwrap_or(true),
            p50_ms: self.p50_ms,
            p95_ms: self.p95_ms,
            first_token_p95_ms: self.first_token_p95_ms,
            tokens_per_second: self.tokens_per_second,
            error_rate: self.error_rate.unwrap_or(0.0),
            in_flight: self.in_flight.unwrap_or(0),
            headroom: self.headroom.unwrap_or(1.0),
            samples: self.samples.unwrap_or(if self.p95_ms.is_some() { 100 } else { 0 }),
        }
    }
}

/// Labels from YAML; what is no text, number or bool is left out.
pub(super) fn tags(written: &Map<String, Value>) -> BTreeMap<String, Tag> {
    let tag = |value: &Value| match value {
        Value::Bool(flag) => Some(Tag::Bool(*flag)),
        Value::Number(number) => number.as_f64().map(Tag::Number),
        Value::String(text) => Some(Tag::Text(text.clone())),
        _ => None,
    };
    written.iter().filter_map(|(name, value)| Some((name.clone(), tag(value)?))).collect()
}
