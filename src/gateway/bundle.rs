//! The bundle: everything that is live together, under one hash. Built whole by
//! `config`, swapped atomically, never changed. An exchange keeps the bundle
//! with which it began.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use globset::GlobSet;
use serde_json::Value;

use super::deferred::BatchSettings;
use crate::ir::{Endpoint, Money};
use crate::model::Model;
use crate::policy::budget::load_soon;
use crate::policy::{Bound, Hook, Policies};
use crate::principal::Principal;
use crate::provider::{Provider, Proxies};
use crate::secret::Secret;

/// Everything that is live together.
#[derive(Debug)]
pub struct Bundle {
    /// First 12 hex digits of the SHA-256 over YAML, policies and cases.
    pub hash: Arc<str>,
    /// What holds for every route.
    pub settings: Settings,
    /// Providers by name.
    pub providers: BTreeMap<Arc<str>, Arc<Provider>>,
    /// Models by name.
    pub models: BTreeMap<Arc<str>, Arc<Model>>,
    /// Routes in the order of the file; the first that claims a name wins.
    pub routes: Vec<Arc<Route>>,
    /// The route of each model that clients ask for by its own name.
    pub direct: BTreeMap<Arc<str>, Arc<Route>>,
    /// Static keys.
    pub keys: Vec<KeyEntry>,
    /// What policies may reach besides models.
    pub services: BTreeMap<Arc<str>, Arc<ServiceSpec>>,
    /// Every policy of the folder, also those that no route uses.
    pub policies: Arc<Policies>,
    /// Whether one of them counts by the tokenizers of models: only then are
    /// vocabularies loaded, and the counts of other models learned.
    pub counts_tokens: bool,
    /// The providers that keep files and batches, in the order of the file.
    pub depots: Vec<Arc<Depot>>,
}

/// What a provider keeps for clients (files, batches), and how it is reached
/// where no model says so.
#[derive(Debug)]
pub struct Depot {
    /// Stands for the provider in accounts: `PROVIDER/files`.
    pub model: Arc<Model>,
    /// Time-outs of the transfers. Without policies: there is no model to choose.
    pub route: Arc<Route>,
}

/// What holds for every route.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Largest request body, bytes.
    pub max_body: usize,
    /// Largest file or batch that flows through, bytes.
    pub max_upload: usize,
    /// Largest answer that is read whole, bytes.
    pub max_answer: usize,
    /// Whether anybody may call without a key.
    pub open: bool,
    /// Request headers that policies see and that go into notes, lower case.
    pub policy_headers: Vec<String>,
    /// Whether records keep what was asked, not only its figures.
    pub record_content: bool,
    /// How requests are left to batches.
    pub batches: BatchSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body: 20 << 20,
            max_upload: 200 << 20,
            max_answer: 64 << 20,
            open: false,
            policy_headers: Vec::new(),
            record_content: false,
            batches: BatchSettings::default(),
        }
    }
}

/// What a client's model name and endpoint select.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: Arc<str>,
    /// The names that clients ask for, as written, for `/v1/models`.
    pub names: Vec<String>,
    /// The same, compiled.
    pub claims: GlobSet,
    /// The endpoints that it serves; absent: all that its candidates can.
    pub endpoints: Option<Vec<Endpoint>>,
    /// The models that it allows, in order.
    pub candidates: Vec<Arc<Model>>,
    /// Its policies with their parameters, in order.
    pub policies: Vec<Arc<Bound>>,
    /// A policy that decides beside the others and acts on nothing.
    pub shadow: Option<Shadow>,
    /// Time-outs where a plan says nothing.
    pub timeouts: Timeouts,
    /// Retries where a plan says nothing.
    pub retries: Retries,
    /// Whether a request field that the chosen dialect cannot carry is refused rather than dropped.
    pub strict: bool,
}

