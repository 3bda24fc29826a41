//! What clients' own batches cost: entered once, whether or not the client asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use pointsman::record::Exchange;
use serde_json::json;

use crate::stage::{Asked, Gateway, Provider, SECRETS, Said, json as answer};

/// The price of one million in and one million out at the batch rate: 1 + 4 USD.
const COST: i64 = 5_000_000_000;

struct Case {
    kind: &'static str,
    root: &'static str,
    over: &'static str,
    results: &'static [(&'static str, &'static str)],
}

const CASES: [Case; 5] = [
    // OpenAI states what a batch used.
    Case {
        kind: "openai",
        root: "batches",
        over: r#"{"id":"b1","status":"completed","model":"m-1-2026","usage":{"input_tokens":1000000,"output_tokens":1000000}}"#,
        results: &[],
    },
    // A server that does not: its lines do.
    Case {
        kind: "openai_compatible",
        root: "batches",
        over: r#"{"id":"b1","status":"completed","output_file_id":"f1","error_file_id":"f2"}"#,
        results: &[
            (
                "files/f1/content",
                "{\"custom_id\":\"1\",\"response\":{\"status_code\":200,\"body\":{\"object\":\"list\",\"model\":\"m-1\",\"data\":[],\"usage\":{\"prompt_tokens\":1000000,\"total_tokens\":1000000}}}}\n{\"custom_id\":\"2\",\"response\":{\"status_code\":200,\"body\":{\"object\":\"chat.completion\",\"model\":\"m-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":1000000,\"total_tokens\":1000000}}}}",
            ),
            (
                "files/f2/content",
                "{\"custom_id\":\"3\",\"response\":{\"status_code\":400,\"body\":{\"error\":{\"message\":\"no\"}}}}\n",
            ),
        ],
    },
    // Embeddings, of which the batch states the input.
    Case {
        kind: "openai",
        root: "batches",
        over: r#"{"id":"b1","endpoint":"/v1/embeddings","status":"completed","model":"m-1","usage":{"input_tokens":5000000,"total_tokens":5000000}}"#,
        results: &[],
    },
    Case {
        kind: "anthropic",
        root: "messages/batches",
        over: r#"{"id":"b1","processing_status":"ended"}"#,
        results: &[(
            "messages/batches/b1/results",
            "{\"custom_id\":\"1\",\"result\":{\"type\":\"succeeded\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m-1\",\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1000000,\"output_tokens\":1000000}}}}\n{\"custom_id\":\"2\",\"result\":{\"type\":\"expired\"}}\n",
        )],
    },
    Case {
        kind: "xai",
        root: "batches",
        over: r#"{"batch_id":"b1","state":{"num_requests":2,"num_pending":0}}"#,
        results: &[
            (
                "batches/b1/results?limit=50",
                r#"{"results":[{"batch_request_id":"1","batch_result":{"response":{"chat_get_completion":{"object":"chat.completion","model":"m-1","choices":[],"usage":{"prompt_tokens":600000,"completion_tokens":1000000,"total_tokens":1600000}}}}}],"pagination_token":"a+b"}"#,
            ),
            (
                "batches/b1/results?limit=50&pagination_token=a%2Bb",
                r#"{"results":[{"batch_request_id":"2","batch_result":{"response":{"chat_get_completion":{"object":"chat.completion","model":"m-1","choices":[],"usage":{"prompt_tokens":400000,"completion_tokens":0,"total_tokens":400000}}}}}],"pagination_token":null}"#,
            ),
        ],
    },
];

