//! What may stand in `gateway.yaml`: the types that it is read into, and from
//! which its JSON Schema is made. Types only; what they mean together is held
//! by the build, what becomes of them by [`super::build()`].

mod access;
mod amount;
mod around;
mod model;
mod provider;
mod route;
mod template;

pub use access::{Admin, Day, Key, Listen};
pub use amount::{Bytes, Share, TagValue, Time, Tokens, Usd};
pub use around::{Batches, Distance, Feeds, PriceFeed, Records, Service, ServiceKind};
pub use model::{Batch, Limits, Modalities, Model, Price, Script, Simulate, Spread, Tier};
pub use provider::Provider;
pub use route::{EndpointName, PolicyBudget, PolicyLimits, PolicyUse, Retries, Route, Shadow, Timeouts};
pub use template::{Part, Template};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::{At, Named};

/// A team's gateway: what exists. What happens is said by the policies.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the gateway's settings")]
pub struct GatewayFile {
    /// Where clients connect. Default: 127.0.0.1:8080.
    pub listen: Option<At<Listen>>,
    /// The port for health, metrics and status. Never the data port.
    pub admin: Admin,
    /// Let anybody who reaches the port call without a key.
    pub open: bool,
    /// Refuse a request field that the chosen model's dialect cannot carry, instead of leaving it out and saying so.
    pub strict: bool,
    /// Largest request body. Default: 20MiB.
    pub max_body: Option<Bytes>,
    /// Largest file, form or batch that flows through without being held. Default: 200MiB.
    pub max_upload: Option<Bytes>,
    /// Largest answer that is read whole. Default: 64MiB.
    pub max_answer: Option<Bytes>,
    /// Request headers that policies may see.
    pub policy_headers: Vec<At<String>>,
    /// Time-outs where neither route nor plan says another.
    pub timeouts: Timeouts,
    /// Retries where neither route nor plan says another.
    pub retries: Retries,
    /// The folder of policies: each `*.rhai` file in it is one, named by its path without the ending. Default: ./policies.
    pub policies: Option<At<String>>,
    /// Bounds on policies.
    pub policy_limits: PolicyLimits,
    /// Policies for requests that name a model which no route claims.
    pub default_policies: Vec<PolicyUse>,
    /// The proxy to the outside: `http://user:${env:PASSWORD}@proxy.example:3128`, or `environment` for `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. Loopback is always reached directly. Default: none.
    pub proxy: Option<At<Template>>,
    /// Accounts at vendors and servers, by name.
    pub providers: Named<Provider>,
    /// Models that requests can be sent to, by our name for them.
    pub models: Named<Model>,
    /// What a client's model name and endpoint select; the first route that claims a name wins.
    pub routes: Vec<Route>,
    /// Static keys of clients. Without any, only loopback is served, unless `open` says otherwise.
    pub keys: Vec<Key>,
    /// Live data from outside.
    pub feeds: Feeds,
    /// What policies may reach besides models, by name; nothing else is reachable.
    pub services: Named<Service>,
    /// The durable account of exchanges; without it none is kept.
    pub records: Option<Records>,
    /// How requests that policies leave to a batch are handled. Needs `records`.
    pub batches: Batches,
}