/// A policy on trial.
#[derive(Debug)]
pub struct Shadow {
    /// The policy with its parameters.
    pub policy: Arc<Bound>,
    /// Share of exchanges on which it acts rather than only decides, 0 to 1.
    pub share: f64,
    /// Share of the other exchanges beside which it decides, 0 to 1.
    pub sample: f64,
    /// In the account of what it asks beside an exchange: `ROUTE/shadow`, without policies.
    pub route: Arc<Route>,
    /// When it stops acting by itself.
    pub bounds: Bounds,
}

/// Bounds on a policy that acts on trial, over its latest 200 exchanges, from the 20th on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Share of exchanges that fail, 0 to 1.
    pub errors: f64,
    /// Mean cost of an exchange.
    pub cost: Option<Money>,
    /// 95th percentile of durations.
    pub p95: Option<Duration>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { errors: 0.5, cost: None, p95: None }
    }
}

/// Time-outs of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Longest wait for the first byte of an answer.
    pub first_byte: Duration,
    /// Longest silence within a stream.
    pub idle: Duration,
    /// Longest duration of an exchange.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
        }
    }
}

/// Retries of a route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// Tries of one candidate after the first.
    pub max: u32,
    /// Retries as a share of the route's requests over 10 s, 0 to 1; three a second are always allowed.
    pub budget: f64,
}

impl Default for Retries {
    fn default() -> Self {
        Self { max: 2, budget: 0.2 }
    }
}

/// A static key.
#[derive(Debug)]
pub struct KeyEntry {
    /// What the client sends.
    pub secret: Secret,
    /// Whom it stands for.
    pub principal: Arc<Principal>,
    /// Milliseconds since the Unix epoch after which it is refused.
    pub expires_ms: Option<u64>,
}

/// Something that policies may reach besides models.
#[derive(Debug)]
pub struct ServiceSpec {
    /// Its name.
    pub name: Arc<str>,
    /// `qdrant`, `weaviate`, `pinecone`, `pgvector` or `http`.
    pub kind: String,
    /// Where it is.
    pub base_url: String,
    /// Credentials.
    pub api_key: Option<Secret>,
    /// Headers on every request to it.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// The proxies between it and this machine; none where it is reached directly.
    pub proxies: Option<Arc<Proxies>>,
    /// Further settings of the kind (`collection`, `class`, `index`, `table`, ...).
    pub settings: BTreeMap<String, Value>,
    /// Longest wait for an answer.
    pub timeout: Duration,
}

impl Bundle {
    /// Has the vocabularies loaded by which its policies count, in the background:
    /// until they are there, counts are estimates with a wide margin.
    pub fn load_vocabularies(&self) {
        if self.counts_tokens {
            load_soon(self.models.values());
        }
    }

    /// The way to what the provider of this name keeps for clients.
    #[must_use]
    pub fn depot_at(&self, provider: &str) -> Option<&Arc<Depot>> {
        self.depots.iter().find(|depot| *depot.model.provider.name == *provider)
    }

    /// The route that claims `model` at `endpoint`: the first of the file, else
    /// the model's own.
    #[must_use]
    pub fn route(&self, model: &str, endpoint: Endpoint) -> Option<&Arc<Route>> {
        self.routes
            .iter()
            .find(|route| route.claims.is_match(model) && route.serves(endpoint))
            .or_else(|| self.direct.get(model).filter(|route| route.serves(endpoint)))
    }
}

impl Route {
    /// Whether clients may ask for it at `endpoint`.
    #[must_use]
    pub fn serves(&self, endpoint: Endpoint) -> bool {
        let counts = |served: &Endpoint| {
            endpoint == Endpoint::CountTokens && matches!(served, Endpoint::Messages | Endpoint::Generate)
        };
        let serves = |served: &Endpoint| *served == endpoint || counts(served);
        self.endpoints.as_ref().is_none_or(|all| all.iter().any(serves))
    }

    /// Whether one of its policies has this hook, or that on trial where it acts.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        let on_trial = self.shadow.iter().filter(|shadow| shadow.share > 0.0).map(|shadow| &shadow.policy);
        self.policies.iter().chain(on_trial).any(|bound| bound.policy.has(hook))
    }
}
