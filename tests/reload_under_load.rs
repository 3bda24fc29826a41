//! Reload while traffic flows: no request fails, no bundle is ever half loaded,
//! each is live within a second, a broken one never.
//!
//! The folder is laid out as a mounted ConfigMap is: the files are links through
//! `..data`, which is swapped by an atomic rename. Each bundle says its number
//! in two files (`gateway.yaml` passes it, the policy holds it), and every answer
//! must name the same number twice. `POINTSMAN_SWAPS=10000` for the full count.

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

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const CLIENTS: usize = 4;
const BROKEN_EVERY: u64 = 5;

struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes bundle `number` beside the others and makes it the live one.
fn publish(root: &Path, ports: (u16, u16), number: u64, broken: bool) {
    let folder = root.join(format!("..{number}"));
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    let yaml = format!(
        "listen: 127.0.0.1:{}\nadmin: {{ listen: 127.0.0.1:{} }}\nproviders: {{ demo: {{ kind: simulated }} }}\n\
         models: {{ small: {{ provider: demo }} }}\n\
         routes: [{{ name: r, models: [assistant], policies: [{{ say: {{ number: {number} }} }}] }}]\n",
        ports.0, ports.1
    );
    let tail = if broken { "fn oops( {" } else { "" };
    let policy = format!(
        "//! with number: int = 0    which bundle this is\nfn route() {{ respond(\"{number}=\" + ctx.with.number) }}\n{tail}\n"
    );
    std::fs::write(folder.join("gateway.yaml"), yaml).unwrap();
    std::fs::write(folder.join("policies/say.rhai"), policy).unwrap();
    let next = root.join("..next");
    symlink(&folder, &next).unwrap();
    std::fs::rename(&next, root.join("..data")).unwrap();
}

fn serve(root: &Path, ports: (u16, u16)) -> Gateway {
    publish(root, ports, 0, false);
    symlink("..data/gateway.yaml", root.join("gateway.yaml")).unwrap();
    symlink("..data/policies", root.join("policies")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["serve".as_ref(), root.as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let gateway = Gateway(child);
    let deadline = Instant::now() + Duration::from_secs(30);
    while ask(&mut None, ports.0).as_deref() != Ok("0=0") {
        assert!(Instant::now() < deadline, "the gateway answers within 30 s: {:?}", ask(&mut None, ports.0));
        std::thread::yield_now();
    }
    gateway
}

/// One request on a kept connection; the text of its answer.
fn ask(kept: &mut Option<TcpStream>, port: u16) -> Result<String, String> {
    let fail = |e: std::io::Error| e.to_string();
    let mut socket = match kept.take() {
        Some(socket) => socket,
        None => TcpStream::connect(("127.0.0.1", port)).map_err(fail)?,
    };
    socket.set_read_timeout(Some(Duration::from_secs(20))).map_err(fail)?;
    let body = r#"{"model":"assistant","messages":[{"role":"user","content":"which?"}]}"#;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).map_err(fail)?;
    let mut answer = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let read = socket.read(&mut piece).map_err(fail)?;
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if length.is_some_and(|length: usize| body.len() >= length) {
                *kept = Some(socket);
                let json: serde_json::Value =
                    serde_json::from_str(body).map_err(|e| format!("{e}: {text}"))?;
                let said = json["choices"][0]["message"]["content"].as_str();
                return said.map(str::to_owned).ok_or(text);
            }
        }
        if read == 0 {
            return Err(format!("closed after {text:?}"));
        }
    }
}

/// How many bundles were refused so far, by the status page.
fn refused(port: u16) -> u64 {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(b"GET /status HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let body = &body[body.find('{').unwrap_or_default()..=body.rfind('}').unwrap_or_default()];
    let status: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"));
    status["reload"]["refused"].as_u64().unwrap_or_else(|| panic!("{status}"))
}

/// What the clients have seen together.
#[derive(Default)]
struct Seen {
    newest: AtomicU64,
    answers: AtomicU64,
    stop: AtomicBool,
}

fn client(port: u16, seen: &Seen) {
    let (mut kept, mut last) = (None, 0);
    while !seen.stop.load(Relaxed) {
        let said = ask(&mut kept, port).unwrap_or_else(|e| panic!("a request failed: {e}"));
        let (policy, yaml) = said.split_once('=').unwrap_or_else(|| panic!("{said}"));
        assert_eq!(policy, yaml, "a bundle is whole");
        let number: u64 = policy.parse().unwrap();
        assert!(number >= last, "bundle {number} came back after {last}");
        last = number;
        seen.newest.fetch_max(number, Relaxed);
        seen.answers.fetch_add(1, Relaxed);
    }
}

#[test]
fn swaps_under_load_lose_nothing() {
    let swaps: u64 = std::env::var("POINTSMAN_SWAPS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
    let folder = tempfile::tempdir().unwrap();
    let ports = (port::free_port(), port::free_port());
    let gateway = serve(folder.path(), ports);
    let seen = Seen::default();
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| client(ports.0, &seen))).collect();
        for number in 1..=swaps {
            let broken = number % BROKEN_EVERY == 0;
            publish(folder.path(), ports, number, broken);
            let began = Instant::now();
            if broken {
                while refused(ports.1) != number / BROKEN_EVERY {
                    assert!(
                        began.elapsed() < Duration::from_secs(10),
                        "bundle {number} is refused within 10 s"
                    );
                    std::thread::sleep(Duration::from_millis(5)); // polling
                }
                continue;
            }
            while seen.newest.load(Relaxed) != number && clients.iter().all(|c| !c.is_finished()) {
                let newest = seen.newest.load(Relaxed);
                assert!(newest % BROKEN_EVERY != 0 || newest == 0, "the broken bundle {newest} went live");
                if began.elapsed() > Duration::from_secs(10) {
                    seen.stop.store(true, Relaxed);
                    panic!("bundle {number} is not live after 10 s, {newest} is");
                }
                std::thread::sleep(Duration::from_millis(1)); // polling; the clients need the cores
            }
            slowest = slowest.max(began.elapsed());
        }
        seen.stop.store(true, Relaxed);
    });
    drop(gateway);
    let answers = seen.answers.load(Relaxed);
    println!(
        "{swaps} swaps (every {BROKEN_EVERY}th broken), {answers} requests, 0 failed, slowest live after {slowest:?}"
    );
    assert!(answers > swaps, "there was traffic: {answers}");
    assert!(slowest < Duration::from_secs(1), "live within a second: {slowest:?}");
}
