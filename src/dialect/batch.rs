//! Batch services of providers, in their two forms: requests into a batch, and
//! what comes of it. Sans-IO: who carries calls is not known here.
//!
//! Sources: OpenAI API reference "Batch" and "The request input object",
//! Anthropic API reference "Message Batches", checked 2026-11-21.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::error::{Error, Kind, Origin, Result};

/// A form of batch service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchForm {
    /// OpenAI's: a file of lines is uploaded, a batch of it ordered, results are files.
    OpenAi,
    /// Anthropic's: requests come in the order itself, results at an address of the batch.
    Anthropic,
}

/// How a batch does.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The provider works on it.
    Open,
    /// It is over: paths of its results, and what became of requests without any.
    Ended {
        /// Below the base URL.
        results: Vec<String>,
        /// Requests that the provider refused by their lines, from 1; the others may be tried again.
        refused: Vec<(usize, Error)>,
        /// Why requests have no result; absent: they may be tried again.
        missing: Option<Box<Error>>,
    },
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer of status 2xx, as a single request would have got.
    Answered(Bytes),
    /// An answer of another status.
    Refused(u16, Bytes),
    /// The provider did not come to it: it may be tried again.
    Untried,
}

/// Longest line of results that is read, bytes.
pub const LONGEST_LINE: usize = 32 << 20;

/// Marks a batch of ours at the provider.
pub(super) const MARK: &str = "pointsman_batch";

impl BatchForm {
    /// The path of its batches below the base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "batches",
            Self::Anthropic => "messages/batches",
        }
    }

    /// What stands before the first request, between two, and behind the last.
    #[must_use]
    pub const fn frame(self) -> [&'static str; 3] {
        match self {
            Self::OpenAi => ["", "\n", "\n"],
            Self::Anthropic => ["{\"requests\":[", ",", "]}"],
        }
    }

    /// A request in a batch. `body` is the JSON that would go to `path` alone.
    #[must_use]
    pub fn request(self, id: &str, path: &str, body: &str) -> String {
        // Line ends within would end the line; JSON has them as mere space.
        let body = body.replace(['\n', '\r'], " ");
        match self {
            Self::OpenAi => format!(
                "{{\"custom_id\":\"{id}\",\"method\":\"POST\",\"url\":\"/v1/{path}\",\"body\":{body}}}"
            ),
            Self::Anthropic => format!("{{\"custom_id\":\"{id}\",\"params\":{body}}}"),
        }
    }

    /// The order of a batch of the uploaded file `file`; marked, so that
    /// [`Self::found`] finds it again.
    #[must_use]
    pub fn order(id: &str, file: &str, path: &str) -> Bytes {
        let order = json!({
            "input_file_id": file, "endpoint": format!("/v1/{path}"), "completion_window": "24h",
            "metadata": { MARK: id },
        });
        Bytes::from(order.to_string())
    }

    /// How the batch `answer` does.
    ///
    /// # Errors
    /// `InvalidResponse`: it is not this protocol.
    pub fn progress(self, answer: &[u8]) -> Result<Progress> {
        let batch: Value = serde_json::from_slice(answer).map_err(|at| no_batch(&at.to_string()))?;
        let text = |name: &str| batch.get(name).and_then(Value::as_str);
        let ended = |results, missing| Progress::Ended { results, refused: Vec::new(), missing };
        if self == Self::Anthropic {
            let id = text("id").ok_or_else(|| no_batch("it has no id"))?;
            return match text("processing_status") {
                Some("in_progress" | "canceling") => Ok(Progress::Open),
                Some("ended") => Ok(ended(vec![format!("messages/batches/{id}/results")], None)),
                other => Err(no_batch(&format!("its status is {other:?}"))),
            };
        }
        let files = ["output_file_id", "error_file_id"].iter().filter_map(|name| text(name));
        let results = files.map(|file| format!("files/{file}/content")).collect();
        match text("status") {
            Some("validating" | "in_progress" | "finalizing" | "cancelling") => Ok(Progress::Open),
            Some("completed" | "expired") => Ok(ended(results, None)),
            Some("cancelled") => {
                let cancelled = "the batch of this request was cancelled at the provider";
                Ok(ended(
                    results,
                    Some(Box::new(Error::new(Kind::UpstreamFailed, Origin::Upstream, cancelled))),
                ))
            }
            Some("failed") => Ok(failed(&batch, results)),
            other => Err(no_batch(&format!("its status is {other:?}"))),
        }
    }

    /// A line of results: a request's id, and what became of it.
    ///
    /// # Errors
    /// `InvalidResponse`: it is not this protocol.
    pub fn outcome(self, line: &[u8]) -> Result<(String, Outcome)> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|at| no_batch(&at.to_string()))?;
        let outcome = match self {
            Self::OpenAi => line.response.map(|response| {
                let body = bytes_of(response.body);
                let good = (200..300).contains(&response.status_code);
                if good { Outcome::Answered(body) } else { Outcome::Refused(response.status_code, body) }
            }),
            Self::Anthropic => line.result.map(|result| match result.kind.as_str() {
                "succeeded" => Outcome::Answered(bytes_of(result.message)),
                "errored" => {
                    let body = bytes_of(result.error);
                    Outcome::Refused(status_of(&body), body)
                }
                _ => Outcome::Untried,
            }),
        };
        let failed = || {
            line.error.map(|error| match error.code.as_deref() {
                Some("batch_expired") => Outcome::Untried,
                _ => Outcome::Refused(
                    500,
                    Bytes::from(json!({ "error": { "message": error.message } }).to_string()),
                ),
            })
        };
        let outcome =
            outcome.or_else(failed).ok_or_else(|| no_batch("a line says nothing of its request"))?;
        Ok((line.custom_id, outcome))
    }
}

