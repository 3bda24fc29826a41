//! What was recorded is the past as it was: the same policies with the same
//! journal decide alike, offline and later.

use std::process::Command;

use serde_json::Value;

use crate::process::{Manner, Process};

const YAML: &str = "providers: { demo: { kind: simulated } }\n\
    models: { a: { provider: demo }, b: { provider: demo }, judge: { provider: demo, simulate: { answer: [\"1\", \"2\", \"3\"] } } }\n\
    routes: [{ name: r, models: [r], candidates: [a, b], policies: [dice] }]\n\
    records: { folder: ./records, content: true }\n";

/// Goes by chance, by the state and by what a model says.
const DICE: &str = r#"//! Goes by everything that is another the next time.
fn route() {
    let first = ctx.weighted(#{ "a": 1, "b": 1 });
    let count = state.add("count", 1);
    let said = ask("judge", "How hard is it?");
    ctx.note("why", `${first} ${count} ${said.text} ${random(1000)} ${now().unix_ms}`);
    if (count + parse_int(said.text)) % 2 == 0 { plan(first) } else { plan(["b", "a"]) }
}
"#;

/// What the program says to `arguments` and the folder.
fn told(gateway: &Process, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    let done = command.args(arguments).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let folder = gateway.folder.path().display();
    assert!(
        done.status.success(),
        "{arguments:?} in {folder}: {text}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_exchanges_are_decided_again_as_they_were() {
    const ASKED: usize = 24;
    let prepare = |folder: &std::path::Path| std::fs::write(folder.join("policies/dice.rhai"), DICE).unwrap();
    let gateway = Process::start_in(YAML, &Manner::default(), prepare).await;
    for _ in 0..ASKED {
        let got = gateway.chat("r", false).send().await.unwrap();
        assert_eq!(got.status(), 200, "{}", got.text().await.unwrap());
    }
    gateway.reaches("pointsman_records_written_total", "", ASKED as f64).await;
    let folder = gateway.folder.path().to_str().unwrap();

    let replayed: Value =
        serde_json::from_str(&told(&gateway, &["replay", folder, "--bundle", folder, "--format", "json"]))
            .unwrap();
    assert_eq!(replayed["replayed"], ASKED);
    assert_eq!((&replayed["moved"], &replayed["policy_failures"]), (&0.into(), &0.into()), "{replayed}");

    let records = gateway.records().await;
    let gone: Vec<&str> = records.iter().filter_map(|record| record.model.as_deref()).collect();
    assert!(gone.contains(&"a") && gone.contains(&"b"), "chance decided: {gone:?}");
    for record in records.iter().take(4) {
        let explained: Value = serde_json::from_str(&told(
            &gateway,
            &["explain", "--record", &record.id, "--config", folder, "--format", "json"],
        ))
        .unwrap();
        assert_eq!(explained["stops"][0]["notes"], Value::Object(record.notes.clone()), "{explained}");
        let effects: Vec<&str> = explained["stops"][0]["effects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|effect| effect["effect"].as_str().unwrap())
            .collect();
        assert_eq!(effects, ["random", "state.add", "ask", "random", "now"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_content_makes_a_case_of_its_size() {
    let policy = "//! By size.\nfn route() { if req.endpoint == \"messages\" && req.tokens < 100 { plan(\"a\") } else { plan(\"b\") } }\n";
    let prepare =
        |folder: &std::path::Path| std::fs::write(folder.join("policies/dice.rhai"), policy).unwrap();
    let yaml = YAML.replace(", content: true", "");
    let gateway = Process::start_in(&yaml, &Manner::default(), prepare).await;
    let body = r#"{"model":"r","max_tokens":9,"messages":[{"role":"user","content":"Which track?"}]}"#;
    let url = format!("http://127.0.0.1:{}/v1/messages", gateway.port);
    assert_eq!(gateway.client.post(url).body(body).send().await.unwrap().status(), 200);
    gateway.reaches("pointsman_records_written_total", "", 1.0).await;
    let folder = gateway.folder.path();
    let id = gateway.records().await.remove(0).id;
    let case = told(&gateway, &["test", folder.to_str().unwrap(), "--record", &id]);
    for part in [r#""text":"word ""#, r#"endpoint: "messages""#, r#"{"targets":["a"]}"#, "keeps no content"] {
        assert!(case.contains(part), "{part} is missing in:\n{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_makes_a_case_that_holds() {
    let policy = "//! Hard questions to b.\nfn route() { if parse_int(ask(\"judge\", req.last_user).text) > 1 { plan([\"b\", \"a\"]) } else { plan(\"a\") } }\n";
    let prepare =
        |folder: &std::path::Path| std::fs::write(folder.join("policies/dice.rhai"), policy).unwrap();
    let gateway = Process::start_in(YAML, &Manner::default(), prepare).await;
    for _ in 0..3 {
        assert_eq!(gateway.chat("r", false).send().await.unwrap().status(), 200);
    }
    gateway.reaches("pointsman_records_written_total", "", 3.0).await;
    let folder = gateway.folder.path();
    let mut cases = "cases:\n".to_owned();
    for record in gateway.records().await {
        cases += &told(&gateway, &["test", folder.to_str().unwrap(), "--record", &record.id]);
    }
    assert!(cases.contains(r#"{"targets":["a"]}"#) && cases.contains(r#"{"targets":["b","a"]}"#), "{cases}");
    std::fs::write(folder.join("policies/dice.cases.yaml"), &cases).unwrap();
    let tested = told(&gateway, &["test", folder.to_str().unwrap()]);
    assert!(tested.contains("3 passed, 0 failed"), "{tested}\n{cases}");
}
