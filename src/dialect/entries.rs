//! The fields of one JSON object as a short list in their order. Objects of the
//! protocols have a dozen fields: a walk finds one, and takes it out, sooner than
//! a hash does.

use serde_json::{Map, Value};

/// The fields of an object.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<(String, Value)>);

impl From<Map<String, Value>> for Entries {
    fn from(map: Map<String, Value>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl Entries {
    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(key, _)| key == name)
    }

    /// Looks at a field.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.place(name).map(|place| self.0.remove(place).1)
    }

    /// Sets a field: in its place, or at the end.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        match self.place(name).and_then(|place| self.0.get_mut(place)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object again.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}
