//! What `sqlite` promises, as tests.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::record::{Attempt, Effect, Exchange, Outcome, Sink};

fn exchange(number: u64) -> Exchange {
    Exchange {
        id: format!("01J{number:08}"),
        started_ms: number,
        route: if number.is_multiple_of(2) { "even" } else { "odd" }.to_owned(),
        model: Some("m".to_owned()),
        cost_nano_usd: 5,
        attempts: vec![Attempt {
            number: 1,
            model: "m".into(),
            cost_nano_usd: Some(5),
            ..Attempt::default()
        }],
        journal: vec![Effect {
            effect: "ask".to_owned(),
            result: json!({ "ok": true }),
            ..Effect::default()
        }],
        ..Exchange::default()
    }
}

fn all() -> Filter {
    Filter { limit: 1_000, ..Filter::default() }
}

#[tokio::test]
async fn what_is_put_is_found_whole_after_closing() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).await.unwrap();
    let writer = archive.writer(Duration::from_secs(3_600), Clock::manual(0)).await.unwrap();
    for number in 0..1_200 {
        writer.put(Arc::new(exchange(number)));
    }
    assert_eq!(writer.stats().lost.load(Ordering::Relaxed), 0);
    Arc::clone(&writer).close().await;
    assert_eq!(writer.stats().written.load(Ordering::Relaxed), 1_200);

    let archive = Archive::open(dir.path()).unwrap();
    assert_eq!(archive.list(&Filter { limit: 5_000, ..all() }).await.unwrap().len(), 1_200);
    let even = Filter { route: Some("even".to_owned()), since_ms: 1_000, ..all() };
    assert_eq!(archive.list(&even).await.unwrap().len(), 100);
    let page =
        archive.list(&Filter { limit: 2, before: Some("01J00000010".to_owned()), ..all() }).await.unwrap();
    assert_eq!(page.iter().map(|e| e.started_ms).collect::<Vec<_>>(), [9, 8]);
    let failed = Filter { outcome: Some(Outcome::Failed), ..all() };
    assert!(archive.list(&failed).await.unwrap().is_empty());
    assert_eq!(archive.get("01J00000007").await.unwrap(), Some(exchange(7)));
    assert_eq!(archive.get("01J0000000").await.unwrap(), None, "ten records begin so");
    assert!(Archive::open(&dir.path().join("elsewhere")).is_err());
}

#[tokio::test]
async fn old_records_go() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).await.unwrap();
    let writer = archive.writer(Duration::MAX, Clock::manual(0)).await.unwrap();
    for number in 0..1_200 {
        writer.put(Arc::new(exchange(number)));
    }
    writer.close().await;
    // A writer purges when it starts: here at 1,100 ms, keeping the last 100 ms.
    let writer = archive.writer(Duration::from_millis(100), Clock::manual(1_100)).await.unwrap();
    while writer.stats().purged.load(Ordering::Relaxed) < 1_000 {
        tokio::task::yield_now().await;
    }
    writer.close().await;
    let left = archive.list(&all()).await.unwrap();
    assert_eq!((left.len(), left.last().unwrap().started_ms), (200, 1_000));
    assert_eq!(archive.get("01J00000005").await.unwrap(), None);
}

#[tokio::test]
async fn a_file_of_another_shape_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::create(dir.path()).await.unwrap();
    let mut connection = archive.connect(false).await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut connection).await.unwrap();
    drop(connection);
    assert!(Archive::create(dir.path()).await.is_err());
}
