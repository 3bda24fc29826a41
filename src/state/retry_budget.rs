//! Retry budget: retries as a share of recent requests, so that a failing
//! provider is not buried under them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use parking_lot::{Mutex, RwLock};

/// How far back requests count.
const MEMORY: Duration = Duration::from_secs(10);
/// Retries a second that are allowed whatever the share.
const ALWAYS: f64 = 3.0;

/// The retry budgets of all routes, by name.
#[derive(Debug, Default)]
pub struct RetryBudgets {
    by_route: RwLock<AHashMap<Arc<str>, Arc<RetryBudget>>>,
}

impl RetryBudgets {
    /// The budget of `route`, made when first asked for.
    #[must_use]
    pub fn of(&self, route: &Arc<str>) -> Arc<RetryBudget> {
        if let Some(budget) = self.by_route.read().get(route) {
            return Arc::clone(budget);
        }
        Arc::clone(self.by_route.write().entry(Arc::clone(route)).or_default())
    }
}

/// The retry budget of one route.
#[derive(Debug, Default)]
pub struct RetryBudget {
    inner: Mutex<Option<Level>>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    /// Requests, and retries, that decay over [`MEMORY`].
    requests: f64,
    retries: f64,
    at: Instant,
}

impl RetryBudget {
    /// A request has come.
    pub fn request(&self, now: Instant) {
        let mut inner = self.inner.lock();
        let mut level = decayed(*inner, now);
        level.requests += 1.0;
        *inner = Some(level);
    }

    /// Asks for one retry; `share` of the requests (0 to 1) may be retried.
    pub fn retry(&self, share: f64, now: Instant) -> bool {
        let mut inner = self.inner.lock();
        let mut level = decayed(*inner, now);
        let allowed = level.requests * share + ALWAYS * MEMORY.as_secs_f64() / 2.0;
        let granted = level.retries + 1.0 <= allowed;
        level.retries += f64::from(u8::from(granted));
        *inner = Some(level);
        granted
    }
}

/// The level at `now`: both counts fall exponentially.
fn decayed(level: Option<Level>, now: Instant) -> Level {
    let Some(level) = level else { return Level { requests: 0.0, retries: 0.0, at: now } };
    let passed = now.saturating_duration_since(level.at).as_secs_f64();
    let left = (-passed / MEMORY.as_secs_f64()).exp();
    Level { requests: level.requests * left, retries: level.retries * left, at: level.at.max(now) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn amplification_stays_bounded_when_everything_fails() {
        let start = Clock::System.now().mono;
        let budget = RetryBudget::default();
        let (mut requests, mut retries) = (0.0, 0.0);
        for ms in 0..60_000_u64 {
            let now = start + Duration::from_millis(ms);
            budget.request(now);
            requests += 1.0;
            for _ in 0..2 {
                retries += f64::from(u8::from(budget.retry(0.2, now)));
            }
        }
        assert!(retries / requests <= 0.21, "{retries} for {requests}");
        assert!(retries / requests > 0.15, "{retries} for {requests}");
    }
}
