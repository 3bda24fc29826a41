//! The canonical form between dialects: one request, one answer, one stream of
//! events. Every dialect decodes into it and encodes from it, so a new dialect
//! costs one pair of translations and not one for each of the others.
//!
//! Nothing here knows a vendor, reads a clock or does IO. Fields that a dialect
//! has and the canonical form has not are kept in an [`Extra`] with their
//! names, re-emitted to the same dialect and reported as dropped to another.

mod citation;
mod dialect;
mod embedding;
mod event;
mod message;
mod money;
mod recital;
mod request;
mod rerank;
mod response;
mod units;
mod usage;

pub use citation::{Citation, Extent, Ruler, cited};
pub use dialect::Dialect;
pub use embedding::{EmbedInput, EmbedRequest, EmbedResponse, Purpose, VectorEncoding};
pub use event::{Event, Of};
pub use message::{Media, MediaSource, Message, Part, Role, Thinking, ToolCall, ToolResult};
pub use money::Money;
pub use recital::BESIDE;
pub use request::{
    CacheLife, Caching, Effort, Endpoint, Params, Reasoning, Request, ResponseFormat, StreamOptions, Tool,
    ToolChoice,
};
pub use rerank::{Ranked, RerankDocument, RerankRequest, RerankResponse};
pub use response::{Choice, Finish, Logprobs, Response};
pub use units::Units;
pub use usage::Usage;

use serde_json::{Map, Value};

/// Fields of the wire that the canonical form has no place for, by name.
///
/// Empty in most values, hence boxed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extra(Option<Box<Map<String, Value>>>);

impl Extra {
    /// Nothing extra.
    pub const NONE: Self = Self(None);

    /// Keeps `fields`.
    #[must_use]
    pub fn of(fields: Map<String, Value>) -> Self {
        if fields.is_empty() { Self(None) } else { Self(Some(Box::new(fields))) }
    }

    /// Keeps one more field.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        self.0.get_or_insert_default().insert(name.into(), value);
    }

    /// The field `name`, if kept.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.get(name)
    }

    /// Takes the field `name` out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.as_mut()?.shift_remove(name)
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|fields| fields.is_empty())
    }

    /// The fields in the order in which they stood.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().flat_map(|fields| fields.iter())
    }
}
