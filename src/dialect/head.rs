//! The first and only scan of a body that nobody decodes: JSON syntax, depth,
//! duplicate keys at every level, and the few top-level facts that routing needs.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::talk::{Place, Talk};
use crate::error::{Error, Result};

/// Deepest nesting of a body.
const MAX_DEPTH: u8 = 64;

/// Marks our own findings inside serde's error texts.
const DUPLICATE: &str = "duplicate key";

/// What the scan found.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// The talk, where it is a plain one.
    pub(super) talk: Option<Box<Talk>>,
    /// The value of `model`; empty when absent.
    pub(super) model: String,
    /// Where that value stands in the body, quotes included.
    pub(super) model_span: Option<Range<usize>>,
    /// The value of `stream`.
    pub(super) stream: bool,
    /// The value of `stream_options.include_usage`.
    pub(super) include_usage: bool,
}

impl Head {
    /// Scans `body`; `talks`: whether it is in OpenAI's chat form, where plain
    /// talks are told from others.
    ///
    /// # Errors
    /// `InvalidRequest`: not UTF-8, not JSON, too deep, a duplicate key, a
    /// top-level value of the wrong type.
    pub(super) fn scan(body: &[u8], talks: bool) -> Result<Self> {
        let text = std::str::from_utf8(body)
            .map_err(|at| Error::invalid(format!("the body is not UTF-8 at byte {}", at.valid_up_to())))?;
        let mut json = serde_json::Deserializer::from_str(text);
        let head =
            HeadVisitor { text, talks }.deserialize(&mut json).and_then(|head| json.end().map(|()| head));
        head.map_err(|at| refuse(&at))
    }

    /// Refuses a body that names no model.
    ///
    /// # Errors
    /// `InvalidRequest` naming `model`.
    pub(super) fn require_model(&self) -> Result<()> {
        if self.model.is_empty() {
            return Err(Error::invalid(
                "you must provide a model: set `model` to a name that GET /v1/models lists",
            )
            .with_param("model")
            .with_code("missing_model"));
        }
        Ok(())
    }
}

/// Our error for what serde_json found.
fn refuse(at: &serde_json::Error) -> Error {
    let text = at.to_string();
    let error = Error::invalid(format!("the body is not valid: {text}"));
    if text.starts_with(DUPLICATE) {
        error.with_code("duplicate_key")
    } else {
        error.with_code("invalid_json")
    }
}

/// Reads the top-level object.
struct HeadVisitor<'a> {
    text: &'a str,
    talks: bool,
}

impl<'de> DeserializeSeed<'de> for HeadVisitor<'de> {
    type Value = Head;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Head, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeadVisitor<'de> {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        let mut keys = Keys::default();
        let mut talk = Talk::new(self.talks);
        while let Some(key) = map.next_key_seed(Key)? {
            match key.as_ref() {
                "model" => {
                    let raw: &'de RawValue = map.next_value()?;
                    head.model = serde_json::from_str(raw.get())
                        .map_err(|_| A::Error::custom("`model` must be a string"))?;
                    head.model_span = Some(within(self.text, raw.get()));
                }
                "stream" => {
                    let stream: Option<bool> =
                        map.next_value().map_err(|_| A::Error::custom("`stream` must be true or false"))?;
                    head.stream = stream.unwrap_or(false);
                }
                "stream_options" => {
                    let raw: &'de RawValue = map.next_value()?;
                    Strict { depth: 1, place: Place::Elsewhere, body: self.text, talk: &mut talk }
                        .deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
                        .map_err(A::Error::custom)?;
                    head.include_usage = serde_json::from_str::<Options>(raw.get())
                        .is_ok_and(|options| options.include_usage.unwrap_or(false));
                }
                name => {
                    let place = if talk.plain { Place::top(name) } else { Place::Elsewhere };
                    map.next_value_seed(Strict { depth: 1, place, body: self.text, talk: &mut talk })?;
                }
            }
            keys.add::<A::Error>(key)?;
        }
        head.talk = (talk.plain && talk.listed).then(|| Box::new(talk));
        Ok(head)
    }
}

