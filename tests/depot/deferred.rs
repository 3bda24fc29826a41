//! Requests that policies leave to batches, until their answers: through
//! restarts, refusals and providers that are away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use parking_lot::Mutex;
use pointsman::record::Exchange;
use serde_json::{Value, json};

use crate::stage::{Asked, Gateway, Provider, Said, json as answer, value};

const WAITS: &str = "fn route() { if (req.metadata.can_wait ?? \"\") == \"true\" { return batch(); } }";
const MASKS: &str = "fn on_response() { res.text = res.text.to_upper(); res }";

/// A provider of one form, as its documentation has it.
#[derive(Default)]
struct Service {
    /// Batches: lines as they came, and whether they are done.
    batches: BTreeMap<String, (Vec<Value>, bool)>,
    files: BTreeMap<String, String>,
    marks: BTreeMap<String, Value>,
    /// When others made theirs, where that is not now.
    made: BTreeMap<String, time::OffsetDateTime>,
    away: bool,
    /// What was asked meanwhile.
    unheard: usize,
    /// The order is taken, and its answer lost.
    loses: bool,
}

type Shared = Arc<Mutex<Service>>;

impl Service {
    fn say(&mut self, asked: &Asked) -> Said {
        if self.away {
            self.unheard += 1;
            return Said {
                status: 503,
                content_type: "application/json",
                body: Bytes::from_static(br#"{"error":{"message":"away"}}"#),
            };
        }
        let text = || String::from_utf8(asked.body.clone()).unwrap();
        let path: Vec<&str> =
            asked.path.split('?').next().unwrap().trim_start_matches("/v1/").split('/').collect();
        match (asked.method.as_str(), path.as_slice()) {
            ("POST", ["files"]) => {
                let id = format!("file-{}", self.files.len());
                let file =
                    text().split("\r\n\r\n").nth(2).unwrap().split("\r\n--").next().unwrap().to_owned();
                self.files.insert(id.clone(), file);
                answer(json!({ "id": id }).to_string())
            }
            ("POST", ["batches"]) => {
                let order: Value = serde_json::from_str(&text()).unwrap();
                let lines = &self.files[order["input_file_id"].as_str().unwrap()];
                let lines: Vec<Value> =
                    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert!(lines.iter().all(|line| line["url"] == order["endpoint"]), "{order}");
                self.take(lines, order["metadata"].clone())
            }
            ("POST", ["messages", "batches"]) => {
                let order: Value = serde_json::from_str(&text()).unwrap();
                self.take(order["requests"].as_array().unwrap().clone(), Value::Null)
            }
            ("GET", ["batches"]) => {
                let list: Vec<Value> =
                    self.marks.iter().map(|(id, mark)| json!({ "id": id, "metadata": mark })).collect();
                answer(json!({ "data": list }).to_string())
            }
            ("GET", ["batches", id]) => {
                let done = self.batches[*id].1;
                let status = if done { "completed" } else { "in_progress" };
                answer(json!({ "id": id, "status": status, "output_file_id": done.then(|| format!("out-{id}")) }).to_string())
            }
            ("GET", ["files", file, "content"]) => {
                let line = |line: &Value| {
                    let body = chat(&line["body"]);
                    json!({ "custom_id": line["custom_id"], "response": { "status_code": if body["error"].is_object() { 400 } else { 200 }, "body": body }, "error": null })
                };
                self.results(file.trim_start_matches("out-"), line)
            }
            ("GET", ["messages", "batches"]) => {
                let batch = |(id, (lines, _)): (&String, &(Vec<Value>, bool))| {
                    let created_at = self.made.get(id).copied().unwrap_or_else(time::OffsetDateTime::now_utc);
                    let created_at =
                        created_at.format(&time::format_description::well_known::Rfc3339).unwrap();
                    json!({ "id": id, "created_at": created_at, "processing_status": "in_progress", "request_counts": { "processing": lines.len(), "succeeded": 0 } })
                };
                let list: Vec<Value> = self.batches.iter().rev().map(batch).collect();
                answer(json!({ "data": list, "has_more": false }).to_string())
            }
            ("GET", ["messages", "batches", id]) => {
                let status = if self.batches[*id].1 { "ended" } else { "in_progress" };
                answer(json!({ "id": id, "processing_status": status }).to_string())
            }
            ("GET", ["messages", "batches", id, "results"]) => {
                let line = |line: &Value| json!({ "custom_id": line["custom_id"], "result": { "type": "succeeded", "message": message(&line["params"]) } });
                self.results(id, line)
            }
            _ => Said { status: 404, content_type: "application/json", body: Bytes::from_static(b"{}") },
        }
    }

    fn take(&mut self, lines: Vec<Value>, mark: Value) -> Said {
        let id = format!("batch_{}", self.batches.len());
        self.batches.insert(id.clone(), (lines, false));
        self.marks.insert(id.clone(), mark);
        if std::mem::take(&mut self.loses) {
            return Said { status: 502, content_type: "text/html", body: Bytes::from_static(b"<html>") };
        }
        answer(json!({ "id": id }).to_string())
    }

    fn results(&self, id: &str, line: impl Fn(&Value) -> Value) -> Said {
        // In another order than they came.
        let lines: String = self.batches[id].0.iter().rev().map(|one| format!("{}\n", line(one))).collect();
        Said { status: 200, content_type: "application/octet-stream", body: Bytes::from(lines) }
    }
}

fn chat(body: &Value) -> Value {
    let asked = body["messages"][0]["content"].as_str().unwrap();
    if asked == "refuse me" {
        return json!({ "error": { "message": "no such thing", "type": "invalid_request_error", "code": null } });
    }
    json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": format!("done: {asked}") }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000 },
    })
}

