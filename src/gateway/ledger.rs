//! The account of an exchange while it runs: each attempt that a provider saw
//! stands in it, also those that were cancelled.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Gateway;
use super::lesson::Lesson;
use crate::clock::{Now, milliseconds};
use crate::dialect::LazyRequest;
use crate::error::{Error, Kind, Origin, Result, Retry};
use crate::ir::{Money, Units, Usage};
use crate::model::{Model, Price};
use crate::observe::ModelMeters;
use crate::record;
use crate::state::{Barred, Ending, Permit};

/// Attempts and money of one exchange.
#[derive(Debug)]
pub(super) struct Ledger {
    started: Now,
    inner: Mutex<Inner>,
}

/// An attempt within a batch.
#[derive(Debug)]
pub(super) struct Booked<'a> {
    /// What it used.
    pub(super) usage: Usage,
    /// What it costs; absent: unpriced, or nothing where it failed.
    pub(super) cost: Option<Money>,
    /// HTTP status, as a single request would have got it.
    pub(super) status: Option<u16>,
    /// Why it failed: the code.
    pub(super) error: Option<&'a str>,
}

/// What a ledger says in the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Inner {
    /// Every attempt, in the order of their ends.
    pub(super) attempts: Vec<record::Attempt>,
    /// Attempts begun.
    pub(super) begun: u32,
    /// Cost of all attempts.
    pub(super) cost: Money,
    /// Whether one had no price.
    pub(super) unpriced: bool,
    /// Time spent waiting for providers, not for us.
    pub(super) waited: Duration,
}

impl Ledger {
    pub(super) fn new(started: Now) -> Self {
        Self { started, inner: Mutex::default() }
    }

    /// What stands in it now.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.inner.lock())
    }

    /// Time in which the exchange waited for the outside.
    pub(super) fn waited(&self, time: Duration) {
        self.inner.lock().waited += time;
    }

    /// Enters an attempt that was made within a batch: there was nothing to wait
    /// for, and it says nothing of the model's health.
    pub(super) fn book(&self, gateway: &Gateway, model: &Model, booked: &Booked<'_>) {
        let meters = gateway.meters.model(&model.name);
        meters.input.inc_by(booked.usage.input);
        meters.output.inc_by(booked.usage.output);
        match (booked.error, booked.cost) {
            (None, None) => meters.unpriced.inc(),
            (_, cost) => meters.cost.inc_by(cost.and_then(|cost| u64::try_from(cost.0).ok()).unwrap_or(0)),
        }
        match booked.error {
            None => meters.answered.inc(),
            Some(error) => gateway.meters.attempt_failed(&model.name, error),
        }
        let mut inner = self.inner.lock();
        inner.begun += 1;
        inner.cost = inner.cost.plus(booked.cost.unwrap_or(Money::ZERO));
        inner.unpriced |= booked.error.is_none() && booked.cost.is_none();
        let number = inner.begun;
        inner.attempts.push(record::Attempt {
            number,
            model: Arc::clone(&model.name),
            provider: Arc::clone(&model.provider.name),
            cause: "batch".into(),
            status: booked.status,
            error: booked.error.map(str::to_owned),
            input_tokens: booked.usage.input,
            output_tokens: booked.usage.output,
            cost_nano_usd: if booked.error.is_some() { Some(0) } else { booked.cost.map(|cost| cost.0) },
            ..record::Attempt::default()
        });
    }

    /// Takes what stands in it, attempts in the order of their beginnings.
    pub(super) fn close(&self) -> Inner {
        let mut inner = std::mem::take(&mut *self.inner.lock());
        inner.attempts.sort_by_key(|attempt| attempt.number);
        inner
    }
}

