//! A batch of the simulated provider: its lines played at once, told once the
//! slowest would have been answered.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::marks::{FULL, new_id, seconds};
use super::{Actor, Simulated};
use crate::provider::Simulate;

/// Most lines of a batch.
const LINES: u64 = 10_000;

/// A batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: String,
    /// What is told of it.
    pub(super) about: Value,
    /// When it is over; absent: it is.
    due: Option<Instant>,
    /// What it will have made: answers and errors.
    results: [String; 2],
    /// What will be told of it besides when it is over.
    over: Value,
}

/// A line of a batch.
#[derive(Deserialize)]
struct Line<'a> {
    custom_id: String,
    url: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// What came of a batch's lines; else the number and fault of the first that cannot be played.
pub(super) type Played = std::result::Result<Results, (usize, String)>;

impl Batch {
    /// A batch as `order` wants it.
    pub(super) fn new(order: &Value, input: &str, endpoint: &str) -> Self {
        let id = new_id("batch_sim_");
        let about = json!({
            "id": id, "object": "batch", "endpoint": endpoint, "model": null, "errors": null,
            "input_file_id": input, "completion_window": "24h", "status": "in_progress",
            "output_file_id": null, "error_file_id": null, "created_at": seconds(), "completed_at": null,
            "failed_at": null, "cancelled_at": null,
            "request_counts": { "total": 0, "completed": 0, "failed": 0 }, "metadata": order.get("metadata"),
        });
        Self { id, about, due: None, results: Default::default(), over: Value::Null }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        if let Some(about) = self.about.as_object_mut() {
            about.insert(name.to_owned(), value);
        }
    }

    /// Begins with what was played, which shows when its time has come.
    pub(super) fn begin(&mut self, played: Played) {
        let played = match played {
            Ok(played) => played,
            Err((line, message)) => {
                let error =
                    json!({ "code": "invalid_request", "line": line, "message": message, "param": null });
                self.set("errors", json!({ "object": "list", "data": [error] }));
                self.set("status", Value::from("failed"));
                return self.set("failed_at", Value::from(seconds()));
            }
        };
        let ([answered, failed], [input, output]) = (played.counts, played.tokens);
        let total = answered + failed;
        self.set("request_counts", json!({ "total": total, "completed": 0, "failed": 0 }));
        self.over = json!({
            "status": "completed", "model": played.model,
            "request_counts": { "total": total, "completed": answered, "failed": failed },
            "usage": {
                "input_tokens": input, "output_tokens": output,
                "total_tokens": input + output,
                "input_tokens_details": { "cached_tokens": 0 }, "output_tokens_details": { "reasoning_tokens": 0 },
            },
        });
        self.results = played.lines;
        self.due = Some(Instant::now() + played.wait);
    }

    /// Ends it before its time.
    pub(super) fn cancel(&mut self) -> Value {
        if self.due.take().is_some() {
            self.results = Default::default();
            self.set("status", Value::from("cancelled"));
            self.set("cancelled_at", Value::from(seconds()));
        }
        self.about.clone()
    }

    /// The files that it has made, if its time has just come: names and contents.
    pub(super) fn ripe(&mut self) -> Option<Vec<(&'static str, String)>> {
        self.due.filter(|due| *due <= Instant::now())?;
        self.due = None;
        if let Value::Object(over) = std::mem::take(&mut self.over) {
            over.into_iter().for_each(|(name, value)| self.set(&name, value));
        }
        self.set("completed_at", Value::from(seconds()));
        let made = ["output_file_id", "error_file_id"].into_iter().zip(std::mem::take(&mut self.results));
        Some(made.filter(|(_, lines)| !lines.is_empty()).collect())
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.results.iter().map(String::len).sum()
    }
}

/// What came of a batch's lines.
#[derive(Default)]
pub(super) struct Results {
    /// Answers and errors.
    lines: [String; 2],
    counts: [u64; 2],
    /// In and out.
    tokens: [u64; 2],
    model: String,
    /// Until the slowest is answered.
    wait: Duration,
}

/// Plays every line; else the number and fault of the first that cannot be.
/// The answers take no more than `room` bytes.
pub(super) fn played(
    (lines, endpoint): (&[u8], &str),
    room: usize,
    behaviour: &Simulate,
    simulated: &Simulated,
) -> Played {
    let mut results = Results::default();
    for (at, raw) in lines.split(|byte| *byte == b'\n').enumerate() {
        if raw.trim_ascii().is_empty() {
            continue;
        }
        let wrong = |text: String| (at + 1, text);
        let line: Line<'_> = serde_json::from_slice(raw).map_err(|error| wrong(error.to_string()))?;
        if line.url != endpoint {
            return Err(wrong(format!("`{}` is not the batch's endpoint", line.url)));
        }
        let body: Value = serde_json::from_str(line.body.get()).map_err(|error| wrong(error.to_string()))?;
        let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
        let (name, behaviour) =
            behaviour.cast.get(model).ok_or_else(|| wrong(format!("there is no model `{model}`")))?;
        let actor = Actor { name, upstream: model, behaviour };
        let path = endpoint.trim_start_matches("/v1/");
        let played = simulated.play(&actor, path, line.body.get().as_bytes());
        let usage = |names: [&str; 2]| {
            names.iter().find_map(|name| played.body.get("usage")?.get(*name)?.as_u64()).unwrap_or(0)
        };
        let good = played.status.is_success();
        let [input, output] = &mut results.tokens;
        *input += usage(["prompt_tokens", "input_tokens"]);
        *output += usage(["completion_tokens", "output_tokens"]);
        model.clone_into(&mut results.model);
        results.wait = results.wait.max(played.wait);
        let line = json!({
            "id": new_id("batch_req_"), "custom_id": line.custom_id, "error": null,
            "response": { "status_code": played.status.as_u16(), "request_id": new_id("req_"), "body": played.body },
        });
        let [answers, errors] = &mut results.lines;
        let [answered, failed] = &mut results.counts;
        let (lines, count) =
            if good { (&mut *answers, &mut *answered) } else { (&mut *errors, &mut *failed) };
        lines.push_str(&format!("{line}\n"));
        *count += 1;
        if answered.saturating_add(*failed) > LINES || answers.len() + errors.len() > room {
            return Err(wrong(FULL.to_owned()));
        }
    }
    Ok(results)
}
