//! Providers that behave as a test says, connection by connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A whole answer.
pub const WHOLE: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello you"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}"#;
/// The head of a stream.
pub const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// What is seen of a provider.
#[derive(Clone, Default)]
pub struct Seen {
    /// Requests that it has read.
    pub asked: Arc<AtomicUsize>,
    /// Requests whose connection was closed before it had said all.
    pub left: Arc<AtomicUsize>,
    /// Tokens that it has stated: input, output.
    pub tokens: Arc<[AtomicUsize; 2]>,
    /// Bytes that it has sent.
    pub sent: Arc<AtomicUsize>,
}

impl Seen {
    pub fn count(of: &AtomicUsize) -> usize {
        of.load(Ordering::SeqCst)
    }
}

/// What it does with a request.
#[derive(Clone, Copy, PartialEq)]
pub enum Acts {
    /// Answers at once and closes.
    Answers,
    /// Answers, streamed where that is asked for, and states other tokens each time.
    Counts,
    /// Says nothing.
    Hangs,
    /// Streams a word, then nothing more.
    Stops,
    /// Streams for as long as somebody takes it.
    Floods,
    /// Sends the head of an answer, then a byte now and then.
    Trickles,
}

/// A stream's chunk that says `text`, framed.
pub fn chunk(text: &str) -> String {
    let data = format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    );
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// Starts one; gives its base URL. The path of a request says what it does there.
pub async fn provider(acts: Acts) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen = Seen::default();
    let told = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(act(stream, acts, told.clone()));
        }
    });
    (base, seen)
}

async fn act(mut stream: TcpStream, acts: Acts, seen: Seen) {
    let Some(request) = read_request(&mut stream).await else { return };
    let number = seen.asked.fetch_add(1, Ordering::SeqCst) + 1;
    match acts {
        Acts::Answers => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                WHOLE.len()
            );
            drop(stream.write_all((head + WHOLE).as_bytes()).await);
            return;
        }
        Acts::Counts => {
            let (input, output) = (number, 3 * number);
            let usage = format!(
                r#""usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}"#,
                input + output
            );
            seen.tokens[0].fetch_add(input, Ordering::SeqCst);
            seen.tokens[1].fetch_add(output, Ordering::SeqCst);
            let (kind, body) = if request.contains("\"stream\":true") {
                let data = format!(
                    "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"Hel\"}},\"finish_reason\":\"stop\"}}],{usage}}}\n\ndata: [DONE]\n\n"
                );
                ("text/event-stream", data)
            } else {
                let stated = WHOLE.split_once("\"usage\"").unwrap().0.to_owned();
                ("application/json", stated + usage.as_str() + "}")
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
            drop(stream.write_all((head + body.as_str()).as_bytes()).await);
            return;
        }
        Acts::Hangs => {}
        Acts::Stops => drop(stream.write_all((STREAM.to_owned() + chunk("Hel").as_str()).as_bytes()).await),
        Acts::Floods => {
            let data = chunk(&"x".repeat(1000));
            drop(stream.write_all(STREAM.as_bytes()).await);
            while stream.write_all(data.as_bytes()).await.is_ok() {
                seen.sent.fetch_add(data.len(), Ordering::SeqCst);
            }
            seen.left.fetch_add(1, Ordering::SeqCst);
            return;
        }
        Acts::Trickles => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n";
            drop(stream.write_all(head.as_bytes()).await);
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            seen.left.fetch_add(1, Ordering::SeqCst);
            return;
        }
    }
    let mut byte = [0];
    drop(stream.read(&mut byte).await);
    seen.left.fetch_add(1, Ordering::SeqCst);
}

/// Reads one request with its body.
pub async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut all, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let text = String::from_utf8_lossy(&all).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
        }
    }
}
