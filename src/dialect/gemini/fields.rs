//! Reads the objects of a Gemini request: proto3 JSON, so every field may come
//! in camelCase or in snake_case, and 64-bit integers may come as strings.
//!
//! Source: Protocol Buffers "ProtoJSON Format", checked 2026-11-21.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// An object whose known fields are taken out one by one; what stays is unknown.
#[derive(Debug)]
pub(super) struct Fields {
    map: Map<String, Value>,
    path: &'static str,
}

impl Fields {
    /// The fields of `value`; `path` names it in errors.
    pub(super) fn of(value: Value, path: &'static str) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            _ => Err(Error::invalid(format!("`{path}` must be an object")).with_param(path)),
        }
    }

    /// The fields of an object that is known to be one.
    pub(super) fn new(map: Map<String, Value>, path: &'static str) -> Self {
        Self { map, path }
    }

    /// Takes the field `name` (camelCase) in either spelling; null counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        take(&mut self.map, name)
    }

    /// Takes a string.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>> {
        self.typed(name, "a string", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// Takes a flag.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        self.typed(name, "true or false", |value| value.as_bool())
    }

    /// Takes a number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>> {
        self.typed(name, "a number", |value| value.as_f64())
    }

    /// Takes an integer, also as a string or as a float without a fraction.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>> {
        self.typed(name, "an integer", |value| integer(&value))
    }

    /// Takes an integer of 0 or more.
    pub(super) fn count(&mut self, name: &str) -> Result<Option<u64>> {
        self.typed(name, "an integer of 0 or more", |value| u64::try_from(integer(&value)?).ok())
    }

    /// Takes a list.
    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>> {
        self.typed(name, "a list", |value| match value {
            Value::Array(list) => Some(list),
            _ => None,
        })
    }

    /// Takes an object.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<Self>> {
        self.take(name).map(|value| Self::of(value, name)).transpose()
    }

    /// What was not taken.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.map
    }

    fn typed<T>(&mut self, name: &str, what: &str, read: impl Fn(Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| {
            let param = format!("{}.{name}", self.path);
            Error::invalid(format!("`{param}` must be {what}")).with_param(param)
        })
    }
}

/// Takes the field `name` (camelCase) out of `map` in either spelling; null counts as absent.
pub(super) fn take(map: &mut Map<String, Value>, name: &str) -> Option<Value> {
    map.shift_remove(name)
        .or_else(|| {
            name.bytes().any(|byte| byte.is_ascii_uppercase()).then(|| map.shift_remove(&snake(name)))?
        })
        .filter(|value| !value.is_null())
}

/// `inlineData` as `inline_data`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// An integer in any of its JSON forms.
#[expect(clippy::cast_possible_truncation, reason = "a fractionless float in range")]
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            number
                .as_f64()
                .filter(|float| float.fract() == 0.0 && float.abs() < 9e15)
                .map(|float| float as i64)
        }),
        _ => None,
    }
}
