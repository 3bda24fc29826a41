//! What the client gets: status, `x-pointsman-*` headers, a body that is there
//! or on its way. Bodies of errors have the shape of the client's dialect.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Frame;

use super::attempt::{Answered, Streaming, Whole};
use super::exchange::{End, Exchange};
use super::passage::Flow;
use super::relay::Relay;
use super::ticket::{RESULTS, Ticket};
use crate::dialect::{ReplyFacts, untold};
use crate::error::Error;
use crate::ir::{Event, Response, Usage};
use crate::record::Outcome;

/// What the client gets.
pub type Reply = http::Response<Body>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-pointsman-request-id");
const MODEL: HeaderName = HeaderName::from_static("x-pointsman-model");
const PROVIDER: HeaderName = HeaderName::from_static("x-pointsman-provider");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-pointsman-attempts");
const BUNDLE: HeaderName = HeaderName::from_static("x-pointsman-bundle");
const OVERHEAD: HeaderName = HeaderName::from_static("x-pointsman-overhead-ms");
pub(super) const COST: HeaderName = HeaderName::from_static("x-pointsman-cost-usd");
const DROPPED: HeaderName = HeaderName::from_static("x-pointsman-dropped");
const NOTES: HeaderName = HeaderName::from_static("x-pointsman-notes");
/// What SDKs log as the request's id.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What SDKs of OpenAI and Anthropic obey before they go by the status.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Longest header value that policies can fill, bytes.
const HEADER_CAP: usize = 2048;

/// A body that is there, or on its way.
#[derive(Debug)]
pub enum Body {
    /// All of it; taken when sent.
    Whole(Option<Bytes>),
    /// A conversation's stream.
    Relay(Box<Relay>),
    /// Bytes of another kind, as they come.
    Flow(Box<Flow>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relay(relay) => relay.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
            Self::Flow(flow) => flow.poll_bytes(cx).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(bytes) => {
                http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Relay(_) | Self::Flow(_) => http_body::SizeHint::default(),
        }
    }
}

/// The client gets what a provider answered.
pub(super) fn provider(mut exchange: Exchange, answered: Answered) -> Reply {
    exchange.first_byte = Some(exchange.gateway.clock.now());
    match answered {
        Answered::Whole(whole) => self::whole(exchange, *whole),
        Answered::Streaming(streaming) => stream(exchange, *streaming),
    }
}

fn whole(mut exchange: Exchange, whole: Whole) -> Reply {
    exchange.model = Some(Arc::clone(&whole.model));
    exchange.dropped.extend(whole.dropped);
    let usage = whole.usage;
    if let Some(raw) = whole.raw {
        return finished(exchange, raw, usage, false);
    }
    let response = whole.response.unwrap_or_else(|| Response::new(exchange.inbound.dialect(), "", ""));
    composed(exchange, &response, usage)
}

/// The client gets an answer that a policy gave: no provider was asked for it.
pub(super) fn policy(mut exchange: Exchange, response: &Response) -> Reply {
    exchange.first_byte = Some(exchange.gateway.clock.now());
    let usage = response.usage.unwrap_or_default();
    composed(exchange, response, usage)
}

/// The client gets an id instead of an answer: the request waits for a batch.
pub(super) fn later(mut exchange: Exchange, ticket: Ticket) -> Reply {
    exchange.first_byte = Some(exchange.gateway.clock.now());
    let body = ticket.body(&exchange);
    exchange.dropped.extend(ticket.dropped);
    exchange.model = Some(ticket.model);
    let mut headers = headers(&exchange, false);
    insert(&mut headers, LOCATION, &format!("{RESULTS}/{}", exchange.id));
    exchange.settle(&End { outcome: Outcome::Completed, status: 202, error: None, usage: Usage::default() });
    respond(StatusCode::ACCEPTED, headers, Body::Whole(Some(body)))
}

/// Encodes a decoded answer, as a stream where the client wants one.
fn composed(mut exchange: Exchange, response: &Response, usage: Usage) -> Reply {
    let facts = facts(&exchange, response);
    exchange.dropped.extend(untold(response, exchange.inbound.dialect()));
    if !exchange.stream {
        let body = exchange.inbound.encode_response(response, &facts);
        return finished(exchange, body, usage, false);
    }
    let mut encoder = exchange.inbound.stream_encoder(&facts);
    let mut out = Vec::new();
    for event in response.recite() {
        if event != Event::Done {
            encoder.push(&event, &mut out);
        }
    }
    encoder.finish(&mut out);
    finished(exchange, Bytes::from(out), usage, true)
}

