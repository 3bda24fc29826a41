//! An exchange from acceptance to settling: exactly one settlement each,
//! whatever happens, also when the client leaves and everything is dropped.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::entry::read_body;
use super::facts::facts;
use super::ledger::Ledger;
use super::room::{Held, Room};
use super::shadow::{self, Acted};
use super::{Bundle, Gateway, Route};
use crate::clock::{Now, milliseconds};
use crate::dialect::{Inbound, LazyRequest};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Endpoint, Usage};
use crate::model::Model;
use crate::policy::Hook;
use crate::principal::Principal;
use crate::record::{self, Outcome};

/// What everything that runs for an exchange shares.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) gateway: Arc<Gateway>,
    pub(super) bundle: Arc<Bundle>,
    pub(super) route: Arc<Route>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) id: Arc<str>,
    pub(super) principal: Arc<Principal>,
    pub(super) session: Option<Arc<str>>,
    pub(super) started: Now,
    pub(super) deadline: Instant,
    pub(super) traceparent: Option<HeaderValue>,
    /// Headers that belong to the request in the client's dialect.
    pub(super) companions: HeaderMap,
    /// Whether it runs beside another and acts on nothing: the questions of its policy are then accounted as `shadow`.
    pub(super) beside: bool,
}

impl Journey {
    /// The cause of an attempt that a policy asked for by `effect`.
    pub(super) fn cause(&self, effect: &'static str) -> &'static str {
        if self.beside { "shadow" } else { effect }
    }

    /// Time left until the exchange's deadline.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// One client request and all that happens for it. Dropped before it is
/// settled, it settles as cancelled.
pub(super) struct Exchange {
    pub(super) gateway: Arc<Gateway>,
    pub(super) bundle: Arc<Bundle>,
    pub(super) id: Arc<str>,
    pub(super) started: Now,
    pub(super) endpoint: Endpoint,
    pub(super) inbound: &'static dyn Inbound,
    pub(super) principal: Arc<Principal>,
    pub(super) route: Option<Arc<Route>>,
    pub(super) asked: String,
    pub(super) stream: bool,
    /// Whether the client wants sound as samples without a head.
    pub(super) bare_sound: bool,
    pub(super) session: Option<Arc<str>>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) model: Option<Arc<Model>>,
    pub(super) notes: Map<String, Value>,
    pub(super) faults: Vec<String>,
    pub(super) journal: Vec<record::Effect>,
    pub(super) dropped: Vec<String>,
    pub(super) shadow: Option<Value>,
    /// Whether the route's policy on trial acted.
    pub(super) on_trial: bool,
    /// The request as it came, where its facts are recorded.
    pub(super) asked_for: Option<LazyRequest>,
    /// When the client's first byte was ready.
    pub(super) first_byte: Option<Now>,
    /// What its body takes of the room for bodies.
    held: OnceLock<Held>,
    settled: bool,
}

/// How an exchange ended, as its settlement needs it.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) error: Option<&'a Error>,
    pub(super) usage: Usage,
}

impl Exchange {
    /// Accepts a request: from here on it is in the account.
    pub(super) fn accept(gateway: &Arc<Gateway>, endpoint: Endpoint, inbound: &'static dyn Inbound) -> Self {
        let started = gateway.clock.now();
        gateway.meters.accepted.inc();
        gateway.meters.in_flight.inc();
        Self {
            gateway: Arc::clone(gateway),
            bundle: gateway.bundle(),
            id: Arc::from(request_id(started)),
            started,
            endpoint,
            inbound,
            principal: Arc::default(),
            route: None,
            asked: String::new(),
            stream: false,
            bare_sound: false,
            session: None,
            ledger: Arc::new(Ledger::new(started)),
            model: None,
            notes: Map::new(),
            faults: Vec::new(),
            journal: Vec::new(),
            dropped: Vec::new(),
            shadow: None,
            on_trial: false,
            asked_for: None,
            first_byte: None,
            held: OnceLock::new(),
            settled: false,
        }
    }

    /// What the gateway itself took until `now`: all time less the waiting.
    pub(super) fn overhead(&self, now: Now) -> Duration {
        now.since(&self.started).saturating_sub(self.ledger.read(|ledger| ledger.waited))
    }

