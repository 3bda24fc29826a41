//! Clients and providers that mean no good, or are broken: what must hold of
//! every path, whatever is behind it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::gateway::Gateway;
use super::upstream::{Upstream, whole};
use super::{route, yaml};

/// A server that says the same bytes to everybody and closes; and what it was asked, head and body.
async fn says(bytes: Vec<u8>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (bytes, noted) = (bytes.clone(), Arc::clone(&noted));
            tokio::spawn(async move {
                let mut got = vec![0; 64 << 10];
                let mut length = 0;
                while !is_whole(&String::from_utf8_lossy(&got[..length])) {
                    match stream.read(&mut got[length..]).await {
                        Ok(0) | Err(_) => break,
                        Ok(more) => length += more,
                    }
                }
                noted.lock().push(String::from_utf8_lossy(&got[..length]).into_owned());
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
            });
        }
    });
    (base, asked)
}

/// Whether a request with a length is all there.
fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse::<usize>().unwrap())
}

fn reply(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\n\r\n{body}").into_bytes()
}

/// Asked once, without retries: status, and code or body.
async fn ask(base: &str) -> (Gateway, u16, String) {
    let config = format!("{}{}", yaml(base, &["fine"]), route(&["fine"], ", retries: { max: 0 }"));
    let gateway = Gateway::start(&config, &[]).await;
    let answer = gateway.send(gateway.post("/v1/chat/completions", r#"{"model":"r","messages":[]}"#)).await;
    (gateway, answer.status, answer.body)
}

/// Paths that take JSON, with what else a body there must have.
const PATHS: [(&str, &str); 11] = [
    ("/v1/chat/completions", r#""messages":[]"#),
    ("/v1/responses", r#""input":"x""#),
    ("/v1/completions", r#""prompt":"x""#),
    ("/v1/messages", r#""max_tokens":9,"messages":[]"#),
    ("/v1/messages/count_tokens", r#""messages":[]"#),
    ("/v1beta/models/fine:generateContent", r#""contents":[]"#),
    ("/v1/embeddings", r#""input":"x""#),
    ("/v1/images/generations", r#""prompt":"x""#),
    ("/v1/audio/speech", r#""input":"x""#),
    ("/v1/moderations", r#""input":"x""#),
    ("/v1/rerank", r#""query":"x","documents":["y"]"#),
];

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_proper_json_reach_no_provider_by_any_path() {
    let (upstream, base) = Upstream::start().await;
    let gateway = Gateway::start(&yaml(&base, &["fine"]), &[]).await;
    let mut wrong = Vec::new();
    for (path, rest) in PATHS {
        let whole = format!(r#"{{"model":"fine",{rest}}}"#);
        let with = |more: &[u8]| {
            let head = whole.trim_end_matches('}').as_bytes();
            [head, b",\"x\":", more, b"}"].concat()
        };
        let deep =
            |open: &str, close: &str| with([open.repeat(100_000), close.repeat(100_000)].concat().as_bytes());
        let cases: [(&str, Vec<u8>); 11] = [
            ("deep lists", deep("[", "]")),
            ("deep objects", deep("{\"a\":", "1}").into_iter().collect()),
            ("deep and open", with("[".repeat(100_000).as_bytes())),
            ("no UTF-8", with(b"\"\xff\xfe\"")),
            ("half a letter", with(b"\"\xe6\x97\"")),
            ("a lone surrogate", with(b"\"\\udc00\"")),
            ("a mark of byte order", [b"\xef\xbb\xbf", whole.as_bytes()].concat()),
            ("a NUL", [whole.as_bytes(), b"\0"].concat()),
            ("more behind it", format!("{whole}{whole}").into_bytes()),
            ("the model twice", whole.replacen('{', "{\"model\":\"x\",", 1).into_bytes()),
            ("the model twice, once escaped", whole.replacen('{', "{\"mod\\u0065l\":\"x\",", 1).into_bytes()),
        ];
        for (name, body) in cases {
            let twice_in_gemini = path.contains("generateContent") && name.contains("twice");
            let answer = gateway.send(gateway.post(path, body)).await;
            if answer.status != 400 && !twice_in_gemini {
                wrong.push(format!(
                    "{path}, {name}: {} {}",
                    answer.status,
                    &answer.body[..answer.body.len().min(120)]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(upstream.asked().is_empty(), "{:?}", upstream.asked());
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_serves_anybody_without_a_key() {
    let (upstream, base) = Upstream::start().await;
    let keys = "keys:\n  - { name: ci, secret: \"sk-test-0123456789abcdef\" }\n";
    let gateway = Gateway::start(&format!("{}{keys}", yaml(&base, &["fine"])), &[]).await;
    let mut wrong = Vec::new();
    let own = [("/v1/pointsman/results/{id}".to_owned(), "results")];
    for (path, _) in pointsman::server::paths().into_iter().chain(own) {
        let path = path.replace("{id}", "batch_1").replace("{model}", "fine");
        for method in ["GET", "POST", "DELETE", "PUT"] {
            let body = r#"{"model":"fine","messages":[],"input":"x","exchange":"e","score":1}"#;
            let request = gateway.client.request(method.parse().unwrap(), gateway.url(&path));
            let answer = gateway.send(request.header("content-type", "application/json").body(body)).await;
            // What is no path of anybody's says nothing either.
            let nowhere = answer.status == 404 && answer.body.contains("no such path");
            if !matches!(answer.status, 401 | 405) && !nowhere {
                wrong.push(format!("{method} {path}: {} {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(upstream.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_leads_nowhere_else() {
    let (thief, stolen) = says(reply("200 OK", &whole("m"))).await;
    for status in
        ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let (base, asked) = says(reply(&format!("{status}\r\nlocation: {thief}/chat/completions"), "")).await;
        let (gateway, got, body) = ask(&base).await;
        assert_eq!((got, asked.lock().len()), (502, 1), "{status}: {body}");
        assert!(stolen.lock().is_empty(), "{status}");
        gateway.account_holds().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_what_its_head_says_is_no_success() {
    let body = whole("fine");
    let length = body.len();
    let cases: [(&str, Vec<u8>); 9] = [
        ("shorter than it says", reply(&format!("200 OK\r\ncontent-length: {}", length + 9), &body)),
        ("longer than it says", reply(&format!("200 OK\r\ncontent-length: {}", length - 9), &body)),
        (
            "two lengths",
            reply(&format!("200 OK\r\ncontent-length: {length}\r\ncontent-length: {}", length + 1), &body),
        ),
        ("cut chunks", reply("200 OK\r\ntransfer-encoding: chunked", &format!("{length:x}\r\n{body}\r\n"))),
        ("a bad chunk", reply("200 OK\r\ntransfer-encoding: chunked", &format!("zz\r\n{body}\r\n0\r\n\r\n"))),
        ("another protocol", reply("101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade", &body)),
        ("a huge head", reply(&format!("200 OK\r\nx-a: {}", "a".repeat(4 << 20)), &body)),
        ("many headers", reply(&format!("200 OK{}", "\r\nx-a: b".repeat(10_000)), &body)),
        ("no HTTP", b"hello".to_vec()),
    ];
    for (name, bytes) in cases {
        let (base, _) = says(bytes).await;
        let (gateway, status, body) = ask(&base).await;
        assert_eq!(status, 502, "{name}: {body}");
        gateway.account_holds().await;
    }
    let (base, _) = says(reply("100 Continue\r\n\r\nHTTP/1.1 200 OK", &body)).await;
    assert_eq!(ask(&base).await.1, 200, "an answer may be announced");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_cannot_be_cost_no_less_than_nothing() {
    for usage in [
        r#"{"prompt_tokens":-5,"completion_tokens":-7,"total_tokens":-12}"#,
        r#"{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615,"total_tokens":1}"#,
        r#"{"prompt_tokens":1e30,"completion_tokens":"many","total_tokens":null}"#,
        r#"{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":900}}"#,
        "[]",
        "null",
    ] {
        let stated = r#"{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}"#;
        let plain =
            whole("fine").replace(r#"{"completion_tokens":2,"prompt_tokens":10,"total_tokens":12}"#, stated);
        let body = plain.replace(stated, usage);
        assert!(body.contains(usage), "{body}");
        let (base, _) = says(reply("200 OK", &body)).await;
        let config = format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], ""));
        let gateway = Gateway::start(&config, &[]).await;
        let ask = r#"{"model":"r","messages":[]}"#;
        let answer = gateway.send(gateway.post("/v1/chat/completions", ask)).await;
        assert_eq!(answer.status, 200, "{usage}: {}", answer.body);
        let cost: f64 = answer.header("x-pointsman-cost-usd").parse().unwrap();
        assert!(cost >= 0.0, "{usage}: {cost}");
        gateway.account_holds().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_gets_none_of_the_clients_own_headers() {
    let (base, asked) = says(reply("200 OK", &whole("fine"))).await;
    let gateway = Gateway::start(&yaml(&base, &["fine"]), &[]).await;
    let mut request = gateway.post("/v1/chat/completions", r#"{"model":"fine","messages":[]}"#);
    let names = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "via",
        "te",
        "keep-alive",
        "x-portkey-custom-host",
        "x-base-url",
        "openai-organization-of-mine",
        "referer",
        "origin",
    ];
    for name in names {
        request = request.header(name, "canary");
    }
    let answer = gateway.send(request.header("connection", "x-hop").header("x-hop", "canary")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = asked.lock()[0].clone();
    assert!(!sent.contains("canary"), "{sent}");
}

/// Some providers say `retry-after` of answers that went well.
#[tokio::test(flavor = "multi_thread")]
async fn advice_on_a_success_is_no_limit() {
    let (base, asked) = says(reply("200 OK\r\nretry-after: 60\r\nconnection: close", &whole("fine"))).await;
    let gateway = Gateway::start(&yaml(&base, &["fine"]), &[]).await;
    for _ in 0..3 {
        let answer =
            gateway.send(gateway.post("/v1/chat/completions", r#"{"model":"fine","messages":[]}"#)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(asked.lock().len(), 3);
}

/// Heads that two readers could understand differently: whoever stands before
/// the gateway may see one request where it sees two.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_with_two_meanings_is_refused_and_its_connection_closed() {
    let (upstream, base) = Upstream::start().await;
    let gateway = Gateway::start(&yaml(&base, &["fine"]), &[]).await;
    let body = r#"{"model":"fine","messages":[]}"#;
    let length = body.len();
    let smuggled =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}");
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n";
    for (name, bytes) in [
        (
            "length and chunks",
            format!(
                "{head}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "chunks and length",
            format!("{head}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        ("two lengths", format!("{head}content-length: {length}\r\ncontent-length: 0\r\n\r\n{body}")),
        ("a signed length", format!("{head}content-length: +{length}\r\n\r\n{body}")),
        ("a list of lengths", format!("{head}content-length: {length}, 0\r\n\r\n{body}")),
        ("an unknown coding", format!("{head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("chunks not last", format!("{head}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}")),
        ("a space before the colon", format!("{head}content-length : {length}\r\n\r\n{body}")),
        (
            "a folded line",
            format!("{head}x-a: b\r\n content-length: 0\r\ncontent-length: {length}\r\n\r\n{body}"),
        ),
        (
            "a bare return",
            format!("{head}x-a: b\rcontent-length: 0\r\ncontent-length: {length}\r\n\r\n{body}"),
        ),
        ("a NUL", format!("{head}x-a: b\0\r\ncontent-length: {length}\r\n\r\n{body}")),
        (
            "no digits in a chunk",
            format!("{head}transfer-encoding: chunked\r\n\r\n-1\r\n{body}\r\n0\r\n\r\n"),
        ),
    ] {
        let mut stream = tokio::net::TcpStream::connect(gateway.data).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let read =
            tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut got)).await;
        let got = String::from_utf8_lossy(&got);
        assert!(read.is_ok(), "{name}: the connection stays open: {got}");
        assert!(got.is_empty() || got.starts_with("HTTP/1.1 400"), "{name}: {got}");
        assert!(upstream.asked().is_empty(), "{name}: {got}");
    }
}

/// Streams in every form that is met, and broken ones: what ends well, and what does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_well_only_where_the_provider_ended_it() {
    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"fine","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        )
    };
    let said = chunk(r#"{"content":"Hello you"}"#, "null");
    let ends = chunk("{}", "\"stop\"");
    let good = format!("data: {said}\n\ndata: {ends}\n\ndata: [DONE]\n\n");
    let flood = ": PROCESSING\n\n".repeat(20_000) + good.as_str();
    let error = r#"{"error":{"message":"not today","type":"server_error","code":null}}"#;
    let cases: [(&str, Vec<u8>, bool); 14] = [
        ("as documented", good.clone().into_bytes(), true),
        ("lines that end in CR", good.replace('\n', "\r").into_bytes(), true),
        ("lines that end in CRLF", good.replace('\n', "\r\n").into_bytes(), true),
        ("no space behind the colon", good.replace("data: ", "data:").into_bytes(), true),
        ("a mark of byte order", [b"\xef\xbb\xbf", good.as_bytes()].concat(), true),
        ("comments", flood.into_bytes(), true),
        ("more behind the end", (good.clone() + "data: {\"x\":1}\n\n").into_bytes(), true),
        ("no [DONE] but an end", good.replace("data: [DONE]\n\n", "").into_bytes(), true),
        ("no end", format!("data: {said}\n\n").into_bytes(), false),
        ("half a frame", good[..good.len() / 2].to_owned().into_bytes(), false),
        ("an error inside", format!("data: {said}\n\ndata: {error}\n\n").into_bytes(), false),
        (
            "an error inside, and [DONE]",
            format!("data: {said}\n\ndata: {error}\n\ndata: [DONE]\n\n").into_bytes(),
            false,
        ),
        ("no JSON", format!("data: {said}\n\ndata: <html>\n\n").into_bytes(), false),
        (
            "an endless line",
            [format!("data: {said}\n\ndata: \"").as_bytes(), &vec![b'x'; 12 << 20], b"\"\n\n"].concat(),
            false,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, bytes, well) in cases {
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec();
        let (base, _) = says([head, bytes].concat()).await;
        let gateway = Gateway::start(&yaml(&base, &["fine"]), &[]).await;
        for (path, body, end) in [
            ("/v1/chat/completions", r#"{"model":"fine","stream":true,"messages":[]}"#, "[DONE]"),
            (
                "/v1/messages",
                r#"{"model":"fine","stream":true,"max_tokens":9,"messages":[]}"#,
                "message_stop",
            ),
        ] {
            let answer = gateway.send(gateway.post(path, body)).await;
            let told = answer.body.contains("Hello you");
            let failed = answer.body.contains("\"error\"");
            // Bytes that pass end as the provider's did.
            let done = answer.body.contains(end);
            let right = if well {
                told && !failed && (done || name.contains("no [DONE]"))
            } else {
                failed && (!done || name.contains("and [DONE]"))
            };
            if !right {
                wrong.push(format!(
                    "{name} at {path}: {} ...{}",
                    answer.status,
                    &answer.body[answer.body.len().saturating_sub(300)..]
                ));
            }
        }
        // What broke before anything was said has failed, else a part was told.
        let mut count = 0.0;
        for outcome in if well { &["completed"][..] } else { &["partial", "failed"] } {
            let label = format!("outcome=\"{outcome}\"");
            count += gateway.metric("pointsman_exchanges_settled_total", &label).await;
        }
        if count != 2.0 {
            wrong.push(format!("{name}: {count} settled so"));
        }
        gateway.account_holds().await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A provider that says no to another try is not asked again, and the client's SDK neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_wants_no_other_try_is_heard_by_gateway_and_client() {
    let error = r#"{"error":{"message":"no","type":"server_error","code":null}}"#;
    for (head, told, tries) in [
        ("500 Internal Server Error\r\nx-should-retry: false", "false", 1),
        ("429 Too Many Requests\r\nx-should-retry: false\r\nretry-after: 1", "false", 1),
        ("400 Bad Request\r\nx-should-retry: false", "", 1),
        ("500 Internal Server Error", "", 2),
    ] {
        let (base, asked) = says(reply(head, error)).await;
        let config = format!("{}{}", yaml(&base, &["fine"]), route(&["fine"], ", retries: { max: 1 }"));
        let gateway = Gateway::start(&config, &[]).await;
        let answer =
            gateway.send(gateway.post("/v1/chat/completions", r#"{"model":"r","messages":[]}"#)).await;
        assert_eq!(answer.header("x-should-retry"), told, "{head}: {}", answer.body);
        assert_eq!(asked.lock().len(), tries, "{head}");
        gateway.account_holds().await;
    }
}

/// Large bodies at once: some find room, some are sent away, none stays without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn large_requests_share_the_room_that_there_is() {
    let (upstream, base) = Upstream::start().await;
    let gateway = Gateway::start_with(&yaml(&base, &["hang", "fine"]), &[], Some(8 << 20)).await;
    let body = |model: &str, size: usize| {
        let text = "x".repeat(size);
        format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"{text}"}}]}}"#)
    };
    let mut held = Vec::new();
    for count in 1..=3 {
        held.push(tokio::spawn(gateway.post("/v1/chat/completions", body("hang", 2 << 20)).send()));
        upstream.until("the provider to be asked", |upstream| upstream.asked().len() == count).await;
    }
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"] {
        let answer = gateway.send(gateway.post(path, body("fine", 3 << 20))).await;
        let wait = answer.header("retry-after").to_owned();
        assert_eq!((answer.status, wait.as_str()), (503, "1"), "{path}: {}", answer.body);
    }
    // Without a length, it is held as large as it may become.
    let pieces = futures_util::stream::iter(vec![Ok::<_, std::io::Error>(body("fine", 10))]);
    let unknown = gateway.post("/v1/chat/completions", reqwest::Body::wrap_stream(pieces));
    assert_eq!(gateway.send(unknown).await.status, 503);
    assert_eq!(gateway.chat("fine", false).await.status, 200, "small ones always find some");
    held.drain(..).for_each(|held| held.abort());
    gateway.metric_reaches("pointsman_exchanges_settled_total", "outcome=\"cancelled\"", 3.0).await;
    let answer = gateway.send(gateway.post("/v1/chat/completions", body("fine", 3 << 20))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let pieces = futures_util::stream::iter(vec![Ok::<_, std::io::Error>(body("fine", 10))]);
    let unknown = gateway.post("/v1/chat/completions", reqwest::Body::wrap_stream(pieces));
    assert_eq!(gateway.send(unknown).await.status, 200);
    gateway.account_holds().await;
}
