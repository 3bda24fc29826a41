//! A scene of fixed values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman::clock::Clock;
use pointsman::dialect::{LazyRequest, PathFacts, inbound};
use pointsman::ir::{Dialect, Endpoint};
use pointsman::model::{Candidate, Health, Limits as ModelLimits, Model, Price, Tag};
use pointsman::policy::speech::Spoken;
use pointsman::policy::{Bound, Catalog, Hook, Limits, Outcome, Policies, RouteFacts, Scene, run_inline};
use pointsman::principal::Principal;
use pointsman::problem::Problem;
use pointsman::provider::Provider;
use pointsman::state::MemoryStore;

pub(crate) fn scene() -> Scene {
    scene_of("Hello there, what is two and two?")
}

pub(crate) fn scene_of(prompt: &str) -> Scene {
    let body = serde_json::json!({
        "model": "assistant", "max_tokens": 100, "messages": [{"role": "user", "content": prompt}],
    });
    let raw = Bytes::from(body.to_string());
    let inbound = inbound(Dialect::Anthropic).unwrap();
    let request = LazyRequest::read(Endpoint::Messages, inbound, raw, PathFacts::default()).unwrap();
    let candidates: Vec<Candidate> = (0..30).map(candidate).collect();
    Scene {
        request,
        route: Arc::new(RouteFacts { name: "assistant".into(), retries: 2 }),
        catalog: Catalog::fixed(candidates.clone(), candidates),
        principal: Arc::new(Principal { key: "ci".into(), ..Principal::default() }),
        headers: Arc::new(vec![("x-tier".into(), "gold".into())]),
        session: None,
        request_id: "req-1".into(),
        now: Clock::manual(1_700_000_000_000).now(),
        seed: 42,
        state: Arc::new(MemoryStore::new(1000)),
        attempt: None,
        response: None,
        text: None,
        spoken: Spoken::Text,
        event: None,
        notes: serde_json::Map::new(),
        trace: None,
    }
}

fn candidate(number: u64) -> Candidate {
    let kind = pointsman::provider::kind("simulated").unwrap();
    let provider = Provider {
        name: "demo".into(),
        kind,
        base_url: String::new(),
        api_key: None,
        account: pointsman::provider::aws::Account::default(),
        proxies: None,
        headers: Vec::new(),
        quirks: kind.quirks.clone(),
        dialect: Dialect::Anthropic,
    };
    let model = Model {
        name: format!("m{number}").into(),
        provider: Arc::new(provider),
        upstream: format!("m{number}"),
        context_window: Some(8000 * (1 + number)),
        max_output_tokens: Some(4000),
        input: vec!["text".into()],
        output: vec!["text".into()],
        capabilities: None,
        price: None,
        tags: BTreeMap::from([("quality".to_owned(), Tag::Number(number as f64 / 30.0))]),
        limits: ModelLimits::default(),
        simulate: None,
    };
    let price = Price { input: 100_000_000 * (1 + number as i64), output: 400_000_000, ..Price::default() };
    let health = Health {
        healthy: true,
        p95_ms: Some(500.0 + 100.0 * number as f64),
        headroom: 1.0,
        ..Health::default()
    };
    Candidate { model: Arc::new(model), price: Some(Arc::new(price)), health, usual_price: None }
}

/// Limits without the pressure of time: unoptimised code is ten times slower.
pub(crate) fn unhurried() -> Limits {
    let mut limits = Limits::default();
    limits.inline.wall = Duration::from_secs(10);
    limits.inline.cpu = Duration::from_secs(10);
    limits
}

pub(crate) fn policy(source: &str) -> Arc<Bound> {
    with_limits(source, unhurried())
}

pub(crate) fn with_limits(source: &str, limits: Limits) -> Arc<Bound> {
    let policies = Policies::from_sources([("test", source)], limits)
        .unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    policies.get("test").unwrap().bind(&serde_json::Map::new()).unwrap()
}

/// `rule line:column message (help)` of each problem.
pub(crate) fn shown(problems: &[Problem]) -> String {
    let one = |p: &Problem| {
        let at = p.at.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
        let help = p.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{} {at} {}{help}", p.rule, p.message)
    };
    problems.iter().map(one).collect::<Vec<_>>().join("\n")
}

pub(crate) fn route(source: &str) -> Outcome {
    run_inline(&policy(source), Hook::Route, scene())
}
