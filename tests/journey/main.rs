//! Exchanges through the real gateway against a scripted provider: errors of
//! every class, fallback, streams that break, clients that leave, policies that
//! ask. Each test ends by holding the account: accepted = settled.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::too_many_arguments,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a test may fail loudly and at length"
)]

mod chain;
mod compressed;
mod gateway;
mod hostile;
mod policies;
mod reading;
mod shadows;
mod spoken;
mod strict;
mod upstream;

use gateway::Gateway;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use upstream::{Upstream, whole};

/// A provider `p` at `base`, and one at a port where nobody listens.
pub fn yaml(base: &str, models: &[&str]) -> String {
    let mut yaml = format!(
        "providers:\n  p: {{ kind: openai, base_url: \"{base}\" }}\n  \
         gone: {{ kind: openai, base_url: \"http://127.0.0.1:9/v1\" }}\nmodels:\n"
    );
    for model in models {
        let provider = if *model == "unreachable" { "gone" } else { "p" };
        yaml.push_str(&format!("  {model}: {{ provider: {provider}, price: {{ input: 1, output: 2 }} }}\n"));
    }
    yaml
}

/// A route `r` over `models` in their order.
pub fn route(models: &[&str], more: &str) -> String {
    format!("routes:\n  - {{ name: r, models: [r], candidates: [{}]{more} }}\n", models.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_request_leaves_as_it_came_with_the_model_replaced() {
    let (upstream, base) = Upstream::start().await;
    let gateway = Gateway::start(&format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], "")), &[]).await;
    let body = "{ \"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \u{1F600}\"}] ,\n\"x_unknown\": 1.50, \"model\" : \"r\"}";
    let answer = gateway.send(gateway.post("/v1/chat/completions", body)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, whole("fine").as_str()));
    let sent = upstream.seen.lock()[0].clone();
    assert_eq!(String::from_utf8(sent.body).unwrap(), body.replace("\"r\"}", "\"fine\"}"));
    assert_eq!(sent.path, "/v1/chat/completions");
    assert_eq!(answer.header("x-pointsman-cost-usd"), "0.000014000");
    assert_eq!((answer.header("x-pointsman-model"), answer.header("x-pointsman-provider")), ("fine", "p"));
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_provider_gets_its_status_and_code() {
    let faults = [
        ("limited", 429, "rate_limit_exceeded"),
        ("failing", 502, "upstream_failed"),
        ("overloaded", 503, "overloaded"),
        ("unauthorised", 502, "upstream_auth"),
        ("long", 400, "context_length_exceeded"),
        ("garbage", 502, "upstream_invalid_response"),
        ("empty", 502, "upstream_invalid_response"),
        ("close", 502, "upstream_unreachable"),
        ("error-in-200", 502, "upstream_failed"),
        ("unreachable", 502, "upstream_unreachable"),
        ("hang", 504, "upstream_timeout"),
    ];
    let names: Vec<&str> = faults.iter().map(|fault| fault.0).collect();
    let (_upstream, base) = Upstream::start().await;
    let bounds = "timeouts: { first_byte: 300ms }\nretries: { max: 0 }\n";
    let gateway = Gateway::start(&format!("{}{bounds}", yaml(&base, &names)), &[]).await;
    for (model, status, code) in faults {
        let answer = gateway.chat(model, false).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{model}: {}", answer.body);
        assert!(!answer.body.contains("sk-abc"), "a secret came through: {}", answer.body);
        assert_eq!(answer.header("retry-after"), if model == "limited" { "7" } else { "" }, "{model}");
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_model_answers_where_one_fails() {
    let failing = [
        "unreachable",
        "failing",
        "overloaded",
        "limited",
        "garbage",
        "close",
        "error-in-200",
        "long",
        "hang",
    ];
    let (_upstream, base) = Upstream::start().await;
    let mut names = failing.to_vec();
    names.push("fine");
    let mut config = yaml(&base, &names);
    config.push_str("routes:\n");
    for model in failing {
        config.push_str(&format!(
            "  - {{ name: to-{model}, models: [to-{model}], candidates: [{model}, fine], retries: {{ max: 0 }}, timeouts: {{ first_byte: 300ms }} }}\n"
        ));
    }
    let gateway = Gateway::start(&config, &[]).await;
    for model in failing {
        for stream in [false, true] {
            let answer = gateway.chat(&format!("to-{model}"), stream).await;
            assert_eq!(answer.status, 200, "{model}, stream {stream}: {}", answer.body);
            assert_eq!(answer.header("x-pointsman-model"), "fine", "{model}");
            assert_eq!(answer.header("x-pointsman-attempts"), "2", "{model}");
        }
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_did_wrong_is_not_tried_elsewhere() {
    let (upstream, base) = Upstream::start().await;
    let names = ["invalid", "fine"];
    let gateway = Gateway::start(&format!("{}{}", yaml(&base, &names), route(&names, "")), &[]).await;
    let answer = gateway.chat("r", false).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.contains("temperature is out of range"));
    assert_eq!(upstream.asked(), ["invalid"]);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_reports_an_error_before_content_falls_back() {
    let (upstream, base) = Upstream::start().await;
    let names = ["error-first", "fine"];
    let gateway =
        Gateway::start(&format!("{}{}", yaml(&base, &names), route(&names, ", retries: { max: 0 }")), &[])
            .await;
    let answer = gateway.chat("r", true).await;
    assert_eq!(answer.header("x-pointsman-model"), "fine", "{}", answer.body);
    assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    assert_eq!(upstream.asked(), names);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_not_streamed_is_told_as_a_stream() {
    let (_upstream, base) = Upstream::start().await;
    let models = ["unstreamed", "mislabelled", "mislabelled-long"];
    let gateway = Gateway::start(&yaml(&base, &models), &[]).await;
    for model in ["unstreamed", "mislabelled"] {
        let answer = gateway.chat(model, true).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream; charset=utf-8"));
        assert_eq!(answer.header("x-accel-buffering"), "no");
        let said = answer.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let said: Vec<serde_json::Value> = said.filter_map(|data| serde_json::from_str(data).ok()).collect();
        let text: String =
            said.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(text, "Hello you");
        assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    }
    let answer = gateway.chat("mislabelled-long", true).await;
    assert!(answer.status == 400 && answer.body.contains("context_length_exceeded"), "{}", answer.body);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_picture_comes_through_a_stream() {
    let (_upstream, base) = Upstream::start().await;
    let gateway = Gateway::start(&yaml(&base, &["paints"]), &[]).await;
    let chat = r#"{"model":"paints","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let generate = r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#;
    let google = "/v1beta/models/paints:streamGenerateContent?alt=sse";
    for (path, body, end) in [("/v1/chat/completions", chat, "data: [DONE]"), (google, generate, "STOP")] {
        let answer = gateway.send(gateway.post(path, body)).await;
        assert!(answer.body.contains(&"A".repeat(3 << 20)), "{path}");
        assert!(answer.body.contains("See:") && answer.body.contains(end), "{path}");
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_ends_with_an_error_and_never_with_done() {
    let (upstream, base) = Upstream::start().await;
    let bounds = "timeouts: { idle: 300ms }\n";
    let gateway = Gateway::start(&format!("{}{bounds}", yaml(&base, &["cut", "silent", "fine"])), &[]).await;
    for (model, code) in [("cut", "stream_broken"), ("silent", "upstream_timeout")] {
        let answer = gateway.chat(model, true).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("\"Hel\"") && answer.body.contains("\"lo \""), "{}", answer.body);
        assert!(answer.body.contains(code), "{model}: {}", answer.body);
        assert!(!answer.body.contains("[DONE]"), "{model}: {}", answer.body);
    }
    assert_eq!(upstream.asked(), ["cut", "silent"], "nothing is retried that the client has seen begin");
    assert_eq!(gateway.metric("pointsman_exchanges_settled_total", "outcome=\"partial\"").await, 2.0);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_cancels_what_it_started() {
    let (upstream, base) = Upstream::start().await;
    let gateway = Gateway::start(&yaml(&base, &["hang", "endless"]), &[]).await;
    let multiplexed = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    // Long requests and those of HTTP/2 are not worked on where their connection is served.
    for (client, length, model, stream) in [
        (&gateway.client, 1, "hang", false),
        (&gateway.client, 1, "hang", true),
        (&gateway.client, 1, "endless", true),
        (&gateway.client, 300_000, "hang", false),
        (&gateway.client, 300_000, "endless", true),
        (&multiplexed, 1, "hang", false),
        (&multiplexed, 300_000, "endless", true),
    ] {
        let text = "x".repeat(length);
        let body = format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#
        );
        let asked = upstream.asked().len();
        let sending = tokio::spawn(client.post(gateway.url("/v1/chat/completions")).body(body).send());
        upstream.until("the request", |upstream| upstream.asked().len() > asked).await;
        let gone = upstream.left.lock().len();
        if model == "endless" {
            let mut reply = sending.await.unwrap().unwrap();
            assert!(reply.chunk().await.unwrap().is_some());
            drop(reply);
        } else {
            sending.abort();
        }
        upstream.until("the provider to be left", |upstream| upstream.left.lock().len() > gone).await;
    }
    gateway.metric_reaches("pointsman_exchanges_settled_total", "outcome=\"cancelled\"", 7.0).await;
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_a_clear_4xx() {
    let (upstream, base) = Upstream::start().await;
    let gateway = Gateway::start(&yaml(&base, &["fine"]), &[]).await;
    let deep = format!(r#"{{"model":"fine","messages":{}{}}}"#, "[".repeat(90), "]".repeat(90));
    for (body, status, code) in [
        ("", 400, "invalid_json"),
        ("not json", 400, "invalid_json"),
        ("[]", 400, "invalid_json"),
        (r#"{"messages":[]}"#, 400, "missing_model"),
        (r#"{"model":"fine","model":"x","messages":[]}"#, 400, "duplicate_key"),
        (r#"{"model":7,"messages":[]}"#, 400, "invalid_json"),
        (r#"{"model":"nobody","messages":[]}"#, 404, "model_not_found"),
        (deep.as_str(), 400, "invalid_json"),
        (
            "{\"model\":\"fine\",\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}",
            400,
            "invalid_json",
        ),
    ] {
        let answer = gateway.send(gateway.post("/v1/chat/completions", body.to_owned())).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{body}: {}", answer.body);
    }
    // Refused from its announced length alone: no byte of the body is waited for.
    let mut stream = tokio::net::TcpStream::connect(gateway.data).await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 22020096\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = vec![0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(String::from_utf8(start).unwrap(), "HTTP/1.1 413");
    let answer = gateway.send(gateway.client.get(gateway.url("/v1/chat/completions"))).await;
    assert_eq!(answer.status, 405);
    let answer = gateway.send(gateway.client.get(gateway.url("/v2/nothing"))).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_path"));
    assert!(upstream.asked().is_empty(), "nothing of it reached the provider");
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_for_and_compared() {
    let (upstream, base) = Upstream::start().await;
    let keys = "keys:\n  - { name: ci, secret: \"sk-test-0123456789abcdef\", models: [fine] }\n";
    let gateway = Gateway::start(&format!("{}{keys}", yaml(&base, &["fine", "failing"])), &[]).await;
    let body = |model: &str| format!(r#"{{"model":"{model}","messages":[]}}"#);
    for (header, value, model, status) in [
        ("x-none", "1", "fine", 401),
        ("authorization", "Bearer wrong", "fine", 401),
        ("authorization", "Bearer sk-test-0123456789abcde", "fine", 401),
        ("authorization", "Basic sk-test-0123456789abcdef", "fine", 401),
        ("authorization", "Bearer sk-test-0123456789abcdef", "fine", 200),
        ("x-api-key", "sk-test-0123456789abcdef", "fine", 200),
        ("api-key", "sk-test-0123456789abcdef", "fine", 200),
        ("x-goog-api-key", "sk-test-0123456789abcdef", "fine", 200),
        ("authorization", "Bearer sk-test-0123456789abcdef", "failing", 404),
    ] {
        let request = gateway.post("/v1/chat/completions", body(model)).header(header, value);
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, status, "{header}: {value}, {model}: {}", answer.body);
    }
    let leaked =
        upstream.seen.lock().iter().any(|seen| String::from_utf8_lossy(&seen.body).contains("sk-test"));
    assert!(!leaked);
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_opens_and_the_others_take_over() {
    let (upstream, base) = Upstream::start().await;
    let names = ["failing", "fine"];
    let gateway =
        Gateway::start(&format!("{}{}", yaml(&base, &names), route(&names, ", retries: { max: 0 }")), &[])
            .await;
    for _ in 0..12 {
        assert_eq!(gateway.chat("r", false).await.header("x-pointsman-model"), "fine");
    }
    let failing = upstream.asked().iter().filter(|model| *model == "failing").count();
    assert_eq!(failing, 5, "after five failures in a row the model is left alone");
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_back_is_refused_at_once() {
    let (_upstream, base) = Upstream::start().await;
    let inner = Gateway::start(&yaml(&base, &["fine"]), &[]).await;
    let around = format!("http://{}/v1", inner.data);
    // The outer gateway's provider is the inner one; its `via` is another: it passes.
    let outer = Gateway::start(&yaml(&around, &["fine"]), &[]).await;
    assert_eq!(outer.chat("fine", false).await.status, 200);
    inner.account_holds().await;
    outer.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_speaks_no_tls_is_told_from_one_that_is_not_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 1024];
            let read = stream.read(&mut hello).await;
            if read.is_ok() {
                drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
            }
        }
    });
    let gateway = Gateway::start(&format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], "")), &[]).await;
    let answer = gateway.chat("r", false).await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_tls"), "{}", answer.body);
    assert!(answer.body.contains("no trusted TLS connection to 127.0.0.1"), "{}", answer.body);
    gateway.account_holds().await;
}
