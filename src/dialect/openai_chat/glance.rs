//! A look at a plain talk, straight from its bytes: what most requests are and
//! most policies ask about. Anything out of the ordinary is left to the decoder.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::dialect::Glance;

/// The fields that bear on the question; the others are only skipped.
#[derive(Deserialize)]
struct Talk<'a> {
    #[serde(borrow)]
    messages: Vec<Turn<'a>>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    tools: Option<IgnoredAny>,
    functions: Option<IgnoredAny>,
    response_format: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn<'a> {
    #[serde(rename = "role")]
    _role: Role,
    #[serde(borrow)]
    content: Content<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    Developer,
    User,
    Assistant,
}

/// One text, or several.
enum Content<'a> {
    One(Cow<'a, str>),
    Parts(Vec<Text<'a>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text<'a> {
    #[serde(rename = "type")]
    _kind: Kind,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text,
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
        Ok(Content::One(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
        Ok(Content::One(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content<'de>, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element()? {
            parts.push(part);
        }
        Ok(Content::Parts(parts))
    }
}

/// What `body` says at a glance, if it is a plain talk.
pub(super) fn glance(body: &[u8], weigh: &dyn Fn(&str) -> u64) -> Option<Glance> {
    let talk: Talk<'_> = serde_json::from_slice(body).ok()?;
    if talk.tools.is_some() || talk.functions.is_some() || talk.response_format.is_some() {
        return None;
    }
    let weight = talk.messages.iter().map(|turn| match &turn.content {
        Content::One(text) => weigh(text),
        Content::Parts(parts) => parts.iter().map(|part| weigh(&part.text)).sum(),
    });
    Some(Glance {
        messages: talk.messages.len() as u64,
        weight: weight.sum(),
        max_tokens: talk.max_completion_tokens.or(talk.max_tokens),
    })
}