/// An attempt under way. Ended with [`Attempt::answered`] or
/// [`Attempt::failed`]; dropped, it was cancelled.
#[derive(Debug)]
pub(super) struct Attempt {
    gateway: Arc<Gateway>,
    ledger: Arc<Ledger>,
    pub(super) model: Arc<Model>,
    price: Option<Arc<Price>>,
    meters: Arc<ModelMeters>,
    permit: Option<Permit>,
    number: u32,
    cause: &'static str,
    began: Now,
    first_byte: Option<Now>,
    status: Option<u16>,
    units: Units,
    /// Whether nobody can say what the answer took.
    unmetered: bool,
    /// What its answer teaches.
    lesson: Option<Lesson>,
}

impl Attempt {
    /// Begins an attempt at `model` that will take about `tokens`.
    ///
    /// # Errors
    /// The model's breaker is open, or its own limits are reached: nothing was sent.
    pub(super) fn begin(
        gateway: &Arc<Gateway>,
        ledger: &Arc<Ledger>,
        model: &Arc<Model>,
        cause: &'static str,
        tokens: u64,
    ) -> Result<Self> {
        let now = gateway.clock.now();
        let state = gateway.models.of(&model.name);
        let permit = state.begin(&model.limits, tokens, now).map_err(|why| barred(model, why))?;
        let number = {
            let mut inner = ledger.inner.lock();
            inner.begun += 1;
            inner.begun
        };
        Ok(Self {
            gateway: Arc::clone(gateway),
            ledger: Arc::clone(ledger),
            model: Arc::clone(model),
            price: gateway.prices.load().price(model),
            meters: gateway.meters.model(&model.name),
            permit: Some(permit),
            number,
            cause,
            began: now,
            first_byte: None,
            status: None,
            units: Units::default(),
            unmetered: false,
            lesson: None,
        })
    }

    /// What the clock says.
    pub(super) fn now(&self) -> Now {
        self.gateway.clock.now()
    }

    /// When it began.
    pub(super) fn began(&self) -> Now {
        self.began
    }

    /// The head of the provider's answer has come.
    pub(super) fn head(&mut self, status: u16, now: Now) {
        self.status = Some(status);
        self.first_byte = Some(now);
    }

    /// How long the head took to come; nothing before it has.
    pub(super) fn head_took(&self) -> Duration {
        self.first_byte.map_or(Duration::ZERO, |at| at.since(&self.began))
    }

    /// What else than tokens the answer takes.
    pub(super) fn counted(&mut self, units: Units) {
        self.units = units;
    }

    /// The answer was charged for and does not say how much: its cost is not known.
    pub(super) fn unmetered(&mut self) {
        self.unmetered = true;
    }

    /// `request` is what is sent: its answer may teach how the model counts.
    pub(super) fn teaches(&mut self, request: &LazyRequest) {
        self.lesson = Lesson::of(&self.model, request, self.meters.answered.get());
    }

    /// The answer is complete. Gives its cost, where the model has a price.
    pub(super) fn answered(mut self, usage: &Usage, now: Now) -> Option<Money> {
        let first_byte = self.first_byte.unwrap_or(now);
        let total = now.since(&self.began);
        let ending = Ending::Answered {
            total,
            first_byte: first_byte.since(&self.began),
            output_tokens: if usage.estimated { 0 } else { usage.output },
        };
        self.meters.answered.inc();
        if let Some(lesson) = self.lesson.take() {
            lesson.learn(&self.gateway, &self.model, usage);
        }
        self.meters.duration.observe(total.as_secs_f64());
        self.meters.first_byte.observe(first_byte.since(&self.began).as_secs_f64());
        self.close(ending, usage, None, now)
    }

    /// The attempt failed; what was used until then (of a broken stream) is paid for.
    pub(super) fn failed(mut self, error: &Error, usage: &Usage, now: Now) {
        let total = now.since(&self.began);
        let ending =
            if error.kind.counts_against_health() { Ending::Failed { total } } else { Ending::Neutral };
        self.gateway.meters.attempt_failed(&self.model.name, error.kind.row().code);
        if self.status.is_none() {
            self.status = error.upstream_status;
        }
        self.close(ending, usage, Some(error.kind.row().code), now);
    }