fn message(body: &Value) -> Value {
    let asked = &body["messages"][0]["content"];
    let asked = asked.as_str().or(asked[0]["text"].as_str()).unwrap();
    json!({
        "id": "m", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": format!("done: {asked}") }],
        "usage": { "input_tokens": 7, "output_tokens": 5 },
    })
}

/// A gateway before a provider of this kind; `batches` are its settings.
async fn set_up(kind: &str, batches: &str, policies: &str) -> (Gateway, Provider, Shared) {
    let (provider, service) = (Provider::start().await, Shared::default());
    let playing = Arc::clone(&service);
    provider.says(move |asked| playing.lock().say(asked));
    let yaml = format!(
        "providers: {{ up: {{ kind: {kind}, base_url: \"http://127.0.0.1:{}/v1\", api_key: \"${{env:PATH}}\" }} }}\n\
         models: {{ m: {{ provider: up, upstream: m-2026, max_output_tokens: 100, price: {{ input: 2.0, output: 8.0, batch: {{ input: 1.0, output: 4.0 }} }} }} }}\n\
         routes: [{{ name: r, models: [patient], candidates: [m], policies: [{policies}] }}]\n\
         records: {{ folder: ./records }}\nbatches: {{ {batches} }}\n",
        provider.port
    );
    (Gateway::start_with(&yaml, &[("waits", WAITS), ("masks", MASKS)]).await, provider, service)
}

/// Leaves a request to a batch; gives the address of its answer.
async fn leave(gateway: &Gateway, text: &str) -> String {
    let body = json!({ "model": "patient", "messages": [{ "role": "user", "content": text }], "metadata": { "can_wait": "true" } });
    let got = gateway.ask("POST", "/v1/chat/completions").body(body.to_string()).send().await.unwrap();
    assert_eq!(got.status(), 202);
    let place = got.headers()["location"].to_str().unwrap().to_owned();
    let ticket = value(got).await;
    assert_eq!((&ticket["status"], &ticket["result_url"]), (&json!("queued"), &json!(place)));
    place
}

