//! The journey of an exchange, one call a step, straight down.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::attempt::Answered;
use super::attempts::{Manner, Source, run};
use super::decide::{Deciders, Decision, Reviewed};
use super::deferred::{self, Ticket};
use super::depot::{Enclosed, looked_up, reachable};
use super::exchange::{Exchange, Journey};
use super::identify::identify;
use super::reading::{self, Reading};
use super::reply::{self, Reply};
use super::{Gateway, Route};
use crate::dialect::{LazyRequest, PathFacts, may_name_files};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Endpoint, Response};
use crate::policy::Hook;

/// How the client's own plan is carried out.
const PLAN: Manner = Manner { cause: "plan", decode: false };

/// Longest time for a client to send its body.
pub(super) const BODY_TIME: Duration = Duration::from_secs(60);

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
    match journey(&mut exchange, call, body).await {
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
    let raw = read_body(body, exchange.bundle.settings.max_body).await?;
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

/// Refuses a request that has passed through this process before.
pub(super) fn refuse_loop(exchange: &Exchange, headers: &HeaderMap) -> Result<()> {
    if headers.get_all(http::header::VIA).iter().any(|via| via == exchange.gateway.upstream.via()) {
        let text =
            "the request has passed through this gateway before: a provider's base_url points back at it";
        return Err(Error::new(Kind::LoopDetected, Origin::Gateway, text));
    }
    Ok(())
}

/// Reads the body under its cap.
pub(super) async fn read_body<B>(body: B, cap: usize) -> Result<Bytes>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if usize::try_from(body.size_hint().lower()).is_ok_and(|size| size > cap) {
        return Err(too_large(cap));
    }
    match timeout(BODY_TIME, Limited::new(body, cap).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(cap)),
        Ok(Err(_)) => Err(Error::invalid("the body broke off")),
        Err(_) => {
            let mut error = Error::invalid("the body did not arrive in time").with_code("request_timeout");
            error.status = Some(408);
            Err(error)
        }
    }
}

/// `raw` with the files that it names as their provider knows them. Nearly no
/// request names any: all others pay one look over their bytes.
pub(super) async fn enclosed(exchange: &Exchange, raw: Bytes) -> Result<Enclosed> {
    if may_name_files(&raw) { Box::pin(looked_up(exchange, raw)).await } else { Ok((raw, None)) }
}

pub(super) fn too_large(cap: usize) -> Error {
    Error::new(Kind::TooLarge, Origin::Client, format!("the body is larger than {cap} bytes"))
}

/// Checks the body and finds its model; nothing is decoded yet.
fn decode(call: &Call, raw: Bytes) -> Result<LazyRequest> {
    refuse_encoded(&call.headers)?;
    let path = PathFacts { model: call.path_model.as_deref(), stream: call.path_stream };
    LazyRequest::read(call.endpoint, call.inbound, raw, path)
}

/// Refuses a compressed body.
pub(super) fn refuse_encoded(headers: &HeaderMap) -> Result<()> {
    if let Some(encoding) = headers.get(http::header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        let text = "the body is compressed: send it without content-encoding";
        return Err(Error::new(Kind::UnsupportedMedia, Origin::Client, text));
    }
    Ok(())
}

/// Finds the route that claims the model's name and pins it to the exchange.
pub(super) fn select_route(
    exchange: &mut Exchange,
    headers: &HeaderMap,
    request: &LazyRequest,
) -> Result<Arc<Journey>> {
    exchange.asked = request.model().to_owned();
    exchange.stream = request.stream();
    exchange.session = session(headers);
    let route = exchange
        .bundle
        .route(request.model(), request.endpoint())
        .filter(|_| super::identify::may_ask(&exchange.principal, request.model()))
        .ok_or_else(|| unknown_model(request.model()))?;
    let route = Arc::clone(route);
    exchange.route = Some(Arc::clone(&route));
    Ok(Arc::new(journey_of(exchange, route, headers)))
}

pub(super) fn journey_of(exchange: &Exchange, route: Arc<Route>, headers: &HeaderMap) -> Journey {
    Journey {
        gateway: Arc::clone(&exchange.gateway),
        bundle: Arc::clone(&exchange.bundle),
        ledger: Arc::clone(&exchange.ledger),
        id: Arc::clone(&exchange.id),
        principal: Arc::clone(&exchange.principal),
        session: exchange.session.clone(),
        started: exchange.started,
        deadline: Instant::now() + route.timeouts.total,
        traceparent: headers.get("traceparent").cloned(),
        companions: companions(exchange.inbound, headers),
        beside: false,
        route,
    }
}

pub(super) fn unknown_model(model: &str) -> Error {
    let text = format!(
        "The model `{model}` does not exist or you do not have access to it: GET /v1/models lists what you can ask for"
    );
    Error::new(Kind::NotFound, Origin::Client, text).with_param("model")
}

/// The headers that belong to the request in the client's dialect.
fn companions(inbound: &dyn crate::dialect::Inbound, headers: &HeaderMap) -> HeaderMap {
    let mut found = HeaderMap::new();
    for name in inbound.companions() {
        // Several lines of one name are one list.
        let lines: Vec<&str> = headers.get_all(*name).iter().filter_map(|line| line.to_str().ok()).collect();
        if let Ok(value) = http::HeaderValue::from_str(&lines.join(","))
            && !lines.is_empty()
        {
            found.insert(*name, value);
        }
    }
    found
}

/// The session that the client names, in any of the headers that tools use.
fn session(headers: &HeaderMap) -> Option<Arc<str>> {
    let value = ["x-pointsman-session", "x-session-id"].iter().find_map(|name| headers.get(*name))?;
    value.to_str().ok().map(Arc::from)
}

/// The headers that the configuration lets policies see.
pub(super) fn policy_headers(exchange: &Exchange, headers: &HeaderMap) -> Arc<Vec<(String, String)>> {
    let seen = exchange.bundle.settings.policy_headers.iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.clone(), value.to_owned()))
    });
    Arc::new(seen.collect())
}

/// Moves what policies left behind into the account.
pub(super) fn keep(exchange: &mut Exchange, deciders: &mut Deciders) {
    deciders.account(exchange);
    exchange.on_trial = deciders.on_trial;
    exchange.shadow = deciders.shadow.take().or_else(|| deciders.on_trial.then(|| json!({ "acts": true })));
}
