//! Finding a batch at the provider whose order's answer was lost: OpenAI's form
//! has our mark; Anthropic's has no place for one, so that what was made just
//! then with as many requests is taken for it. Were it another's, its results
//! would answer none of our requests, and they would go into another batch.
//!
//! Sources: OpenAI API reference "List batch", Anthropic API reference "List
//! Message Batches", checked 2026-11-21.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::batch::{BatchForm, MARK};

/// A batch that is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    /// Our id of it.
    pub id: &'a str,
    /// When it was gathered, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// How many requests it has.
    pub count: u64,
}

/// How much earlier than ours the provider's clock may be, milliseconds.
const EARLIER_MS: u64 = 30_000;
/// How long a large order may take until the batch is made, milliseconds.
const LATER_MS: u64 = 300_000;

impl BatchForm {
    /// The provider's ids of what may be the batch, in a list of its batches:
    /// the likeliest first.
    #[must_use]
    pub fn found(self, list: &[u8], sought: Sought<'_>) -> Vec<String> {
        let list: Value = serde_json::from_slice(list).unwrap_or_default();
        let listed = list.get("data").and_then(Value::as_array).into_iter().flatten();
        let mut found: Vec<(u64, &str)> = listed
            .filter_map(|batch| Some((self.distance(batch, sought)?, batch.get("id")?.as_str()?)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id.to_owned()).collect()
    }

    /// How far `batch` is from what is sought, milliseconds; `None`: it is another.
    fn distance(self, batch: &Value, sought: Sought<'_>) -> Option<u64> {
        if self == Self::OpenAi {
            return (batch.get("metadata")?.get(MARK)? == sought.id).then_some(0);
        }
        let counts = batch.get("request_counts")?.as_object()?.values();
        if counts.filter_map(Value::as_u64).sum::<u64>() != sought.count {
            return None;
        }
        let made = OffsetDateTime::parse(batch.get("created_at")?.as_str()?, &Rfc3339).ok()?;
        let made = u64::try_from(made.unix_timestamp_nanos() / 1_000_000).ok()?;
        let (least, most) =
            (sought.created_ms.saturating_sub(EARLIER_MS), sought.created_ms.saturating_add(LATER_MS));
        (least..=most).contains(&made).then(|| made.abs_diff(sought.created_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_found_by_their_mark_or_by_their_size_and_hour() {
        let openai =
            br#"{"data":[{"id":"b1","metadata":null},{"id":"b2","metadata":{"pointsman_batch":"01J"}}]}"#;
        // 2026-11-21T10:00:00Z
        let created_ms = 1_795_255_200_000;
        let counts =
            r#""request_counts":{"processing":2,"succeeded":1,"errored":0,"canceled":0,"expired":0}"#;
        let made = |id: &str, at: &str| format!(r#"{{"id":"{id}","created_at":"{at}",{counts}}}"#);
        let anthropic = format!(
            r#"{{"data":[{},{},{},{},{{"id":"odd"}}]}}"#,
            made("late", "2026-11-21T10:06:00Z"),
            made("far", "2026-11-21T10:02:00Z"),
            made("near", "2026-11-21T10:00:01.5Z"),
            made("early", "2026-11-21T09:59:00Z"),
        );
        for (form, list, id, count, expected) in [
            (BatchForm::OpenAi, &openai[..], "01J", 9, &["b2"][..]),
            (BatchForm::OpenAi, openai, "01K", 9, &[]),
            (BatchForm::Anthropic, anthropic.as_bytes(), "01J", 3, &["near", "far"]),
            (BatchForm::Anthropic, anthropic.as_bytes(), "01J", 2, &[]),
            (BatchForm::Anthropic, b"<html>", "01J", 2, &[]),
        ] {
            assert_eq!(form.found(list, Sought { id, created_ms, count }), expected, "{form:?} {id} {count}");
        }
    }
}
