//! Files and batches without any account: the simulated provider keeps them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Gateway, value};

const YAML: &str = "providers: { demo: { kind: simulated } }\n\
    models:\n  fast: { provider: demo, upstream: fast-1, price: { input: 2, output: 8, batch: { input: 1, output: 4 } }, simulate: { answer: echo } }\n  \
    slow: { provider: demo, simulate: { answer: echo, latency_ms: { p50: 600 } } }\n  never: { provider: demo, simulate: { latency_ms: { p50: 3600000 } } }\n  \
    weary: { provider: demo, simulate: { error_rate: 100% } }\n  vectors: { provider: demo }\n\
    routes: [{ name: patient, models: [patient], candidates: [fast], policies: [waits] }]\n\
    records: { folder: ./records }\nbatches: { window: 100ms, poll: 100ms }\n";

async fn set_up() -> Gateway {
    Gateway::start_with(YAML, &[("waits", "fn route() { batch() }")]).await
}

fn form(file: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n{file}\r\n--b--\r\n"
    )
}

async fn ask(gateway: &Gateway, method: &str, path: &str, body: Option<String>) -> (u16, Value) {
    let kind = if path == "files" { "multipart/form-data; boundary=b" } else { "application/json" };
    let mut asking = gateway.ask(method, &format!("/v1/{path}"));
    if let Some(body) = body {
        asking = asking.header("content-type", kind).body(body);
    }
    let got = asking.send().await.unwrap();
    (got.status().as_u16(), value(got).await)
}

/// Orders a batch of these models and texts.
async fn order(gateway: &Gateway, url: &str, lines: &[(&str, Value)]) -> Value {
    let line = |(at, (model, said)): (usize, &(&str, Value))| {
        let mut body = said.clone();
        body["model"] = json!(model);
        json!({ "custom_id": at.to_string(), "method": "POST", "url": url, "body": body }).to_string()
    };
    let file = lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n");
    let (status, file) = ask(gateway, "POST", "files", Some(form(&file))).await;
    assert_eq!(status, 200, "{file}");
    let order = json!({ "input_file_id": file["id"], "endpoint": url, "completion_window": "24h", "metadata": { "a": "b" } });
    let (status, batch) = ask(gateway, "POST", "batches", Some(order.to_string())).await;
    assert_eq!((status, &batch["metadata"]["a"]), (200, &json!("b")), "{batch}");
    batch
}

fn say(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": text }] })
}