/// A provider whose batch is over once `done` says so.
fn play(case: &'static Case, done: Arc<AtomicBool>) -> impl Fn(&Asked) -> Said + Send + 'static {
    move |asked: &Asked| {
        let path = asked.path.trim_start_matches("/v1/");
        if let Some((_, said)) = case.results.iter().find(|(place, _)| *place == path) {
            let body = Bytes::from_static(said.as_bytes());
            return Said { status: 200, content_type: "application/octet-stream", body };
        }
        let open = match case.kind {
            "anthropic" => r#"{"id":"b1","processing_status":"in_progress"}"#,
            "xai" => r#"{"batch_id":"b1","state":{"num_requests":2,"num_pending":2}}"#,
            _ => r#"{"id":"b1","status":"in_progress"}"#,
        };
        let over = asked.method == "GET" && done.load(Ordering::Relaxed);
        answer(if over { case.over } else { open })
    }
}

async fn set_up(case: &'static Case, records: &str) -> (Gateway, Provider, Arc<AtomicBool>) {
    let (provider, done) = (Provider::start().await, Arc::new(AtomicBool::new(false)));
    provider.says(play(case, Arc::clone(&done)));
    let yaml = format!(
        "providers: {{ up: {{ kind: {}, base_url: \"http://127.0.0.1:{}/v1\", api_key: \"${{env:PATH}}\" }} }}\n\
         models: {{ m: {{ provider: up, upstream: m-1, price: {{ input: 2, output: 8, batch: {{ input: 1, output: 4 }} }} }} }}\n\
         keys: [{{ name: a, secret: \"${{env:KEY_A}}\", team: t }}]\nbatches: {{ poll: 100ms }}\n{records}",
        case.kind, provider.port
    );
    (Gateway::start(&yaml).await, provider, done)
}

async fn ask(gateway: &Gateway, case: &Case, method: &str, path: &str) -> reqwest::Response {
    let mut asking = gateway.ask(method, &format!("/v1/{path}")).header("x-api-key", SECRETS[0].1);
    if case.kind == "anthropic" {
        asking = asking.header("anthropic-version", "2023-06-01");
    }
    if method == "POST" {
        asking = asking
            .body(if case.kind == "anthropic" { json!({ "requests": [] }) } else { json!({}) }.to_string());
    }
    let got = asking.send().await.unwrap();
    assert_eq!(got.status(), 200);
    got
}

/// Waits until so much was entered, and then a little longer: no more comes.
async fn entered(gateway: &Gateway, cost: i64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while gateway.figure("pointsman_cost_nano_usd_total").await < cost as f64 {
        assert!(Instant::now() < deadline, "the cost is entered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The records of what batches cost, once one is there.
async fn bills(gateway: &Gateway) -> Vec<Exchange> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let all = gateway.records().await;
        let found: Vec<Exchange> = all.into_iter().filter(|one| one.cost_nano_usd > 0).collect();
        if !found.is_empty() {
            return found;
        }
        assert!(Instant::now() < deadline, "a record comes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_batch_that_nobody_asks_after_is_entered_once_and_survives_restarts() {
    for case in &CASES {
        let (mut gateway, provider, done) = set_up(case, "records: { folder: ./records }\n").await;
        ask(&gateway, case, "POST", case.root).await;
        gateway.restart().await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while !provider.asked().iter().any(|asked| asked.method == "GET") {
            assert!(Instant::now() < deadline, "it is asked after");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(gateway.figure("pointsman_cost_nano_usd_total").await, 0.0, "it is not over");
        done.store(true, Ordering::Relaxed);
        entered(&gateway, COST).await;
        let found = bills(&gateway).await;
        assert_eq!(
            (found.len(), found[0].cost_nano_usd, found[0].key.as_str()),
            (1, COST, "a"),
            "{}",
            case.kind
        );
        assert_eq!((found[0].team.as_deref(), found[0].model.as_deref()), (Some("t"), Some("m")));
        assert_eq!((&found[0].notes["batch"], found[0].endpoint.as_str()), (&json!("b1"), "batches"));
        // Who asks afterwards, and another life, find it entered.
        ask(&gateway, case, "GET", &format!("{}/b1", case.root)).await;
        gateway.restart().await;
        ask(&gateway, case, "GET", &format!("{}/b1", case.root)).await;
        if case.kind == "anthropic" {
            ask(&gateway, case, "GET", "messages/batches/b1/results").await.bytes().await.unwrap();
        }
        provider.asked();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(provider.asked().is_empty(), "nobody asks any more");
        assert_eq!(gateway.figure("pointsman_cost_nano_usd_total").await, 0.0);
        assert_eq!(bills(&gateway).await.len(), 1);
    }
}

/// Requests that come into a batch of xAI's after it was priced are priced too, and the others not again.
#[tokio::test]
async fn what_is_added_to_a_priced_batch_is_priced_as_well() {
    let case = &CASES[4];
    let (mut gateway, provider, done) = set_up(case, "records: { folder: ./records }\n").await;
    ask(&gateway, case, "POST", case.root).await;
    done.store(true, Ordering::Relaxed);
    entered(&gateway, COST).await;
    // The sudden end must not come before the record is written.
    assert_eq!(bills(&gateway).await.len(), 1);
    gateway.restart().await;
    let third = r#"{"batch_request_id":"3","batch_result":{"response":{"chat_get_completion":{"object":"chat.completion","model":"m-1","choices":[],"usage":{"prompt_tokens":0,"completion_tokens":1000000,"total_tokens":1000000}}}}}"#;
    let first = case.results[1].1.trim_end_matches("],\"pagination_token\":null}");
    let all = format!("{first},{third}],\"pagination_token\":null}}");
    let before = play(case, Arc::clone(&done));
    provider.says(move |asked| match asked.path.contains("pagination_token") {
        true => answer(&all),
        false if asked.path.ends_with("/requests") => answer("{}"),
        false => before(asked),
    });
    ask(&gateway, case, "POST", "batches/b1/requests").await;
    entered(&gateway, 4_000_000_000).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while bills(&gateway).await.len() < 2 {
        assert!(Instant::now() < deadline, "a record of its own comes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut costs: Vec<i64> = bills(&gateway).await.iter().map(|one| one.cost_nano_usd).collect();
    costs.sort_unstable();
    assert_eq!(costs, [4_000_000_000, COST]);
}

#[tokio::test]
async fn who_asks_first_pays_and_nobody_else() {
    for case in &CASES {
        let (gateway, _provider, done) = set_up(case, "").await;
        ask(&gateway, case, "POST", case.root).await;
        done.store(true, Ordering::Relaxed);
        let asked = async {
            for _ in 0..10 {
                ask(&gateway, case, "GET", &format!("{}/b1", case.root)).await;
            }
        };
        asked.await;
        entered(&gateway, COST).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(gateway.figure("pointsman_cost_nano_usd_total").await, COST as f64, "{}", case.kind);
    }
}
