//! The folder of the records: locked, full, unwritable, spoiled, taken away.

use std::path::Path;

use pointsman::record::Archive;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::process::{DEMO, Manner, Process, command, configured, until};

const RECORDS: &str = "records: { folder: ./records }\n";

/// Another process that has `file` open.
async fn other(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

async fn ask(gateway: &Process, count: usize) {
    for _ in 0..count {
        let got = gateway.chat("small", false).send().await.unwrap();
        assert_eq!(got.status(), 200, "{}", got.text().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_process_delays_records_and_loses_none() {
    let gateway = Process::start(&format!("{DEMO}{RECORDS}")).await;
    ask(&gateway, 3).await;
    gateway.reaches("pointsman_records_written_total", "", 3.0).await;
    let mut other = other(&gateway.folder.path().join("records/records.sqlite")).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    ask(&gateway, 20).await;
    // Its own patience with the lock has ended once at least.
    gateway.reaches("pointsman_records_refused_total", "", 1.0).await;
    ask(&gateway, 5).await;
    assert_eq!(gateway.metric("pointsman_records_waiting", "").await, Some(25.0));
    let trouble = gateway.status().await["records"]["trouble"].clone();
    assert!(trouble.as_str().is_some_and(|text| text.contains("locked")), "{trouble}");
    let (status, text) = gateway.admin("/readyz").await;
    assert_eq!((status, text.starts_with("degraded")), (200, true), "{text}");

    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    gateway.reaches("pointsman_records_written_total", "", 28.0).await;
    assert_eq!(gateway.records().await.len(), 28);
    assert_eq!(gateway.metric("pointsman_records_lost_total", "").await, Some(0.0));
    assert!(until(async || gateway.admin("/readyz").await.1 == "ok\n").await);
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_taken_away_are_begun_anew() {
    let gateway = Process::start(&format!("{DEMO}{RECORDS}")).await;
    ask(&gateway, 1).await;
    gateway.reaches("pointsman_records_written_total", "", 1.0).await;
    let folder = gateway.folder.path().join("records");
    std::fs::rename(&folder, gateway.folder.path().join("elsewhere")).unwrap();
    let begun = until(async || {
        ask(&gateway, 1).await;
        Archive::open(&folder).is_ok()
    });
    assert!(begun.await, "records are written where they were");
    ask(&gateway, 3).await;
    let settled = gateway.metric("pointsman_exchanges_settled_total", "").await.unwrap();
    gateway.reaches("pointsman_records_written_total", "", settled).await;
    assert!(gateway.records().await.len() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_stops_records_and_not_requests() {
    // The largest file that the process may write: the disk is full for it alone.
    let before = "trap '' XFSZ; ulimit -S -f 400";
    let gateway =
        Process::start_as(&format!("{DEMO}{RECORDS}"), &Manner { before, ..Manner::default() }).await;
    let written = async || gateway.metric("pointsman_records_written_total", "").await.unwrap();
    let refused = until(async || {
        ask(&gateway, 50).await;
        gateway.metric("pointsman_records_refused_total", "").await > Some(0.0)
    });
    assert!(refused.await, "the disk refuses at last");
    let so_far = written().await;
    assert!(so_far > 0.0);
    ask(&gateway, 5).await;
    assert_eq!(gateway.admin("/readyz").await.0, 200);
    // There is room again.
    let unlimited = std::process::Command::new("prlimit")
        .args(["--fsize=unlimited", "--pid", &gateway.child.id().to_string()])
        .status();
    assert!(unlimited.unwrap().success());
    let settled = gateway.metric("pointsman_exchanges_settled_total", "").await.unwrap();
    gateway.reaches("pointsman_records_written_total", "", settled).await;
    assert_eq!(gateway.records().await.len() as f64, settled);
    assert_eq!(gateway.metric("pointsman_records_lost_total", "").await, Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_does_not_start_over_records_that_it_cannot_keep() {
    type Spoil = fn(&Path);
    let cases: [(&str, Spoil, &str); 4] = [
        (
            "no database",
            |records| std::fs::write(records.join("records.sqlite"), "hello".repeat(500)).unwrap(),
            "records.sqlite",
        ),
        (
            "a spoiled deferrals file",
            |records| std::fs::write(records.join("deferrals.sqlite"), "hello".repeat(500)).unwrap(),
            "deferrals.sqlite",
        ),
        (
            "a folder for a file",
            |records| std::fs::create_dir(records.join("records.sqlite")).unwrap(),
            "records.sqlite",
        ),
        (
            "a file for the folder",
            |records| {
                std::fs::remove_dir(records).unwrap();
                std::fs::write(records, "x").unwrap();
            },
            "records",
        ),
    ];
    for (name, spoil, named) in cases {
        let folder = tempfile::tempdir().unwrap();
        configured(folder.path(), &format!("{DEMO}{RECORDS}"));
        let records = folder.path().join("records");
        std::fs::create_dir(&records).unwrap();
        spoil(&records);
        let spoiled = || std::fs::read(records.join(named)).ok();
        let before = spoiled();
        let ended = command(folder.path(), &Manner::default())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(named), "{name}: {said}");
        assert!(spoiled() == before, "{name}: it is left as it was");
    }
}

/// A policy that leaves every request to a batch.
const WAITS: &str = "fn route() { batch() }";

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_a_batch_are_refused_while_their_file_cannot_take_them() {
    let yaml = "providers: { p: { kind: openai, base_url: \"http://127.0.0.1:9/v1\", api_key: k } }\n\
        models: { small: { provider: p } }\nroutes: [{ name: r, models: [r], policies: [waits] }]\n";
    let folder = |path: &Path| std::fs::write(path.join("policies/waits.rhai"), WAITS).unwrap();
    let gateway = Process::start_in(&format!("{yaml}{RECORDS}"), &Manner::default(), folder).await;
    assert_eq!(gateway.chat("r", false).send().await.unwrap().status(), 202);
    let mut other = other(&gateway.folder.path().join("records/deferrals.sqlite")).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    // Many at once: none waits for all those before it.
    let asked = std::time::Instant::now();
    let all = (0..20).map(|_| gateway.chat("r", false).send());
    for got in futures_util::future::join_all(all).await {
        let got = got.unwrap();
        let (status, text) = (got.status(), got.text().await.unwrap());
        assert_eq!(status, 503, "{text}");
        assert!(text.contains("records: ") && !text.contains("deferrals.sqlite"), "{text}");
    }
    assert!(asked.elapsed() < std::time::Duration::from_secs(15), "{:?}", asked.elapsed());
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    assert_eq!(gateway.chat("r", false).send().await.unwrap().status(), 202);
    // Only those that were told so are taken in.
    let taken: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM deferral").fetch_one(&mut other).await.unwrap();
    assert_eq!(taken.0, 2);

    std::fs::rename(gateway.folder.path().join("records"), gateway.folder.path().join("elsewhere")).unwrap();
    let got = gateway.chat("r", false).send().await.unwrap();
    assert_eq!(got.status(), 503, "a promise that no file keeps: {}", got.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_ends_though_its_records_are_locked_and_says_what_is_lost() {
    let manner = Manner { arguments: &["--notice", "0"], ..Manner::default() };
    let mut gateway = Process::start_as(&format!("{DEMO}{RECORDS}"), &manner).await;
    ask(&gateway, 1).await;
    gateway.reaches("pointsman_records_written_total", "", 1.0).await;
    let mut other = other(&gateway.folder.path().join("records/records.sqlite")).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    ask(&gateway, 5).await;
    gateway.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    let lost: u64 = gateway
        .lines
        .lock()
        .iter()
        .filter(|line| line.contains("records are lost"))
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["count"].as_u64())
        .sum();
    assert_eq!(lost, 5);
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    assert_eq!(gateway.records().await.len(), 1);
}