/// The answer once it is there: status and body.
async fn wait_for(gateway: &Gateway, place: &str) -> (u16, Value) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let got = gateway.ask("GET", place).send().await.unwrap();
        if got.status() != 202 {
            return (got.status().as_u16(), value(got).await);
        }
        assert!(Instant::now() < deadline, "the answer comes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the provider holds so many batches.
async fn batches(service: &Shared, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while service.lock().batches.len() < count {
        assert!(Instant::now() < deadline, "batch {count} comes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn finish(service: &Shared) {
    service.lock().batches.values_mut().for_each(|batch| batch.1 = true);
}

/// The records of answers out of batches.
async fn answers(gateway: &Gateway, count: usize) -> Vec<Exchange> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let all = gateway.records().await;
        let found: Vec<Exchange> = all.into_iter().filter(|one| one.notes.contains_key("deferred")).collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{} of {count} records", found.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn requests_are_gathered_survive_restarts_and_are_priced_at_the_batch_rate() {
    let (mut gateway, _provider, service) = set_up("openai", "window: 2s, poll: 100ms", "waits").await;
    let mut places = vec![leave(&gateway, "one").await, leave(&gateway, "two").await];
    gateway.restart().await;
    places.push(leave(&gateway, "three").await);
    let first = value(gateway.ask("GET", &places[0]).send().await.unwrap()).await;
    assert_eq!(first["status"], "queued");
    batches(&service, 1).await;
    gateway.restart().await;
    let first = gateway.ask("GET", &places[0]).send().await.unwrap();
    assert_eq!((first.status().as_u16(), first.headers()["retry-after"].to_str().unwrap()), (202, "1"));
    finish(&service);
    for (place, text) in places.iter().zip(["one", "two", "three"]) {
        let (status, answer) = wait_for(&gateway, place).await;
        let said = format!("done: {text}");
        assert_eq!((status, &answer["choices"][0]["message"]["content"]), (200, &json!(said)), "{answer}");
    }
    assert_eq!(service.lock().batches.len(), 1, "one batch for all");
    assert_eq!(service.lock().batches["batch_0"].0[0]["body"]["model"], "m-2026");
    let records = answers(&gateway, 3).await;
    assert_eq!(records.len(), 3);
    for record in &records {
        assert_eq!(
            (record.cost_nano_usd, record.unpriced, record.status),
            (5_000_000_000, false, 200),
            "1 + 4 USD"
        );
        assert_eq!((record.attempts.len(), &*record.attempts[0].cause), (1, "batch"));
        assert!(places[0..].iter().any(|place| place.ends_with(record.notes["deferred"].as_str().unwrap())));
    }
    gateway.restart().await;
    assert_eq!(wait_for(&gateway, &places[2]).await.0, 200, "answers are kept");
    let gone = gateway.ask("DELETE", &places[2]).send().await.unwrap();
    assert_eq!(gone.status(), 200);
    assert_eq!(gateway.ask("GET", &places[2]).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_found_again_and_not_made_twice() {
    let (gateway, _provider, service) = set_up("openai", "window: 100ms, poll: 200ms", "waits").await;
    service.lock().loses = true;
    let place = leave(&gateway, "one").await;
    batches(&service, 1).await;
    finish(&service);
    assert_eq!(wait_for(&gateway, &place).await.0, 200);
    assert_eq!(service.lock().batches.len(), 1);
    assert_eq!(answers(&gateway, 1).await.len(), 1);
}

#[tokio::test]
async fn an_order_in_anthropics_form_whose_answer_was_lost_is_found_among_others() {
    let (gateway, _provider, service) = set_up("anthropic", "window: 100ms, poll: 200ms", "waits").await;
    {
        // Batches of other applications: of another size, and of another hour.
        let mut service = service.lock();
        let line = json!({ "custom_id": "theirs", "params": { "model": "m", "messages": [{ "role": "user", "content": "x" }] } });
        service.batches.insert("other_0".to_owned(), (vec![line.clone(), line.clone()], false));
        service.batches.insert("other_1".to_owned(), (vec![line], false));
        service
            .made
            .insert("other_1".to_owned(), time::OffsetDateTime::now_utc() - Duration::from_secs(3600));
        service.loses = true;
    }
    let place = leave(&gateway, "one").await;
    batches(&service, 3).await;
    finish(&service);
    let (status, answer) = wait_for(&gateway, &place).await;
    assert_eq!((status, &answer["choices"][0]["message"]["content"]), (200, &json!("done: one")), "{answer}");
    assert_eq!(service.lock().batches.len(), 3, "the order is not made twice");
    // One that never arrived is made again.
    service.lock().away = true;
    let place = leave(&gateway, "two").await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while service.lock().unheard == 0 {
        assert!(Instant::now() < deadline, "it is ordered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    service.lock().away = false;
    batches(&service, 4).await;
    finish(&service);
    assert_eq!(wait_for(&gateway, &place).await.0, 200);
}

#[tokio::test]
async fn a_provider_that_is_away_is_waited_for_and_a_full_batch_does_not_wait() {
    let (gateway, _provider, service) =
        set_up("openai", "window: 1h, poll: 100ms, max_requests: 3", "waits").await;
    service.lock().away = true;
    let places =
        [leave(&gateway, "one").await, leave(&gateway, "refuse me").await, leave(&gateway, "three").await];
    let deadline = Instant::now() + Duration::from_secs(10);
    while gateway.figure("pointsman_exchanges_settled_total").await < 3.0 {
        assert!(Instant::now() < deadline, "they settle as taken in");
    }
    service.lock().away = false;
    batches(&service, 1).await;
    finish(&service);
    assert_eq!(wait_for(&gateway, &places[0]).await.0, 200);
    let (status, error) = wait_for(&gateway, &places[1]).await;
    assert_eq!((status, &error["error"]["message"]), (400, &json!("no such thing")));
    assert_eq!(wait_for(&gateway, &places[2]).await.0, 200);
    let failed: Vec<Exchange> =
        answers(&gateway, 3).await.into_iter().filter(|one| one.status == 400).collect();
    assert_eq!((failed.len(), failed[0].cost_nano_usd), (1, 0));
}

#[tokio::test]
async fn anthropics_form_answers_in_the_clients_dialect_after_the_policies_have_seen_it() {
    let (gateway, _provider, service) =
        set_up("anthropic", "window: 100ms, poll: 100ms", "waits, masks").await;
    let place = leave(&gateway, "one").await;
    batches(&service, 1).await;
    assert_eq!(service.lock().batches["batch_0"].0[0]["params"]["model"], "m-2026");
    let held = gateway.ask("DELETE", &place).send().await.unwrap();
    assert_eq!(held.status(), 409);
    finish(&service);
    let (status, answer) = wait_for(&gateway, &place).await;
    assert_eq!((status, &answer["choices"][0]["message"]["content"]), (200, &json!("DONE: ONE")), "{answer}");
    assert_eq!(
        (&answer["object"], &answer["usage"]["prompt_tokens"]),
        (&json!("chat.completion"), &json!(7))
    );
    assert_eq!(answers(&gateway, 1).await[0].cost_nano_usd, 7 * 1_000 + 5 * 4_000);
}

#[tokio::test]
async fn what_no_batch_answers_is_given_up() {
    let (gateway, _provider, service) =
        set_up("openai", "window: 100ms, poll: 100ms, give_up: 1s", "waits").await;
    service.lock().away = true;
    let place = leave(&gateway, "one").await;
    let (status, error) = wait_for(&gateway, &place).await;
    assert_eq!((status, &error["error"]["code"]), (504, &json!("batch_expired")));
}

#[tokio::test]
async fn a_batch_of_megabytes_is_read_while_it_is_sent() {
    for kind in ["openai", "anthropic"] {
        let (gateway, provider, service) =
            set_up(kind, "window: 1h, poll: 100ms, max_requests: 3", "waits").await;
        let text = |at: usize| format!("{at}{}", "x".repeat(600_000));
        let places = [
            leave(&gateway, &text(0)).await,
            leave(&gateway, &text(1)).await,
            leave(&gateway, &text(2)).await,
        ];
        batches(&service, 1).await;
        assert!(provider.asked().iter().any(|asked| asked.size > 1_800_000 && asked.whole));
        finish(&service);
        for (at, place) in places.iter().enumerate() {
            let (status, answer) = wait_for(&gateway, place).await;
            assert_eq!(status, 200);
            assert_eq!(answer["choices"][0]["message"]["content"], format!("done: {}", text(at)));
        }
    }
}
