//! A plan carried out: step by step, with retries, hedges and fallback, until
//! an answer begins. After the client's first byte nothing here runs again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout_at};

use super::attempt::{self, Answered, Bounds};
use super::decide::{Deciders, Ruling};
use super::exchange::Journey;
use crate::dialect::LazyRequest;
use crate::error::{Error, Kind, Origin, Result};
use crate::model::Model;
use crate::plan::{Plan, Step};
use crate::policy::AttemptFacts;
use crate::route::{Failed, Next, next, without_retry};

/// Most attempts of one exchange, whatever policies say.
const MOST_ATTEMPTS: u32 = 32;

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

/// Carries out `plan`. With `decode` whole answers are decoded in any case.
///
/// # Errors
/// The last failure, when no step answered.
pub(super) async fn run(
    journey: &Journey,
    mut plan: Plan,
    mut source: Source<'_>,
    cause: &'static str,
    decode: bool,
) -> Result<Answered> {
    let budget = journey.gateway.retry_budgets.of(&journey.route.name);
    budget.request(journey.gateway.clock.now().mono);
    let deadline = plan
        .total
        .map_or(journey.deadline, |total| journey.deadline.min(tokio::time::Instant::now() + total));
    let (mut place, mut tries, mut attempts) = (0, 0, 0);
    loop {
        let Some(step) = plan.steps.get(place).cloned() else { return Err(no_step()) };
        let following = plan.steps.get(place + 1).cloned();
        tries += 1;
        attempts += 1;
        let began = journey.gateway.clock.now();
        let tried = try_step(journey, &step, following.as_ref(), source.request()?, cause, decode);
        let (error, hedged) = match timeout_at(deadline, tried).await {
            Ok(Ok(answered)) => return Ok(answered),
            Ok(Err((error, hedged))) => (error, hedged),
            Err(_) => (out_of_time(), false),
        };
        let more_steps = following.is_some();
        let facts = Failed {
            error: &error,
            tries,
            retries: step.retries.unwrap_or(journey.route.retries.max),
            more_steps,
            fall_back_on: plan.fall_back_on.as_deref(),
            time_left: deadline.saturating_duration_since(tokio::time::Instant::now()),
            dice: fastrand::f64(),
        };
        let ruling = if let Source::Client(deciders) = &mut source {
            let left = u32::try_from(plan.steps.len() - place - 1).unwrap_or(u32::MAX);
            let elapsed = journey.gateway.clock.now().since(&began);
            deciders.on_failure(|| failure_facts(&step.model, attempts, &error, elapsed, left)).await?
        } else {
            Ruling::None
        };
        if attempts >= MOST_ATTEMPTS {
            return Err(error);
        }
        let now = journey.gateway.clock.now().mono;
        let decided = match ruling {
            Ruling::GiveUp => return Err(error),
            Ruling::Plan(other) => {
                (plan, place, tries) = (other, 0, 0);
                continue;
            }
            Ruling::Retry(wait) if wait < facts.time_left => Next::Retry(wait),
            Ruling::Retry(_) | Ruling::None => next(&facts),
        };
        match decided {
            Next::Retry(wait) if budget.retry(journey.route.retries.budget, now) => {
                journey.ledger.waited(wait);
                sleep(wait).await;
                continue;
            }
            Next::Retry(_) => {
                journey.gateway.meters.retries_denied.inc();
                if without_retry(&facts) == Next::Stop {
                    return Err(error);
                }
            }
            Next::Step => {}
            Next::Stop => return Err(error),
        }
        place += if hedged && plan.steps.len() > place + 2 { 2 } else { 1 };
        tries = 0;
    }
}

/// Tries one step; silent for too long, the following one runs beside it and
/// the first to answer wins. The flag of an error says whether both were tried.
async fn try_step(
    journey: &Journey,
    step: &Step,
    following: Option<&Step>,
    request: &LazyRequest,
    cause: &'static str,
    decode: bool,
) -> std::result::Result<Answered, (Error, bool)> {
    let first = one(journey, step, request, cause, decode);
    let (Some(silence), Some(following)) = (step.hedge_after, following) else {
        return first.await.map_err(|error| (error, false));
    };
    let mut first = Box::pin(first);
    tokio::select! {
        answered = &mut first => return answered.map_err(|error| (error, false)),
        () = sleep(silence) => {}
    }
    let mut second = Box::pin(one(journey, following, request, "hedge", decode));
    let (early, other) = tokio::select! {
        answered = &mut first => (answered, second),
        answered = &mut second => (answered, first),
    };
    match early {
        Ok(answered) => Ok(answered),
        Err(_) => other.await.map_err(|error| (error, true)),
    }
}

/// One attempt of a step, with its bounds.
async fn one(
    journey: &Journey,
    step: &Step,
    request: &LazyRequest,
    cause: &'static str,
    decode: bool,
) -> Result<Answered> {
    let model = model(journey, &step.model)?;
    let route = &journey.route.timeouts;
    let total = step.total.unwrap_or(Duration::MAX).min(journey.time_left());
    let bounds = Bounds { first_byte: step.first_byte.unwrap_or(route.first_byte), total };
    attempt::make(journey, model, request, bounds, cause, decode).await
}

/// The model of this name: of the bundle that the exchange keeps.
fn model<'a>(journey: &'a Journey, name: &Arc<str>) -> Result<&'a Arc<Model>> {
    journey.bundle.models.get(name).ok_or_else(|| {
        let text = format!("the plan names model `{name}`, which gateway.yaml does not have");
        Error::new(Kind::PolicyFailed, Origin::Policy, text)
    })
}

fn failure_facts(
    model: &Arc<str>,
    number: u32,
    error: &Error,
    elapsed: Duration,
    steps_left: u32,
) -> AttemptFacts {
    AttemptFacts {
        model: Arc::clone(model),
        number,
        error: error.clone(),
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        steps_left,
    }
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
