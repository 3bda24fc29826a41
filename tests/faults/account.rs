//! Nothing is lost or counted twice: what providers state is what is settled.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;

use crate::connections::at;
use crate::process::Process;
use crate::provider::{Acts, Seen, provider};

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_providers_state_are_settled_once_each() {
    const ROUNDS: usize = 10;
    let (base, seen) = provider(Acts::Counts).await;
    let more = "routes: [{ name: r, models: [r], candidates: [small] }]\nrecords: { folder: ./records }\n";
    let gateway = Process::start(&at(&base, more)).await;
    for round in 0..ROUNDS {
        let all =
            (0..20).map(|at| gateway.chat(if round % 2 == 0 { "r" } else { "small" }, at % 2 == 0).send());
        for got in join_all(all).await {
            let got = got.unwrap();
            assert_eq!(got.status(), 200);
            got.bytes().await.unwrap();
        }
    }
    let asked = Seen::count(&seen.asked);
    assert_eq!(asked, 20 * ROUNDS, "one attempt each");
    gateway.reaches("pointsman_records_written_total", "", asked as f64).await;
    let records = gateway.records().await;
    let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!((records.len(), ids.len()), (asked, asked));
    let stated = seen.tokens.each_ref().map(|tokens| tokens.load(Ordering::SeqCst) as u64);
    let recorded = [
        records.iter().map(|record| record.input_tokens).sum::<u64>(),
        records.iter().map(|record| record.output_tokens).sum(),
    ];
    assert_eq!(recorded, stated);
    assert!(records.iter().all(|record| !record.usage_estimated));
    for (direction, tokens) in ["\"input\"", "\"output\""].into_iter().zip(stated) {
        let label = format!("direction={direction}");
        assert_eq!(
            gateway.metric("pointsman_tokens_total", &label).await,
            Some(tokens as f64),
            "{direction}"
        );
    }
}
