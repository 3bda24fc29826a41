//! Taking the known fields out of a JSON object; what remains is [`Extra`].
//!
//! Two manners: requests are checked (a wrong type is the client's fault, with
//! the path of the field), answers are read leniently (a wrong type stays where
//! it was and is kept as extra). `null` counts as absent.

use serde_json::{Map, Value};

use crate::dialect::entries::Entries;
use crate::error::{Error, Result};
use crate::ir::Extra;

/// An object of which fields are taken one by one.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Fields {
    entries: Entries,
    /// Path of the object in the request, for errors; empty at the top.
    path: String,
}

impl Fields {
    /// The fields of an answer's object; anything else has none.
    pub(in crate::dialect) fn of(value: Value) -> Self {
        let entries = if let Value::Object(map) = value { map.into() } else { Entries::default() };
        Self { entries, path: String::new() }
    }

    /// The fields of a request's object at `path`.
    ///
    /// # Errors
    /// `InvalidRequest` when it is not an object.
    pub(in crate::dialect) fn checked(value: Value, path: impl Into<String>) -> Result<Self> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { entries: map.into(), path }),
            _ => Err(wrong(&path, "an object")),
        }
    }

    /// The path of the field `name`.
    pub(in crate::dialect) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Takes a field of any type.
    pub(in crate::dialect) fn take(&mut self, name: &str) -> Option<Value> {
        self.entries.take(name).filter(|value| !value.is_null())
    }

    /// Looks at a field.
    pub(in crate::dialect) fn get(&self, name: &str) -> Option<&Value> {
        self.entries.get(name).filter(|value| !value.is_null())
    }

    /// Puts a field back that could not be read.
    pub(in crate::dialect) fn put(&mut self, name: &str, value: Value) {
        self.entries.set(name, value);
    }

    /// Takes a field that `read` understands; any other value stays.
    pub(in crate::dialect) fn lenient<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let found = self.get(name).and_then(read);
        if found.is_some() || self.entries.get(name).is_some_and(Value::is_null) {
            self.entries.take(name);
        }
        found
    }

    /// Takes a text of an answer.
    pub(in crate::dialect) fn text(&mut self, name: &str) -> Option<String> {
        self.get(name)?.as_str()?;
        match self.entries.take(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Takes a list of an answer; empty when absent.
    pub(in crate::dialect) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.entries.get(name) {
            Some(Value::Array(_) | Value::Null) => {}
            _ => return Vec::new(),
        }
        match self.entries.take(name) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    }

    /// Takes a list of an answer; an object where a list is usual counts as one of it
    /// (text-generation-inference's tool calls).
    pub(in crate::dialect) fn list_or_one(&mut self, name: &str) -> Vec<Value> {
        match self.entries.get(name) {
            Some(Value::Object(_)) => self.entries.take(name).into_iter().collect(),
            _ => self.list(name),
        }
    }

    /// Takes a field of a request that `read` must understand.
    ///
    /// # Errors
    /// `InvalidRequest` naming the field and `expected`.
    pub(in crate::dialect) fn demand<T>(
        &mut self,
        name: &str,
        expected: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| wrong(&self.path(name), expected)),
        }
    }

    /// Takes a text of a request.
    ///
    /// # Errors
    /// `InvalidRequest` when it is no text.
    pub(in crate::dialect) fn demand_text(&mut self, name: &str) -> Result<Option<String>> {
        self.demand(name, "a string", into_text)
    }

    /// Takes a list of a request.
    ///
    /// # Errors
    /// `InvalidRequest` when it is no list.
    pub(in crate::dialect) fn demand_list(&mut self, name: &str) -> Result<Option<Vec<Value>>> {
        self.demand(name, "a list", |value| if let Value::Array(list) = value { Some(list) } else { None })
    }

    /// Takes an object of a request.
    ///
    /// # Errors
    /// `InvalidRequest` when it is no object.
    pub(in crate::dialect) fn demand_object(&mut self, name: &str) -> Result<Option<Self>> {
        let path = self.path(name);
        self.demand(name, "an object", |value| match value {
            Value::Object(map) => Some(Self { entries: map.into(), path }),
            _ => None,
        })
    }

    /// Takes a flag of a request.
    ///
    /// # Errors
    /// `InvalidRequest` when it is neither true nor false.
    pub(in crate::dialect) fn demand_flag(&mut self, name: &str) -> Result<Option<bool>> {
        self.demand(name, "true or false", |value| value.as_bool())
    }

    /// Takes a number of a request.
    ///
    /// # Errors
    /// `InvalidRequest` when it is no number.
    pub(in crate::dialect) fn demand_number(&mut self, name: &str) -> Result<Option<f64>> {
        self.demand(name, "a number", |value| value.as_f64())
    }

    /// Takes a count of a request; `2.0` counts as 2.
    ///
    /// # Errors
    /// `InvalidRequest` when it is no whole number from 0.
    pub(in crate::dialect) fn demand_count(&mut self, name: &str) -> Result<Option<u64>> {
        self.demand(name, "a whole number of at least 0", |value| as_count(&value))
    }

    /// What was not taken. `null`s that nobody knows are kept.
    pub(in crate::dialect) fn rest(self) -> Extra {
        Extra::of(self.entries.into_map())
    }

    /// Whether nothing remains.
    pub(in crate::dialect) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What was not taken, as a map.
    pub(in crate::dialect) fn into_map(self) -> Map<String, Value> {
        self.entries.into_map()
    }
}

/// The text of a JSON string.
pub(in crate::dialect) fn into_text(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

/// A whole number from 0; floats with a whole value count.
pub(in crate::dialect) fn as_count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| whole(value.as_f64()?))
}

/// A float with a whole value from 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range just before"
)]
pub(in crate::dialect) fn whole(number: f64) -> Option<u64> {
    (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as u64)
}

/// The error for a field of the wrong type.
pub(in crate::dialect) fn wrong(path: &str, expected: &str) -> Error {
    let place = if path.is_empty() { "the body".to_owned() } else { format!("`{path}`") };
    let error = Error::invalid(format!("{place} must be {expected}")).with_code("invalid_type");
    if path.is_empty() { error } else { error.with_param(path) }
}

/// The error for a field that must be there.
pub(in crate::dialect) fn missing(path: &str) -> Error {
    Error::invalid(format!("missing required parameter: `{path}`"))
        .with_code("missing_required_parameter")
        .with_param(path)
}

/// Adds the fields of `more` to `value`, objects into objects; what is there stays.
pub(in crate::dialect) fn merge(value: &mut Value, more: &Value) {
    let (Value::Object(fields), Value::Object(more)) = (value, more) else { return };
    for (name, inner) in more {
        match fields.get_mut(name) {
            Some(place) => merge(place, inner),
            None => {
                fields.insert(name.clone(), inner.clone());
            }
        }
    }
}
