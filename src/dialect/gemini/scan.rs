//! Looks at answers that are passed through as bytes, without building values.

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error;
use super::finish::Metadata;
use crate::dialect::Seen;
use crate::error::{Error, Result};
use crate::ir::Usage;
use crate::sse::Frame;

/// The fields of an answer that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Glance {
    usage_metadata: Option<Metadata>,
    error: Option<IgnoredAny>,
}

/// Usage of a whole answer.
///
/// # Errors
/// The provider's own error where it stands in the answer; `InvalidResponse` when it is not JSON.
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
