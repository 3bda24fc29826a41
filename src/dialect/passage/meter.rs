//! What an answer in the client's own form used: read beside its way to the
//! client, nothing of it is changed.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::dialect::refusal::Report;
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
    data: Option<Vec<IgnoredAny>>,
    duration: Option<f64>,
    error: Option<Value>,
    meta: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Reads what a whole answer at `endpoint` used.
///
/// # Errors
/// The provider's own error when it hides in a 200.
pub fn metered(endpoint: Endpoint, body: &[u8]) -> Result<Metered> {
    // What is no JSON object (a transcript as text, sound) states nothing.
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return Ok(Metered::default()) };
    if let Some(error) = answer.error.as_ref().filter(|error| error.is_object()) {
        return Err(Report::of(error).error(200));
    }
    let stated = answer.usage.as_ref();
    let seconds = stated
        .and_then(|usage| usage.get("seconds").or_else(|| usage.get("prompt_audio_seconds"))?.as_f64())
        .or(answer.duration);
    let mut units = Units::default();
    match endpoint {
        Endpoint::Images => units.images = answer.data.map_or(0, |data| data.len() as u64),
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
    let images = u64::from(endpoint == Endpoint::Images && answer.kind?.ends_with(".completed"));
    Some(Metered { usage: Some(usage), units: Units { images, ..Units::default() } })
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
            (Endpoint::Rerank, r#"{"results":[],"meta":{"tokens":{"input_tokens":4}}}"#, used(4, 0), (0, 0)),
            (Endpoint::Transcriptions, "just text", None, (0, 0)),
        ] {
            let found = metered(endpoint, body.as_bytes()).unwrap();
            assert_eq!(found.usage.map(|usage| (usage.input, usage.output)), tokens, "{body}");
            assert_eq!((found.units.images, found.units.audio_ms), units, "{body}");
        }
        let error = br#"{"error":{"message":"no such model","code":"model_not_found"}}"#;
        assert!(metered(Endpoint::Embeddings, error).is_err());
        assert_eq!(characters(r#"{"model":"m","input":"gr\u00fc\u00dfe"}"#.as_bytes()).characters, 5);
    }
}
