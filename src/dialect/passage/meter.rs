//! What an answer in the client's own form used: read beside its way to the
//! client, nothing of it is changed.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::dialect::refusal::{Report, numbered};
use crate::error::Result;
use crate::ir::{Endpoint, Units, Usage};

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metered {
    /// Tokens, where the answer says.
    pub usage: Option<Usage>,
    /// What else is charged.
    pub units: Units,
}

/// The few fields of an answer that are read.
#[derive(Deserialize)]
struct Answer {
    usage: Option<Value>,
    #[serde(default)]
    data: Length,
    duration: Option<Value>,
    error: Option<Value>,
    base_resp: Option<Value>,
    meta: Option<Value>,
    #[serde(rename = "type", default)]
    kind: Value,
}

/// How many elements a list has; none, where it is no list.
#[derive(Default)]
struct Length(u64);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(value: D) -> std::result::Result<Self, D::Error> {
        let raw: &RawValue = Deserialize::deserialize(value)?;
        let list: Vec<IgnoredAny> = serde_json::from_str(raw.get()).unwrap_or_default();
        Ok(Self(list.len() as u64))
    }
}

/// Reads what a whole answer at `endpoint` used.
///
/// # Errors
/// The provider's own error when it hides in a 200.
pub fn metered(endpoint: Endpoint, body: &[u8]) -> Result<Metered> {
    // What is no JSON object (a transcript as text, sound) states nothing.
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return Ok(Metered::default()) };
    let says = |error: &&Value| error.is_object() || error.as_str().is_some_and(|text| !text.is_empty());
    if let Some(error) = answer.error.as_ref().filter(says) {
        return Err(Report::of(error).error(200));
    }
    if let Some(error) = answer.base_resp.as_ref().and_then(numbered) {
        return Err(error);
    }
    let stated = answer.usage.as_ref();
    let seconds = stated
        .and_then(|usage| usage.get("seconds").or_else(|| usage.get("prompt_audio_seconds"))?.as_f64())
        .or_else(|| number(answer.duration.as_ref()?));
    let mut units = Units::default();
    match endpoint {
        Endpoint::Images => units.images = answer.data.0,
        Endpoint::Transcriptions => units.audio_ms = seconds.map_or(0, milliseconds),
        _ => {}
    }
    let usage = stated.and_then(usage).or_else(|| usage(answer.meta?.get("tokens")?));
    Ok(Metered { usage, units })
}

/// Reads what an event of a streamed answer at `endpoint` says was used.
#[must_use]
pub fn metered_frame(endpoint: Endpoint, data: &[u8]) -> Option<Metered> {
    let answer: Answer = serde_json::from_slice(data).ok()?;
    let usage = answer.usage.as_ref().and_then(usage)?;
    let images = u64::from(endpoint == Endpoint::Images && answer.kind.as_str()?.ends_with(".completed"));
    Some(Metered { usage: Some(usage), units: Units { images, ..Units::default() } })
}

/// A number, which some servers write as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Tokens under any of the names that endpoints use.
fn usage(stated: &Value) -> Option<Usage> {
    let count = |names: &[&str]| names.iter().find_map(|name| stated.get(*name)?.as_u64());
    let input = count(&["prompt_tokens", "input_tokens"]);
    let output = count(&["completion_tokens", "output_tokens"]).unwrap_or(0);
    let input = input.or_else(|| count(&["total_tokens"]).map(|all| all.saturating_sub(output)))?;
    let detail = |name: &str| {
        let details = ["prompt_tokens_details", "input_token_details", "input_tokens_details"];
        details.iter().find_map(|place| stated.get(*place)?.get(name)?.as_u64())
    };
    Some(Usage {
        input,
        output,
        cached_input: detail("cached_tokens"),
        audio_input: detail("audio_tokens"),
        ..Usage::default()
    })
}

/// Seconds as whole milliseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; negative is none")]
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1e3).round().max(0.0) as u64
}

/// The characters that a request for speech has said.
#[must_use]
pub fn characters(body: &[u8]) -> Units {
    #[derive(Deserialize)]
    struct Speech<'a> {
        #[serde(borrow)]
        input: std::borrow::Cow<'a, str>,
    }
    let said = serde_json::from_slice::<Speech<'_>>(body).map_or(0, |speech| speech.input.chars().count());
    Units { characters: said as u64, ..Units::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_read_under_any_name() {
        let used = |input, output| Some((input, output));
        for (endpoint, body, tokens, units) in [
            (
                Endpoint::Embeddings,
                r#"{"data":[{}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#,
                used(8, 0),
                (0, 0),
            ),
            (Endpoint::Embeddings, r#"{"data":[],"usage":{"total_tokens":5}}"#, used(5, 0), (0, 0)),
            (
                Endpoint::Images,
                r#"{"data":[{},{}],"usage":{"input_tokens":3,"output_tokens":9}}"#,
                used(3, 9),
                (2, 0),
            ),
            (
                Endpoint::Transcriptions,
                r#"{"text":"x","usage":{"type":"duration","seconds":6}}"#,
                None,
                (0, 6_000),
            ),
            (Endpoint::Transcriptions, r#"{"text":"x","duration":3.7}"#, None, (0, 3_700)),
            (Endpoint::Transcriptions, r#"{"text":"x","duration":"3.7"}"#, None, (0, 3_700)),
            (Endpoint::Embeddings, r#"{"data":{},"usage":{"total_tokens":5}}"#, used(5, 0), (0, 0)),
            (Endpoint::Rerank, r#"{"results":[],"meta":{"tokens":{"input_tokens":4}}}"#, used(4, 0), (0, 0)),
            (Endpoint::Transcriptions, "just text", None, (0, 0)),
        ] {
            let found = metered(endpoint, body.as_bytes()).unwrap();
            assert_eq!(found.usage.map(|usage| (usage.input, usage.output)), tokens, "{body}");
            assert_eq!((found.units.images, found.units.audio_ms), units, "{body}");
        }
        let error = br#"{"error":{"message":"no such model","code":"model_not_found"}}"#;
        assert!(metered(Endpoint::Embeddings, error).is_err());
        assert!(metered(Endpoint::Rerank, br#"{"error":"Model is overloaded"}"#).is_err());
        assert_eq!(characters(r#"{"model":"m","input":"gr\u00fc\u00dfe"}"#.as_bytes()).characters, 5);
    }
}
