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
pub struct Extra(Option<Box<Kept>>);

/// What an [`Extra`] keeps.
#[derive(Debug, Clone, Default, PartialEq)]
struct Kept {
    fields: Map<String, Value>,
    /// Names of fields that another dialect does not miss.
    told: Vec<String>,
}

impl Extra {
    /// Nothing extra.
    pub const NONE: Self = Self(None);

    /// Keeps `fields`.
    #[must_use]
    pub fn of(fields: Map<String, Value>) -> Self {
        if fields.is_empty() { Self(None) } else { Self(Some(Box::new(Kept { fields, told: Vec::new() }))) }
    }

    /// Says that other dialects do not miss the field `name`, if kept: it names
    /// or repeats what is told in the canonical form.
    pub fn tell(&mut self, name: &str) {
        if let Some(kept) = self.0.as_mut().filter(|kept| kept.fields.contains_key(name)) {
            kept.told.push(name.to_owned());
        }
    }

    /// Keeps one more field.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        self.0.get_or_insert_default().fields.insert(name.into(), value);
    }

    /// The field `name`, if kept.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.fields.get(name)
    }

    /// Takes the field `name` out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.as_mut()?.fields.shift_remove(name)
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|kept| kept.fields.is_empty())
    }

    /// The fields in the order in which they stood.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().flat_map(|kept| kept.fields.iter())
    }

    /// Whether another dialect loses something with the field `name`: a field
    /// without a value, or told elsewhere, is no loss.
    #[must_use]
    pub fn is_lost(&self, name: &str) -> bool {
        let Some(kept) = &self.0 else { return false };
        let says = |value: &Value| match value {
            Value::Null => false,
            Value::Array(list) => !list.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            _ => true,
        };
        kept.fields.get(name).is_some_and(says) && !kept.told.iter().any(|told| told == name)
    }

    /// The names of the fields with which another dialect loses something.
    pub fn losses(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name.as_str()).filter(|name| self.is_lost(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_says_something_new_is_missed() {
        let fields = json!({ "a": 1, "none": null, "list": [], "object": {}, "no": false, "told": 2 });
        let Value::Object(fields) = fields else { panic!("no object") };
        let mut extra = Extra::of(fields);
        extra.tell("told");
        extra.tell("absent");
        assert_eq!(extra.losses().collect::<Vec<_>>(), ["a", "no"]);
        assert_eq!(
            (extra.iter().count(), extra.is_lost("told"), extra.get("told")),
            (6, false, Some(&json!(2)))
        );
    }
}
