//! Typed reads out of a JSON object: fields are taken by name, errors name the
//! path of the field at fault, what nobody took is left as [`Extra`].
//!
//! Knows no dialect.

use std::fmt;

use serde_json::{Map, Value};

use super::entries::Entries;
use crate::error::{Error, Result};
use crate::ir::Extra;

/// Where in a body a value stands; costs nothing until it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The body itself.
    Root,
    /// A field of an object.
    Field(&'a Self, &'a str),
    /// An element of a list.
    Index(&'a Self, usize),
}

impl<'a> Path<'a> {
    /// The field `name` of what stands here.
    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    /// The element `index` of the list that stands here.
    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// The error for a value here that is not `wanted`.
    pub(super) fn must_be(&self, wanted: &str) -> Error {
        Error::invalid(format!("`{self}` must be {wanted}")).with_param(self.to_string())
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// An object whose fields are taken one by one. `null` reads as absent.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    entries: Entries,
    at: Path<'a>,
}

impl<'a> Fields<'a> {
    /// The object `value` that stands at `at`.
    ///
    /// # Errors
    /// `InvalidRequest` when it is no object.
    pub(super) fn of(value: Value, at: Path<'a>) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self { entries: map.into(), at }),
            _ => Err(at.must_be("an object")),
        }
    }

    /// Where the object stands.
    pub(super) fn at(&self) -> Path<'a> {
        self.at
    }

    /// Takes `name` as it is; `null` reads as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.entries.take(name).filter(|value| !value.is_null())
    }

    /// The text of the field `name`, which stays.
    pub(super) fn peek_str(&self, name: &str) -> Option<&str> {
        self.entries.get(name).and_then(Value::as_str)
    }

    /// Takes a text.
    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.at.field(name).must_be("a string")),
        }
    }

    /// Takes a text that must be there.
    pub(super) fn need_string(&mut self, name: &str) -> Result<String> {
        self.string(name)?.ok_or_else(|| self.at.field(name).must_be("given"))
    }

    /// Takes a yes or no.
    pub(super) fn bool(&mut self, name: &str) -> Result<Option<bool>> {
        self.typed(name, "true or false", Value::as_bool)
    }

    /// Takes a whole number that is not negative.
    pub(super) fn u64(&mut self, name: &str) -> Result<Option<u64>> {
        self.typed(name, "a whole number", Value::as_u64)
    }

    /// Takes a number.
    pub(super) fn f64(&mut self, name: &str) -> Result<Option<f64>> {
        self.typed(name, "a number", Value::as_f64)
    }

    /// Takes a list.
    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(self.at.field(name).must_be("a list")),
        }
    }

    /// Takes an object.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.at.field(name).must_be("an object")),
        }
    }

    /// Puts a field back.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        self.entries.set(name, value);
    }

    /// What nobody took.
    pub(super) fn rest(self) -> Extra {
        Extra::of(self.entries.into_map())
    }

    /// The object as it is now.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.entries.into_map())
    }

    fn typed<T>(&mut self, name: &str, wanted: &str, read: fn(&Value) -> Option<T>) -> Result<Option<T>> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => read(&value).map(Some).ok_or_else(|| self.at.field(name).must_be(wanted)),
        }
    }
}
