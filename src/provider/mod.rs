//! Providers as data: what kinds there are, which dialect each speaks, how it
//! authenticates, in what it deviates. A vendor that speaks a known dialect is
//! one entry of a table; no other module ever matches on a vendor.

pub mod aws;
pub mod azure;
pub mod google;
mod proxy;
mod simulate;
mod table;
mod token;
mod way;

pub use proxy::{Proxies, Proxy};
pub use simulate::{Answer, Simulate};
pub use table::{kind, kinds};
pub use token::Token;

use std::sync::Arc;

use crate::dialect::{Quirks, embed, rerank};
use crate::ir::{Dialect, Endpoint};
use crate::secret::Secret;

/// A kind of provider: one entry of the table, all of it data.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Its name in YAML (`kind: openai`).
    pub name: &'static str,
    /// Other names that are accepted in YAML.
    pub aliases: &'static [&'static str],
    /// The vendor's or server's name for people.
    pub title: &'static str,
    /// The dialects that it speaks for conversations, the preferred one first.
    pub dialects: &'static [Dialect],
    /// The other endpoints that it serves.
    pub endpoints: &'static [Endpoint],
    /// The form of its embeddings, where it serves them.
    pub embed: embed::Form,
    /// The form of its reranking, where it serves that.
    pub rerank: rerank::Form,
    /// Base URL where the account does not say otherwise; empty when it must.
    /// The account fills in `{region}`, `{region-}` (the same with a hyphen,
    /// nothing for `global`) and `{project}`.
    pub base_url: &'static str,
    /// Path to append to a configured base URL that has none (`/v1`).
    pub default_path: &'static str,
    /// How requests are signed.
    pub auth: Auth,
    /// Whether it answers inside this process (`simulated`): no network, no base URL.
    pub in_process: bool,
    /// Headers on every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Deviations from the dialect.
    pub quirks: Quirks,
    /// The OpenTelemetry `gen_ai.provider.name`.
    pub otel_name: &'static str,
    /// Documentation of the API and the date on which it was checked.
    pub source: &'static str,
}

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// No credentials.
    None,
    /// `Authorization: Bearer KEY`; left out when no key is configured.
    Bearer,
    /// `Authorization: SCHEME KEY`; left out when no key is configured.
    Scheme(&'static str),
    /// The key in a header of this name (`x-api-key`).
    Header(&'static str),
    /// Amazon's SigV4 with the credentials that are found, or a Bedrock API key.
    SigV4,
    /// A token of Google's, got with Application Default Credentials.
    GoogleToken,
    /// Azure's: the key in `api-key`, or a token of Entra ID in `Authorization: Bearer`.
    Entra,
}

/// A configured account at a vendor or server.
#[derive(Debug)]
pub struct Provider {
    /// Its name in YAML.
    pub name: Arc<str>,
    /// What it is.
    pub kind: &'static Kind,
    /// Where it is: scheme, host, port and path, no trailing slash. Empty for the simulated provider.
    pub base_url: String,
    /// Credentials; bound to the host of `base_url`.
    pub api_key: Option<Secret>,
    /// Which of Amazon's accounts signs, for kinds that are signed by Amazon's way.
    pub account: aws::Account,
    /// The proxies between it and this machine; none where it is reached directly.
    pub proxies: Option<Arc<Proxies>>,
    /// Headers on every request besides the kind's.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// The kind's deviations with the account's own settings applied.
    pub quirks: Quirks,
    /// The dialect spoken with it for conversations: the account's choice or the kind's first.
    pub dialect: Dialect,
}
