//! A keep-alive HTTP/1.1 client that does as little as possible: the load
//! generator shares the machine with what it measures.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::args::Args;
use crate::clock::now_ns;

/// The bytes of the request that every connection sends.
pub fn request(args: &Args, stream: Option<(u32, u32)>) -> Vec<u8> {
    let model: String = args.get("model", "mock".into());
    let mut body = format!(
        "{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"system\",\"content\":\"You are a terse assistant for the \
         operations team. Answer in one sentence and name the unit of every figure.\"}},{{\"role\":\"user\",\
         \"content\":\"How many wagons of coal does the night train to the northern depot carry when the second \
         engine is out of service and the siding is closed?\"}}],\"temperature\":0.2"
    );
    match stream {
        Some((chunks, interval_ms)) => body.push_str(&format!(
            ",\"max_tokens\":{chunks},\"seed\":{interval_ms},\"stream\":true,\"stream_options\":{{\"include_usage\":true}}}}"
        )),
        None => body.push_str(",\"max_tokens\":64}"),
    }
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nauthorization: Bearer bench-key\r\ncontent-length: {}\r\n",
        args.get::<String>("path", "/v1/chat/completions".into()),
        address(args),
        body.len()
    );
    for header in args.all("header") {
        head.push_str(header);
        head.push_str("\r\n");
    }
    [head.as_bytes(), b"\r\n", body.as_bytes()].concat()
}

/// Where to send it.
pub fn address(args: &Args) -> String {
    args.get("to", "127.0.0.1:8080".into())
}

/// How an answer went.
pub struct Outcome {
    /// HTTP status.
    pub status: u16,
    /// When the first byte of the body came.
    pub first_byte_ns: u64,
}

/// One connection.
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends the request and reads the whole answer; `on_data` sees each piece of the body.
    pub async fn exchange(&mut self, request: &[u8], mut on_data: impl FnMut(&[u8])) -> io::Result<Outcome> {
        self.socket.write_all(request).await?;
        self.buffer.clear();
        let (status, mut body, head) = loop {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = parse_head(&self.buffer)? {
                break head;
            }
        };
        let mut first_byte_ns = 0;
        let mut piece = head;
        loop {
            let news = &self.buffer[piece..];
            if !news.is_empty() {
                first_byte_ns = if first_byte_ns == 0 { now_ns() } else { first_byte_ns };
                body.feed(news, &mut on_data)?;
            }
            if body.is_done() {
                return Ok(Outcome { status, first_byte_ns });
            }
            self.buffer.clear();
            piece = 0;
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Status, framing of the body and length of the head, once the head is whole.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(u16, Body, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = answer.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let text = |name: &str| {
        let header = answer.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let body = match text("content-length").and_then(|value| value.parse().ok()) {
        Some(left) => Body::Length(left),
        None => Body::Chunked { state: ChunkState::Size, left: 0 },
    };
    Ok(Some((answer.code.unwrap_or(0), body, length)))
}

/// What is left of a body.
enum Body {
    Length(usize),
    Chunked { state: ChunkState, left: usize },
}

#[derive(Clone, Copy, PartialEq)]
enum ChunkState {
    Size,
    SizeEnd,
    Data,
    DataEnd,
    Trailer { line: bool },
    Done,
}

impl Body {
    fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked { state: ChunkState::Done, .. })
    }

    fn feed(&mut self, mut bytes: &[u8], on_data: &mut impl FnMut(&[u8])) -> io::Result<()> {
        match self {
            Self::Length(left) => {
                let take = bytes.len().min(*left);
                on_data(&bytes[..take]);
                *left -= take;
            }
            Self::Chunked { state, left } => {
                while !bytes.is_empty() {
                    let used = step(state, left, bytes, on_data)?;
                    bytes = &bytes[used..];
                }
            }
        }
        Ok(())
    }
}

/// Consumes at least one byte of a chunked body.
fn step(
    state: &mut ChunkState,
    left: &mut usize,
    bytes: &[u8],
    on_data: &mut impl FnMut(&[u8]),
) -> io::Result<usize> {
    let byte = bytes[0];
    match *state {
        ChunkState::Size => match (byte as char).to_digit(16) {
            Some(digit) => *left = *left * 16 + digit as usize,
            None if byte == b'\n' => {
                *state = if *left == 0 { ChunkState::Trailer { line: false } } else { ChunkState::Data }
            }
            None => *state = ChunkState::SizeEnd,
        },
        ChunkState::SizeEnd if byte == b'\n' => {
            *state = if *left == 0 { ChunkState::Trailer { line: false } } else { ChunkState::Data };
        }
        ChunkState::Data => {
            let take = bytes.len().min(*left);
            on_data(&bytes[..take]);
            *left -= take;
            if *left == 0 {
                *state = ChunkState::DataEnd;
            }
            return Ok(take);
        }
        ChunkState::DataEnd if byte == b'\n' => *state = ChunkState::Size,
        ChunkState::Trailer { line: false } if byte == b'\n' => *state = ChunkState::Done,
        ChunkState::Trailer { .. } => *state = ChunkState::Trailer { line: byte != b'\n' && byte != b'\r' },
        ChunkState::Done => return Err(io::Error::other("bytes after the answer")),
        ChunkState::SizeEnd | ChunkState::DataEnd => {}
    }
    Ok(1)
}
