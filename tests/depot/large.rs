//! Bounds: what is large flows through, and what is too large is refused.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde_json::Value;

use crate::stage::{Gateway, Provider, Said, json, value};

const HEAD: &str = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n";
const TAIL: &str = "\r\n--b--\r\n";
/// The bound on what a transfer adds to memory, bytes: one mebibyte beyond the cap
/// of bodies (20 MiB). The figures that are printed are well below: connections
/// have buffers of their own, and the allocator takes segments of 4 MiB.
const GROWTH: u64 = 21 << 20;

async fn set_up() -> (Gateway, Provider) {
    let provider = Provider::start().await;
    let yaml = format!(
        "providers: {{ up: {{ kind: openai, base_url: \"http://127.0.0.1:{}/v1\", api_key: \"${{env:PATH}}\" }} }}\n\
         models: {{ m: {{ provider: up, upstream: the-models-own-name }} }}\n",
        provider.port
    );
    (Gateway::start(&yaml).await, provider)
}

/// A line of a batch of about 64 KiB.
fn line() -> Bytes {
    let body = serde_json::json!({ "custom_id": "1", "body": { "model": "m", "input": "x".repeat(65_000) } });
    Bytes::from(format!("{body}\n"))
}

fn stream(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> reqwest::Body {
    reqwest::Body::wrap_stream(futures_util::stream::iter(chunks.map(Ok::<_, std::io::Error>)))
}

fn batch(lines: usize) -> reqwest::Body {
    let lines = std::iter::repeat_n(line(), lines);
    stream(std::iter::once(Bytes::from(HEAD)).chain(lines).chain(std::iter::once(Bytes::from(TAIL))))
}

async fn upload(gateway: &Gateway, body: reqwest::Body) -> (u16, Value) {
    let asking = gateway.ask("POST", "/v1/files").header("content-type", "multipart/form-data; boundary=b");
    let got = asking.body(body).send().await.unwrap();
    (got.status().as_u16(), value(got).await)
}

#[tokio::test]
async fn a_batch_file_of_100_mib_flows_through_both_ways() {
    let (gateway, provider) = set_up().await;
    let lines = (100 << 20) / line().len() + 1;
    provider.says(|_| json(r#"{"id":"file-1"}"#));
    // A small one first, so that pools and buffers are there.
    assert_eq!(upload(&gateway, batch(40)).await.0, 200);
    let before = gateway.peak();
    assert_eq!(upload(&gateway, batch(lines)).await.0, 200);
    let grown = gateway.peak().saturating_sub(before);
    let asked = provider.asked().pop().unwrap();
    let renamed = "the-models-own-name".len() - "m".len();
    assert_eq!((asked.whole, asked.size), (true, HEAD.len() + TAIL.len() + lines * (line().len() + renamed)));
    println!("a batch of {} MiB up: memory grew by {} KiB", asked.size >> 20, grown >> 10);
    assert!(grown <= GROWTH, "memory grew by {grown} bytes on the way up");

    let content = Bytes::from(vec![b'x'; 100 << 20]);
    provider.says(move |_| Said {
        status: 200,
        content_type: "application/octet-stream",
        body: content.clone(),
    });
    let before = gateway.peak();
    let mut got = gateway.ask("GET", "/v1/files/file-1/content").send().await.unwrap();
    let mut size = 0;
    while let Some(chunk) = got.chunk().await.unwrap() {
        size += chunk.len();
        // A client slower than its provider: what it has not taken yet must wait there, not here.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let grown = gateway.peak().saturating_sub(before);
    println!("a content of {} MiB down: memory grew by {} KiB", size >> 20, grown >> 10);
    assert_eq!(size, 100 << 20);
    assert!(grown <= GROWTH, "memory grew by {grown} bytes on the way down");
}

#[tokio::test]
async fn what_is_above_the_cap_is_refused_also_when_it_did_not_say_so() {
    let (gateway, provider) = set_up().await;
    let lines = (200 << 20) / line().len() + 1;
    let (status, error) = upload(&gateway, batch(lines)).await;
    assert_eq!((status, error["error"]["code"].as_str()), (413, Some("request_too_large")));
    // One that says its length, and is read by nobody: the client still gets to see why.
    let (status, error) = upload(&gateway, reqwest::Body::from(vec![b'x'; 201 << 20])).await;
    assert_eq!((status, error["error"]["code"].as_str()), (413, Some("request_too_large")));
    assert!(provider.asked().iter().all(|asked| !asked.whole));
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_upload_leaves_nothing_behind() {
    let (gateway, provider) = set_up().await;
    let broken = std::iter::once(Ok(Bytes::from(HEAD)))
        .chain(std::iter::repeat_with(|| Ok(line())).take(200))
        .chain(std::iter::once(Err(std::io::Error::other("the client stumbles"))));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(broken));
    let asking = gateway.ask("POST", "/v1/files").header("content-type", "multipart/form-data; boundary=b");
    assert!(asking.body(body).send().await.is_err());
    let deadline = Instant::now() + Duration::from_secs(10);
    while gateway.figure("pointsman_exchanges_settled_total").await < 1.0 {
        assert!(Instant::now() < deadline, "the exchange settles");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(provider.asked().iter().all(|asked| !asked.whole), "no provider takes it for whole");
}

#[tokio::test]
async fn headers_of_80_kb_and_sound_of_20_mib_pass() {
    let (gateway, provider) = set_up().await;
    provider.says(|_| json(r#"{"text":"hi","usage":{"type":"duration","seconds":1}}"#));
    let head = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let sound = || {
        let chunks = std::iter::repeat_n(Bytes::from(vec![7_u8; 64 << 10]), 320);
        stream(std::iter::once(Bytes::from(head)).chain(chunks).chain(std::iter::once(Bytes::from(TAIL))))
    };
    let ask = |body| {
        let mut asking = gateway
            .ask("POST", "/v1/audio/transcriptions")
            .header("content-type", "multipart/form-data; boundary=b");
        for at in 0..20 {
            asking = asking.header(format!("x-of-the-client-{at}"), "h".repeat(4 << 10));
        }
        asking.body(body).send()
    };
    assert_eq!(ask(sound()).await.unwrap().status(), 200);
    let before = gateway.peak();
    let got = ask(sound()).await.unwrap();
    assert_eq!((got.status().as_u16(), value(got).await["text"].as_str()), (200, Some("hi")));
    let grown = gateway.peak().saturating_sub(before);
    println!("sound of 20 MiB: memory grew by {} KiB", grown >> 10);
    assert!(provider.asked().iter().all(|asked| asked.whole && asked.size > 20 << 20));
    assert!(grown <= GROWTH, "memory grew by {grown} bytes");
}