/// A batch that was refused: for some of its lines, or as a whole.
fn failed(batch: &Value, results: Vec<String>) -> Progress {
    let errors = batch.pointer("/errors/data").and_then(Value::as_array);
    let refusal = |error: Option<&Value>| {
        let why = error.and_then(|error| error.get("message")?.as_str()).unwrap_or("it did not say why");
        Error::new(Kind::InvalidRequest, Origin::Upstream, format!("the provider refused the batch: {why}"))
    };
    let line =
        |error: &Value| Some((usize::try_from(error.get("line")?.as_u64()?).ok()?, refusal(Some(error))));
    let refused: Vec<(usize, Error)> = errors.into_iter().flatten().filter_map(line).collect();
    let first = errors.and_then(|errors| errors.first());
    let missing = refused.is_empty().then(|| Box::new(refusal(first)));
    Progress::Ended { results, refused, missing }
}

/// The provider's id of a file or batch; xAI says `batch_id`.
#[must_use]
pub fn id_in(thing: &Value) -> Option<&str> {
    thing.get("id").or(thing.get("batch_id"))?.as_str()
}

/// The files that batches of OpenAI's form made, in an answer about one or in a
/// list of them: by the provider's id of the batch.
#[must_use]
pub fn files(answer: &[u8]) -> Vec<(String, Vec<String>)> {
    #[derive(Deserialize)]
    struct About {
        id: Option<String>,
        output_file_id: Option<String>,
        error_file_id: Option<String>,
        data: Option<Vec<Self>>,
    }
    let Ok(about) = serde_json::from_slice::<About>(answer) else { return Vec::new() };
    let mut made = Vec::new();
    let mut all = about.data.unwrap_or_default();
    all.push(About { data: None, ..about });
    for batch in all {
        let files: Vec<String> = batch.output_file_id.into_iter().chain(batch.error_file_id).collect();
        if let Some(id) = batch.id.filter(|_| !files.is_empty()) {
            made.push((id, files));
        }
    }
    made
}

/// A line of results in either form.
#[derive(Deserialize)]
struct Line<'a> {
    custom_id: String,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    error: Option<Failed>,
    #[serde(borrow)]
    result: Option<Given<'a>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status_code: u16,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Failed {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Given<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

pub(super) fn bytes_of(value: Option<&RawValue>) -> Bytes {
    Bytes::copy_from_slice(value.map_or("", RawValue::get).as_bytes())
}

