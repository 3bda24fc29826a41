//! Figures of the host; run by hand in an optimised build, each alone:
//! `cargo test --release --test policy_host figures -- --ignored --nocapture --test-threads 1`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pointsman::policy::{Effects, Hook, Limits, Policies, run, run_inline};

use crate::outside::Echo;
use crate::scene::{policy, scene};

/// Median of nine rounds of `count` calls, a call in microseconds.
fn median(count: u32, mut call: impl FnMut()) -> f64 {
    let mut rounds: Vec<Duration> = (0..9)
        .map(|_| {
            let began = Instant::now();
            (0..count).for_each(|_| call());
            began.elapsed() / count
        })
        .collect();
    rounds.sort();
    rounds[4].as_nanos() as f64 / 1000.0
}

const RULES: [(&str, &str); 6] = [
    ("empty", "fn route() { }"),
    (
        "5 lines",
        "fn route() {\n if req.stream { return \"m1\"; }\n if ctx.key.name == \"ci\" && req.model != \"x\" { return \"m2\"; }\n if req.max_tokens ?? 0 > 10 { return \"m4\"; }\n \"m3\"\n}",
    ),
    (
        "native query",
        "fn route() { ctx.candidates.fitting(req).tag_at_least(\"quality\", 0.2).p95_under(3000).cheapest(req) }",
    ),
    (
        "loop over 30",
        "fn route() { let best = (); for m in ctx.candidates { if m.context_window > 20000 && m.p95_ms < 3000 { best = m.name; } } best }",
    ),
    (
        "closures over 30",
        "fn route() { let all = []; for m in ctx.candidates { all.push(m); } all.filter(|m| m.context_window > 20000)[0].name }",
    ),
    ("comparisons", "fn route() { let n = 0; for i in 0..1000 { if i > 5 && i != 7 { n += 1; } } \"m1\" }"),
];

#[test]
#[ignore = "a figure, for an optimised build"]
fn calls() {
    for (name, source) in RULES {
        let bound = policy(source);
        let mut lent = Some(Box::new(scene()));
        let outcome = run_inline(&bound, Hook::Route, lent.clone().unwrap());
        assert!(outcome.verdict.is_ok(), "{name}: {:?}", outcome.verdict);
        let us = median(20_000, || {
            let outcome = run_inline(&bound, Hook::Route, lent.take().unwrap());
            lent = Some(outcome.scene);
        });
        println!("{name}: {us:.2} us");
    }
}

#[test]
#[ignore = "a figure, for an optimised build"]
fn compiling() {
    let body = "fn weight(m) { m.context_window / 1000 }\nfn route() {\n".to_owned()
        + &*"  for m in ctx.candidates { if weight(m) > 5 && m.name != \"x\" { return m.name; } }\n"
            .repeat(44)
        + "  \"m1\"\n}\n";
    let names: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
    let ms = median(3, || {
        let sources = names.iter().map(|name| (name.as_str(), body.as_str()));
        assert_eq!(Policies::from_sources(sources, Limits::default()).unwrap().iter().count(), 50);
    });
    println!("50 policies of 48 lines, compiled and checked: {:.1} ms", ms / 1000.0);
}

#[test]
#[ignore = "a figure, for an optimised build"]
fn effects() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let effects: Arc<dyn Effects> = Arc::new(Echo);
    for (name, count, source) in [
        ("1 effect", 1.0, "fn route() { ask(\"m1\", req); \"m1\" }"),
        ("41 effects", 41.0, "fn route() { for i in 0..41 { ask(\"m1\", req); } \"m1\" }"),
    ] {
        let bound = policy(source);
        let us = median(500, || {
            let outcome = runtime.block_on(run(&bound, Hook::Route, scene(), Arc::clone(&effects)));
            assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
        });
        println!("{name}: {us:.1} us a hook, {:.1} us an effect", us / count);
    }
}

#[test]
#[ignore = "a figure, for an optimised build"]
fn leaks() {
    let runs = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let effects: Arc<dyn Effects> = Arc::new(Echo);
    let bound = policy(
        "fn route() { let a = ask_all([\"m1\", \"m2\"], req); state.add(\"n\", 1); if a.len > 5 { throw \"x\" } a[0].model }",
    );
    let rss = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        status.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4
    };
    let round = |count: usize| {
        for i in 0..count {
            let (bound, effects) = (Arc::clone(&bound), Arc::clone(&effects));
            if i % 10 == 0 {
                // Gone before, during or after: whatever the time allows.
                let task = runtime.spawn(async move { run(&bound, Hook::Route, scene(), effects).await });
                std::thread::yield_now();
                task.abort();
                let _ = runtime.block_on(task);
            } else {
                assert!(runtime.block_on(run(&bound, Hook::Route, scene(), effects)).verdict.is_ok());
            }
        }
    };
    round(runs / 10);
    let before = rss();
    round(runs);
    println!(
        "{runs} runs: {} KiB more, {} alive",
        rss().saturating_sub(before),
        pointsman::policy::suspended()
    );
}

#[test]
#[ignore = "a figure, for an optimised build"]
fn neighbours() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let effects: Arc<dyn Effects> = Arc::new(Echo);
    let mut limits = Limits::default();
    limits.effects.cpu = Duration::from_secs(60);
    limits.effects.operations = u64::MAX / 4;
    let spin = crate::scene::with_limits("fn route() { ask(\"m1\", req); loop {} }", limits);
    let rule = policy(RULES[1].1);
    let p99 = || {
        let mut times: Vec<Duration> = (0..2000)
            .map(|_| {
                let rule = Arc::clone(&rule);
                let began = Instant::now();
                runtime.block_on(async {
                    tokio::spawn(async move { run_inline(&rule, Hook::Route, scene()) })
                        .await
                        .unwrap()
                        .verdict
                        .unwrap()
                });
                let took = began.elapsed();
                std::thread::sleep(Duration::from_micros(200));
                took
            })
            .collect();
        times.sort();
        (times[1000], times[1980])
    };
    println!("alone: p50 and p99 {:?}", p99());
    let spinning = runtime.spawn(async move { run(&spin, Hook::Route, scene(), effects).await });
    println!("beside a spinning script: p50 and p99 {:?}", p99());
    spinning.abort();
}
