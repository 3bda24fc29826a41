//! What clients' own batches used, in the form of each vendor: in the batch
//! itself, in its lines of results, or in pages of them.
//!
//! Sources: OpenAI API reference "Batch" and "The request output object",
//! Anthropic API reference "Retrieve Message Batch results", xAI API reference
//! "Get batch results", all checked 2026-11-21.

use bytes::Bytes;
use serde_json::Value;

use super::batch::{BatchForm, MARK, Outcome, Progress, id_in};
use super::outbound;
use super::passage::metered;
use crate::error::{Error, Result};
use crate::ir::{Dialect, Endpoint, Usage};

/// What requests of a batch used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// The provider's name for the model.
    pub model: String,
    /// Tokens.
    pub usage: Usage,
}

/// What a batch says of what it used.
#[derive(Debug, PartialEq, Eq)]
pub enum Bill {
    /// It is not over.
    Open,
    /// It states it.
    Stated(Used),
    /// It stands in the lines of results at these paths below the base URL; nothing where there are none.
    Lines(Vec<String>),
    /// It stands in pages of results at this path.
    Pages(String),
}

/// What the batch `answer` says of what it used. Of batches of ours nothing:
/// their answers are counted one by one.
///
/// # Errors
/// `InvalidResponse`: it is no batch of any form.
pub fn bill(answer: &[u8]) -> Result<Bill> {
    let batch: Value =
        serde_json::from_slice(answer).map_err(|_| Error::bad_answer("the provider's batch is no JSON"))?;
    if batch.pointer(&format!("/metadata/{MARK}")).is_some() {
        return Ok(Bill::Lines(Vec::new()));
    }
    if let Some(id) = batch.get("batch_id").and_then(Value::as_str) {
        let count = |name: &str| batch.get("state")?.get(name)?.as_u64();
        // One without requests waits for some.
        let over = count("num_pending") == Some(0) && count("num_requests") > Some(0);
        return Ok(if over { Bill::Pages(format!("batches/{id}/results")) } else { Bill::Open });
    }
    let form =
        if batch.get("processing_status").is_some() { BatchForm::Anthropic } else { BatchForm::OpenAi };
    match form.progress(answer)? {
        Progress::Open => Ok(Bill::Open),
        Progress::Ended { results, .. } => Ok(stated(&batch).map_or(Bill::Lines(results), Bill::Stated)),
    }
}

/// What a batch of OpenAI's form states.
fn stated(batch: &Value) -> Option<Used> {
    let count = |place: &str| batch.pointer(place).and_then(Value::as_u64);
    let usage = Usage {
        input: count("/usage/input_tokens")?,
        output: count("/usage/output_tokens").unwrap_or(0),
        cached_input: count("/usage/input_tokens_details/cached_tokens"),
        reasoning: count("/usage/output_tokens_details/reasoning_tokens"),
        ..Usage::default()
    };
    let model = batch.get("model")?.as_str()?.to_owned();
    (usage.total() > 0).then_some(Used { model, usage })
}

/// The id in an answer about a batch.
#[must_use]
pub fn id_of(answer: &[u8]) -> Option<String> {
    let batch: Value = serde_json::from_slice(answer).ok()?;
    id_in(&batch).map(str::to_owned)
}

/// What a line of results used.
#[must_use]
pub fn used_by_line(line: &[u8]) -> Option<Used> {
    let forms = [(BatchForm::Anthropic, Dialect::Anthropic), (BatchForm::OpenAi, Dialect::OpenAiChat)];
    forms.into_iter().find_map(|(form, dialect)| match form.outcome(line).ok()?.1 {
        Outcome::Answered(body) => used_by_answer(&body, dialect),
        _ => None,
    })
}

/// A page of xAI's results.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// What its requests used, by their ids.
    pub used: Vec<(String, Used)>,
    /// The token of the following page.
    pub next: Option<String>,
}

