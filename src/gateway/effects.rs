//! What policies ask of the outside. Asking a model is an ordinary plan with
//! ordinary attempts: same time-outs, breakers and accounting.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use super::attempt::Answered;
use super::attempts::{Manner, Source, run};
use super::exchange::Journey;
use crate::dialect::{LazyRequest, inbound};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Dialect, Endpoint, Request};
use crate::plan::Plan;
use crate::policy::{Answer, Ask, Effect, EffectValue, Effects};

/// Performs the effects of one exchange's policies.
pub(super) struct Asker {
    journey: Arc<Journey>,
}

impl Asker {
    pub(super) fn new(journey: &Arc<Journey>) -> Self {
        Self { journey: Arc::clone(journey) }
    }
}

impl Effects for Asker {
    fn perform(&self, effect: Effect) -> Pin<Box<dyn Future<Output = Result<EffectValue, Error>> + Send>> {
        let journey = Arc::clone(&self.journey);
        Box::pin(async move {
            match effect {
                Effect::Ask(ask) => Ok(EffectValue::Answers(ask_all(&journey, ask).await)),
                Effect::Transcribe(hearing) => {
                    Ok(EffectValue::Answers(vec![super::sounds::transcribe(&journey, hearing).await]))
                }
                Effect::Speak(speaking) => {
                    Ok(EffectValue::Answers(vec![super::sounds::speak(&journey, speaking).await]))
                }
                Effect::Embed { model, texts } => super::questions::embed(&journey, &model, texts).await,
                Effect::Moderate { model, text } => super::questions::moderate(&journey, &model, &text).await,
                Effect::Http { service, method, path, body } => {
                    super::services::http(&journey, &service, &method, &path, body).await
                }
                Effect::Search { service, query } => {
                    super::services::search(&journey, &service, &query).await
                }
            }
        })
    }
}

/// Asks all legs at once, until enough have answered or the time is up. Legs
/// that are no longer needed are dropped: their attempts end as cancelled.
async fn ask_all(journey: &Arc<Journey>, ask: Ask) -> Vec<Answer> {
    let legs = ask.legs.len();
    let quorum = ask.quorum.clamp(1, legs.max(1));
    let deadline = ask.deadline.min(journey.time_left());
    let mut answers: Vec<Option<Answer>> = vec![None; legs];
    let mut names = Vec::with_capacity(legs);
    let mut under_way: FuturesUnordered<_> = FuturesUnordered::new();
    for (place, plan) in ask.legs.into_iter().enumerate() {
        names.push(plan.steps.first().map(|step| Arc::clone(&step.model)).unwrap_or_default());
        let request = ask.requests.get(place).or_else(|| ask.requests.first()).cloned();
        let journey = Arc::clone(journey);
        under_way.push(async move { (place, one(&journey, plan, request).await) });
    }
    let collect = async {
        let mut good = 0;
        while let Some((place, answer)) = under_way.next().await {
            good += usize::from(answer.outcome.is_ok());
            if let Some(slot) = answers.get_mut(place) {
                *slot = Some(answer);
            }
            if good >= quorum {
                break;
            }
        }
        good >= quorum
    };
    let enough = timeout(deadline, collect).await.unwrap_or(false);
    drop(under_way);
    let elapsed_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    let rest = |model: Arc<str>| Answer { model, outcome: Err(not_waited(enough)), elapsed_ms, cost: None };
    answers.into_iter().zip(names).map(|(answer, model)| answer.unwrap_or_else(|| rest(model))).collect()
}

/// Asks one leg.
async fn one(journey: &Journey, plan: Plan, request: Option<Arc<Request>>) -> Answer {
    let began = journey.gateway.clock.now();
    let first = plan.steps.first().map(|step| Arc::clone(&step.model)).unwrap_or_default();
    let outcome = answer(journey, plan, request).await;
    let elapsed = journey.gateway.clock.now().since(&began);
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok((model, response, cost)) => Answer { model, outcome: Ok(Arc::new(response)), elapsed_ms, cost },
        Err(error) => Answer { model: first, outcome: Err(error), elapsed_ms, cost: None },
    }
}

async fn answer(
    journey: &Journey,
    plan: Plan,
    request: Option<Arc<Request>>,
) -> Result<(Arc<str>, crate::ir::Response, Option<crate::ir::Money>)> {
    let mut request =
        Arc::unwrap_or_clone(request.ok_or_else(|| Error::internal("a leg without a request"))?);
    request.stream = false;
    let inbound = inbound(request.dialect)
        .or_else(|| inbound(Dialect::OpenAiChat))
        .ok_or_else(|| Error::internal("no dialect for a policy's question"))?;
    let lazy = LazyRequest::built(Endpoint::Chat, inbound, request);
    // Boxed: a plan of a policy runs inside the plan of its exchange.
    let running: Pin<Box<dyn Future<Output = Result<Answered>> + Send>> = Box::pin(run(
        journey,
        plan,
        Source::Policy(&lazy),
        Manner { cause: journey.cause("ask"), decode: true },
    ));
    match running.await? {
        Answered::Whole(whole) => {
            let response = whole.response.ok_or_else(|| Error::internal("an answer was not decoded"))?;
            Ok((Arc::clone(&whole.model.name), response, whole.cost))
        }
        Answered::Streaming(_) => Err(Error::internal("a policy's question was streamed")),
    }
}

fn not_waited(enough: bool) -> Error {
    if enough {
        Error::new(Kind::Cancelled, Origin::Policy, "not needed: enough others had answered")
    } else {
        Error::new(Kind::TimedOut, Origin::Policy, "no answer before the policy's deadline")
    }
}