/// `stream_options` as far as it is read.
#[derive(serde::Deserialize)]
struct Options {
    include_usage: Option<bool>,
}

/// Reads a key, borrowed where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// The keys of one object so far: a list while short, a set beyond.
#[derive(Default)]
struct Keys<'de> {
    few: SmallVec<[Cow<'de, str>; 8]>,
    many: Option<ahash::AHashSet<Cow<'de, str>>>,
}

impl<'de> Keys<'de> {
    /// Above this many keys a set is faster than a walk.
    const FEW: usize = 12;

    fn add<E: serde::de::Error>(&mut self, key: Cow<'de, str>) -> Result<(), E> {
        if self.few.contains(&key) {
            return Err(E::custom(format_args!("{DUPLICATE} `{key}`")));
        }
        if self.few.len() < Self::FEW {
            self.few.push(key);
            return Ok(());
        }
        match self.many.get_or_insert_default().replace(key) {
            None => Ok(()),
            Some(key) => Err(E::custom(format_args!("{DUPLICATE} `{key}`"))),
        }
    }
}

/// The place of `part` in `whole`, from which it is borrowed: the distance of their starts.
fn within(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

/// Reads any value for its syntax, depth and duplicate keys, and for what it
/// says of the talk.
struct Strict<'de, 't> {
    depth: u8,
    place: Place,
    body: &'de str,
    talk: &'t mut Talk,
}

impl<'de> Strict<'de, '_> {
    /// The reader of a value within this one.
    fn inner<E: serde::de::Error>(&mut self, place: Place) -> Result<Strict<'de, '_>, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Strict { depth: self.depth + 1, place, body: self.body, talk: self.talk })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'de, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.talk.other(self.place);
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.talk.other(self.place);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.talk.number(self.place, number);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.talk.other(self.place);
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.talk.text(self.place, text, Some(within(self.body, text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.talk.text(self.place, text, None);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.talk.null(self.place);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.talk.list(self.place);
        let element = self.place.element();
        while list.next_element_seed(self.inner(element)?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.talk.object(self.place);
        let mut keys = Keys::default();
        while let Some(key) = map.next_key_seed(Key)? {
            let field = self.place.field(&key);
            self.talk.plain &= field.is_some();
            map.next_value_seed(self.inner(field.unwrap_or(Place::Elsewhere))?)?;
            keys.add::<A::Error>(key)?;
        }
        self.talk.plain &= self.place.fields().is_none_or(|fields| fields == keys.few.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_model_and_stream_and_their_places() {
        let body = br#"{ "stream":true, "model" : "a\u0062c" ,"messages":[{"role":"user"}]}"#;
        let head = Head::scan(body, true).unwrap();
        assert_eq!((head.model.as_str(), head.stream), ("abc", true));
        assert_eq!(&body[head.model_span.unwrap()], br#""a\u0062c""#);
    }

    #[test]
    fn refuses_what_has_two_meanings() {
        for (body, code) in [
            (r#"{"model":"a","model":"b"}"#, "duplicate_key"),
            (r#"{"model":"a","mod\u0065l":"b"}"#, "duplicate_key"),
            (r#"{"model":"a","messages":[{"role":"user","role":"system"}]}"#, "duplicate_key"),
            (
                r#"{"model":"a","stream_options":{"include_usage":true,"include_usage":false}}"#,
                "duplicate_key",
            ),
            (r#"{"model":1}"#, "invalid_json"),
            (r#"{"model":"a"} x"#, "invalid_json"),
            (r#"[1]"#, "invalid_json"),
            ("", "invalid_json"),
            (r#"{"x":NaN}"#, "invalid_json"),
            (r#"{"x":"\ud800"}"#, "invalid_json"),
        ] {
            assert_eq!(Head::scan(body.as_bytes(), true).unwrap_err().code(), code, "{body}");
        }
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(Head::scan(deep.as_bytes(), true).is_err());
    }
}
