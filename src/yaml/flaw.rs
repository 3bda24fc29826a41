//! Why a value could not be read, in words of the file's author.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::tree::Node;
use crate::problem::{Place, did_you_mean};

/// Why a value could not be read.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) rule: &'static str,
    pub(super) message: String,
    pub(super) help: Option<Box<str>>,
    /// The value at fault, once it is known.
    pub(super) node: Option<(usize, Place)>,
    /// The name of a missing field.
    pub(super) missing: Option<&'static str>,
    /// Whether it only follows from a problem that has been noted.
    pub(super) follows: bool,
}

impl Flaw {
    pub(super) fn new(rule: &'static str, message: String) -> Self {
        Self { rule, message, help: None, node: None, missing: None, follows: false }
    }

    pub(super) fn at(mut self, node: &Node) -> Self {
        self.node.get_or_insert((node.id, node.place));
        self
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Flaw {}

impl de::Error for Flaw {
    /// `message | help` gives both.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once(" | ") {
            Some((message, help)) => {
                Self { help: Some(help.into()), ..Self::new("invalid_value", message.to_owned()) }
            }
            None => Self::new("invalid_value", text),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = plain_words(&expected.to_string());
        let flaw = Self::new("wrong_type", format!("expected {expected}, found {}", found_words(found)));
        let quote =
            expected == "a text" && !matches!(found, Unexpected::Map | Unexpected::Seq | Unexpected::Unit);
        Self { help: quote.then(|| "put it into quotes".into()), ..flaw }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = plain_words(&expected.to_string());
        Self::new("invalid_value", format!("expected {expected}, found {}", found_words(found)))
    }

    fn missing_field(field: &'static str) -> Self {
        let flaw = Self::new("missing_key", format!("`{field}` is missing here"));
        Self { missing: Some(field), help: Some(format!("add `{field}: ...`").into()), ..flaw }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = match did_you_mean(variant, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", expected.join(", ")),
        };
        Self {
            help: Some(help.into()),
            ..Self::new("unknown_value", format!("`{variant}` is not known here"))
        }
    }
}

/// What a derived type calls what it expects, in words of the file's author.
fn plain_words(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string or map" => "a text",
        "a sequence" => "a list",
        other => other,
    }
    .to_owned()
}

fn found_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) if text.chars().count() > 40 => "a long text".to_owned(),
        Unexpected::Str(text) => format!("the text `{text}`"),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}
