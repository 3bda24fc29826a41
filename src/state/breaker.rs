//! Circuit breaker: three states, `now` and the jitter as arguments.

use std::time::{Duration, Instant};

/// Failures in a row that open a breaker.
const FAILURES: u32 = 5;
/// How long it stays open before the first probe.
const OPEN_FOR: Duration = Duration::from_secs(10);
/// Longest time open, after repeated failures of the probe.
const OPEN_MOST: Duration = Duration::from_secs(60);
/// A probe that has not come back after this long no longer bars the next.
const PROBE_LOST: Duration = Duration::from_secs(60);

/// A circuit breaker of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Breaker {
    /// Requests pass.
    #[default]
    Closed,
    /// Requests pass; so many failed in a row.
    Failing(u32),
    /// Nothing passes until the time comes.
    Open {
        /// When a probe may pass.
        until: Instant,
        /// How often it has opened in a row.
        times: u32,
    },
    /// One probe is under way.
    HalfOpen {
        /// Since when.
        since: Instant,
        /// How often it has opened in a row.
        times: u32,
    },
}

impl Breaker {
    /// Whether a request would pass now, without taking the probe's place.
    #[must_use]
    pub fn would_pass(&self, now: Instant) -> bool {
        match self {
            Self::Closed | Self::Failing(_) => true,
            Self::Open { until, .. } => now >= *until,
            Self::HalfOpen { since, .. } => now.saturating_duration_since(*since) >= PROBE_LOST,
        }
    }

    /// Asks to pass; takes the probe's place when the time has come.
    pub fn pass(&mut self, now: Instant) -> bool {
        let pass = self.would_pass(now);
        if pass && let Self::Open { times, .. } | Self::HalfOpen { times, .. } = *self {
            *self = Self::HalfOpen { since: now, times };
        }
        pass
    }

    /// An attempt succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::Closed;
    }

    /// An attempt failed. `jitter` (0 to 1) spreads the probes of several gateways.
    pub fn failed(&mut self, now: Instant, jitter: f64) {
        *self = match *self {
            Self::Closed => Self::Failing(1),
            Self::Failing(failures) if failures + 1 < FAILURES => Self::Failing(failures + 1),
            Self::Failing(_) => Self::open(now, 1, jitter),
            Self::HalfOpen { times, .. } => Self::open(now, times + 1, jitter),
            Self::Open { .. } => *self,
        };
    }

    /// An attempt ended without saying anything of the model: the client left,
    /// the request was at fault. A probe gives its place to the next.
    pub fn ended(&mut self, now: Instant) {
        if let Self::HalfOpen { times, .. } = *self {
            *self = Self::Open { until: now, times };
        }
    }

    fn open(now: Instant, times: u32, jitter: f64) -> Self {
        let longer = OPEN_FOR.saturating_mul(1 << times.saturating_sub(1).min(8)).min(OPEN_MOST);
        let spread = longer.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0));
        Self::Open { until: now + spread, times }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn opens_after_five_failures_and_probes_once() {
        let start = Clock::System.now().mono;
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(start, 0.5);
        }
        assert!(breaker.pass(start));
        breaker.failed(start, 0.5);
        assert!(!breaker.pass(at(9)));
        assert!(breaker.pass(at(10)), "the probe");
        assert!(!breaker.pass(at(10)), "one probe at a time");
        breaker.failed(at(10), 0.5);
        assert!(!breaker.pass(at(29)), "twice as long the second time");
        assert!(breaker.pass(at(30)));
        breaker.ended(at(30));
        assert!(breaker.pass(at(30)), "a probe that said nothing gives its place on");
        breaker.succeeded();
        assert_eq!(breaker, Breaker::Closed);
    }

    #[test]
    fn a_success_between_failures_starts_the_count_anew() {
        let now = Clock::System.now().mono;
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker.failed(now, 0.0);
            breaker.failed(now, 0.0);
            breaker.succeeded();
        }
        assert!(breaker.pass(now));
    }
}
