//! A large file flows through the gateway as a process without being held.
//! What is asked and answered is held against recordings in `traffic`.

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

#[path = "shared/port.rs"]
mod port;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;

/// What the provider answers, and what it got.
#[derive(Default)]
struct Stage {
    status: u16,
    answer: Bytes,
    got: usize,
    head: Vec<u8>,
}

type Shared = Arc<Mutex<Stage>>;

async fn play(State(stage): State<Shared>, request: Request) -> Response {
    let mut body = request.into_body();
    let (mut got, mut head) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.unwrap().into_data() else { continue };
        got += chunk.len();
        if head.len() < 4096 {
            head.extend_from_slice(&chunk);
        }
    }
    let mut stage = stage.lock();
    (stage.got, stage.head) = (got, head);
    let response = Response::builder().status(stage.status).header("content-type", "application/json");
    response.body(Body::from(stage.answer.clone())).unwrap()
}

struct Gateway {
    child: Child,
    port: u16,
    stage: Shared,
    _folder: tempfile::TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn gateway() -> Gateway {
    let stage = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = listener.local_addr().unwrap().port();
    let router = axum::Router::new().fallback(play).with_state(Arc::clone(&stage));
    tokio::spawn(pointsman::server::listen(
        listener,
        router.into(),
        std::sync::Arc::new(pointsman::worker::Workers::here()),
        pointsman::server::Drain::default(),
    ));
    let (folder, port) = (tempfile::tempdir().unwrap(), port::free_port());
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    let yaml = format!(
        "listen: 127.0.0.1:{port}\nadmin: {{ listen: 127.0.0.1:{} }}\npolicies: ./policies\n\
         providers: {{ up: {{ kind: openai_compatible, base_url: \"http://127.0.0.1:{provider}/v1\" }} }}\n\
         models: {{ m: {{ provider: up, upstream: the-models-own-name }} }}\n\
         routes: [{{ name: r, models: [client-name], candidates: [m], retries: {{ max: 0 }} }}]\n",
        port::free_port()
    );
    std::fs::write(folder.path().join("gateway.yaml"), yaml).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["serve".as_ref(), folder.path().as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let gateway = Gateway { child, port, stage, _folder: folder };
    let deadline = Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "the gateway listens within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    gateway
}

/// A client for one request.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The largest memory of the process so far, bytes.
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_large_file_flows_through_without_being_held() {
    const FILE: usize = 96 << 20;
    let (gateway, client) = (gateway().await, client());
    {
        let mut stage = gateway.stage.lock();
        (stage.status, stage.answer) =
            (200, Bytes::from_static(br#"{"text":"hi","usage":{"type":"duration","seconds":1}}"#));
    }
    let head = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nclient-name\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let tail = "\r\n--b--\r\n";
    let send = |size: usize| {
        let chunk = Bytes::from(vec![7_u8; 64 << 10]);
        let chunks = std::iter::once(Bytes::from(head))
            .chain(std::iter::repeat_n(chunk, size >> 16))
            .chain(std::iter::once(Bytes::from(tail)));
        let stream = futures_util::stream::iter(chunks.map(Ok::<_, std::io::Error>));
        let url = format!("http://127.0.0.1:{}/v1/audio/transcriptions", gateway.port);
        let request = client.post(url).header("content-type", "multipart/form-data; boundary=b");
        request.body(reqwest::Body::wrap_stream(stream)).send()
    };
    // One of 2 MiB first, so that pools and buffers are there.
    assert_eq!(send(2 << 20).await.unwrap().status(), 200);
    let before = peak(&gateway.child);
    assert_eq!(send(FILE).await.unwrap().status(), 200);
    let grown = peak(&gateway.child).saturating_sub(before);
    let renamed = "the-models-own-name".len() - "client-name".len();
    assert_eq!(gateway.stage.lock().got, head.len() + FILE + tail.len() + renamed);
    // The bound: one mebibyte beyond the cap of bodies (20 MiB). The allocator takes segments of 4 MiB.
    assert!(grown <= 21 << 20, "memory grew by {grown} bytes for a file of {FILE}");
}