fn facts(exchange: &Exchange, response: &Response) -> ReplyFacts {
    ReplyFacts {
        request_id: exchange.id.to_string(),
        model: if response.model.is_empty() { exchange.asked.clone() } else { response.model.clone() },
        created: exchange.started.unix_seconds(),
        include_usage: true,
        bare_sound: exchange.bare_sound,
        estimated_input: response.usage.map_or(0, |usage| usage.input),
    }
}

/// A reply whose body is all there: the exchange is settled.
fn finished(mut exchange: Exchange, body: Bytes, usage: Usage, stream: bool) -> Reply {
    let mut headers = headers(&exchange, stream);
    let (cost, unpriced) = exchange.ledger.read(|ledger| (ledger.cost, ledger.unpriced));
    let cost = if unpriced { "unpriced".to_owned() } else { cost.to_string() };
    insert(&mut headers, COST, &cost);
    exchange.settle(&End { outcome: Outcome::Completed, status: 200, error: None, usage });
    respond(StatusCode::OK, headers, Body::Whole(Some(body)))
}

fn stream(mut exchange: Exchange, streaming: Streaming) -> Reply {
    exchange.model = Some(Arc::clone(&streaming.attempt.model));
    exchange.dropped.extend_from_slice(&streaming.dropped);
    let headers = headers(&exchange, true);
    respond(StatusCode::OK, headers, Body::Relay(Box::new(Relay::new(exchange, streaming))))
}

/// The client gets an error, in the shape of its dialect.
pub(super) fn error(mut exchange: Exchange, error: &Error) -> Reply {
    let mut headers = headers(&exchange, false);
    exchange.refuse(error);
    if let Some(wait) = error.retry_after() {
        insert(&mut headers, RETRY_AFTER, &wait.as_secs_f64().ceil().to_string());
        insert(&mut headers, RETRY_AFTER_MS, &wait.as_millis().to_string());
    }
    if error.is_final() {
        insert(&mut headers, X_SHOULD_RETRY, "false");
    }
    let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = exchange.inbound.encode_error(error, &exchange.id);
    respond(status, headers, Body::Whole(Some(body)))
}

pub(super) fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Reply {
    let mut reply = Reply::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

/// The headers that every reply carries.
pub(super) fn headers(exchange: &Exchange, stream: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    let content_type = if stream { "text/event-stream; charset=utf-8" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if stream {
        headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        unbuffered(&mut headers);
    }
    insert(&mut headers, REQUEST_ID, &exchange.id);
    insert(&mut headers, X_REQUEST_ID, &exchange.id);
    insert(&mut headers, BUNDLE, &exchange.bundle.hash);
    if let Some(model) = &exchange.model {
        insert(&mut headers, MODEL, &model.name);
        insert(&mut headers, PROVIDER, &model.provider.name);
    }
    headers.insert(ATTEMPTS, HeaderValue::from(exchange.ledger.read(|ledger| ledger.begun)));
    let ready = exchange.first_byte.unwrap_or_else(|| exchange.gateway.clock.now());
    let overhead = exchange.overhead(ready).as_micros();
    insert(&mut headers, OVERHEAD, &format!("{}.{:03}", overhead / 1000, overhead % 1000));
    if !exchange.dropped.is_empty() {
        insert(&mut headers, DROPPED, &exchange.dropped.join(", "));
    }
    if !exchange.notes.is_empty() {
        // JSON in ASCII: what is not is escaped.
        insert(&mut headers, NOTES, &ascii(&serde_json::to_string(&exchange.notes).unwrap_or_default()));
    }
    headers
}

/// Makes an nginx in front pass the body on as it comes.
/// Source: nginx, ngx_http_proxy_module, "proxy_buffering", checked 2026-11-22.
pub(super) fn unbuffered(headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
}

/// Inserts a header whose value may come from names and policies: cut at the
/// cap, left out where no header can carry it.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let value = value.get(..HEADER_CAP).unwrap_or(value);
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// JSON text with everything beyond ASCII escaped.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}
