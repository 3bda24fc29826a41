//! Where parts of a Gemini content are written to.

use serde_json::{Map, Value};

use super::fields::take;
use crate::ir::Extra;

/// Where parts are written to, and what they may carry.
#[derive(Debug)]
pub(super) struct Emit<'a> {
    /// Whether the parts came in this very dialect, so that extra fields and seals hold.
    pub(super) same: bool,
    /// Names of tools by the ids of their calls.
    pub(super) names: &'a dyn Names,
    /// What could not be carried.
    pub(super) dropped: &'a mut Vec<String>,
}

/// Finds the tool's name for a call id.
pub(super) trait Names: std::fmt::Debug {
    /// The name of the tool that the call `id` called; empty when not known.
    fn name(&self, id: &str) -> &str;
}

impl Emit<'_> {
    /// Fields without a canonical place: kept in the same dialect, reported else.
    pub(super) fn extra(&mut self, map: &mut Map<String, Value>, extra: &Extra, path: &str) {
        for (name, value) in extra.iter() {
            if self.same {
                map.insert(name.clone(), value.clone());
            } else if extra.is_lost(name) {
                self.dropped.push(format!("{path}.{name}"));
            }
        }
    }
}

/// An object of these fields.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Takes a string out of `map`.
pub(super) fn string(map: &mut Map<String, Value>, name: &str) -> Option<String> {
    match take(map, name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
