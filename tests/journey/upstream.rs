//! A scripted provider on loopback: what it does is named by the model that is
//! asked. It keeps its own ledger of what it saw, which the tests hold against
//! the gateway's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pointsman::model::tokens::Tokenizer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the provider saw of one request.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub model: String,
    pub body: Vec<u8>,
}

/// A running provider.
#[derive(Clone, Default)]
pub struct Upstream {
    pub seen: Arc<Mutex<Vec<Seen>>>,
    /// Connections that the gateway closed while the provider was not done.
    pub left: Arc<Mutex<Vec<String>>>,
    pub changed: Arc<Notify>,
    /// What models answer of which a test says it: streamed, and whole.
    pub scripted: Arc<Mutex<BTreeMap<String, (String, String)>>>,
}

impl Upstream {
    /// Starts on a free port of loopback and gives its base URL.
    pub async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = Self::default();
        let serving = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.connection(stream).await });
            }
        });
        (upstream, format!("http://{address}/v1"))
    }

    /// The models that were asked, in order.
    pub fn asked(&self) -> Vec<String> {
        self.seen.lock().iter().map(|seen| seen.model.clone()).collect()
    }

    /// Waits until `done` says so, for at most ten seconds.
    pub async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if done(self) {
                    return;
                }
                drop(tokio::time::timeout(Duration::from_millis(20), changed).await);
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .unwrap_or_else(|_| panic!("waited for {what}"));
    }

    async fn connection(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        while let Some((path, body)) = read_request(&mut stream).await {
            let request: Value = serde_json::from_slice(&body).unwrap_or_default();
            let in_path = path.split_once("models/").and_then(|(_, rest)| rest.split_once(':'));
            let in_body = request["model"].as_str().unwrap_or_default();
            let model = in_path.map_or(in_body, |(model, _)| model).to_owned();
            self.seen.lock().push(Seen { path, model: model.clone(), body });
            self.changed.notify_waiters();
            if !self.answer(&mut stream, &model, &request).await {
                return;
            }
        }
    }

    /// Answers as the model's name says; whether the connection lives on.
    async fn answer(&self, stream: &mut TcpStream, model: &str, request: &Value) -> bool {
        let streamed = request["stream"].as_bool().unwrap_or(false);
        let scripted = self.scripted.lock().get(model).cloned();
        if let Some((stream_of, whole)) = scripted {
            return send(stream, 200, "", if streamed { &stream_of } else { &whole }).await;
        }
        match model {
            "claude-hidden" => send(stream, 200, "", &claude(hidden(request))).await,
            "gemini-hidden" => send(stream, 200, "", &gemini(hidden(request))).await,
            "gemini-cited" => send(stream, 200, "", &cited()).await,
            "gemini-cited-stream" => send(stream, 200, "", &format!("data: {}\n\n", cited())).await,
            "hang" => self.wait_for_close(stream, model).await,
            "garbage" => send(stream, 200, "", "<html>not JSON</html>").await,
            "empty" => send(stream, 200, "", "").await,
            "close" => false,
            "limited" => {
                send(stream, 429, "retry-after: 7\r\n", &error("slow down", "rate_limit_error")).await
            }
            "failing" => send(stream, 500, "", &error("boom", "server_error")).await,
            "overloaded" => send(stream, 503, "", &error("busy", "overloaded_error")).await,
            "unauthorised" => {
                send(stream, 401, "", &error("Incorrect API key: sk-abcdefghijklmnop123456", "x")).await
            }
            "invalid" => {
                send(stream, 400, "", &error("temperature is out of range", "invalid_request_error")).await
            }
            "long" => {
                let body = json!({ "error": { "message": "maximum context length is 8 tokens", "type": "invalid_request_error", "code": "context_length_exceeded" } });
                send(stream, 400, "", &body.to_string()).await
            }
            "error-in-200" => send(stream, 200, "", &error("not today", "server_error")).await,
            "painter" => {
                let picture = r#""images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}],"content":"#;
                send(stream, 200, "", &whole(model).replace("\"content\":", picture)).await
            }
            "unstreamed" => send(stream, 200, "", &whole(model)).await,
            "mislabelled" | "mislabelled-long" => {
                let long = json!({ "error": { "message": "maximum context length is 8 tokens", "code": "context_length_exceeded" } });
                let body = if model == "mislabelled" { whole(model) } else { long.to_string() };
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).await.is_ok()
            }
            _ if model.starts_with("talks-") && !streamed => {
                send(stream, 200, "", &whole(model).replace("Hello you", &TALK.replace('\n', "\\n"))).await
            }
            _ if streamed => self.stream(stream, model).await,
            _ => send(stream, 200, "", &whole(model)).await,
        }
    }

    async fn stream(&self, stream: &mut TcpStream, model: &str) -> bool {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        if model == "error-first" {
            chunk(stream, &format!("data: {}\n\n", error("overloaded", "overloaded_error"))).await;
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            return true;
        }
        if let Some(piece) = model.strip_prefix("talks-") {
            let usage = r#"{"prompt_tokens":10,"completion_tokens":40,"total_tokens":50}"#;
            let end = format!(
                "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}],\"usage\":{usage}}}\n\ndata: [DONE]\n\n"
            );
            for bytes in (talk(model) + end.as_str()).as_bytes().chunks(piece.parse().unwrap()) {
                raw_chunk(stream, bytes).await;
            }
            return stream.write_all(b"0\r\n\r\n").await.is_ok();
        }
        if model == "paints" {
            let picture = format!("data:image/png;base64,{}", "A".repeat(3 << 20));
            let delta = json!({ "content": "See:", "images": [{ "type": "image_url", "image_url": { "url": picture } }] });
            let said = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model,
                "choices": [{ "index": 0, "delta": delta, "finish_reason": "stop" }] });
            chunk(stream, &format!("data: {said}\n\ndata: [DONE]\n\n")).await;
            return stream.write_all(b"0\r\n\r\n").await.is_ok();
        }
        if model == "chatters" {
            chunk(stream, &talk(model)).await;
            return self.wait_for_close(stream, model).await;
        }
        for (place, word) in ["Hel", "lo ", "you"].into_iter().enumerate() {
            let delta = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model,
                "choices": [{ "index": 0, "delta": { "content": word }, "finish_reason": null }] });
            chunk(stream, &format!("data: {delta}\n\n")).await;
            match (model, place) {
                ("cut", 1) => return false,
                ("silent", 1) | ("endless", 1) => return self.wait_for_close(stream, model).await,
                _ => {}
            }
        }
        let last = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
        chunk(stream, &format!("data: {last}\n\ndata: [DONE]\n\n")).await;
        stream.write_all(b"0\r\n\r\n").await.is_ok()
    }

    /// Says nothing until the gateway closes, and notes that it did.
    async fn wait_for_close(&self, stream: &mut TcpStream, model: &str) -> bool {
        let mut byte = [0];
        drop(stream.read(&mut byte).await);
        self.left.lock().push(model.to_owned());
        self.changed.notify_waiters();
        false
    }
}