    /// The attempt was no longer needed after `usage`.
    pub(super) fn cancelled(mut self, usage: &Usage, now: Now) {
        self.gateway.meters.attempt_failed(&self.model.name, "cancelled");
        self.close(Ending::Neutral, usage, Some("cancelled"), now);
    }

    /// The answer has flowed to its end, or until `error`. Gives how the
    /// client's exchange ended by that.
    pub(super) fn flowed(self, error: Option<&Error>, usage: &Usage, now: Now) -> record::Outcome {
        match error {
            None => {
                self.answered(usage, now);
                record::Outcome::Completed
            }
            Some(error) if error.kind == Kind::Cancelled => {
                self.cancelled(usage, now);
                record::Outcome::Cancelled
            }
            Some(error) => {
                self.failed(error, usage, now);
                record::Outcome::Partial
            }
        }
    }

    fn close(&mut self, ending: Ending, usage: &Usage, error: Option<&str>, now: Now) -> Option<Money> {
        let permit = self.permit.take()?;
        permit.end(ending, (usage.total() > 0).then(|| usage.total()), now);
        let answered = error.is_none();
        let used = usage.total() > 0 || (answered && !self.units.is_none());
        let cost = if answered && self.unmetered {
            None
        } else if used {
            self.price.as_ref().and_then(|price| price.cost_of(usage, &self.units))
        } else {
            Some(Money::ZERO)
        };
        self.meters.input.inc_by(usage.input);
        self.meters.output.inc_by(usage.output);
        self.meters.cached.inc_by(usage.cached_input.unwrap_or(0).min(usage.input));
        match cost {
            Some(cost) => self.meters.cost.inc_by(u64::try_from(cost.0).unwrap_or(0)),
            None => self.meters.unpriced.inc(),
        }
        let ms = |at: Now, since: Now| milliseconds(at.since(&since));
        let attempt = record::Attempt {
            number: self.number,
            model: Arc::clone(&self.model.name),
            provider: Arc::clone(&self.model.provider.name),
            cause: self.cause.into(),
            began_ms: ms(self.began, self.ledger.started),
            duration_ms: ms(now, self.began),
            first_byte_ms: self.first_byte.map(|at| ms(at, self.began)),
            status: self.status,
            error: error.map(str::to_owned),
            input_tokens: usage.input,
            output_tokens: usage.output,
            cost_nano_usd: cost.map(|cost| cost.0),
        };
        let mut inner = self.ledger.inner.lock();
        inner.cost = inner.cost.plus(cost.unwrap_or(Money::ZERO));
        inner.unpriced |= cost.is_none();
        inner.attempts.push(attempt);
        cost
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.permit.is_some() {
            let now = self.gateway.clock.now();
            self.gateway.meters.attempt_failed(&self.model.name, "cancelled");
            self.close(Ending::Neutral, &Usage::default(), Some("cancelled"), now);
        }
    }
}

/// The error for an attempt that may not begin.
fn barred(model: &Model, why: Barred) -> Error {
    let name = &model.name;
    match why {
        Barred::Breaker => {
            let text = format!("model `{name}` has failed repeatedly and is left alone for a while");
            Error::new(Kind::Overloaded, Origin::Gateway, text)
                .with_retry(Retry::Never)
                .with_code("model_unhealthy")
        }
        Barred::Concurrency => {
            let text = format!("model `{name}` has as many requests under way as its limits allow");
            Error::new(Kind::RateLimited, Origin::Gateway, text).with_code("model_concurrency")
        }
        Barred::Rate(wait) => {
            let text = format!("model `{name}` has used up its own limits of requests or tokens a minute");
            Error::new(Kind::RateLimited, Origin::Gateway, text)
                .with_retry(Retry::After(wait))
                .with_code("model_rate_limit")
        }
    }
}
