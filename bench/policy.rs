//! What a policy call costs: `cargo bench --bench policy`.
//!
//! One thread, one scene made anew for every call as the gateway does (its
//! making is measured alone and taken off). Prints nanoseconds a call, the
//! median of rounds.
//!
//! On a machine that others use, count instructions instead: with the beginning
//! of a case's name and a number it makes so many calls and nothing else, so
//! `valgrind --tool=callgrind BENCH 5-line 2000` less the same with 1000 is
//! what 1000 calls take.

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

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use pointsman::clock::Clock;
use pointsman::dialect::{LazyRequest, PathFacts, inbound};
use pointsman::ir::{Dialect, Endpoint};
use pointsman::model::{Candidate, Health, Limits, Model, Price, Tag};
use pointsman::plan::Verdict;
use pointsman::policy::{self, Bound, Catalog, Hook, Policies, RouteFacts, Scene};
use pointsman::principal::Principal;
use pointsman::provider::{Provider, kind};
use pointsman::state::MemoryStore;
use serde_json::Map;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 31;
const CALLS: u32 = 2_000;

/// What is measured: a name, the policy, how many candidates, bytes of prompt, the bound in microseconds.
const CASES: &[(&str, &str, usize, usize, f64)] = &[
    ("empty", "fn route() { }", 2, 200, 2.0),
    ("constant", r#"fn route() { "model-00" }"#, 2, 200, 2.0),
    (
        "5-line rule",
        r#"fn route() {
            if req.stream { return "model-01"; }
            if req.max_tokens != () && req.max_tokens > 4000 { return "model-01"; }
            plan("model-00").first_byte_ms(500).retries(1)
        }"#,
        2,
        200,
        2.0,
    ),
    (
        "native query, 30 candidates",
        r#"fn route() {
            let fit = ctx.candidates.fitting(req).tag_at_least("quality", 0.5).p95_under(4000);
            if fit.is_empty() { return reject(503, "no_model_fits", "none"); }
            plan(fit.cheapest(req)).first_byte_ms(500).retries(1)
        }"#,
        30,
        200,
        5.0,
    ),
    (
        "5-line rule, 100 KB prompt untouched",
        r#"fn route() { if req.stream { return "model-01"; } "model-00" }"#,
        2,
        100_000,
        2.0,
    ),
    (
        "script loop, 30 candidates",
        r#"fn route() {
            let best = ();
            for m in ctx.candidates { if best == () || m.p95_ms < best.p95_ms { best = m; } }
            best
        }"#,
        30,
        200,
        100.0,
    ),
];

fn candidate(number: usize, provider: &Arc<Provider>) -> Candidate {
    let cents = i64::try_from(number).unwrap_or(0) + 1;
    let price =
        Arc::new(Price { input: 100_000_000 * cents, output: 400_000_000 * cents, ..Price::default() });
    let mut tags = std::collections::BTreeMap::new();
    tags.insert("quality".to_owned(), Tag::Number(0.4 + number as f64 / 60.0));
    let model = Model {
        name: format!("model-{number:02}").into(),
        provider: Arc::clone(provider),
        upstream: format!("model-{number:02}"),
        context_window: Some(128_000),
        max_output_tokens: Some(16_000),
        input: vec!["text".into()],
        output: vec!["text".into()],
        capabilities: Some(vec!["tools".into(), "structured_output".into()]),
        price: Some(price.clone()),
        tags,
        limits: Limits::default(),
        simulate: None,
    };
    let health = Health {
        healthy: true,
        p50_ms: Some(700.0),
        p95_ms: Some(900.0 + 100.0 * number as f64),
        headroom: 1.0,
        samples: 100,
        ..Health::default()
    };
    Candidate { model: Arc::new(model), price: Some(price), usual_price: None, health }
}

struct Setup {
    bound: Arc<Bound>,
    raw: Bytes,
    catalog: Vec<Candidate>,
    clock: Clock,
    state: Arc<MemoryStore>,
}

