//! What policies do after an exchange: learn from its record and from what the
//! client says of it later. Off the path of any request.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::{Value, json};

use super::decide::Deciders;
use super::exchange::Journey;
use super::identify::identify;
use super::ledger::Ledger;
use super::{Bundle, Gateway, Route};
use crate::dialect::{LazyRequest, inbound};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Dialect, Endpoint, Request};
use crate::policy::Hook;
use crate::principal::Principal;
use crate::record;

/// Exchanges that wait for feedback at most; the oldest go first.
const WAITING: u64 = 20_000;
/// How long an exchange waits for feedback.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Longest comment, bytes.
const COMMENT: usize = 8192;

/// Exchanges of routes that listen to feedback, by id.
#[derive(Debug)]
pub(super) struct Recent(Cache<String, Arc<record::Exchange>>);

impl Default for Recent {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(WAITING).time_to_live(PATIENCE).build())
    }
}

impl Recent {
    pub(super) fn put(&self, record: &Arc<record::Exchange>) {
        self.0.insert(record.id.clone(), Arc::clone(record));
    }
}

/// What a client says of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    /// The `x-pointsman-request-id` of the answer.
    exchange: String,
    /// 0 (bad) to 1 (good).
    score: Option<f64>,
    /// `up` or `down`: a score of 1 or 0.
    thumbs: Option<Thumbs>,
    /// In words.
    comment: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Thumbs {
    Up,
    Down,
}

/// Takes the feedback in `body` and lets the policies of the exchange's route
/// learn from it.
///
/// # Errors
/// `Unauthenticated`; `InvalidRequest`; `NotFound` for an exchange that is too
/// long ago, of another key, or of a route that does not listen.
pub fn feedback(gateway: &Arc<Gateway>, headers: &HeaderMap, body: &[u8]) -> Result<()> {
    let bundle = gateway.bundle();
    let principal = identify(&bundle, headers, gateway.clock.now())?;
    let feedback: Feedback = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the feedback is not valid: {at}")))?;
    let score = score(&feedback)?;
    let record = gateway.recent.0.get(&feedback.exchange).filter(|record| *record.key == *principal.key);
    let record = record.ok_or_else(|| {
        let text = "no exchange of this id waits for feedback: the route has no policy with `on_feedback`, or it was more than an hour ago";
        Error::new(Kind::NotFound, Origin::Client, text).with_param("exchange").with_code("unknown_exchange")
    })?;
    let Some(route) = route_named(&bundle, &record.route) else { return Ok(()) };
    let event = json!({
        "score": score,
        "comment": feedback.comment,
        "exchange": serde_json::to_value(&*record).unwrap_or_default(),
    });
    learn(gateway, &bundle, &route, &record, (Hook::Feedback, event));
    Ok(())
}

fn score(feedback: &Feedback) -> Result<Option<f64>> {
    if feedback.comment.as_ref().is_some_and(|comment| comment.len() > COMMENT) {
        return Err(Error::invalid(format!("`comment` is longer than {COMMENT} bytes")).with_param("comment"));
    }
    match (feedback.score, feedback.thumbs) {
        (Some(score), _) if !(0.0..=1.0).contains(&score) => {
            Err(Error::invalid("`score` must lie between 0 and 1").with_param("score"))
        }
        (Some(score), _) => Ok(Some(score)),
        (None, Some(Thumbs::Up)) => Ok(Some(1.0)),
        (None, Some(Thumbs::Down)) => Ok(Some(0.0)),
        (None, None) if feedback.comment.is_some() => Ok(None),
        (None, None) => Err(Error::invalid("say something: `score`, `thumbs` or `comment`")),
    }
}

fn route_named(bundle: &Bundle, name: &str) -> Option<Arc<Route>> {
    bundle.routes.iter().find(|route| *route.name == *name).or_else(|| bundle.direct.get(name)).cloned()
}

/// Runs a learning hook of `route` in a task of its own.
pub(super) fn learn(
    gateway: &Arc<Gateway>,
    bundle: &Arc<Bundle>,
    route: &Arc<Route>,
    record: &record::Exchange,
    (hook, event): (Hook, Value),
) {
    let Some(inbound) = inbound(Dialect::OpenAiChat) else { return };
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let now = gateway.clock.now();
    let journey = Arc::new(Journey {
        gateway: Arc::clone(gateway),
        bundle: Arc::clone(bundle),
        route: Arc::clone(route),
        ledger: Arc::new(Ledger::new(now)),
        id: Arc::from(record.id.as_str()),
        principal: Arc::new(caller(record)),
        session: record.session.as_deref().map(Arc::from),
        started: now,
        deadline: tokio::time::Instant::now() + route.timeouts.total,
        traceparent: None,
        companions: http::HeaderMap::new(),
        beside: false,
    });
    let request = Request::new(Dialect::OpenAiChat, record.asked.clone());
    let endpoint = Endpoint::named(&record.endpoint).unwrap_or(Endpoint::Chat);
    let request = LazyRequest::built(endpoint, inbound, request);
    let mut deciders = Deciders::new(&journey, request, Arc::default());
    // Those learn that acted.
    deciders.on_trial = record.shadow.as_ref().is_some_and(|shadow| shadow.get("acts").is_some());
    runtime.spawn(async move { deciders.afterwards(hook, event).await });
}

/// Who called, as far as the record says.
fn caller(record: &record::Exchange) -> Principal {
    let name = |name: &Option<String>| name.as_deref().map(Arc::from);
    Principal {
        key: Arc::from(record.key.as_str()),
        user: name(&record.user),
        team: name(&record.team),
        department: name(&record.department),
        ..Principal::default()
    }
}
