//! Looks at answers that are passed through as bytes, without building values.

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error;
use super::finish::Metadata;
use crate::dialect::Seen;
use crate::dialect::lenient::lenient;
use crate::error::{Error, Result};
use crate::ir::Usage;
use crate::sse::Frame;

/// The fields of an answer that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Glance {
    #[serde(default)]
    candidates: Option<Vec<IgnoredAny>>,
    prompt_feedback: Option<Feedback>,
    #[serde(default, deserialize_with = "lenient")]
    usage_metadata: Option<Metadata>,
    error: Option<IgnoredAny>,
}

/// What is said of a prompt.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<IgnoredAny>,
}

impl Glance {
    /// Whether anything is answered, be it that the prompt was blocked.
    fn answers(&self) -> bool {
        self.candidates.as_ref().is_some_and(|candidates| !candidates.is_empty())
            || self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.block_reason.is_some())
    }
}

/// Usage of a whole answer.
///
/// # Errors
/// The provider's own error where it stands in the answer; `InvalidResponse`
/// when it is not JSON or answers nothing.
pub(super) fn response(body: &[u8]) -> Result<Option<Usage>> {
    let bad = |at| Error::bad_answer(format!("the provider's answer is not JSON: {at}"));
    let list: Vec<Glance> = if body.trim_ascii_start().first() == Some(&b'[') {
        serde_json::from_slice(body).map_err(bad)?
    } else {
        vec![serde_json::from_slice(body).map_err(bad)?]
    };
    if list.iter().any(|glance| glance.error.is_some()) {
        let value = serde_json::from_slice(body).map_err(bad)?;
        return Err(error::of_value(&value));
    }
    if !list.iter().any(Glance::answers) {
        return Err(Error::no_answer("candidates"));
    }
    Ok(list.iter().rev().find_map(|glance| glance.usage_metadata.as_ref()?.usage()))
}

/// What one frame says.
pub(super) fn frame(frame: &Frame<'_>, seen: &mut Seen) {
    let data = frame.data;
    let start = data.get(..data.len().min(32)).unwrap_or(data);
    if memmem::find(start, b"\"error\"").is_some() {
        if let Ok(value) = serde_json::from_slice(data) {
            seen.error = Some(Box::new(error::of_value(&value)));
        }
        return;
    }
    if after_key(data, b"\"parts\"").is_some() {
        seen.content = true;
        seen.content_frames += 1;
    }
    if after_key(data, b"\"finishReason\"").is_some() || after_key(data, b"\"blockReason\"").is_some() {
        seen.done = true;
    }
    if let Some(at) = after_key(data, b"\"usageMetadata\"") {
        let mut values = serde_json::Deserializer::from_slice(at).into_iter::<Metadata>();
        if let Some(Ok(metadata)) = values.next() {
            seen.usage = metadata.usage().or(seen.usage.take());
        }
    }
}

/// What follows the last key `key` (with its quotes) and its colon. Inside a
/// JSON string the quotes would be escaped, so text never looks like a key.
fn after_key<'a>(data: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::rfind(data, key)?;
    data.get(at + key.len()..)?.trim_ascii_start().strip_prefix(b":")
}

#[cfg(test)]
mod tests {
    use super::super::response::decode;
    use super::*;
    use crate::error::Kind;
    use crate::ir::Finish;

    /// Decoded and looked at alike: a blocked prompt is refused, nothing at all is no answer.
    #[test]
    fn answers_without_candidates() {
        let none = Err(Kind::InvalidResponse);
        let blocked = Ok(Some(Finish::ContentFilter));
        for (body, expected) in [
            (
                r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#,
                &blocked,
            ),
            (r#"{"candidates":[],"promptFeedback":{"blockReason":"OTHER"}}"#, &blocked),
            (r#"[{"promptFeedback":{"blockReason":"SAFETY"}}]"#, &blocked),
            (r#"{"promptFeedback":{"safetyRatings":[]},"usageMetadata":{"promptTokenCount":3}}"#, &none),
            (r#"{"candidates":[],"usageMetadata":{"promptTokenCount":3},"responseId":"r"}"#, &none),
            (r#"{"usageMetadata":{"promptTokenCount":3}}"#, &none),
            (r#"[{"usageMetadata":{"promptTokenCount":3}}]"#, &none),
            ("[]", &none),
            (r#"{"candidates":[{"finishReason":"SAFETY"}]}"#, &blocked),
        ] {
            let decoded = decode(body.as_bytes()).map_err(|error| error.kind);
            assert_eq!(&decoded.map(|whole| whole.choices[0].finish.clone()), expected, "{body}");
            let scanned = response(body.as_bytes()).map(drop).map_err(|error| error.kind);
            assert_eq!(scanned, expected.clone().map(drop), "{body}");
        }
    }
}
