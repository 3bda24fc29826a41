//! Clients that are slow, silent, many, or gone.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::process::{DEMO, Manner, Process, until};
use crate::provider::{Acts, Seen, WHOLE, provider, read_request};

/// A configuration with one model at `base`.
pub fn at(base: &str, more: &str) -> String {
    format!(
        "providers: {{ p: {{ kind: openai, base_url: \"{base}\", api_key: k }} }}\nmodels: {{ small: {{ provider: p }} }}\n{more}"
    )
}

/// A request for a conversation as it goes over the wire.
pub fn request(stream: bool) -> String {
    let body =
        format!(r#"{{"model":"small","stream":{stream},"messages":[{{"role":"user","content":"x"}}]}}"#);
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

pub async fn connect(gateway: &Process) -> TcpStream {
    TcpStream::connect(("127.0.0.1", gateway.port)).await.unwrap()
}

/// What comes until `end` does; all of it where the connection closes before.
pub async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    let reading = async {
        while !String::from_utf8_lossy(&all).contains(end) {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => all.extend_from_slice(&buffer[..read]),
            }
        }
    };
    timeout(Duration::from_secs(30), reading).await.expect("an answer, or an end");
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_whole_head_is_let_go_soon() {
    let gateway = Process::start(DEMO).await;
    let port = gateway.port;
    let beginnings = ["", "P", "PRI * HT", "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"];
    let all = beginnings.map(|beginning| async move {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        if !beginning.is_empty() && !beginning.starts_with("PRI") {
            // As well behind another request.
            stream.write_all(request(false).as_bytes()).await.unwrap();
            assert!(read_until(&mut stream, "}}").await.starts_with("HTTP/1.1 200"));
        }
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let closed = timeout(Duration::from_secs(20), stream.read_to_end(&mut got)).await.is_ok();
        (beginning, closed)
    });
    for (beginning, closed) in join_all(all).await {
        assert!(closed, "{beginning:?} keeps a connection");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_rests_serves_its_next_request() {
    let gateway = Process::start(DEMO).await;
    let mut stream = connect(&gateway).await;
    for _ in 0..2 {
        stream.write_all(request(false).as_bytes()).await.unwrap();
        assert!(read_until(&mut stream, "}}").await.starts_with("HTTP/1.1 200"));
        // Longer than a head may take, as pools of clients and load balancers rest.
        let closed = timeout(Duration::from_secs(12), stream.read_u8()).await;
        assert!(closed.is_err(), "the connection is closed while it rests: {closed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_requests_are_answered_or_refused() {
    let gateway = Process::start(DEMO).await;
    let ask = request(false);
    let (head, body) = ask.split_once("\r\n\r\n").unwrap();
    let cases = [
        (
            "a body that waits to be asked for",
            format!("{head}\r\nexpect: 100-continue\r\n\r\n{body}"),
            vec!["HTTP/1.1 100", "HTTP/1.1 200"],
        ),
        (
            "an expectation that nobody knows",
            format!("{head}\r\nexpect: tea\r\n\r\n{body}"),
            vec!["HTTP/1.1 200"],
        ),
        ("two at once", format!("{ask}{ask}"), vec!["HTTP/1.1 200", "HTTP/1.1 200"]),
        ("a range", format!("{head}\r\nrange: bytes=0-9\r\n\r\n{body}"), vec!["HTTP/1.1 200"]),
        ("HEAD", "HEAD /v1/models HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), vec!["HTTP/1.1 200"]),
        ("OPTIONS", "OPTIONS /v1/models HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), vec!["HTTP/1.1 405"]),
        ("OPTIONS of all", "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), vec!["HTTP/1.1 404"]),
        ("TRACE", "TRACE /v1/models HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), vec!["HTTP/1.1 405"]),
        ("CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), vec!["HTTP/1.1 404"]),
        ("an absolute address", ask.replace(" /v1", " http://elsewhere/v1"), vec!["HTTP/1.1 200"]),
        ("HTTP/1.0", ask.replace("HTTP/1.1", "HTTP/1.0"), vec!["HTTP/1.0 200"]),
        (
            "an upgrade",
            format!("{head}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n{body}"),
            vec!["HTTP/1.1 200"],
        ),
    ];
    for (name, bytes, expected) in cases {
        let mut stream = connect(&gateway).await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut got = String::new();
        let all = async {
            let mut piece = [0; 4096];
            while got.matches("HTTP/1.").count() < expected.len() {
                let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
                got.push_str(&String::from_utf8_lossy(&piece[..read]));
            }
            // A last request, so that the end of what comes is known.
            drop(stream.write_all(b"GET /v1/end HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await);
            got.push_str(&read_until(&mut stream, "never said").await);
        };
        assert!(timeout(Duration::from_secs(10), all).await.is_ok(), "{name} hangs");
        let statuses: Vec<&str> =
            got.match_indices("HTTP/1.").map(|(at, _)| &got[at..(at + 12).min(got.len())]).collect();
        let statuses: Vec<&str> = statuses.into_iter().take(expected.len()).collect();
        assert_eq!(statuses, expected, "{name}: {got}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_take_nothing_hold_their_provider_back_and_nobody_else() {
    const READERS: usize = 200;
    let (base, seen) = provider(Acts::Floods).await;
    let gateway = Process::start(&at(&base, "")).await;
    drop(gateway.chat("small", true).send().await.unwrap());
    let before = gateway.memory("VmRSS");
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut stream = connect(&gateway).await;
        stream.write_all(request(true).as_bytes()).await.unwrap();
        readers.push(stream);
    }
    assert!(until(async || Seen::count(&seen.asked) == READERS + 1).await);
    // The provider sends until nobody takes any more.
    let mut last = 0;
    let still = until(async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let sent = Seen::count(&seen.sent);
        sent == std::mem::replace(&mut last, sent) && sent > 0
    });
    assert!(still.await, "the provider is held back");
    let each = gateway.memory("VmRSS").saturating_sub(before) / READERS as u64;
    println!("{} KiB a reader in the gateway, {} KiB sent to each", each >> 10, (last / READERS) >> 10);
    assert!(each <= 256 << 10, "{each} bytes for each reader");
    // Others are served meanwhile.
    let mut quick = gateway.chat("small", true).send().await.unwrap();
    let mut taken = 0;
    while taken < 4 << 20 {
        taken += quick.chunk().await.unwrap().unwrap().len();
    }
    drop((quick, readers));
    assert!(until(async || Seen::count(&seen.left) == READERS + 2).await, "the provider is left");
    gateway.reaches("pointsman_exchanges_settled_total", "outcome=\"cancelled\"", (READERS + 2) as f64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_little_is_not_served_beyond_the_exchanges_time() {
    let (base, seen) = provider(Acts::Floods).await;
    let gateway = Process::start(&at(&base, "timeouts: { total: 1s }\n")).await;
    let mut reply = gateway.chat("small", true).send().await.unwrap();
    let mut text = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = reply.chunk().await {
            text.extend_from_slice(&chunk);
        }
    };
    assert!(timeout(Duration::from_secs(20), reading).await.is_ok(), "a stream without end ends");
    let end = String::from_utf8_lossy(&text[text.len().saturating_sub(400)..]).into_owned();
    assert!(end.contains("upstream_timeout") && !end.contains("[DONE]"), "{end}");
    assert!(until(async || Seen::count(&seen.left) == 1).await, "the provider is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_for_more_clients_those_that_are_in_are_served() {
    let (base, _) = provider(Acts::Answers).await;
    let before = "ulimit -n 128";
    let gateway = Process::start_as(&at(&base, ""), &Manner { before, ..Manner::default() }).await;
    let mut inside = connect(&gateway).await;
    let mut crowd = Vec::new();
    for _ in 0..150 {
        crowd.push(connect(&gateway).await);
    }
    for _ in 0..20 {
        inside.write_all(request(false).as_bytes()).await.unwrap();
        let got = read_until(&mut inside, "}}").await;
        assert!(got.starts_with("HTTP/1.1 200"), "{got}");
    }
    assert_eq!(gateway.admin("/readyz").await.0, 200, "the admin port has its own room");
    // What waits costs nothing.
    let (used, began) = (gateway.seconds_used(), Instant::now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let share = (gateway.seconds_used() - used) / began.elapsed().as_secs_f64();
    assert!(share < 0.05, "{:.0} % of a core while nothing happens", share * 100.0);
    drop(crowd);
    let freed = Instant::now();
    assert_eq!(gateway.chat("small", false).send().await.unwrap().status(), 200);
    assert!(freed.elapsed() < Duration::from_secs(5), "{:?}", freed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_at_the_end_gets_its_time_and_then_a_stated_end() {
    let (stops, seen) = provider(Acts::Stops).await;
    let (hangs, waits) = provider(Acts::Hangs).await;
    let yaml = format!(
        "providers:\n  p: {{ kind: openai, base_url: \"{stops}\", api_key: k }}\n  q: {{ kind: openai, base_url: \"{hangs}\", api_key: k }}\n\
         models: {{ small: {{ provider: p }}, mute: {{ provider: q }} }}\nrecords: {{ folder: ./records }}\n"
    );
    let arguments: &[&str] = &["--drain", "2", "--notice", "1"];
    let mut gateway = Process::start_as(&yaml, &Manner { arguments, ..Manner::default() }).await;
    let mut streamed = connect(&gateway).await;
    streamed.write_all(request(true).as_bytes()).await.unwrap();
    assert!(read_until(&mut streamed, "Hel").await.contains("Hel"));
    let waiting = tokio::spawn(gateway.chat("mute", false).send());
    assert!(until(async || Seen::count(&waits.asked) == 1).await);
    assert_eq!(Seen::count(&seen.asked), 1);

    gateway.signal("TERM");
    assert!(until(async || gateway.admin("/readyz").await.0 == 503).await, "it says that it ends");
    // Whoever has not heard of it yet is still served.
    let late = gateway.client.get(format!("http://127.0.0.1:{}/v1/models", gateway.port));
    assert_eq!(late.header("connection", "close").send().await.unwrap().status(), 200);

    let end = read_until(&mut streamed, "never said").await;
    assert!(end.contains("\"unavailable\"") && !end.contains("[DONE]"), "the stream ends with: {end}");
    let refused = waiting.await.unwrap().unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.text().await.unwrap().contains("unavailable"));
    assert_eq!(gateway.ended().await, Some(0));
    let mut outcomes: Vec<String> =
        gateway.records().await.iter().map(|record| record.outcome.name().to_owned()).collect();
    outcomes.sort();
    assert_eq!(outcomes, ["failed", "partial"], "both are in the records");
    let told = gateway.lines.lock().iter().filter(|line| line.contains("\"event\":\"exchange\"")).count();
    assert_eq!(told, 2, "and in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_while_the_gateway_ends_is_delivered() {
    let gateway_yaml = "providers: { demo: { kind: simulated } }\n\
        models: { small: { provider: demo, simulate: { latency_ms: { p50: 1500, p95: 1500 } } } }\n";
    let arguments: &[&str] = &["--drain", "20", "--notice", "0"];
    let mut gateway = Process::start_as(gateway_yaml, &Manner { arguments, ..Manner::default() }).await;
    let waiting = tokio::spawn(gateway.chat("small", false).send());
    gateway.reaches("pointsman_exchanges_in_flight", "", 1.0).await;
    gateway.signal("TERM");
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    assert_eq!(gateway.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_survives_a_sudden_end() {
    let mut gateway = Process::start(&format!("{DEMO}records: {{ folder: ./records }}\n")).await;
    let mut settled = 0;
    for _ in 0..3 {
        join_all((0..20).map(|_| gateway.chat("small", false).send())).await;
        settled += 20;
        gateway.reaches("pointsman_records_written_total", "", 20.0).await;
        gateway.killed_and_restarted().await;
        assert_eq!(gateway.records().await.len(), settled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_takes_no_connection_is_left_for_the_next_one() {
    // One connection waits to be accepted, and there is room for no other.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    let (base, _) = provider(Acts::Answers).await;
    let yaml = format!(
        "providers:\n  p: {{ kind: openai, base_url: \"http://{address}/v1\", api_key: k }}\n  q: {{ kind: openai, base_url: \"{base}\", api_key: k }}\n\
         models: {{ deaf: {{ provider: p }}, fine: {{ provider: q }} }}\nretries: {{ max: 0 }}\n\
         routes: [{{ name: r, models: [r], candidates: [deaf, fine] }}]\n"
    );
    let mut gateway = Process::start(&yaml).await;
    // One that keeps no connection of its own to the gateway.
    gateway.client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    assert_eq!(gateway.chat("fine", false).send().await.unwrap().status(), 200);
    let open = gateway.descriptors();
    let asked = Instant::now();
    let got = gateway.chat("r", false).send().await.unwrap();
    assert_eq!((got.status().as_u16(), &got.headers()["x-pointsman-model"]), (200, &"fine".parse().unwrap()));
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    let got = gateway.chat("deaf", false).send().await.unwrap();
    assert_eq!(got.status(), 504, "{}", got.text().await.unwrap());
    let gone = until(async || gateway.descriptors().len() <= open.len()).await;
    assert!(gone, "held: {:?} beside {open:?}", gateway.descriptors());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_trickles_in_is_given_up_and_its_place_is_free_again() {
    let (base, seen) = provider(Acts::Trickles).await;
    let gateway = Process::start(&at(&base, "timeouts: { total: 500ms }\nretries: { max: 0 }\n")).await;
    let got = gateway.chat("small", false).send().await.unwrap();
    assert_eq!(got.status(), 504, "{}", got.text().await.unwrap());
    assert!(until(async || Seen::count(&seen.left) == 1).await, "the provider is left");
    assert_eq!(gateway.status().await["models"]["small"]["in_flight"], 0);
}

/// When a provider ends a connection that it kept open.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ends {
    /// While it rests.
    Resting,
    /// When the next request is there: it came too late.
    Asked,
}

/// A provider that ends its connections with a reset rather than a farewell, those that
/// rest when `close` changes.
async fn forgetful(ends: Ends, close: watch::Receiver<usize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut close = close.clone();
            tokio::spawn(async move {
                close.mark_unchanged();
                let mut answers = 0;
                loop {
                    let asked = tokio::select! {
                        request = read_request(&mut stream) => request.is_some(),
                        _ = close.changed(), if ends == Ends::Resting => false,
                    };
                    if !asked || (ends == Ends::Asked && answers > 0) {
                        break;
                    }
                    answers += 1;
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
                    let answer = format!("{head}: {}\r\n\r\n{WHOLE}", WHOLE.len());
                    drop(stream.write_all(answer.as_bytes()).await);
                }
                stream.set_zero_linger().unwrap();
            });
        }
    });
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_while_they_rested_cost_no_client_anything() {
    // One at a time where they die unasked: of several, one may be about to be made just then.
    for (ends, at_once) in [(Ends::Resting, 1), (Ends::Asked, 8)] {
        let (close, closed) = watch::channel(0);
        let gateway = Process::start(&at(&forgetful(ends, closed).await, "")).await;
        for round in 0..40 {
            let all = join_all((0..at_once).map(|_| gateway.chat("small", false).send())).await;
            for answer in all.into_iter().map(Result::unwrap) {
                let attempts = answer.headers()["x-pointsman-attempts"].clone();
                let told = (answer.status().as_u16(), attempts.to_str().unwrap().to_owned());
                assert_eq!(
                    told,
                    (200, "1".to_owned()),
                    "{ends:?}, {round}: {}",
                    answer.text().await.unwrap()
                );
            }
            close.send_replace(round);
        }
    }
}