    /// Reads the body under its cap, where there is room for it, and holds that to the end.
    pub(super) async fn body<B>(&self, body: B, cap: usize) -> Result<Bytes>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // One that does not say may become as large as it may be.
        let stated = body.size_hint().exact().unwrap_or(cap as u64).min(cap as u64);
        let held = self.gateway.room.hold(stated).await?;
        let read = read_body(body, cap).await?;
        if let Some(held) = held.and_then(|held| Room::keep(held, read.len() as u64)) {
            drop(self.held.set(held));
        }
        Ok(read)
    }

    /// Ends the exchange with an error for the client.
    pub(super) fn refuse(&mut self, error: &Error) {
        let outcome = match error.origin {
            _ if error.kind == Kind::Cancelled => Outcome::Cancelled,
            Origin::Client | Origin::Policy if error.kind != Kind::PolicyFailed => Outcome::Rejected,
            _ => Outcome::Failed,
        };
        self.settle(&End {
            outcome,
            status: error.http_status(),
            error: Some(error),
            usage: Usage::default(),
        });
    }

    /// Ends the exchange. The first call counts, later ones do nothing.
    pub(super) fn settle(&mut self, end: &End<'_>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let now = self.gateway.clock.now();
        let meters = &self.gateway.meters;
        meters.in_flight.dec();
        let code = end.error.map_or("", |error| error.kind.row().code);
        let none: Arc<str> = Arc::default();
        let route = self.route.as_ref().map_or(&none, |route| &route.name);
        meters.settled(route, self.endpoint.name(), end.outcome.name(), code);
        let overhead = self.overhead(self.first_byte.unwrap_or(now));
        meters.overhead.observe(overhead.as_secs_f64());

        if let Some(route) = self.route.as_ref().filter(|_| self.on_trial) {
            let failed = matches!(end.outcome, Outcome::Failed | Outcome::Partial) || !self.faults.is_empty();
            let cost = self.ledger.read(|ledger| ledger.cost);
            let acted = Acted { failed, cost, duration: now.since(&self.started) };
            shadow::ended(&self.gateway, &self.bundle, route, acted);
        }

        let learns = self.route.as_ref().is_some_and(|route| route.has(Hook::Settled));
        let listens = self.route.as_ref().is_some_and(|route| route.has(Hook::Feedback));
        if !(self.gateway.lines.wanted() || self.gateway.records.is_some() || learns || listens) {
            return;
        }
        let record = Arc::new(self.record(end, now, overhead));
        if self.gateway.lines.wanted() {
            self.gateway.lines.put(line(&record));
        }
        if let Some(sink) = &self.gateway.records {
            sink.put(Arc::clone(&record));
        }
        if listens {
            self.gateway.recent.put(&record);
        }
        if let Some(route) = self.route.as_ref().filter(|_| learns) {
            let event = serde_json::to_value(&*record).unwrap_or_default();
            super::afterwards::learn(&self.gateway, &self.bundle, route, &record, (Hook::Settled, event));
        }
    }

    fn record(&mut self, end: &End<'_>, now: Now, overhead: Duration) -> record::Exchange {
        let ledger = self.ledger.close();
        let ms = milliseconds;
        let text = |name: &Option<Arc<str>>| name.as_ref().map(ToString::to_string);
        let shared = |name: &Arc<str>| name.to_string();
        record::Exchange {
            id: shared(&self.id),
            started_ms: self.started.unix_ms,
            endpoint: self.endpoint.name().to_owned(),
            dialect: self.inbound.dialect().name().to_owned(),
            asked: std::mem::take(&mut self.asked),
            route: self.route.as_ref().map(|route| shared(&route.name)).unwrap_or_default(),
            key: shared(&self.principal.key),
            user: text(&self.principal.user),
            team: text(&self.principal.team),
            department: text(&self.principal.department),
            session: text(&self.session),
            bundle: shared(&self.bundle.hash),
            stream: self.stream,
            outcome: end.outcome,
            status: end.status,
            error: end.error.map(|error| error.code().to_owned()),
            model: self.model.as_ref().map(|model| shared(&model.name)),
            provider: self.model.as_ref().map(|model| shared(&model.provider.name)),
            attempts: ledger.attempts,
            input_tokens: end.usage.input,
            cached_tokens: end.usage.cached_input.unwrap_or(0),
            output_tokens: end.usage.output,
            reasoning_tokens: end.usage.reasoning.unwrap_or(0),
            usage_estimated: end.usage.estimated,
            cost_nano_usd: ledger.cost.0,
            unpriced: ledger.unpriced,
            duration_ms: ms(now.since(&self.started)),
            first_byte_ms: self.first_byte.map(|at| ms(at.since(&self.started))),
            overhead_ms: ms(overhead),
            dropped: std::mem::take(&mut self.dropped),
            notes: std::mem::take(&mut self.notes),
            faults: std::mem::take(&mut self.faults),
            journal: std::mem::take(&mut self.journal),
            shadow: self.shadow.take(),
            request: self
                .asked_for
                .take()
                .map(|request| facts(&request, self.bundle.settings.record_content)),
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.settled {
            let error = Error::new(Kind::Cancelled, Origin::Client, "the client left");
            self.refuse(&error);
        }
    }
}

/// One line of JSON about an exchange: no prompt, no answer, no secret.
fn line(record: &record::Exchange) -> Vec<u8> {
    let mut line = serde_json::to_vec(&serde_json::json!({
        "event": "exchange",
        "ts_ms": record.started_ms,
        "id": record.id,
        "endpoint": record.endpoint,
        "asked": record.asked,
        "route": record.route,
        "key": record.key,
        "team": record.team,
        "model": record.model,
        "provider": record.provider,
        "outcome": record.outcome,
        "status": record.status,
        "error": record.error,
        "stream": record.stream,
        "attempts": record.attempts.len(),
        "tried": record.attempts.iter().map(|attempt| (&attempt.model, &attempt.error)).collect::<Vec<_>>(),
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "cost_nano_usd": record.cost_nano_usd,
        "unpriced": record.unpriced,
        "duration_ms": record.duration_ms,
        "first_byte_ms": record.first_byte_ms,
        "overhead_ms": record.overhead_ms,
        "bundle": record.bundle,
        "notes": record.notes,
        "faults": record.faults,
    }))
    .unwrap_or_default();
    line.push(b'\n');
    line
}

/// A ULID: sorts by time, 80 random bits.
pub(super) fn request_id(now: Now) -> String {
    let random = u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..));
    ulid::Ulid::from_parts(now.unix_ms, random).to_string()
}