impl Setup {
    fn new(source: &str, candidates: usize, prompt: usize) -> Self {
        let policies = Policies::from_sources([("bench", source)], policy::Limits::default())
            .unwrap_or_else(|problems| panic!("{problems:?}"));
        let bound = policies.get("bench").and_then(|p| p.bind(&Map::new()).ok()).expect("binds");
        let kind = kind("openai").expect("a kind");
        let provider = Arc::new(Provider {
            name: "bench".into(),
            kind,
            base_url: "http://127.0.0.1:1/v1".into(),
            api_key: None,
            account: pointsman::provider::aws::Account::default(),
            proxies: None,
            headers: Vec::new(),
            quirks: kind.quirks.clone(),
            dialect: Dialect::OpenAiChat,
        });
        let raw = format!(
            r#"{{"model":"assistant","messages":[{{"role":"user","content":"{}"}}],"temperature":0.2}}"#,
            "word ".repeat(prompt / 5)
        );
        Self {
            bound,
            raw: raw.into(),
            catalog: (0..candidates).map(|n| candidate(n, &provider)).collect(),
            clock: Clock::default(),
            state: Arc::new(MemoryStore::new(1000)),
        }
    }

    fn request(&self) -> LazyRequest {
        let inbound = inbound(Dialect::OpenAiChat).expect("a dialect");
        LazyRequest::read(Endpoint::Chat, inbound, self.raw.clone(), PathFacts::default()).expect("valid")
    }

    fn scene(&self, request: &LazyRequest, catalog: &Catalog, fixed: &Fixed) -> Box<Scene> {
        Box::new(Scene {
            request: request.clone(),
            route: Arc::clone(&fixed.route),
            catalog: catalog.clone(),
            principal: Arc::clone(&fixed.principal),
            headers: Arc::clone(&fixed.headers),
            session: None,
            request_id: Arc::clone(&fixed.id),
            now: self.clock.now(),
            seed: 7,
            state: self.state.clone(),
            attempt: None,
            response: None,
            text: None,
            spoken: pointsman::policy::speech::Spoken::Text,
            event: None,
            notes: Map::new(),
            trace: None,
        })
    }
}

#[derive(Default)]
struct Fixed {
    route: Arc<RouteFacts>,
    principal: Arc<Principal>,
    headers: Arc<Vec<(String, String)>>,
    id: Arc<str>,
}

/// The median of rounds, nanoseconds a call.
fn median(mut call: impl FnMut(u32)) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = std::time::Instant::now();
            (0..CALLS).for_each(&mut call);
            began.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().unwrap_or_default()
}

/// Makes `calls` calls of the case whose name begins so.
fn call(case: &str, calls: u32) {
    let (_, source, candidates, prompt, _) =
        CASES.iter().find(|(name, ..)| name.starts_with(case)).expect("a case of this name");
    let setup = Setup::new(source, *candidates, *prompt);
    let fixed = Fixed::default();
    let request = setup.request();
    let catalog = Catalog::fixed(setup.catalog.clone(), setup.catalog.clone());
    for _ in 0..calls {
        let scene = setup.scene(&request, &catalog, &fixed);
        drop(black_box(policy::run_inline(&setup.bound, Hook::Route, scene)));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    if let [case, calls] = &arguments[..] {
        return call(case, calls.parse().expect("a number of calls"));
    }
    let mut out = std::io::stdout().lock();
    for (name, source, candidates, prompt, bound_us) in CASES {
        let setup = Setup::new(source, *candidates, *prompt);
        let fixed = Fixed::default();
        let request = setup.request();
        let catalog = Catalog::fixed(setup.catalog.clone(), setup.catalog.clone());
        let outcome = policy::run_inline(&setup.bound, Hook::Route, setup.scene(&request, &catalog, &fixed));
        assert!(
            matches!(outcome.verdict, Ok(Verdict::Route(_) | Verdict::Continue)),
            "{name}: {:?}",
            outcome.verdict
        );
        let making = median(|_| drop(black_box(setup.scene(&request, &catalog, &fixed))));
        let whole = median(|_| {
            drop(black_box(policy::run_inline(
                &setup.bound,
                Hook::Route,
                setup.scene(&request, &catalog, &fixed),
            )));
        });
        let us = (whole - making) / 1000.0;
        let verdict = if us <= *bound_us { "within" } else { "OVER" };
        let _ = writeln!(out, "{name}: {us:.2} us ({verdict} {bound_us} us)");
    }
}