/// The batch once it is over.
async fn over(gateway: &Gateway, batch: &Value) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (status, batch) =
            ask(gateway, "GET", &format!("batches/{}", batch["id"].as_str().unwrap()), None).await;
        assert_eq!(status, 200, "{batch}");
        if batch["status"] != "in_progress" {
            return batch;
        }
        assert!(Instant::now() < deadline, "it ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn results(gateway: &Gateway, file: &Value) -> Vec<Value> {
    let path = format!("/v1/files/{}/content", file.as_str().unwrap());
    let text = gateway.ask("GET", &path).send().await.unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_batch_is_answered_line_by_line_after_its_delay() {
    let gateway = set_up().await;
    let began = Instant::now();
    let lines = [("fast", say("one")), ("slow", say("two")), ("weary", say("three"))];
    let batch = order(&gateway, "/v1/chat/completions", &lines).await;
    assert_eq!((&batch["status"], &batch["output_file_id"]), (&json!("in_progress"), &Value::Null));
    let batch = over(&gateway, &batch).await;
    assert!(began.elapsed() >= Duration::from_millis(600), "the slowest decides");
    assert_eq!(batch["status"], "completed");
    assert_eq!(batch["request_counts"], json!({ "total": 3, "completed": 2, "failed": 1 }));
    let answers = results(&gateway, &batch["output_file_id"]).await;
    let said = |at: usize| &answers[at]["response"]["body"]["choices"][0]["message"]["content"];
    assert_eq!((said(0), said(1), &answers[1]["custom_id"]), (&json!("one"), &json!("two"), &json!("1")));
    let errors = results(&gateway, &batch["error_file_id"]).await;
    assert_eq!((&errors[0]["custom_id"], &errors[0]["response"]["status_code"]), (&json!("2"), &json!(500)));
    let (_, list) = ask(&gateway, "GET", "batches?limit=1", None).await;
    assert_eq!((&list["data"][0]["id"], &list["has_more"]), (&batch["id"], &json!(false)));
    let vectors = order(&gateway, "/v1/embeddings", &[("vectors", json!({ "input": "night train" }))]).await;
    let vectors = over(&gateway, &vectors).await;
    let answers = results(&gateway, &vectors["output_file_id"]).await;
    assert_eq!(answers[0]["response"]["body"]["data"][0]["embedding"].as_array().unwrap().len(), 256);
}

#[tokio::test]
async fn what_cannot_be_played_fails_and_what_waits_is_cancelled() {
    let gateway = set_up().await;
    let batch = order(&gateway, "/v1/chat/completions", &[("never", say("one"))]).await;
    let id = batch["id"].as_str().unwrap();
    let (_, batch) = ask(&gateway, "POST", &format!("batches/{id}/cancel"), None).await;
    assert_eq!((&batch["status"], &batch["output_file_id"]), (&json!("cancelled"), &Value::Null));
    let batch =
        order(&gateway, "/v1/chat/completions", &[("fast", say("one")), ("unheard-of", say("two"))]).await;
    assert_eq!(
        (&batch["status"], &batch["errors"]["data"][0]["line"]),
        (&json!("failed"), &json!(2)),
        "{batch}"
    );
    let (status, file) = ask(&gateway, "POST", "files", Some(form("hello"))).await;
    assert_eq!((status, &file["bytes"]), (200, &json!(5)));
    let path = format!("files/{}", file["id"].as_str().unwrap());
    assert_eq!(ask(&gateway, "GET", &path, None).await.1["filename"], "x.jsonl");
    assert_eq!(ask(&gateway, "DELETE", &path, None).await.1["deleted"], true);
    assert_eq!(ask(&gateway, "GET", &path, None).await.0, 404);
    let large = "x".repeat(33 << 20);
    assert_eq!(ask(&gateway, "POST", "files", Some(form(&large))).await.0, 200);
    assert_eq!(ask(&gateway, "POST", "files", Some(form(&large))).await.0, 413, "its memory is bounded");
}

#[tokio::test]
async fn a_policy_leaves_requests_to_it() {
    let gateway = set_up().await;
    let mut body = say("later");
    body["model"] = json!("patient");
    let (status, ticket) = ask(&gateway, "POST", "chat/completions", Some(body.to_string())).await;
    assert_eq!(status, 202, "{ticket}");
    let path = ticket["result_url"].as_str().unwrap().trim_start_matches("/v1/").to_owned();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (status, answer) = ask(&gateway, "GET", &path, None).await;
        if status != 202 {
            assert_eq!(
                (status, &answer["choices"][0]["message"]["content"]),
                (200, &json!("later")),
                "{answer}"
            );
            return;
        }
        assert!(Instant::now() < deadline, "the answer comes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_documented_commands_work_on_the_quick_start() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(here.join("docs/files-and-batches.md")).unwrap();
    let script = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let gateway = Gateway::start_from(&here.join("examples/quickstart")).await;
    let script = script.replace("127.0.0.1:8080", &format!("127.0.0.1:{}", gateway.port));
    let mut shell = std::process::Command::new("sh");
    let done = shell.args(["-eu", "-c", &script]).current_dir(gateway.folder()).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(said.lines().count(), 2, "{said} {}", String::from_utf8_lossy(&done.stderr));
    assert!(said.lines().all(|line| line.contains("spark here: I read")), "{said}");
}
