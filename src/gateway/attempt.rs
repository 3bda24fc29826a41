//! One attempt at one model: send what was prepared, classify, until the answer
//! is whole or its first content is there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use tokio::time::timeout;

use super::exchange::Journey;
use super::lane::Lane;
use super::ledger::Attempt;
use super::prepare::{Prepared, estimate, prepare};
use super::reading::Reading;
use crate::dialect::{Framing, LazyRequest, Outbound, Refused, ReplyFacts};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Money, Response, Usage};
use crate::model::Model;
use crate::upstream::{Body, Call, Reply};

/// Longest time that the beginning of a stream is held back to see whether the
/// provider reports an error instead of content.
const HOLD: Duration = Duration::from_millis(500);

/// Largest beginning of a stream that is held back, bytes.
const HOLD_BYTES: usize = 256 << 10;

/// Largest error body that is read, bytes.
const ERROR_BODY: usize = 64 << 10;

/// What an attempt has to go by.
#[derive(Clone, Copy)]
pub(super) struct Try<'a> {
    /// What is asked.
    pub(super) request: &'a LazyRequest,
    /// What asked for it: `plan`, `hedge`, or the effect of a policy.
    pub(super) cause: &'static str,
    /// Whether the answer is decoded even where its bytes could pass.
    pub(super) decode: bool,
    /// Longest wait for the first byte of the answer.
    pub(super) first_byte: Duration,
    /// Longest duration of the attempt until it is whole, or its stream begins.
    pub(super) total: Duration,
}

/// A successful attempt.
pub(super) enum Answered {
    /// The answer is there.
    Whole(Box<Whole>),
    /// The answer has begun.
    Streaming(Box<Streaming>),
}

/// A whole answer.
pub(super) struct Whole {
    pub(super) model: Arc<Model>,
    /// The provider's bytes, where they can go to the client as they are.
    pub(super) raw: Option<Bytes>,
    /// The decoded answer, where somebody wants it or it must be translated.
    pub(super) response: Option<Response>,
    pub(super) usage: Usage,
    pub(super) cost: Option<Money>,
    pub(super) dropped: Vec<String>,
}

/// An answer that has begun.
pub(super) struct Streaming {
    pub(super) attempt: Attempt,
    pub(super) body: Body,
    pub(super) lane: Lane,
    /// The client's bytes so far.
    pub(super) held: Vec<Bytes>,
    pub(super) input_estimate: u64,
    pub(super) dropped: Vec<String>,
    /// The policies that read it on its way.
    pub(super) reading: Option<Reading>,
}

/// Tries `model`.
///
/// # Errors
/// Of any kind; the ledger has the attempt if anything was sent.
pub(super) async fn make(journey: &Journey, model: &Arc<Model>, made: Try<'_>) -> Result<Answered> {
    let mut prepared = prepare(journey, model, made.request)?;
    prepared.pass &= !made.decode;
    let input_estimate = estimate(made.request);
    let mut attempt = Attempt::begin(&journey.gateway, &journey.ledger, model, made.cause, input_estimate)?;
    if journey.bundle.counts_tokens {
        attempt.teaches(made.request);
    }
    let dropped = std::mem::take(&mut prepared.wire.dropped);
    let sent = send(journey, model, &mut prepared, &mut attempt, &made).await;
    let answered = match sent {
        Ok(reply) if made.request.stream() => {
            let bounds = [made.first_byte.min(made.total), made.total].map(|at| left(&attempt, at));
            let lane = lane(journey, &made, &prepared, &reply, input_estimate);
            Box::pin(begin(journey, &prepared, reply, lane, bounds)).await
        }
        Ok(reply) => {
            let left = left(&attempt, made.total);
            read_whole(journey, &prepared, reply, left).await.map(Part::Whole)
        }
        Err(error) => Err(error),
    };
    let now = journey.gateway.clock.now();
    journey.ledger.waited(now.since(&attempt.began()));
    match answered {
        Ok(Part::Whole((raw, response, usage))) => {
            let usage = usage.unwrap_or(Usage { input: input_estimate, estimated: true, ..Usage::default() });
            let cost = attempt.answered(&usage, now);
            let model = Arc::clone(model);
            Ok(Answered::Whole(Box::new(Whole { model, raw, response, usage, cost, dropped })))
        }
        Ok(Part::Begun((lane, body, held))) => {
            let streaming = Streaming { attempt, body, lane, held, input_estimate, dropped, reading: None };
            Ok(Answered::Streaming(Box::new(streaming)))
        }
        Err(error) => {
            attempt.failed(&error, &Usage::default(), now);
            Err(error)
        }
    }
}

/// What was read of a provider's answer.
enum Part {
    Whole((Option<Bytes>, Option<Response>, Option<Usage>)),
    Begun((Lane, Body, Vec<Bytes>)),
}

/// Sends the request and waits for the head of an answer that is no error.
async fn send(
    journey: &Journey,
    model: &Arc<Model>,
    prepared: &mut Prepared,
    attempt: &mut Attempt,
    made: &Try<'_>,
) -> Result<Reply> {
    let call = Call {
        model,
        wire: prepared.wire.clone(),
        method: Method::POST,
        upload: None,
        content_type: None,
        traceparent: journey.traceparent.clone(),
    };
    let limit = made.first_byte.min(made.total);
    let sent = timeout(limit, journey.gateway.upstream.send(call)).await;
    let reply = sent.map_err(|_| too_slow(model, limit))??;
    let now = journey.gateway.clock.now();
    attempt.head(reply.status.as_u16(), now);
    if reply.status.is_success() {
        return Ok(reply);
    }
    let left = left(attempt, made.total);
    Err(Box::pin(read_error(prepared.outbound, reply, left, now.unix_seconds())).await)
}

