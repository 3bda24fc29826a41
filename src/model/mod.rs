//! Models: named things that a request can be sent to, with what they can do,
//! what they cost and how they do at the moment. Values only.

mod price;
pub mod tokens;

pub use price::{Price, Tier};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::provider::Provider;

/// A model as configured. Its name is ours, `upstream` is the provider's.
#[derive(Debug)]
pub struct Model {
    /// Our name.
    pub name: Arc<str>,
    /// Where it runs.
    pub provider: Arc<Provider>,
    /// The provider's name for it.
    pub upstream: String,
    /// Most tokens of input and output together; absent: not known.
    pub context_window: Option<u64>,
    /// Most tokens of one answer; absent: not known.
    pub max_output_tokens: Option<u64>,
    /// What goes in: `text`, `image`, `audio`, `video`, `document`.
    pub input: Vec<String>,
    /// What comes out: `text`, `image`, `audio`, `embedding`.
    pub output: Vec<String>,
    /// `tools`, `parallel_tools`, `structured_output`, `reasoning`, ...; absent: not stated, everything is tried.
    pub capabilities: Option<Vec<String>>,
    /// The price in YAML; wins over feeds.
    pub price: Option<Arc<Price>>,
    /// Free labels for policies.
    pub tags: BTreeMap<String, Tag>,
    /// Limits that the provider sets on us.
    pub limits: Limits,
    /// Behaviour, for models of the simulated provider.
    pub simulate: Option<crate::provider::Simulate>,
}

/// The value of a tag.
#[derive(Debug, Clone, PartialEq)]
pub enum Tag {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// Limits of a model at its provider; absent: none known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests at once.
    pub concurrent: Option<u64>,
}

/// How a model does at the moment, from the gateway's own traffic in sliding
/// windows. Absent figures: no traffic yet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Health {
    /// Whether its breaker lets requests through.
    pub healthy: bool,
    /// Median duration of whole answers, ms.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the same.
    pub p95_ms: Option<f64>,
    /// 95th percentile of the time to the first token, ms.
    pub first_token_p95_ms: Option<f64>,
    /// Output tokens a second, median.
    pub tokens_per_second: Option<f64>,
    /// Share of failed attempts, 0 to 1.
    pub error_rate: f64,
    /// Attempts under way.
    pub in_flight: u64,
    /// Share of the model's own limits still free, 0 to 1.
    pub headroom: f64,
    /// Attempts in the window.
    pub samples: u64,
}

/// A model that a route allows for this request, as the exchange sees it: one
/// consistent snapshot of price and health.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The model.
    pub model: Arc<Model>,
    /// Its price now; `None` is the explicit state *unpriced*.
    pub price: Option<Arc<Price>>,
    /// What it usually costs, from the feeds' history; absent: no history.
    pub usual_price: Option<Arc<Price>>,
    /// How it does now.
    pub health: Health,
}
