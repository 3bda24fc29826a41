//! The journey of what is no conversation: vectors, pictures, sound, verdicts,
//! orders and counts. Its steps are those of `pipeline`, without decoded
//! messages; its bodies may be files that are never held whole.

pub(super) mod answer;
mod attempt;
pub(super) mod call;
mod flow;
pub(super) mod form;
pub(super) mod load;

pub use flow::Flow;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;

use super::attempts::carry;
use super::decide::{Deciders, Decision, keep};
use super::depot::reachable;
use super::entry::{policy_headers, refuse_encoded, refuse_loop, select_route};
use super::exchange::{Exchange, Journey};
use super::identify::identify;
use super::reply::{self, Reply};
use super::{Gateway, Route};
use crate::dialect::Inbound;
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::Endpoint;
use crate::plan::Plan;
use answer::Passed;
use form::Caps;
use load::Passenger;

/// A client's body on its way in.
pub(super) type ClientBody = http_body_util::combinators::UnsyncBoxBody<Bytes, Error>;

/// A client's request, less its body.
pub struct Passage {
    /// What it asks for.
    pub endpoint: Endpoint,
    /// The dialect in which its errors, and counts of tokens, are told.
    pub inbound: &'static dyn Inbound,
    /// Path below `/v1`, no leading slash.
    pub path: String,
    /// The model in the URL, in dialects that keep it there.
    pub path_model: Option<String>,
    /// Its headers.
    pub headers: HeaderMap,
}

/// Carries one passage from acceptance to the client's first byte.
pub async fn serve_passage<B>(gateway: Arc<Gateway>, passage: Passage, body: B) -> Reply
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut exchange = Exchange::accept(&gateway, passage.endpoint, passage.inbound);
    let body = body.map_err(|_| Error::invalid("the body broke off")).boxed_unsync();
    match gateway.unless_ended(journey(&mut exchange, passage, body)).await {
        Ok(passed) => answer::reply(exchange, passed),
        Err(error) => reply::error(exchange, &error),
    }
}

async fn journey(exchange: &mut Exchange, passage: Passage, body: ClientBody) -> Result<Passed> {
    refuse_loop(exchange, &passage.headers)?;
    refuse_encoded(&passage.headers)?;
    exchange.principal = identify(&exchange.bundle, &passage.headers, exchange.started)?;
    let settings = &exchange.bundle.settings;
    let caps = Caps { held: settings.max_body, flowing: settings.max_upload };
    let mut passenger = Passenger::read(exchange, &passage, body, caps).await?;
    let journey = select_route(exchange, &passage.headers, passenger.request())?;
    reachable(&journey.route, passenger.request())?;
    let headers = policy_headers(exchange, &passage.headers);
    let mut deciders = Deciders::new(&journey, passenger.request().clone(), headers);
    let passed = decide_and_carry(&journey, &mut deciders, &mut passenger).await;
    keep(exchange, &mut deciders);
    passed
}

/// `on_request`, `route`, attempts.
async fn decide_and_carry(
    journey: &Journey,
    deciders: &mut Deciders,
    passenger: &mut Passenger,
) -> Result<Passed> {
    if deciders.on_request().await?.is_some() {
        return Err(answers_conversations());
    }
    let plan = match deciders.route().await? {
        Decision::Go(plan) => plan,
        Decision::Answer(_) => return Err(answers_conversations()),
        Decision::Later(_) => return Err(defers_conversations()),
    };
    passenger.adopt(deciders.request()?)?;
    let plan = able(plan, &journey.route, passenger.endpoint());
    carry(journey, plan, deciders, passenger).await
}

/// `plan` without the steps that cannot carry the endpoint, unless none can:
/// then the first says why.
fn able(mut plan: Plan, route: &Route, endpoint: Endpoint) -> Plan {
    let model = |name: &Arc<str>| route.candidates.iter().find(|model| model.name == *name);
    let can = |name: &Arc<str>| model(name).is_none_or(|model| call::carries(model, endpoint));
    if plan.steps.iter().any(|step| can(&step.model)) {
        plan.steps.retain(|step| can(&step.model));
    }
    plan
}

/// Vectors, pictures and sound are not left to batches.
pub(super) fn defers_conversations() -> Error {
    let text = "a policy left the request to a batch, which it can do for conversations only";
    Error::new(Kind::PolicyFailed, Origin::Policy, text)
}

fn answers_conversations() -> Error {
    let text = "a policy answered by itself, which it can do for conversations only: let it reject instead";
    Error::new(Kind::PolicyFailed, Origin::Policy, text)
}
