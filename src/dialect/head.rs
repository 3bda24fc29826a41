//! The first and only scan of a body that nobody decodes: JSON syntax, depth,
//! duplicate keys at every level, and the few top-level facts that routing needs.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::strict::{DUPLICATE, Key, Keys, Strict, within};
use super::talk::{Place, Talk};
use crate::error::{Error, Result};

/// What the scan found.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// The talk, where it is a plain one.
    pub(super) talk: Option<Arc<Talk>>,
    /// The value of `model`; empty when absent.
    pub(super) model: String,
    /// Where that value stands in the body, quotes included.
    pub(super) model_span: Option<Range<usize>>,
    /// The value of `stream`.
    pub(super) stream: bool,
    /// The value of `stream_options.include_usage`.
    pub(super) include_usage: bool,
    /// Whether the value of `audio.format` is `pcm16`.
    pub(super) bare_sound: bool,
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
                "stream_options" | "audio" => {
                    let raw: &'de RawValue = map.next_value()?;
                    Strict { depth: 1, place: Place::Elsewhere, body: self.text, talk: &mut talk }
                        .deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
                        .map_err(A::Error::custom)?;
                    let options: Options<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
                    head.include_usage |= options.include_usage.unwrap_or(false);
                    head.bare_sound |= options.format == Some("pcm16");
                }
                name => {
                    let place = if talk.plain { Place::top(name) } else { Place::Elsewhere };
                    map.next_value_seed(Strict { depth: 1, place, body: self.text, talk: &mut talk })?;
                }
            }
            keys.add::<A::Error>(key)?;
        }
        head.talk = (talk.plain && talk.listed).then(|| Arc::new(talk));
        Ok(head)
    }
}

/// `stream_options` and `audio` as far as they are read: no field is in both.
#[derive(Default, serde::Deserialize)]
struct Options<'a> {
    include_usage: Option<bool>,
    #[serde(borrow)]
    format: Option<&'a str>,
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
