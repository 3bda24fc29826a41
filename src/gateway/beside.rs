//! A policy on trial decides beside the acting ones and acts on nothing: its
//! verdict is compared, its state is its own, what it asks stands in an account
//! of its own and the client waits for none of it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use super::Shadow;
use super::decide::report;
use super::effects::Asker;
use super::entry::journey_of;
use super::exchange::{End, Exchange, Journey};
use super::journal::recorded;
use super::stock::default_plan;
use crate::clock::Now;
use crate::ir::Usage;
use crate::plan::{Plan, Verdict};
use crate::policy::{Effects, Fault, Hook, Outcome, Scene, dispatch};
use crate::record;
use crate::state::{MemoryStore, Store};

/// Values that such a policy may write for itself.
const OWN_VALUES: u64 = 1_000;

/// Lets the policy on trial of the journey's route decide on what `scene` was when
/// the others had come to `acted`. Gives what the record keeps of a disagreement;
/// of a policy that asks, the comparison comes later and stands in its own record.
pub(super) async fn decide(journey: &Arc<Journey>, scene: &Scene, acted: &Verdict) -> Option<Value> {
    let shadow = journey.route.shadow.as_ref()?;
    let policy = &shadow.policy.policy;
    if !policy.has(Hook::Route) || fastrand::f64() >= shadow.sample {
        return None;
    }
    let mut scene = scene.clone();
    scene.state = Arc::new(Own { under: Arc::clone(&scene.state), own: MemoryStore::new(OWN_VALUES) });
    let acted = named(acted);
    if policy.can_suspend(Hook::Route) {
        ask_beside(journey, scene, acted);
        return None;
    }
    let effects: Arc<dyn Effects> = Arc::new(Asker::new(journey));
    let outcome = dispatch(&shadow.policy, Hook::Route, scene, &effects).await;
    compared(journey, &acted, &outcome.verdict)
}

/// The same for a policy that asks: off the path of its exchange, as one of its own.
fn ask_beside(journey: &Arc<Journey>, scene: Scene, acted: Arc<str>) {
    let (Some(place), Ok(runtime)) = (journey.gateway.trials.place(), tokio::runtime::Handle::try_current())
    else {
        journey.gateway.trials.left_out(&journey.bundle, &journey.route);
        journey.gateway.meters.shadow_left_out.with_label_values(&[journey.route.name.as_ref()]).inc();
        return;
    };
    let journey = Arc::clone(journey);
    runtime.spawn(async move {
        if let Some(shadow) = &journey.route.shadow {
            asked(&journey, shadow, scene, &acted).await;
        }
        drop(place);
    });
}

async fn asked(journey: &Arc<Journey>, shadow: &Shadow, scene: Scene, acted: &str) {
    let mut exchange = Exchange::accept(&journey.gateway, scene.request.endpoint(), scene.request.inbound());
    exchange.bundle = Arc::clone(&journey.bundle);
    exchange.principal = Arc::clone(&journey.principal);
    exchange.session.clone_from(&journey.session);
    exchange.asked = scene.request.model().to_owned();
    exchange.route = Some(Arc::clone(&shadow.route));
    let own = Journey { beside: true, ..journey_of(&exchange, Arc::clone(&shadow.route), &HeaderMap::new()) };
    let effects: Arc<dyn Effects> = Arc::new(Asker::new(&Arc::new(own)));
    let Outcome { scene, verdict, journal } = dispatch(&shadow.policy, Hook::Route, scene, &effects).await;
    let content = journey.bundle.settings.record_content;
    exchange.journal = journal.iter().map(|entry| recorded(entry, Hook::Route, content)).collect();
    exchange.notes = scene.notes;
    exchange.faults.extend(verdict.as_ref().err().map(ToString::to_string));
    let differs = compared(journey, acted, &verdict);
    exchange.shadow =
        Some(json!({ "beside": &*journey.id, "agreed": differs.is_none(), "differs": differs }));
    let usage = Usage::default();
    exchange.settle(&End { outcome: record::Outcome::Completed, status: 200, error: None, usage });
}

/// Counts whether the policy on trial decided as the acting ones did.
fn compared(journey: &Journey, acted: &str, would: &Result<Verdict, Fault>) -> Option<Value> {
    let gateway = &journey.gateway;
    let would = match would {
        Ok(Verdict::Continue) => named(&Verdict::Route(default_plan(journey))),
        Ok(verdict) => named(verdict),
        Err(fault) => {
            report(gateway, fault);
            "(it failed)".into()
        }
    };
    let differs = gateway.trials.compared(&journey.bundle, &journey.route, acted, &would);
    let agreed = if differs.is_none() { "yes" } else { "no" };
    gateway.meters.shadow.with_label_values(&[journey.route.name.as_ref(), agreed]).inc();
    differs
}

/// What is compared of a verdict: the model that is tried first, or how the
/// exchange ends without one. Two answers, or two refusals, count as alike.
fn named(verdict: &Verdict) -> Arc<str> {
    let first = |plan: &Plan| plan.steps.first().map(|step| Arc::clone(&step.model)).unwrap_or_default();
    match verdict {
        Verdict::Route(plan) => first(plan),
        Verdict::Respond(_) => "(an answer)".into(),
        Verdict::Batch(_) => "(a batch)".into(),
        _ => "(a refusal)".into(),
    }
}

/// State that is read as it is and written beside it.
#[derive(Debug)]
struct Own {
    under: Arc<dyn Store>,
    own: MemoryStore,
}

impl Store for Own {
    fn get(&self, key: &str, now: Now) -> Option<Value> {
        self.own.get(key, now).or_else(|| self.under.get(key, now))
    }

    fn put(&self, key: &str, value: Value, ttl: Option<Duration>, now: Now) {
        self.own.put(key, value, ttl, now);
    }

    fn add(&self, key: &str, by: f64, ttl: Option<Duration>, now: Now) -> f64 {
        let sum = self.get(key, now).and_then(|value| value.as_f64()).unwrap_or(0.0) + by;
        self.own.put(key, sum.into(), ttl, now);
        sum
    }

    fn compare_and_set(&self, key: &str, expected: Option<&Value>, value: Value, now: Now) -> bool {
        let holds = self.get(key, now).as_ref() == expected;
        if holds {
            self.own.put(key, value, None, now);
        }
        holds
    }
}