/// What the models `talks-N` and `chatters` say.
pub const TALK: &str = "Write to anna.b@example.com today. Your account is DE89 3704 0044 0532 0130 00, is it?\n\n\
    It costs 3.14 USD, e.g. now! 今日は。Good";

/// The stream of a model that says [`TALK`] a few letters at a time, reasons
/// before and calls a tool in the middle; less its end.
fn talk(model: &str) -> String {
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish, "logprobs": { "content": [] } }] });
        format!("data: {chunk}\n\n")
    };
    let say = |text: &str| -> String {
        let letters: Vec<char> = text.chars().collect();
        letters
            .chunks(4)
            .map(|piece| chunk(json!({ "content": String::from_iter(piece) }), Value::Null))
            .collect()
    };
    let (first, rest) = TALK.split_at(TALK.find(" Your").unwrap());
    let call = json!([{ "index": 0, "id": "t1", "type": "function", "function": { "name": "look", "arguments": "{}" } }]);
    let begin = json!({ "role": "assistant", "reasoning_content": "Let me see. Yes." });
    let all =
        [chunk(begin, Value::Null), say(first), chunk(json!({ "tool_calls": call }), Value::Null), say(rest)];
    all.concat()
}

/// The answer of a model that works.
pub fn whole(model: &str) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hello you" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12 },
    })
    .to_string()
}

/// Input tokens by a tokenizer that the gateway does not know of: `cl100k`
/// plays it. Some seven tokens are the form of one message.
pub fn hidden(request: &Value) -> u64 {
    fn texts(value: &Value, count: &mut u64) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if ["text", "content"].contains(&name.as_str()) => {
                            *count += Tokenizer::named("cl100k").unwrap().count(text);
                        }
                        value => texts(value, count),
                    }
                }
            }
            Value::Array(all) => all.iter().for_each(|one| texts(one, count)),
            _ => {}
        }
    }
    let mut count = 7;
    texts(request, &mut count);
    count
}

fn claude(input: u64) -> String {
    json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-hidden",
        "content": [{ "type": "text", "text": "Hello you" }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": input, "output_tokens": 2 } })
    .to_string()
}

fn gemini(input: u64) -> String {
    json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": "Hello you" }] }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": input, "candidatesTokenCount": 2, "totalTokenCount": input + 2 } })
    .to_string()
}

fn error(message: &str, kind: &str) -> String {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": null } }).to_string()
}

async fn send(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> bool {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.is_ok()
}

async fn chunk(stream: &mut TcpStream, data: &str) {
    raw_chunk(stream, data.as_bytes()).await;
}

async fn raw_chunk(stream: &mut TcpStream, data: &[u8]) {
    let framed = [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    // A gateway that has closed is noticed by the next read.
    drop(stream.write_all(&framed).await);
}

/// Reads one HTTP/1.1 request: path and body.
pub async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        if let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..end]).to_string();
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
                })
                .unwrap_or(0);
            while all.len() < end + 4 + length {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(read) => all.extend_from_slice(&buffer[..read]),
                }
            }
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            return Some((path, all[end + 4..end + 4 + length].to_vec()));
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Gemini's answer with a source, which repeats the words that rest on it.
fn cited() -> String {
    let words = "Write to anna.b@example.com today.";
    json!({ "responseId": "g1", "modelVersion": "g", "candidates": [{
        "index": 0,
        "content": { "role": "model", "parts": [{ "text": words }] },
        "finishReason": "STOP",
        "groundingMetadata": {
            "groundingChunks": [{ "web": { "uri": "https://example.com/people", "title": "People" } }],
            "groundingSupports": [{ "segment": { "startIndex": 0, "endIndex": 34, "text": words }, "groundingChunkIndices": [0] }],
        },
    }], "usageMetadata": { "promptTokenCount": 3, "candidatesTokenCount": 9, "totalTokenCount": 12 } })
    .to_string()
}