/// Reads a page of xAI's results.
///
/// # Errors
/// `InvalidResponse`: it is no such page.
pub fn used_by_page(page: &[u8]) -> Result<Page> {
    let no_page = || Error::bad_answer("the provider's page of results cannot be read");
    let page: Value = serde_json::from_slice(page).map_err(|_| no_page())?;
    let results = page.get("results").and_then(Value::as_array).ok_or_else(no_page)?;
    let answers = results.iter().filter_map(|result| {
        let answer =
            result.pointer("/batch_result/response")?.as_object()?.values().find(|one| one.is_object())?;
        let used = used_by_answer(&Bytes::from(answer.to_string()), Dialect::OpenAiChat)?;
        let id = result.get("batch_request_id").and_then(Value::as_str).unwrap_or_default();
        Some((id.to_owned(), used))
    });
    let next = page.get("pagination_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    Ok(Page { used: answers.collect(), next: next.map(str::to_owned) })
}

/// What the answer to one request used; `dialect` of OpenAI's stands for all of its endpoints.
fn used_by_answer(body: &Bytes, dialect: Dialect) -> Option<Used> {
    #[derive(serde::Deserialize)]
    struct Answer {
        model: String,
        object: Option<String>,
    }
    let Answer { model, object } = serde_json::from_slice(body).ok()?;
    let stated = || metered(Endpoint::Embeddings, body).ok()?.usage;
    let usage = match object.as_deref() {
        Some("list") => stated()?,
        Some("response") => outbound(Dialect::OpenAiResponses)?.scan_response(body).ok()??,
        // What is no answer is on the bill as well.
        _ => outbound(dialect)?.scan_response(body).ok().flatten().or_else(stated)?,
    };
    Some(Used { model, usage })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(model: &str, input: u64, output: u64, cached_input: Option<u64>, reasoning: Option<u64>) -> Used {
        let usage = Usage { input, output, cached_input, reasoning, ..Usage::default() };
        Used { model: model.to_owned(), usage }
    }

    #[test]
    fn what_a_batch_used_is_told_when_it_is_over() {
        let said = r#""usage":{"input_tokens":36,"output_tokens":224,"input_tokens_details":{"cached_tokens":4},"output_tokens_details":{"reasoning_tokens":128}}"#;
        let stated = |used| Bill::Stated(used);
        let lines = |paths: &[&str]| Bill::Lines(paths.iter().map(ToString::to_string).collect());
        for (answer, expected) in [
            (
                format!(r#"{{"id":"b","status":"completed","model":"m-1",{said}}}"#),
                stated(of("m-1", 36, 224, Some(4), Some(128))),
            ),
            (
                r#"{"id":"b","status":"completed","model":"e-1","usage":{"input_tokens":36,"total_tokens":36}}"#.to_owned(),
                stated(of("e-1", 36, 0, None, None)),
            ),
            (format!(r#"{{"id":"b","status":"in_progress","model":"m-1",{said}}}"#), Bill::Open),
            (
                format!(
                    r#"{{"id":"b","status":"completed","model":"m-1","metadata":{{"pointsman_batch":"x"}},{said}}}"#
                ),
                lines(&[]),
            ),
            (
                r#"{"id":"b","status":"completed","model":"m-1","output_file_id":"f"}"#.to_owned(),
                lines(&["files/f/content"]),
            ),
            (r#"{"id":"b","status":"failed","errors":{"data":[]}}"#.to_owned(), lines(&[])),
            (r#"{"id":"b","processing_status":"in_progress"}"#.to_owned(), Bill::Open),
            (r#"{"id":"b","processing_status":"ended"}"#.to_owned(), lines(&["messages/batches/b/results"])),
            (r#"{"batch_id":"b","state":{"num_requests":0,"num_pending":0}}"#.to_owned(), Bill::Open),
            (r#"{"batch_id":"b","state":{"num_requests":2,"num_pending":1}}"#.to_owned(), Bill::Open),
            (
                r#"{"batch_id":"b","state":{"num_requests":2,"num_pending":0}}"#.to_owned(),
                Bill::Pages("batches/b/results".to_owned()),
            ),
        ] {
            assert_eq!(bill(answer.as_bytes()).unwrap(), expected, "{answer}");
            assert_eq!(id_of(answer.as_bytes()).as_deref(), Some("b"));
        }
        assert!(bill(b"{}").is_err());
    }

    #[test]
    fn lines_of_results_tell_what_each_answer_used() {
        let line = br#"{"custom_id":"0","result":{"type":"succeeded","message":{"model":"c-2","id":"m","type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":20,"output_tokens":5}}}}"#;
        assert_eq!(used_by_line(line).unwrap(), of("c-2", 20, 5, None, None));
        assert_eq!(used_by_line(br#"{"custom_id":"0","result":{"type":"canceled"}}"#), None);
        for (body, expected) in [
            (
                r#"{"object":"chat.completion","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
                of("m", 3, 2, None, None),
            ),
            (
                r#"{"object":"list","model":"m","data":[],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
                of("m", 3, 0, None, None),
            ),
            (
                r#"{"object":"response","model":"m","output":[],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#,
                of("m", 3, 2, None, None),
            ),
        ] {
            let line =
                format!(r#"{{"custom_id":"0","response":{{"status_code":200,"body":{body}}},"error":null}}"#);
            assert_eq!(used_by_line(line.as_bytes()), Some(expected), "{body}");
        }
    }

    #[test]
    fn pages_tell_what_each_answer_used() {
        let answer = |input: u64| {
            format!(
                r#"{{"batch_request_id":"0","batch_result":{{"response":{{"chat_get_completion":{{"object":"chat.completion","model":"g","choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":1,"total_tokens":{}}}}}}}}}}}"#,
                input + 1
            )
        };
        let page = format!(
            r#"{{"results":[{},{{"batch_result":{{"error":"x"}}}},{}],"pagination_token":"t"}}"#,
            answer(4),
            answer(5)
        );
        let Page { used, next } = used_by_page(page.as_bytes()).unwrap();
        let inputs: Vec<u64> = used.iter().map(|(_, used)| used.usage.input).collect();
        assert_eq!((inputs, used[0].1.model.as_str(), next.as_deref()), (vec![4, 5], "g", Some("t")));
        assert_eq!(used[0].0, "0");
        assert_eq!(used_by_page(br#"{"results":[],"pagination_token":null}"#).unwrap().next, None);
        assert!(used_by_page(b"{}").is_err());
    }
}
