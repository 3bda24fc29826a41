//! Policies on trial: whether they decide as the acting ones do, how the
//! exchanges go on which they act, and their return when a bound is passed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Bundle, Gateway, Route, Shadow};
use crate::ir::Money;

/// Exchanges that decide at the least.
const LEAST: usize = 20;
/// Exchanges that are looked at: the latest.
const WINDOW: usize = 200;

/// Most policies that decide beside exchanges at once and wait; beyond, exchanges are left out.
const MOST: usize = 256;

/// How the trials of all routes go, by bundle and route.
#[derive(Debug)]
pub(super) struct Trials {
    all: Mutex<AHashMap<Key, Trial>>,
    places: Arc<Semaphore>,
}

impl Default for Trials {
    fn default() -> Self {
        Self { all: Mutex::default(), places: Arc::new(Semaphore::new(MOST)) }
    }
}

type Key = (Arc<str>, Arc<str>);

/// How one trial goes.
#[derive(Debug, Default)]
struct Trial {
    acted: VecDeque<Acted>,
    agreed: u64,
    disagreed: u64,
    /// Exchanges on which it was not asked, for too many were waiting.
    left_out: u64,
    /// The bound that was passed, in words.
    returned: Option<String>,
}

/// An exchange on which the policy on trial acted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acted {
    pub(super) failed: bool,
    pub(super) cost: Money,
    pub(super) duration: Duration,
}

/// What an exchange on trial came to, on the average and at the 95th percentile.
struct Figures {
    errors: f64,
    cost_usd: f64,
    p95: Duration,
}

fn key(bundle: &Bundle, route: &Route) -> Key {
    (Arc::clone(&bundle.hash), Arc::clone(&route.name))
}

impl Trials {
    /// Whether the policy on trial of `route` may still act.
    pub(super) fn goes_on(&self, bundle: &Bundle, route: &Route) -> bool {
        self.all.lock().get(&key(bundle, route)).is_none_or(|trial| trial.returned.is_none())
    }

    /// Counts whether both decided alike; gives what the record keeps where they did not.
    pub(super) fn compared(&self, bundle: &Bundle, route: &Route, acted: &str, would: &str) -> Option<Value> {
        let mut trials = self.all.lock();
        let trial = trials.entry(key(bundle, route)).or_default();
        if acted == would {
            trial.agreed += 1;
            return None;
        }
        trial.disagreed += 1;
        Some(json!({ "acted": acted, "would": would }))
    }

    /// A place for a policy that decides beside an exchange and waits; none where too many do.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// The policy on trial was not asked, for there was no place.
    pub(super) fn left_out(&self, bundle: &Bundle, route: &Route) {
        self.all.lock().entry(key(bundle, route)).or_default().left_out += 1;
    }

    /// An exchange ended on which the policy on trial acted. Gives the bound
    /// that is passed with it, once, in words.
    fn ended(&self, bundle: &Bundle, route: &Route, shadow: &Shadow, acted: Acted) -> Option<String> {
        let mut trials = self.all.lock();
        // Trials of bundles that are gone tell nothing any more.
        if trials.keys().any(|(hash, _)| *hash != bundle.hash) && trials.len() > 64 {
            trials.retain(|(hash, _), _| *hash == bundle.hash);
        }
        let trial = trials.entry(key(bundle, route)).or_default();
        if trial.acted.len() == WINDOW {
            trial.acted.pop_front();
        }
        trial.acted.push_back(acted);
        if trial.acted.len() < LEAST || trial.returned.is_some() {
            return None;
        }
        trial.returned = trial.figures().and_then(|figures| figures.beyond(shadow));
        trial.returned.clone()
    }

    /// How the trial of `route` goes, for `/status`.
    pub(super) fn status(&self, bundle: &Bundle, route: &Route, shadow: &Shadow) -> Value {
        let trials = self.all.lock();
        let trial = trials.get(&key(bundle, route));
        let figures = trial.and_then(Trial::figures);
        json!({
            "route": &*route.name,
            "policy": &*shadow.policy.policy.name,
            "share": shadow.share,
            "sample": shadow.sample,
            "acted": trial.map_or(0, |trial| trial.acted.len()),
            "agreed": trial.map_or(0, |trial| trial.agreed),
            "disagreed": trial.map_or(0, |trial| trial.disagreed),
            "left_out": trial.map_or(0, |trial| trial.left_out),
            "errors": figures.as_ref().map(|figures| figures.errors),
            "cost_usd": figures.as_ref().map(|figures| figures.cost_usd),
            "p95_ms": figures.as_ref().map(|figures| figures.p95.as_millis()),
            "returned": trial.and_then(|trial| trial.returned.as_deref()),
        })
    }
}

impl Trial {
    fn figures(&self) -> Option<Figures> {
        let count = self.acted.len();
        let mut durations: Vec<Duration> = self.acted.iter().map(|acted| acted.duration).collect();
        durations.sort_unstable();
        let p95 = *durations.get((count * 95).div_ceil(100).saturating_sub(1))?;
        let failed = self.acted.iter().filter(|acted| acted.failed).count();
        let cost = self.acted.iter().fold(Money::ZERO, |sum, acted| sum.plus(acted.cost));
        let count = count as f64;
        Some(Figures { errors: failed as f64 / count, cost_usd: cost.as_usd() / count, p95 })
    }
}

impl Figures {
    /// The bound that is passed, in words.
    fn beyond(&self, shadow: &Shadow) -> Option<String> {
        let bounds = shadow.bounds;
        if self.errors > bounds.errors {
            let (errors, most) = (self.errors * 100.0, bounds.errors * 100.0);
            return Some(format!("{errors:.0} % of its exchanges failed, more than {most:.0} %"));
        }
        if let Some(most) = bounds.cost.filter(|most| self.cost_usd > most.as_usd()) {
            return Some(format!("an exchange costs {:.6} USD, more than {most}", self.cost_usd));
        }
        let most = bounds.p95.filter(|most| self.p95 > *most)?;
        let (p95, most) = (self.p95.as_millis(), most.as_millis());
        Some(format!("the 95th percentile of durations is {p95} ms, more than {most} ms"))
    }
}

/// An exchange of `route` ended on which its policy on trial acted.
pub(super) fn ended(gateway: &Gateway, bundle: &Bundle, route: &Route, acted: Acted) {
    let Some(shadow) = &route.shadow else { return };
    if let Some(why) = gateway.trials.ended(bundle, route, shadow, acted) {
        gateway.meters.shadow_returns.with_label_values(&[route.name.as_ref()]).inc();
        tracing::error!(
            route = %route.name, policy = %shadow.policy.policy.name,
            "the policy on trial acts no more: {why}"
        );
    }
}
