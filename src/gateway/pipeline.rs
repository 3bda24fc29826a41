//! The journey of an exchange, one call a step, straight down.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::Gateway;
use super::attempt::Answered;
use super::attempts::{Manner, Source, run};
use super::decide::{Deciders, Decision, Reviewed, keep};
use super::deferred;
use super::depot::{enclosed, reachable};
use super::entry::{policy_headers, refuse_encoded, refuse_loop, select_route};
use super::exchange::{Exchange, Journey};
use super::identify::identify;
use super::reading::{self, Reading};
use super::reply::{self, Reply};
use super::ticket::Ticket;
use crate::dialect::{LazyRequest, PathFacts};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Endpoint, Response};
use crate::policy::Hook;

/// How the client's own plan is carried out.
const PLAN: Manner = Manner { cause: "plan", decode: false };

/// A client's request, less its body.
pub struct Call {
    /// What it asks for.
    pub endpoint: Endpoint,
    /// The dialect in which it speaks.
    pub inbound: &'static dyn crate::dialect::Inbound,
    /// The model in the URL, in dialects that keep it there.
    pub path_model: Option<String>,
    /// Whether the URL asks for a stream, likewise.
    pub path_stream: bool,
    /// Its headers.
    pub headers: HeaderMap,
}

/// What comes of an exchange that is not an error.
enum Answer {
    /// A provider's answer.
    Provider(Answered),
    /// A policy's own.
    Policy(Box<Response>),
    /// None yet: the request waits for a batch.
    Later(Ticket),
}

/// Carries one conversation from acceptance to the client's first byte; what
/// comes after is the reply's body.
pub async fn serve<B>(gateway: &Arc<Gateway>, call: Call, body: B) -> Reply
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut exchange = Exchange::accept(gateway, call.endpoint, call.inbound);
    match gateway.unless_ended(journey(&mut exchange, call, body)).await {
        Ok(Answer::Provider(answered)) => reply::provider(exchange, answered),
        Ok(Answer::Policy(response)) => reply::policy(exchange, &response),
        Ok(Answer::Later(ticket)) => reply::later(exchange, ticket),
        Err(error) => reply::error(exchange, &error),
    }
}

async fn journey<B>(exchange: &mut Exchange, call: Call, body: B) -> Result<Answer>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    refuse_loop(exchange, &call.headers)?;
    exchange.principal = identify(&exchange.bundle, &call.headers, exchange.started)?;
    let raw = exchange.body(body, exchange.bundle.settings.max_body).await?;
    let (raw, files_at) = enclosed(exchange, raw).await?;
    let request = decode(&call, raw)?.with_files_at(files_at);
    exchange.asked_for = exchange.gateway.records.as_ref().map(|_| request.clone());
    let journey = select_route(exchange, &call.headers, &request)?;
    reachable(&journey.route, &request)?;
    let mut deciders = Deciders::new(&journey, request, policy_headers(exchange, &call.headers));
    let answer = match decide_and_ask(&journey, &mut deciders).await {
        Ok(answer) if deciders.has(Hook::Text) => read(answer, &mut deciders).await,
        answer => answer,
    };
    keep(exchange, &mut deciders);
    match answer {
        Ok(Answer::Provider(Answered::Streaming(mut streaming))) if deciders.has(Hook::Text) => {
            streaming.reading = Some(Reading::new(deciders));
            Ok(Answer::Provider(Answered::Streaming(streaming)))
        }
        answer => answer,
    }
}

/// `on_text` on an answer that is there whole, whoever gave it.
async fn read(answer: Answer, deciders: &mut Deciders) -> Result<Answer> {
    match answer {
        Answer::Provider(answered @ Answered::Whole(_)) => {
            let (whole, response) = decoded(answered)?;
            let response = Box::pin(reading::whole(deciders, response)).await?;
            Ok(Answer::Provider(rewrapped(whole, response)))
        }
        Answer::Policy(response) => Box::pin(reading::whole(deciders, *response))
            .await
            .map(|response| Answer::Policy(Box::new(response))),
        answer => Ok(answer),
    }
}

/// `on_request`, `route`, attempts, `on_response`.
async fn decide_and_ask(journey: &Journey, deciders: &mut Deciders) -> Result<Answer> {
    if let Some(response) = deciders.on_request().await? {
        return Ok(Answer::Policy(response));
    }
    let mut plan = match deciders.route().await? {
        Decision::Go(plan) => plan,
        Decision::Answer(response) => return Ok(Answer::Policy(response)),
        Decision::Later(plan) => {
            let taken = Box::pin(deferred::take_in(journey, deciders.request()?, &plan)).await;
            return taken.map(Answer::Later);
        }
    };
    if !deciders.has(Hook::Response) {
        let manner = Manner { decode: deciders.has(Hook::Text), ..PLAN };
        return Ok(Answer::Provider(run(journey, plan, Source::Client(deciders), manner).await?));
    }
    deciders.want_whole()?;
    for _ in 0..REVIEWS {
        let answered = run(journey, plan, Source::Client(deciders), Manner { decode: true, ..PLAN }).await?;
        let (whole, response) = decoded(answered)?;
        match deciders.on_response(response).await? {
            Reviewed::Answer(response) => return Ok(Answer::Provider(rewrapped(whole, *response))),
            Reviewed::Plan(other) => plan = other,
        }
    }
    let text = format!("the policies of the route sent the answer back {REVIEWS} times");
    Err(Error::new(Kind::PolicyFailed, Origin::Policy, text))
}

/// How often `on_response` may ask for another plan.
const REVIEWS: usize = 4;

fn decoded(answered: Answered) -> Result<(Box<super::attempt::Whole>, Response)> {
    match answered {
        Answered::Whole(mut whole) => {
            let response =
                whole.response.take().ok_or_else(|| Error::internal("an answer was not decoded"))?;
            Ok((whole, response))
        }
        Answered::Streaming(_) => Err(Error::internal("an answer was streamed that a policy wanted whole")),
    }
}

fn rewrapped(mut whole: Box<super::attempt::Whole>, response: Response) -> Answered {
    whole.response = Some(response);
    Answered::Whole(whole)
}

/// Checks the body and finds its model; nothing is decoded yet.
fn decode(call: &Call, raw: Bytes) -> Result<LazyRequest> {
    refuse_encoded(&call.headers)?;
    let path = PathFacts { model: call.path_model.as_deref(), stream: call.path_stream };
    LazyRequest::read(call.endpoint, call.inbound, raw, path)
}
