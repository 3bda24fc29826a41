//! A plan carried out: step by step, with retries, hedges and fallback, until
//! an answer begins. After the client's first byte nothing here runs again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::attempt::{self, Answered, Try};
use super::decide::{Deciders, Ruling};
use super::exchange::Journey;
use crate::clock::Now;
use crate::dialect::LazyRequest;
use crate::error::{Error, Kind, Origin, Result};
use crate::model::Model;
use crate::plan::{Plan, Step};
use crate::policy::AttemptFacts;
use crate::route::{Failed, Next, next, without_retry};
use crate::state::RetryBudget;

/// Most attempts of one exchange, whatever policies say.
const MOST_ATTEMPTS: u32 = 32;

/// What is carried to models: made anew for each attempt.
pub(super) trait Load: Sync {
    /// What a model answers.
    type Answer: Send;

    /// One attempt at `model`.
    fn attempt<'a>(
        &'a self,
        journey: &'a Journey,
        model: &'a Arc<Model>,
        bounds: Bounds,
    ) -> BoxFuture<'a, Result<Self::Answer>>;

    /// Whether it was used up by an attempt, so that none can follow.
    fn spent(&self) -> bool {
        false
    }
}

/// What an attempt has to go by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// What asked for it: `plan`, `hedge`, or the effect of a policy.
    pub(super) cause: &'static str,
    /// Longest wait for the first byte of the answer.
    pub(super) first_byte: Duration,
    /// Longest duration of the attempt until it is whole, or its stream begins.
    pub(super) total: Duration,
}

/// A conversation as it stands, and whether its answer is wanted decoded.
struct Talk<'a> {
    request: &'a LazyRequest,
    decode: bool,
}

impl Load for Talk<'_> {
    type Answer = Answered;

    fn attempt<'a>(
        &'a self,
        journey: &'a Journey,
        model: &'a Arc<Model>,
        bounds: Bounds,
    ) -> BoxFuture<'a, Result<Answered>> {
        let Bounds { cause, first_byte, total } = bounds;
        let made = Try { request: self.request, cause, decode: self.decode, first_byte, total };
        Box::pin(attempt::make(journey, model, made))
    }
}

/// Whose request is carried out.
pub(super) enum Source<'a> {
    /// The client's: its policies are asked after each failure.
    Client(&'a mut Deciders),
    /// A policy's own question.
    Policy(&'a LazyRequest),
}

impl Source<'_> {
    fn request(&self) -> Result<&LazyRequest> {
        match self {
            Self::Client(deciders) => deciders.request(),
            Self::Policy(request) => Ok(request),
        }
    }
}

/// How the answers of a plan are wanted, and what asks for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// `plan`, or the effect of a policy.
    pub(super) cause: &'static str,
    /// Whether whole answers are decoded even where their bytes could pass.
    pub(super) decode: bool,
}

/// A plan under way.
struct Walk<'a> {
    journey: &'a Journey,
    plan: Plan,
    /// The step that is tried.
    place: usize,
    /// Tries of that step.
    tries: u32,
    /// Tries of all steps.
    attempts: u32,
    /// When the last of them began; before the first, when the plan did.
    began: Now,
    deadline: Instant,
    budget: Arc<RetryBudget>,
}

/// A step that failed.
struct Fallen {
    error: Error,
    /// Whether the following step was tried beside it.
    hedged: bool,
}

/// Carries out `plan`.
///
/// # Errors
/// The last failure, when no step answered.
pub(super) async fn run(
    journey: &Journey,
    plan: Plan,
    mut source: Source<'_>,
    manner: Manner,
) -> Result<Answered> {
    let mut walk = Walk::new(journey, plan);
    loop {
        let talk = Talk { request: source.request()?, decode: manner.decode };
        let fallen = match walk.step(&talk, manner.cause).await? {
            Ok(answered) => return Ok(answered),
            Err(fallen) => fallen,
        };
        let ruling = if let Source::Client(deciders) = &mut source {
            deciders.on_failure(|| walk.facts(&fallen.error)).await?
        } else {
            Ruling::None
        };
        walk.go_on(fallen, ruling).await?;
    }
}

/// Carries out `plan` with a load that is no conversation.
///
/// # Errors
/// As [`run`]; the first failure when the load is spent.
pub(super) async fn carry<L: Load>(
    journey: &Journey,
    plan: Plan,
    deciders: &mut Deciders,
    load: &L,
) -> Result<L::Answer> {
    let mut walk = Walk::new(journey, plan);
    loop {
        let fallen = match walk.step(load, "plan").await? {
            Ok(answered) => return Ok(answered),
            Err(fallen) => fallen,
        };
        if load.spent() {
            return Err(fallen.error);
        }
        let ruling = deciders.on_failure(|| walk.facts(&fallen.error)).await?;
        walk.go_on(fallen, ruling).await?;
    }
}

/// Carries out `plan` with such a load for a policy, which nobody interrupts.
///
/// # Errors
/// As [`carry`].
pub(super) async fn carry_alone<L: Load>(
    journey: &Journey,
    plan: Plan,
    cause: &'static str,
    load: &L,
) -> Result<L::Answer> {
    let mut walk = Walk::new(journey, plan);
    loop {
        match walk.step(load, cause).await? {
            Ok(answered) => return Ok(answered),
            Err(fallen) => walk.go_on(fallen, Ruling::None).await?,
        }
    }
}

impl<'a> Walk<'a> {
    fn new(journey: &'a Journey, plan: Plan) -> Self {
        let began = journey.gateway.clock.now();
        let budget = journey.gateway.retry_budgets.of(&journey.route.name);
        budget.request(began.mono);
        let own = plan.total.map_or(journey.deadline, |total| Instant::now() + total);
        let deadline = journey.deadline.min(own);
        Self { journey, plan, place: 0, tries: 0, attempts: 0, began, deadline, budget }
    }

