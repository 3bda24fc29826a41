//! Texts that refer to secrets: `${env:NAME}`, `${file:PATH}`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::secret::Secret;

/// A text whose parts may be references. `Debug` shows the references and no text.
#[derive(Debug, Clone)]
pub struct Template(pub Vec<Part>);

/// A part of a [`Template`].
#[derive(Debug, Clone)]
pub enum Part {
    /// The text as it stands: perhaps a secret in clear.
    Clear(Secret),
    /// The environment variable of this name.
    Env(String),
    /// The contents of the file at this path, without the newline at its end.
    File(String),
}

impl Template {
    /// Whether nothing in it is a reference.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Clear(_)))
    }

    /// Splits `text` at its references.
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if !before.is_empty() {
                parts.push(Part::Clear(Secret::new(before)));
            }
            let (inner, after) = after.split_once('}').ok_or("`${` without `}` | write `${env:NAME}`")?;
            parts.push(match inner.split_once(':') {
                Some(("env", name)) if is_variable(name) => Part::Env(name.to_owned()),
                Some(("file", path)) if !path.is_empty() => Part::File(path.to_owned()),
                _ => {
                    return Err(format!(
                        "`${{{inner}}}` is no reference | write `${{env:NAME}}` or `${{file:PATH}}`"
                    ));
                }
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Clear(Secret::new(rest)));
        }
        Ok(Self(parts))
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct TemplateVisitor;

impl Visitor<'_> for TemplateVisitor {
    type Value = Template;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a reference such as `${env:NAME}`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Template, E> {
        Template::parse(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TemplateVisitor)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Reference")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A text. Secrets are references: ${env:NAME} or ${file:PATH}.",
            "examples": ["${env:OPENAI_API_KEY}", "${file:/run/secrets/openai}"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_text() {
        let shape = |text: &str| {
            let name = |part: &Part| match part {
                Part::Clear(_) => "text".to_owned(),
                Part::Env(name) => format!("env {name}"),
                Part::File(path) => format!("file {path}"),
            };
            Template::parse(text).map(|template| template.0.iter().map(name).collect::<Vec<_>>())
        };
        assert_eq!(shape("${env:A_1}").unwrap(), ["env A_1"]);
        assert_eq!(shape("Basic ${file:/run/x}.").unwrap(), ["text", "file /run/x", "text"]);
        for wrong in ["${env:}", "${env:a b}", "${A}", "${env:A"] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", Template::parse("sk-secret").unwrap()).contains("sk-"));
    }
}