/// The status that a single request would have got for an error of Anthropic's,
/// by its type. Source: Anthropic API reference "Errors", checked 2026-11-21.
fn status_of(error: &[u8]) -> u16 {
    let error: Value = serde_json::from_slice(error).unwrap_or_default();
    let kind = error.pointer("/error/type").or(error.get("type")).and_then(Value::as_str);
    match kind.unwrap_or_default() {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

fn no_batch(why: &str) -> Error {
    Error::bad_answer(format!("the provider's batch cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_in_and_stay_on_their_line() {
        let body = "{\"model\":\"m\",\n \"x\":1}";
        for (form, expected) in [
            (
                BatchForm::OpenAi,
                r#"{"custom_id":"7","method":"POST","url":"/v1/chat/completions","body":{"model":"m",  "x":1}}"#,
            ),
            (BatchForm::Anthropic, r#"{"custom_id":"7","params":{"model":"m",  "x":1}}"#),
        ] {
            let line = form.request("7", "chat/completions", body);
            assert_eq!(line, expected);
            serde_json::from_str::<Value>(&line).unwrap();
        }
    }

    #[test]
    fn progress_is_read_in_both_forms() {
        let files =
            |names: &[&str]| names.iter().map(|name| format!("files/{name}/content")).collect::<Vec<_>>();
        for (form, answer, results, failed) in [
            (BatchForm::OpenAi, r#"{"status":"in_progress"}"#, None, false),
            (
                BatchForm::OpenAi,
                r#"{"status":"completed","output_file_id":"a","error_file_id":"b"}"#,
                Some(files(&["a", "b"])),
                false,
            ),
            (BatchForm::OpenAi, r#"{"status":"expired","output_file_id":null}"#, Some(files(&[])), false),
            (
                BatchForm::OpenAi,
                r#"{"status":"failed","errors":{"data":[{"message":"no such model"}]}}"#,
                Some(files(&[])),
                true,
            ),
            (BatchForm::Anthropic, r#"{"id":"x","processing_status":"in_progress"}"#, None, false),
            (
                BatchForm::Anthropic,
                r#"{"id":"x","processing_status":"ended"}"#,
                Some(vec!["messages/batches/x/results".to_owned()]),
                false,
            ),
        ] {
            let (found, missing) = match form.progress(answer.as_bytes()).unwrap() {
                Progress::Open => (None, false),
                Progress::Ended { results, refused, missing } => {
                    assert!(refused.is_empty());
                    (Some(results), missing.is_some())
                }
            };
            assert_eq!((found, missing), (results, failed), "{answer}");
        }
        let lines = br#"{"status":"failed","errors":{"data":[{"line":2,"message":"no such field"}]}}"#;
        let Ok(Progress::Ended { refused, missing: None, .. }) = BatchForm::OpenAi.progress(lines) else {
            panic!("not refused by lines")
        };
        assert_eq!((refused[0].0, refused.len()), (2, 1));
        assert!(BatchForm::OpenAi.progress(br#"{"status":"dancing"}"#).is_err());
    }

    #[test]
    fn what_became_of_a_request_is_read_in_both_forms() {
        for (form, line, expected) in [
            (
                BatchForm::OpenAi,
                r#"{"custom_id":"1","response":{"status_code":200,"body":{"id":"c"}},"error":null}"#,
                "200 {\"id\":\"c\"}",
            ),
            (
                BatchForm::OpenAi,
                r#"{"custom_id":"1","response":{"status_code":429,"body":{"error":{}}},"error":null}"#,
                "429 {\"error\":{}}",
            ),
            (
                BatchForm::OpenAi,
                r#"{"custom_id":"1","response":null,"error":{"code":"batch_expired","message":"x"}}"#,
                "untried",
            ),
            (
                BatchForm::OpenAi,
                r#"{"custom_id":"1","response":null,"error":{"code":"y","message":"x"}}"#,
                r#"500 {"error":{"message":"x"}}"#,
            ),
            (
                BatchForm::Anthropic,
                r#"{"custom_id":"1","result":{"type":"succeeded","message":{"id":"m"}}}"#,
                "200 {\"id\":\"m\"}",
            ),
            (
                BatchForm::Anthropic,
                r#"{"custom_id":"1","result":{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error"}}}}"#,
                r#"400 {"type":"error","error":{"type":"invalid_request_error"}}"#,
            ),
            (BatchForm::Anthropic, r#"{"custom_id":"1","result":{"type":"expired"}}"#, "untried"),
        ] {
            let (id, outcome) = form.outcome(line.as_bytes()).unwrap();
            let shown = match outcome {
                Outcome::Answered(body) => format!("200 {}", String::from_utf8_lossy(&body)),
                Outcome::Refused(status, body) => format!("{status} {}", String::from_utf8_lossy(&body)),
                Outcome::Untried => "untried".to_owned(),
            };
            assert_eq!((id.as_str(), shown.as_str()), ("1", expected), "{line}");
        }
        assert!(BatchForm::OpenAi.outcome(br#"{"custom_id":"1"}"#).is_err());
    }
}