/// What the head of the answer has left of `limit`.
fn left(attempt: &Attempt, limit: Duration) -> Duration {
    limit.saturating_sub(attempt.head_took())
}

fn lane(journey: &Journey, made: &Try<'_>, prepared: &Prepared, reply: &Reply, estimated_input: u64) -> Lane {
    let request = made.request;
    // Proxies of Bedrock send its events as lines of JSON.
    let lines = is_typed(&reply.headers, NDJSON);
    let framing = if lines { Framing::Ndjson } else { prepared.outbound.framing() };
    let facts = ReplyFacts {
        request_id: journey.id.to_string(),
        model: request.model().to_owned(),
        created: journey.gateway.clock.now().unix_seconds(),
        include_usage: request.include_usage(),
        bare_sound: request.bare_sound(),
        estimated_input,
    };
    // A stream is decoded without need only where policies read it.
    Lane::new((prepared.outbound, framing), request.inbound(), &facts, prepared.pass)
        .read_by_policies(made.decode)
}

/// Reads a whole answer: its bytes where they may pass, decoded otherwise.
async fn read_whole(
    journey: &Journey,
    prepared: &Prepared,
    reply: Reply,
    left: Duration,
) -> Result<(Option<Bytes>, Option<Response>, Option<Usage>)> {
    let cap = journey.bundle.settings.max_answer;
    let body = timeout(left, reply.body.whole(cap)).await.map_err(|_| slow_body())??;
    if prepared.pass {
        let usage = prepared.outbound.scan_response(&body)?;
        return Ok((Some(body), None, usage));
    }
    let response = prepared.outbound.decode_response(&body)?;
    let usage = response.usage;
    Ok((None, Some(response), usage))
}

/// Reads an error of the provider, whatever its form.
pub(super) async fn read_error(
    outbound: &'static dyn Outbound,
    reply: Reply,
    left: Duration,
    unix_seconds: u64,
) -> Error {
    let body = timeout(left, reply.body.whole(ERROR_BODY)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    outbound.decode_error(&Refused {
        status: reply.status.as_u16(),
        headers: &reply.headers,
        body: &body,
        unix_seconds,
    })
}

/// Reads the beginning of a stream; all of the answer, where the provider did
/// not stream it though it was asked to. `bounds`: for the beginning, for the whole.
async fn begin(
    journey: &Journey,
    prepared: &Prepared,
    mut reply: Reply,
    lane: Lane,
    bounds: [Duration; 2],
) -> Result<Part> {
    let [first, whole] = bounds;
    // Some servers label streams as JSON, others JSON as a stream: what it is shows in the first
    // byte, with which no event begins.
    let lines = is_typed(&reply.headers, NDJSON);
    let events = prepared.outbound.framing() == Framing::Sse && !lines;
    if !events || timeout(first, reply.body.peek()).await.map_err(|_| slow_body())?? != Some(b'{') {
        return begin_stream(lane, reply.body, first).await.map(Part::Begun);
    }
    let body = timeout(whole, reply.body.whole(journey.bundle.settings.max_answer)).await;
    let response = prepared.outbound.decode_response(&body.map_err(|_| slow_body())??)?;
    let usage = response.usage;
    Ok(Part::Whole((None, Some(response), usage)))
}

/// The type of lines of JSON.
const NDJSON: &str = "application/x-ndjson";

/// Whether a body is labelled as of this type.
fn is_typed(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(kind.as_bytes()))
}

/// Reads the beginning of a stream until there is content, or an error instead:
/// until then another model can still answer.
async fn begin_stream(mut lane: Lane, mut body: Body, first: Duration) -> Result<(Lane, Body, Vec<Bytes>)> {
    let mut held = Vec::new();
    let mut size = 0;
    let mut patience = first;
    loop {
        let chunk = match timeout(patience, body.chunk()).await {
            Ok(chunk) => chunk.transpose()?,
            Err(_) if size > 0 => return Ok((lane, body, held)),
            Err(_) => return Err(slow_body()),
        };
        let ended = chunk.is_none();
        let out = match chunk {
            Some(chunk) => {
                size += chunk.len();
                lane.push(chunk)?
            }
            None => lane.finish()?,
        };
        if let Some(error) = &lane.seen().error
            && !lane.seen().content
        {
            return Err((**error).clone());
        }
        if !out.is_empty() {
            held.push(out);
        }
        if ended || lane.seen().content || lane.seen().done || size > HOLD_BYTES {
            return Ok((lane, body, held));
        }
        patience = patience.min(HOLD);
    }
}

pub(super) fn too_slow(model: &Model, limit: Duration) -> Error {
    let text = format!("model `{}` sent no first byte within {} ms", model.name, limit.as_millis());
    Error::new(Kind::TimedOut, Origin::Upstream, text)
}

pub(super) fn slow_body() -> Error {
    Error::new(Kind::TimedOut, Origin::Upstream, "the provider's answer did not arrive in time")
}
