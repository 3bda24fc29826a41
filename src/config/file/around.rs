//! What stands around the models: feeds, services, records.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Bytes, Template, Time};
use crate::feed::Format;
use crate::yaml::{At, Named};

/// Live data from outside.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "feeds such as `{ prices: [...] }`")]
pub struct Feeds {
    /// Prices; where two know a model, the first wins.
    pub prices: Vec<PriceFeed>,
}

/// A feed of prices.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a feed such as `{ source: ./prices.json, format: litellm }`")]
pub struct PriceFeed {
    /// A file, relative to this one, or an http(s) URL.
    pub source: At<String>,
    /// Its form.
    pub format: Format,
    /// How often it is read again. Default: 15m.
    pub refresh: Option<At<Time>>,
}

/// Something that policies may reach besides models.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a service such as `{ kind: http, base_url: \"https://tools.example\" }`"
)]
pub struct Service {
    /// What it is.
    pub kind: ServiceKind,
    /// Where it is; for pgvector a `postgres://` address.
    pub base_url: At<Template>,
    /// Its credentials. Sent to the host of `base_url` only.
    pub api_key: Option<At<Template>>,
    /// Headers on every request to it.
    #[serde(default)]
    pub headers: Named<At<Template>>,
    /// The proxy to it, as `proxy` of the gateway has it, or `none`; pgvector is reached directly. Default: the gateway's.
    pub proxy: Option<At<Template>>,
    /// Longest wait for an answer. Default: 10s.
    pub timeout: Option<Time>,
    /// The model that turns query texts into vectors.
    pub embed_with: Option<At<String>>,
    /// Qdrant: the collection.
    pub collection: Option<At<String>>,
    /// Qdrant, Weaviate: the named vector to search by.
    pub vector: Option<String>,
    /// Weaviate: the class.
    pub class: Option<At<String>>,
    /// Weaviate: the properties to return.
    #[serde(default)]
    pub properties: Vec<String>,
    /// Pinecone: the namespace.
    pub namespace: Option<String>,
    /// pgvector: the table.
    pub table: Option<At<String>>,
    /// pgvector: the column of vectors. Default: embedding.
    pub vector_column: Option<String>,
    /// pgvector: how near is measured. Default: cosine.
    pub distance: Option<Distance>,
    /// The field of a passage's text. Default: text.
    pub text_field: Option<String>,
    /// How many passages a search returns where it does not say. Default: 5.
    pub limit: Option<u32>,
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// A Qdrant collection.
    Qdrant,
    /// A Weaviate class.
    Weaviate,
    /// A Pinecone index.
    Pinecone,
    /// A PostgreSQL table with the pgvector extension.
    Pgvector,
    /// Any JSON API over HTTP.
    Http,
}

/// How near two vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// The angle between them.
    Cosine,
    /// The straight line between them.
    Euclid,
    /// Their inner product.
    Dot,
}

impl ServiceKind {
    /// Its name in YAML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qdrant => "qdrant",
            Self::Weaviate => "weaviate",
            Self::Pinecone => "pinecone",
            Self::Pgvector => "pgvector",
            Self::Http => "http",
        }
    }
}

impl Distance {
    /// Its name in YAML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclid => "euclid",
            Self::Dot => "dot",
        }
    }
}

/// The durable account of exchanges.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "records such as `{ folder: ./records }`")]
pub struct Records {
    /// The folder of the database, relative to this file.
    pub folder: At<String>,
    /// Keep what was asked and answered, not only the figures.
    #[serde(default)]
    pub content: bool,
    /// How long records are kept. Default: 30d.
    pub keep: Option<Time>,
}

/// How requests that policies leave to a batch are gathered, submitted and kept.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "batches such as `{ window: 10m, poll: 1m }`")]
pub struct Batches {
    /// How long a request waits for others. Default: 10m.
    pub window: Option<At<Time>>,
    /// Most requests of a batch; so many go out without waiting. Default: 1000.
    pub max_requests: Option<At<u32>>,
    /// Most bytes of a batch. Default: 64MiB.
    pub max_bytes: Option<Bytes>,
    /// How often the provider is asked whether a batch is done. Default: 1m.
    pub poll: Option<At<Time>>,
    /// How long after it came a request that no batch has answered is given up. Default: 2d.
    pub give_up: Option<Time>,
    /// How long answers are kept. Default: 7d.
    pub keep: Option<Time>,
}
