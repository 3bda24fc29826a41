//! The live state of one model: windows, breaker, its provider's limits.
//! Kept by name, so that it survives reloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use parking_lot::{Mutex, RwLock};

use super::breaker::Breaker;
use super::bucket::Bucket;
use super::window::Window;
use crate::clock::Now;
use crate::model::{Health, Limits};

/// The live state of all models, by name.
#[derive(Debug, Default)]
pub struct Models {
    by_name: RwLock<AHashMap<Arc<str>, Arc<ModelState>>>,
}

impl Models {
    /// The state of `name`, made when first asked for.
    #[must_use]
    pub fn of(&self, name: &Arc<str>) -> Arc<ModelState> {
        if let Some(state) = self.by_name.read().get(name) {
            return Arc::clone(state);
        }
        Arc::clone(self.by_name.write().entry(Arc::clone(name)).or_default())
    }
}

/// The live state of one model.
#[derive(Debug, Default)]
pub struct ModelState {
    in_flight: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Durations of whole answers, ms.
    total: Window,
    /// Times to the first token, ms.
    first_token: Window,
    /// Output tokens a second.
    speed: Window,
    /// Durations of failed attempts, ms: for their number.
    failed: Window,
    breaker: Breaker,
    requests: Bucket,
    tokens: Bucket,
    /// When the model was first seen: the windows' time begins there, and no clock
    /// that is set moves it.
    seen: Option<Instant>,
    /// What was last read, until the next attempt ends or the window moves on.
    read: Option<(u64, Figures)>,
}

impl Inner {
    /// The windows' time, milliseconds.
    fn at(&mut self, now: Now) -> u64 {
        let seen = *self.seen.get_or_insert(now.mono);
        u64::try_from(now.mono.saturating_duration_since(seen).as_millis()).unwrap_or(u64::MAX)
    }
}

/// The figures of a [`Health`] that come from windows.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    first_token_p95_ms: Option<f64>,
    tokens_per_second: Option<f64>,
    error_rate: f64,
    samples: u64,
}

/// How an attempt ended, for the windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending {
    /// It answered.
    Answered {
        /// Whole duration.
        total: Duration,
        /// Until the first byte of the answer.
        first_byte: Duration,
        /// Tokens that came out; 0: not known.
        output_tokens: u64,
    },
    /// It failed in a way that speaks against the model.
    Failed {
        /// Whole duration.
        total: Duration,
    },
    /// It says nothing of the model: the client left, the request was at fault.
    Neutral,
}

/// Why an attempt may not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// The breaker is open.
    Breaker,
    /// As many attempts as allowed are under way.
    Concurrency,
    /// The model's requests or tokens a minute are used up; when there will be more.
    Rate(Duration),
}

impl ModelState {
    /// Asks to begin an attempt that will take about `tokens`. The permit must
    /// be ended with [`Permit::end`]; dropped, it ends neutral.
    ///
    /// # Errors
    /// Why not.
    pub fn begin(self: &Arc<Self>, limits: &Limits, tokens: u64, now: Now) -> Result<Permit, Barred> {
        let under_way = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let permit = Permit { state: Arc::clone(self), tokens, limits: *limits, ended: false, clock: now };
        if limits.concurrent.is_some_and(|most| under_way >= most) {
            return Err(permit.refuse(Barred::Concurrency));
        }
        let mut inner = self.inner.lock();
        if !inner.breaker.pass(now.mono) {
            drop(inner);
            return Err(permit.refuse(Barred::Breaker));
        }
        if let Err(wait) = take(&mut inner, limits, tokens, now) {
            inner.breaker.ended(now.mono);
            drop(inner);
            return Err(permit.refuse(Barred::Rate(wait)));
        }
        drop(inner);
        Ok(permit)
    }

    /// Whether the breaker lets requests through.
    #[must_use]
    pub fn healthy(&self, now: Now) -> bool {
        self.inner.lock().breaker.would_pass(now.mono)
    }

    /// How the model does now.
    #[must_use]
    pub fn health(&self, limits: &Limits, now: Now) -> Health {
        let mut inner = self.inner.lock();
        let at = inner.at(now);
        let figures = figures(&mut inner, at);
        let in_flight = self.in_flight.load(Ordering::Acquire);
        Health {
            healthy: inner.breaker.would_pass(now.mono),
            p50_ms: figures.p50_ms,
            p95_ms: figures.p95_ms,
            first_token_p95_ms: figures.first_token_p95_ms,
            tokens_per_second: figures.tokens_per_second,
            error_rate: figures.error_rate,
            in_flight,
            headroom: headroom(&inner, limits, in_flight, now),
            samples: figures.samples,
        }
    }
}

/// Takes a request and its tokens from the model's buckets: both or none.
fn take(inner: &mut Inner, limits: &Limits, tokens: u64, now: Now) -> Result<(), Duration> {
    if let Some(most) = limits.requests_per_minute {
        inner.requests.take(1.0, figure(most), figure(most) / 60.0, now.mono)?;
    }
    if let Some(most) = limits.tokens_per_minute
        && let Err(wait) = inner.tokens.take(figure(tokens), figure(most), figure(most) / 60.0, now.mono)
    {
        if let Some(most) = limits.requests_per_minute {
            inner.requests.settle(-1.0, figure(most), figure(most) / 60.0, now.mono);
        }
        return Err(wait);
    }
    Ok(())
}

