//! How a model of the simulated provider behaves: data, read from YAML.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Behaviour of a simulated model. The default answers at once, without errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulate {
    /// Median time to the first token.
    pub latency_p50: Duration,
    /// 95th percentile of the same.
    pub latency_p95: Duration,
    /// Output tokens a second; 0: all at once.
    pub tokens_per_second: f64,
    /// Share of requests that fail with 500, 0 to 1.
    pub error_rate: f64,
    /// Share of requests that are refused with 429, 0 to 1.
    pub rate_limit_rate: f64,
    /// What it answers.
    pub answer: Answer,
    /// The models that requests within a batch may name, by the provider's names:
    /// our names and behaviours. Of the provider's depot only.
    pub cast: BTreeMap<String, (Arc<str>, Self)>,
    /// Seed of latencies and faults, so that a drill can be repeated.
    pub seed: u64,
}

/// What a simulated model answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A sentence that names the model and the length of the prompt.
    Canned,
    /// The last user message.
    Echo,
    /// These texts in turn, from the first again after the last.
    Scripted(Vec<String>),
}

impl Default for Simulate {
    fn default() -> Self {
        Self {
            latency_p50: Duration::ZERO,
            latency_p95: Duration::ZERO,
            tokens_per_second: 0.0,
            error_rate: 0.0,
            rate_limit_rate: 0.0,
            answer: Answer::Canned,
            cast: BTreeMap::new(),
            seed: 0,
        }
    }
}