    /// Tries the step whose turn it is.
    async fn step<L: Load>(
        &mut self,
        load: &L,
        cause: &'static str,
    ) -> Result<std::result::Result<L::Answer, Fallen>> {
        let step = self.plan.steps.get(self.place).ok_or_else(no_step)?;
        if self.attempts > 0 {
            self.began = self.journey.gateway.clock.now();
        }
        self.tries += 1;
        self.attempts += 1;
        let pursuit = Pursuit { journey: self.journey, load, cause, deadline: self.deadline };
        Ok(pursuit.step(step, self.plan.steps.get(self.place + 1)).await)
    }

    /// Moves to what follows a failure, after the wait that it needs.
    async fn go_on(&mut self, fallen: Fallen, ruling: Ruling) -> Result<()> {
        if self.attempts >= MOST_ATTEMPTS {
            return Err(fallen.error);
        }
        let failed = self.failed(&fallen.error);
        let decided = match ruling {
            Ruling::GiveUp => return Err(fallen.error),
            Ruling::Plan(plan) => {
                (self.plan, self.place, self.tries) = (plan, 0, 0);
                return Ok(());
            }
            Ruling::Retry(wait) if wait < failed.time_left => Next::Retry(wait),
            Ruling::Retry(_) | Ruling::None => next(&failed),
        };
        let share = self.journey.route.retries.budget;
        let decided = match decided {
            Next::Retry(wait) if self.budget.retry(share, self.journey.gateway.clock.now().mono) => {
                self.journey.ledger.waited(wait);
                sleep(wait).await;
                return Ok(());
            }
            Next::Retry(_) => {
                self.journey.gateway.meters.retries_denied.inc();
                without_retry(&failed)
            }
            other => other,
        };
        if decided == Next::Stop {
            return Err(fallen.error);
        }
        let both = fallen.hedged && self.plan.steps.len() > self.place + 2;
        self.place += if both { 2 } else { 1 };
        self.tries = 0;
        Ok(())
    }

    /// What the decision on a failure needs.
    fn failed<'e>(&'e self, error: &'e Error) -> Failed<'e> {
        let step = self.plan.steps.get(self.place);
        Failed {
            error,
            tries: self.tries,
            retries: step.and_then(|step| step.retries).unwrap_or(self.journey.route.retries.max),
            more_steps: self.place + 1 < self.plan.steps.len(),
            fall_back_on: self.plan.fall_back_on.as_deref(),
            time_left: self.deadline.saturating_duration_since(Instant::now()),
            dice: fastrand::f64(),
        }
    }

    /// What policies see of a failure.
    fn facts(&self, error: &Error) -> AttemptFacts {
        let elapsed = self.journey.gateway.clock.now().since(&self.began);
        let model = self.plan.steps.get(self.place).map(|step| Arc::clone(&step.model));
        AttemptFacts {
            model: model.unwrap_or_default(),
            number: self.attempts,
            error: error.clone(),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            steps_left: u32::try_from(self.plan.steps.len().saturating_sub(self.place + 1))
                .unwrap_or(u32::MAX),
        }
    }
}

/// One step under way: what is carried, for whom, and until when.
struct Pursuit<'a, L> {
    journey: &'a Journey,
    load: &'a L,
    cause: &'static str,
    deadline: Instant,
}

impl<L: Load> Pursuit<'_, L> {
    /// Tries `step`; silent for too long, the following one runs beside it and
    /// the first to answer wins.
    async fn step(&self, step: &Step, following: Option<&Step>) -> std::result::Result<L::Answer, Fallen> {
        let alone = |error| Fallen { error, hedged: false };
        let (Some(silence), Some(following)) = (step.hedge_after, following) else {
            return self.one(step, self.cause).await.map_err(alone);
        };
        let mut first = Box::pin(self.one(step, self.cause));
        tokio::select! {
            answered = &mut first => return answered.map_err(alone),
            () = sleep(silence) => {}
        }
        let mut second = Box::pin(self.one(following, "hedge"));
        let (early, other) = tokio::select! {
            answered = &mut first => (answered, second),
            answered = &mut second => (answered, first),
        };
        match early {
            Ok(answered) => Ok(answered),
            Err(_) => other.await.map_err(|error| Fallen { error, hedged: true }),
        }
    }

    /// One attempt, with its bounds: it keeps the deadline by itself.
    async fn one(&self, step: &Step, cause: &'static str) -> Result<L::Answer> {
        let model = model(self.journey, &step.model)?;
        let first_byte = step.first_byte.unwrap_or(self.journey.route.timeouts.first_byte);
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(out_of_time());
        }
        let total = step.total.map_or(left, |total| total.min(left));
        self.load.attempt(self.journey, model, Bounds { cause, first_byte, total }).await
    }
}

/// The model of this name: of the bundle that the exchange keeps.
fn model<'a>(journey: &'a Journey, name: &Arc<str>) -> Result<&'a Arc<Model>> {
    journey.bundle.models.get(name).ok_or_else(|| {
        let text = format!("the plan names model `{name}`, which gateway.yaml does not have");
        Error::new(Kind::PolicyFailed, Origin::Policy, text)
    })
}

fn no_step() -> Error {
    Error::new(
        Kind::NoCandidate,
        Origin::Gateway,
        "no candidate is left: the route has none, or all are unhealthy",
    )
}

fn out_of_time() -> Error {
    Error::new(Kind::TimedOut, Origin::Gateway, "the exchange's time is up before any model answered")
}