/// The tightest share that is still free of the model's own limits.
fn headroom(inner: &Inner, limits: &Limits, in_flight: u64, now: Now) -> f64 {
    let mut least: f64 = 1.0;
    if let Some(most) = limits.concurrent {
        least = least.min(1.0 - figure(in_flight) / figure(most.max(1)));
    }
    if let Some(most) = limits.requests_per_minute {
        least = least.min(inner.requests.share(figure(most), figure(most) / 60.0, now.mono));
    }
    if let Some(most) = limits.tokens_per_minute {
        least = least.min(inner.tokens.share(figure(most), figure(most) / 60.0, now.mono));
    }
    least.clamp(0.0, 1.0)
}

/// The windows' figures, computed anew only after something changed.
fn figures(inner: &mut Inner, at: u64) -> Figures {
    const MOVES_MS: u64 = 1_000;
    let tick = at / MOVES_MS;
    if let Some((read_at, figures)) = inner.read
        && read_at == tick
    {
        return figures;
    }
    for window in [&mut inner.total, &mut inner.first_token, &mut inner.speed, &mut inner.failed] {
        window.roll(at);
    }
    let (good, bad) = (inner.total.len(), inner.failed.len());
    let all = good + bad;
    let fresh = Figures {
        p50_ms: inner.total.quantile(50),
        p95_ms: inner.total.quantile(95),
        first_token_p95_ms: inner.first_token.quantile(95),
        tokens_per_second: inner.speed.quantile(50),
        error_rate: if all == 0 { 0.0 } else { figure(bad) / figure(all) },
        samples: all,
    };
    inner.read = Some((tick, fresh));
    fresh
}

#[expect(clippy::cast_precision_loss, reason = "counts and limits are far below 2^52")]
fn figure(count: u64) -> f64 {
    count as f64
}

/// Leave to make one attempt at a model.
#[derive(Debug)]
pub struct Permit {
    state: Arc<ModelState>,
    tokens: u64,
    limits: Limits,
    ended: bool,
    clock: Now,
}

impl Permit {
    /// The attempt has ended: `used` tokens replace those asked for.
    pub fn end(mut self, ending: Ending, used: Option<u64>, now: Now) {
        self.ended = true;
        self.state.in_flight.fetch_sub(1, Ordering::AcqRel);
        let mut inner = self.state.inner.lock();
        inner.read = None;
        let at = inner.at(now);
        match ending {
            Ending::Answered { total, first_byte, output_tokens } => {
                inner.breaker.succeeded();
                inner.total.add(ms(total), at);
                inner.first_token.add(ms(first_byte), at);
                let speaking = total.saturating_sub(first_byte).as_secs_f64();
                if output_tokens > 1 && speaking > 0.0 {
                    inner.speed.add(figure(output_tokens) / speaking, at);
                }
            }
            Ending::Failed { total } => {
                inner.failed.add(ms(total), at);
                inner.breaker.failed(now.mono, fastrand::f64());
            }
            Ending::Neutral => inner.breaker.ended(now.mono),
        }
        if let (Some(most), Some(used)) = (self.limits.tokens_per_minute, used) {
            let more = figure(used) - figure(self.tokens);
            inner.tokens.settle(more, figure(most), figure(most) / 60.0, now.mono);
        }
    }

    /// Takes the place in flight back.
    fn refuse(mut self, why: Barred) -> Barred {
        self.ended = true;
        self.state.in_flight.fetch_sub(1, Ordering::AcqRel);
        why
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.ended {
            self.state.in_flight.fetch_sub(1, Ordering::AcqRel);
            self.state.inner.lock().breaker.ended(self.clock.mono);
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn the_next_reader_sees_what_the_last_attempt_did() {
        let clock = Clock::manual(1_000_000);
        let state = Models::default().of(&Arc::from("m"));
        let limits = Limits { concurrent: Some(1), requests_per_minute: Some(3), ..Limits::default() };
        let permit = state.begin(&limits, 0, clock.now()).unwrap();
        assert_eq!(state.begin(&limits, 0, clock.now()).unwrap_err(), Barred::Concurrency);
        assert_eq!(state.health(&limits, clock.now()).in_flight, 1);
        let total = Duration::from_millis(200);
        permit.end(Ending::Answered { total, first_byte: total / 2, output_tokens: 50 }, None, clock.now());
        let health = state.health(&limits, clock.now());
        assert!((health.p95_ms.unwrap() - 200.0).abs() < 15.0);
        assert!((health.tokens_per_second.unwrap() - 500.0).abs() < 40.0);
        for _ in 0..2 {
            let permit = state.begin(&limits, 0, clock.now()).unwrap();
            permit.end(Ending::Failed { total }, None, clock.now());
        }
        assert!((state.health(&limits, clock.now()).error_rate - 2.0 / 3.0).abs() < 1e-9);
        assert!(matches!(state.begin(&limits, 0, clock.now()), Err(Barred::Rate(_))));
    }

    #[test]
    fn a_clock_that_is_set_neither_keeps_nor_loses_what_was_seen() {
        for jump in [-3_600_000, 3_600_000, -1_000_000_000_i64] {
            let clock = Clock::manual(1_000_000_000);
            let state = Models::default().of(&Arc::from("m"));
            let limits = Limits::default();
            let fail = || {
                let permit = state.begin(&limits, 0, clock.now()).unwrap();
                permit.end(Ending::Failed { total: Duration::from_millis(5) }, None, clock.now());
            };
            let samples = || state.health(&limits, clock.now()).samples;
            fail();
            if let Clock::Manual(now) = &clock {
                let mut now = now.lock();
                now.unix_ms = now.unix_ms.saturating_add_signed(jump);
            }
            assert_eq!(samples(), 1, "{jump}: nothing is lost");
            fail();
            clock.advance(Duration::from_secs(70));
            assert_eq!(samples(), 0, "{jump}: a minute is a minute");
        }
    }
}
