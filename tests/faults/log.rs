//! The log: whatever clients send, an event is one line of JSON, and a reader
//! that does not read holds nobody up.

use serde_json::Value;

use crate::process::{DEMO, Manner, Process, until};

/// What would end a line, a string or a terminal's patience.
const HOSTILE: &str = "a\r\n{\"event\":\"exchange\",\"id\":\"forged\"}\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{85}\u{2028}\u{2029}\u{202e}\u{0}\u{7f}\\\"'";

/// Letters that do something to whoever prints them.
fn acts(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_send_stays_within_its_line_of_json() {
    let policy =
        "fn on_request() { ctx.note(\"said\", req.text); ctx.note(\"user\", req.metadata.user ?? \"\"); }";
    let yaml = format!(
        "{DEMO}routes: [{{ name: r, models: [\"*\"], policies: [notes] }}]\nrecords: {{ folder: ./records }}\n"
    );
    let manner = Manner { arguments: &["--log", "debug"], ..Manner::default() };
    let prepare = |path: &std::path::Path| std::fs::write(path.join("policies/notes.rhai"), policy).unwrap();
    let mut gateway = Process::start_in(&yaml, &manner, prepare).await;
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    let bodies = [
        format!(r#"{{"model":{hostile},"messages":[]}}"#),
        format!(
            r#"{{"model":"small","messages":[{{"role":"user","content":{hostile}}}],"user":{hostile},"metadata":{{"user":{hostile}}}}}"#
        ),
        format!(r#"{{"model":"small","messages":[{{"role":{hostile},"content":"x"}}]}}"#),
        format!(r#"{{"model":"small","messages":[],{hostile}:1}}"#),
        format!("{{\"model\":\"small\",\"messages\":[{HOSTILE}"),
        format!(r#"{{"model":"{}","messages":[]}}"#, "m".repeat(3 << 20)),
    ];
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", gateway.port);
    let escaped: String = HOSTILE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let paths = [
        "/v1/chat/completions".to_owned(),
        format!("/v1/messages?{escaped}"),
        format!("/v1beta/models/{escaped}:generateContent"),
    ];
    let mut sent = 0;
    for path in &paths {
        for body in &bodies {
            let header = reqwest::header::HeaderValue::from_bytes(b"a\"\\\xc2\x9b31m\xe2\x80\xa8{").unwrap();
            let request =
                gateway.client.post(url(path)).body(body.clone()).header("x-session-id", header.clone());
            let got = request.header("authorization", header.clone()).header("x-pointsman-session", header);
            got.header("user-agent", "\u{9b}31m").send().await.unwrap();
            sent += 1;
        }
    }
    gateway.reaches("pointsman_exchanges_settled_total", "", f64::from(sent)).await;
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    let lines = gateway.lines.lock().clone();
    let mut exchanges = 0;
    for line in &lines {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(!line.chars().any(acts), "{line:?}");
        assert_ne!(event["id"], "forged", "{line}");
        assert!(line.len() < 64 << 10, "a line of {} bytes", line.len());
        exchanges += u32::from(event["event"] == "exchange");
    }
    assert_eq!(exchanges, sent, "one exchange, one line");

    // Whoever looks at the records in a terminal is safe too.
    let list = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command.args(["records"]).args(more).arg(gateway.folder.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let listed = list(&["list"]);
    assert_eq!(listed.lines().count() as u32, sent, "{listed}");
    let noted = gateway.records().await.into_iter().find(|record| record.notes.contains_key("said")).unwrap();
    for text in [listed, list(&["show", &noted.id])] {
        assert!(!text.chars().any(|letter| letter != '\n' && acts(letter)), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    let mut gateway = Process::start_unread(DEMO).await;
    let long = "m".repeat(400);
    // More than the pipe, and what may wait before it, hold.
    let dropped = until(async || {
        let all = (0..200).map(|_| gateway.chat(&long, false).send());
        for got in futures_util::future::join_all(all).await {
            assert_eq!(got.unwrap().status(), 404);
        }
        gateway.metric("pointsman_log_lines_dropped_total", "").await > Some(0.0)
    });
    assert!(dropped.await, "lines are dropped, and counted");
    assert_eq!(gateway.chat("small", false).send().await.unwrap().status(), 200);
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_clients_make_up_make_no_series() {
    let gateway = Process::start(DEMO).await;
    let series = async || gateway.admin("/metrics").await.1.lines().count();
    for stream in [false, true] {
        gateway.chat("nobody", stream).send().await.unwrap();
        gateway.chat("small", stream).send().await.unwrap();
    }
    let before = series().await;
    for at in 0..300 {
        gateway.chat(&format!("nobody-{at}"), at % 2 == 0).send().await.unwrap();
        let known = gateway.chat("small", false).header("x-session-id", format!("s{at}"));
        known
            .header("x-api-key", format!("k{at}"))
            .header("user-agent", format!("u{at}"))
            .send()
            .await
            .unwrap();
        let path = format!("http://127.0.0.1:{}/v1/path-{at}", gateway.port);
        gateway.client.get(path).send().await.unwrap();
    }
    assert_eq!(series().await, before);
}
