//! How a word enters the engine: with a meaning and an example each, from which
//! the reference is generated.

use std::fmt::Display;

use rhai::{Array, Dynamic, FuncRegistration, ImmutableString, Map};
use serde_json::Value;

use crate::model::Tag;
use crate::policy::script::turn::{Reply, raise};

/// What separates the arguments' names from the rest of a word's comment.
const ARGUMENTS: &str = "/// arguments: ";

/// A function or method, as `name(argument, ...)` without the receiver, or by
/// its bare name. `pure`: it may be called on `req`, `ctx` and what hangs below
/// them, which are constants to Rhai; what it changes is the scene.
pub(in crate::policy::script) fn word(form: &str, meaning: &str, example: &str) -> FuncRegistration {
    let (name, arguments) = form.split_once('(').unwrap_or((form, ""));
    let arguments = arguments.trim_end_matches(')');
    documented(FuncRegistration::new(name), meaning, &format!("{example}\n{ARGUMENTS}{arguments}"))
}

/// Meaning, example and names of arguments of a word, from its comment; `None`:
/// it is not ours.
pub(in crate::policy::script) fn documentation(comment: &str) -> Option<(String, String, Vec<String>)> {
    let (meaning, rest) = comment.strip_prefix("/// ")?.split_once("\n/// ")?;
    let (example, arguments) = match rest.split_once('\n') {
        Some((example, rest)) => (example, rest.strip_prefix(ARGUMENTS)?),
        None => (rest, ""),
    };
    let names = arguments.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some((meaning.to_owned(), example.to_owned(), names))
}

/// A property to read.
pub(in crate::policy::script) fn getter(name: &str, meaning: &str, example: &str) -> FuncRegistration {
    documented(FuncRegistration::new_getter(name), meaning, example)
}

/// A property to write.
pub(in crate::policy::script) fn setter(name: &str, meaning: &str, example: &str) -> FuncRegistration {
    documented(FuncRegistration::new_setter(name), meaning, example)
}

/// Reading by name or place: `x["name"]`, and `x.name` where there is no such property.
pub(in crate::policy::script) fn index(meaning: &str, example: &str) -> FuncRegistration {
    documented(FuncRegistration::new_index_getter(), meaning, example)
}

/// Writing by name or place.
pub(in crate::policy::script) fn set_index(meaning: &str, example: &str) -> FuncRegistration {
    documented(FuncRegistration::new_index_setter(), meaning, example)
}

fn documented(word: FuncRegistration, meaning: &str, example: &str) -> FuncRegistration {
    word.with_purity(true).with_volatility(true).with_comments([format!("/// {meaning}\n/// {example}")])
}

/// A number that a script gave, whole or not.
///
/// # Errors
/// It is no number; `what` names it.
pub(in crate::policy::script) fn number(value: &Dynamic, what: impl Display) -> Reply<f64> {
    let whole = || value.as_int().map(|whole| whole as f64).ok();
    value
        .as_float()
        .ok()
        .or_else(whole)
        .ok_or_else(|| raise(format!("{what} must be a number, not {}", kind_of(value))))
}

/// A whole number from 0 that a script gave.
///
/// # Errors
/// It is none; `what` names it.
pub(in crate::policy::script) fn count(value: &Dynamic, what: &str) -> Reply<u64> {
    let number = number(value, what)?;
    if number.is_finite() && number >= 0.0 {
        Ok(number as u64)
    } else {
        Err(raise(format!("{what} must be 0 or more, not {number}")))
    }
}

/// What a script's value is, in the author's words.
pub(in crate::policy::script) fn kind_of(value: &Dynamic) -> &'static str {
    match value {
        value if value.is_unit() => "`()`",
        value if value.is_string() => "a text",
        value if value.is_array() => "an array",
        value if value.is_map() => "an object map",
        value if value.is_bool() => "a bool",
        value if value.is_int() || value.is_float() => "a number",
        value => value.type_name().rsplit("::").next().unwrap_or("something else"),
    }
}

/// A tag as a script's value.
pub(in crate::policy::script) fn tag(tag: &Tag) -> Dynamic {
    match tag {
        Tag::Bool(value) => (*value).into(),
        Tag::Number(value) => (*value).into(),
        Tag::Text(value) => value.as_str().into(),
    }
}

/// A script's value as a tag.
///
/// # Errors
/// It is neither a text, a number nor a bool.
pub(in crate::policy::script) fn as_tag(value: &Dynamic) -> Reply<Tag> {
    if let Ok(flag) = value.as_bool() {
        return Ok(Tag::Bool(flag));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Tag::Text(text.to_string()));
    }
    number(value, "a tag's value").map(Tag::Number)
}

/// JSON as a script's value.
pub(in crate::policy::script) fn from_json(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => list.iter().map(from_json).collect::<Array>().into(),
        Value::Object(fields) => {
            let pairs = fields.iter().map(|(name, value)| (name.as_str().into(), from_json(value)));
            pairs.collect::<Map>().into()
        }
    }
}

/// A script's value as JSON.
///
/// # Errors
/// It has no form in JSON (a model, a function).
pub(in crate::policy::script) fn to_json(value: &Dynamic) -> Reply<Value> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(Value::from(text.as_str()));
    }
    if let Some(model) = value.read_lock::<crate::model::Candidate>() {
        return Ok(Value::from(&*model.model.name));
    }
    rhai::serde::from_dynamic(value).map_err(|_| raise(format!("{} has no form in JSON", kind_of(value))))
}
