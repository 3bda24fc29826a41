//! The upstream: answers at once, as cheaply as it can.
//!
//! The request steers it through fields that every gateway hands on: with
//! `stream: true`, `max_tokens` is the number of content chunks and `seed` the
//! pause between two of them in milliseconds. `/v1/messages` answers in
//! Anthropic's form, everything else in OpenAI's.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::args::Args;
use crate::clock::now_ns;

/// Serves until the process ends.
pub fn run(args: &Args) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.get::<String>("listen", "127.0.0.1:9100".into())).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(serve(socket));
        }
    })
}

/// What a request asks for.
struct Asked {
    anthropic: bool,
    stream: bool,
    chunks: u64,
    pause_ms: u64,
}

async fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let Some((asked, used)) = read(&mut socket, &mut buffer).await? else { return Ok(()) };
        buffer.drain(..used);
        if asked.stream {
            answer_stream(&mut socket, &asked).await?;
        } else {
            let answer = if asked.anthropic { ANTHROPIC } else { OPENAI };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-request-id: req_bench\r\n\r\n",
                answer.len()
            );
            socket.write_all(&[head.as_bytes(), answer.as_bytes()].concat()).await?;
        }
    }
}

/// Reads one whole request; `None` when the peer has gone.
async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<(Asked, usize)>> {
    loop {
        if !buffer.is_empty() {
            if let Some(request) = parse(buffer)? {
                return Ok(Some(request));
            }
        }
        if socket.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(bytes: &[u8]) -> io::Result<Option<(Asked, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let header =
        |name: &str| request.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    let length = match header("content-length") {
        Some(value) => std::str::from_utf8(value).ok().and_then(|v| v.parse::<usize>().ok()).unwrap_or(0),
        None if header("transfer-encoding").is_some() => match find(&bytes[head..], b"0\r\n\r\n") {
            Some(at) => at + 5,
            None => return Ok(None),
        },
        None => 0,
    };
    let Some(body) = bytes.get(head..head + length) else { return Ok(None) };
    let asked = Asked {
        anthropic: request.path.is_some_and(|path| path.contains("/messages")),
        stream: field(body, b"\"stream\"").is_some_and(|rest| rest.starts_with(b"true")),
        chunks: number(body, b"\"max_tokens\"").unwrap_or(100),
        pause_ms: number(body, b"\"seed\"").unwrap_or(0),
    };
    Ok(Some((asked, head + length)))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// What follows `name` and its colon.
fn field<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = &body[find(body, name)? + name.len()..];
    let start = rest.iter().position(|b| !matches!(b, b':' | b' '))?;
    Some(&rest[start..])
}

fn number(body: &[u8], name: &[u8]) -> Option<u64> {
    let rest = field(body, name)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// Each event leaves in a write of its own, as at a provider that flushes every
/// token. The first content follows the opening event at once.
async fn answer_stream(socket: &mut TcpStream, asked: &Asked) -> io::Result<()> {
    let mut out = String::with_capacity(1024);
    out.push_str("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-request-id: req_bench\r\n\r\n");
    frame(&mut out, if asked.anthropic { ANTHROPIC_START } else { OPENAI_START });
    socket.write_all(out.as_bytes()).await?;
    let pause = Duration::from_millis(asked.pause_ms.max(1));
    let mut ticks = interval_at(Instant::now() + pause, pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0..asked.chunks {
        if asked.pause_ms > 0 && number > 0 {
            ticks.tick().await;
        }
        out.clear();
        frame(&mut out, &content(asked.anthropic));
        socket.write_all(out.as_bytes()).await?;
    }
    out.clear();
    for event in if asked.anthropic { ANTHROPIC_END } else { OPENAI_END } {
        frame(&mut out, event);
    }
    out.push_str("0\r\n\r\n");
    socket.write_all(out.as_bytes()).await
}

/// One content chunk with the time of its making in it.
fn content(anthropic: bool) -> String {
    let at = now_ns();
    if anthropic {
        return format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"@{at} \"}}}}\n\n"
        );
    }
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"mock\",\
         \"system_fingerprint\":\"fp_bench\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"@{at} \"}},\"logprobs\":null,\
         \"finish_reason\":null}}],\"usage\":null}}\n\n"
    )
}

fn frame(out: &mut String, event: &str) {
    let _ = write!(out, "{:x}\r\n{event}\r\n", event.len());
}

const OPENAI: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1760000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"The night train carries eighteen wagons of coal, sixty tonnes each, when one engine is out of service.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":61,"completion_tokens":24,"total_tokens":85,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_bench"}"#;

const OPENAI_START: &str = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"mock\",\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";

const OPENAI_END: &[&str] = &[
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"mock\",\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"mock\",\"system_fingerprint\":\"fp_bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":61,\"completion_tokens\":100,\"total_tokens\":161,\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n",
    "data: [DONE]\n\n",
];

const ANTHROPIC: &str = r#"{"id":"msg_bench","type":"message","role":"assistant","model":"mock","content":[{"type":"text","text":"The night train carries eighteen wagons of coal, sixty tonnes each, when one engine is out of service."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":61,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":24,"service_tier":"standard"}}"#;

const ANTHROPIC_START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":61,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";

const ANTHROPIC_END: &[&str] = &[
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":100}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];
