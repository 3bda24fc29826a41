//! Vector stores: the nearest passages to a vector or a text.
//!
//! | store | its API |
//! | --- | --- |
//! | Qdrant, Weaviate, Pinecone | HTTP: requests are built and answers read here, without IO |
//! | pgvector | SQL, over a pool of connections |
//!
//! All give the same [`Passage`]s; a higher score is nearer.

mod pgvector;
mod pinecone;
mod qdrant;
mod weaviate;

pub use pgvector::PgStores;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Origin, Result};

/// How many passages where nobody says.
const LIMIT: u32 = 5;
/// Most passages of one search.
const MOST: u32 = 100;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// The text, for stores that make vectors themselves.
    pub text: Option<String>,
    /// The vector.
    pub vector: Option<Vec<f32>>,
    /// How many passages.
    pub limit: u32,
    /// The store's own filter, or a map of fields and the values that they must have.
    pub filter: Option<Value>,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The store's id.
    pub id: String,
    /// Its text; empty when the text field is not there.
    pub text: String,
    /// How near it is; higher is nearer.
    pub score: f64,
    /// Everything else that the store has of it.
    pub fields: Map<String, Value>,
}

/// A request to a store's HTTP API.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Path below the base URL. The method is always POST.
    pub path: String,
    /// The body.
    pub body: Value,
    /// Headers besides the key.
    pub headers: &'static [(&'static str, &'static str)],
}

/// A store's settings by name, as in gateway.yaml.
pub type Settings = BTreeMap<String, Value>;

/// A store with an HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpStore {
    /// Qdrant.
    Qdrant,
    /// Weaviate.
    Weaviate,
    /// Pinecone.
    Pinecone,
}

impl HttpStore {
    /// The store of a service's kind.
    #[must_use]
    pub fn named(kind: &str) -> Option<Self> {
        match kind {
            "qdrant" => Some(Self::Qdrant),
            "weaviate" => Some(Self::Weaviate),
            "pinecone" => Some(Self::Pinecone),
            _ => None,
        }
    }

    /// Whether it takes a text where there is no vector.
    #[must_use]
    pub const fn takes_text(self) -> bool {
        matches!(self, Self::Weaviate | Self::Pinecone)
    }

    /// The request for `query`.
    ///
    /// # Errors
    /// `InvalidRequest`: a setting or a filter makes no sense to the store, or
    /// it needs a vector.
    pub fn request(self, settings: &Settings, query: &Query) -> Result<Asked> {
        match self {
            Self::Qdrant => qdrant::request(settings, query),
            Self::Weaviate => weaviate::request(settings, query),
            Self::Pinecone => pinecone::request(settings, query),
        }
    }

    /// The passages in an answer.
    ///
    /// # Errors
    /// `UpstreamFailed` with what the store said; `InvalidResponse` when that is
    /// not its protocol.
    pub fn response(self, settings: &Settings, status: u16, body: &[u8]) -> Result<Vec<Passage>> {
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if !(200..300).contains(&status) {
            let said = said(&json).unwrap_or_default();
            return Err(store_error(
                Kind::UpstreamFailed,
                format!("the vector store answered with {status} {said}"),
            ));
        }
        let found = match self {
            Self::Qdrant => qdrant::response(settings, &json),
            Self::Weaviate => weaviate::response(settings, &json)?,
            Self::Pinecone => pinecone::response(settings, &json),
        };
        found.ok_or_else(|| {
            store_error(Kind::InvalidResponse, "the vector store answered something else".to_owned())
        })
    }
}

impl Query {
    /// Reads what a policy wrote: `text` or `vector`, `limit`, `filter`.
    ///
    /// # Errors
    /// `InvalidRequest` with the field at fault.
    pub fn read(written: &Value, settings: &Settings) -> Result<Self> {
        let vector = match written.get("vector") {
            None | Some(Value::Null) => None,
            Some(list) => Some(vector(list)?),
        };
        let text = written.get("text").and_then(Value::as_str).map(str::to_owned);
        let limit = written.get("limit").or_else(|| settings.get("limit"));
        let limit = match limit {
            None => LIMIT,
            Some(limit) => limit
                .as_u64()
                .and_then(|limit| u32::try_from(limit).ok())
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| wrong(format!("`limit` of a search is 1 to {MOST}")))?,
        };
        let filter = written.get("filter").filter(|filter| !filter.is_null()).cloned();
        Ok(Self { text, vector, limit, filter })
    }

    /// The vector, which this store cannot do without.
    fn needs_vector(&self) -> Result<&[f32]> {
        self.vector.as_deref().ok_or_else(|| {
            wrong("this store looks for vectors: give one, or set `embed_with` of the service to an embedding model".to_owned())
        })
    }
}

/// A list of numbers as a vector.
///
/// # Errors
/// `InvalidRequest`: not a list of finite numbers.
#[expect(clippy::cast_possible_truncation, reason = "stores keep 32 bits")]
pub fn vector(list: &Value) -> Result<Vec<f32>> {
    let numbers = list.as_array().filter(|list| !list.is_empty());
    let numbers: Option<Vec<f32>> = numbers
        .and_then(|list| list.iter().map(|number| number.as_f64().map(|number| number as f32)).collect());
    let finite = numbers.filter(|list| list.iter().all(|number| number.is_finite()));
    finite.ok_or_else(|| wrong("`vector` of a search is a list of numbers".to_owned()))
}

/// Passages as policies see them.
#[must_use]
pub fn as_json(passages: &[Passage]) -> Value {
    let one = |passage: &Passage| json!({ "id": passage.id, "text": passage.text, "score": passage.score, "fields": passage.fields });
    json!({ "passages": passages.iter().map(one).collect::<Vec<_>>() })
}

/// A passage of a store's fields; the text is taken out of them.
fn passage(
    settings: &Settings,
    id: Option<&Value>,
    score: f64,
    fields: Option<&Map<String, Value>>,
) -> Passage {
    let mut fields = fields.cloned().unwrap_or_default();
    let text = match setting(settings, "text_field") {
        Some(name) => fields.shift_remove(name),
        None => ["text", "content", "page_content", "chunk_text"]
            .iter()
            .find_map(|name| fields.shift_remove(*name)),
    };
    Passage {
        id: id.map(plain).unwrap_or_default(),
        text: text.as_ref().map(plain).unwrap_or_default(),
        score,
        fields,
    }
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn setting<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.get(name).and_then(Value::as_str)
}

/// What an answer says went wrong, in any of the stores' forms, cut short.
fn said(json: &Value) -> Option<String> {
    let places =
        ["/status/error", "/error/message", "/errors/0/message", "/error/0/message", "/message", "/error"];
    let text = places.iter().find_map(|place| json.pointer(place)?.as_str())?;
    Some(text.chars().take(300).collect())
}

fn wrong(text: String) -> Error {
    Error::new(Kind::InvalidRequest, Origin::Policy, text)
}

fn store_error(kind: Kind, text: String) -> Error {
    Error::new(kind, Origin::Upstream, text)
}

#[cfg(test)]
mod tests;
