//! From a case to the scene that its hooks see.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::facts::tags;
use super::file::{AttemptFacts, Case, CaseFile};
use super::script::response_of;
use crate::clock::{Clock, Now};
use crate::dialect::{LazyRequest, PathFacts, inbound};
use crate::error::{Error, Kind, Origin, Retry};
use crate::ir::{Dialect, Endpoint, Money};
use crate::model::Candidate;
use crate::policy::{Catalog, Hook, RouteFacts, Scene, Trace};
use crate::principal::Principal;
use crate::state::{MemoryStore, Store};

/// Saturday noon, where a case names no time.
const NOON: u64 = 1_795_262_400_000;

/// The hooks that a case asks, in order.
pub(super) fn hooks(case: &Case) -> &'static [Hook] {
    if case.attempt.is_some() {
        &[Hook::Failure]
    } else if case.response.is_some() {
        &[Hook::Response]
    } else if case.text.is_some() {
        &[Hook::Text]
    } else if case.record.is_some() {
        &[Hook::Settled]
    } else if case.feedback.is_some() {
        &[Hook::Feedback]
    } else {
        &[Hook::Request, Hook::Route]
    }
}

/// The scene of a case.
///
/// # Errors
/// What is wrong with the case, in words.
pub(super) fn scene(file: &CaseFile, case: &Case) -> Result<Scene, String> {
    let models = models(file, case)?;
    let candidates = candidates(case, &models)?;
    let now = now(case)?;
    let state = MemoryStore::default();
    for (key, value) in &case.state {
        state.put(key, value.clone(), None, now);
    }
    let event = case.record.as_ref().or(case.feedback.as_ref());
    Ok(Scene {
        request: request(case)?,
        route: Arc::new(RouteFacts {
            name: case.route.as_deref().unwrap_or("case").into(),
            ..RouteFacts::default()
        }),
        catalog: Catalog::fixed(candidates, models),
        principal: Arc::new(principal(case)),
        headers: Arc::new(
            case.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
        ),
        session: case.session.as_deref().map(Arc::from),
        request_id: "req_case".into(),
        now,
        seed: case.seed.unwrap_or(0),
        state: Arc::new(state),
        attempt: case.attempt.as_ref().map(attempt).transpose()?.map(Arc::new),
        response: case.response.as_ref().map(|answer| Arc::new(response_of(answer))),
        text: None,
        spoken: case.part,
        event: event.cloned().map(Arc::new),
        notes: Map::new(),
        trace: Some(Arc::new(Trace::default())),
    })
}

fn models(file: &CaseFile, case: &Case) -> Result<Vec<Candidate>, String> {
    let mut facts: Vec<(&str, super::facts::ModelFacts)> =
        file.models.iter().map(|(name, facts)| (name.value.as_str(), facts.clone())).collect();
    for (name, own) in &case.models {
        match facts.iter_mut().find(|(one, _)| *one == name.value) {
            Some((_, base)) => *base = own.clone().or(base),
            None => facts.push((name.value.as_str(), own.clone())),
        }
    }
    let made = facts.iter().map(|(name, facts)| facts.candidate(name));
    made.collect::<Option<_>>().ok_or_else(|| "there is no simulated provider to run cases with".to_owned())
}

fn candidates(case: &Case, models: &[Candidate]) -> Result<Vec<Candidate>, String> {
    let Some(names) = &case.candidates else { return Ok(models.to_vec()) };
    let find = |name: &String| {
        let hit = models.iter().find(|one| *one.model.name == **name);
        hit.cloned().ok_or_else(|| format!("the candidate `{name}` is not among the models"))
    };
    names.iter().map(find).collect()
}

fn now(case: &Case) -> Result<Now, String> {
    let Some(text) = &case.clock else { return Ok(Clock::manual(NOON).now()) };
    let date = OffsetDateTime::parse(&text.value, &Rfc3339)
        .map_err(|_| format!("`clock: {}` is no time like 2026-11-21T10:52:49Z", text.value))?;
    let ms = date.unix_timestamp_nanos() / 1_000_000;
    Ok(Clock::manual(u64::try_from(ms).unwrap_or(0)).now())
}

fn principal(case: &Case) -> Principal {
    let shared = |text: &Option<String>| text.as_deref().map(Arc::from);
    Principal {
        key: case.key.name.as_deref().unwrap_or("anonymous").into(),
        user: shared(&case.key.user),
        team: shared(&case.key.team),
        department: shared(&case.key.department),
        tags: tags(&case.key.tags),
        budget_left: case.key.budget_left.map(Money::from_usd),
        ..Principal::default()
    }
}

fn request(case: &Case) -> Result<LazyRequest, String> {
    let hello = Value::from("hello");
    let written = case.request.as_ref().map_or(&hello, |request| &request.value);
    let endpoint = case.endpoint.as_deref().unwrap_or("chat");
    let endpoint = Endpoint::named(endpoint).ok_or_else(|| format!("there is no endpoint `{endpoint}`"))?;
    let side = inbound(Dialect::OpenAiChat).ok_or("the chat dialect is not at hand")?;
    let body = body(written)?.to_string();
    LazyRequest::read(endpoint, side, body.into(), PathFacts::default())
        .and_then(|request| request.decoded().map(drop).map(|()| request))
        .map_err(|error| format!("the request: {}", error.message))
}

/// The chat body that a case's request stands for.
fn body(written: &Value) -> Result<Value, String> {
    let mut body = match written {
        Value::String(text) => Map::from_iter([("text".to_owned(), Value::from(text.as_str()))]),
        Value::Object(fields) => fields.clone(),
        _ => return Err("a request is a text or a chat body".to_owned()),
    };
    let times = body.shift_remove("repeat").and_then(|times| times.as_u64()).unwrap_or(1);
    let text = body.shift_remove("text").and_then(|text| text.as_str().map(str::to_owned));
    let system = body.shift_remove("system");
    let mut messages = Vec::new();
    messages.extend(system.map(|text| json!({"role": "system", "content": text})));
    if let Some(Value::Array(written)) = body.shift_remove("messages") {
        messages.extend(written.into_iter().map(short_message));
    }
    if let Some(text) = text {
        let text = text.repeat(usize::try_from(times.min(1_000_000)).unwrap_or(1));
        messages.push(json!({"role": "user", "content": text}));
    }
    body.insert("messages".to_owned(), messages.into());
    body.entry("model").or_insert_with(|| "assistant".into());
    Ok(body.into())
}

/// `{user: hello}` is `{role: user, content: hello}`.
fn short_message(message: Value) -> Value {
    match message.as_object().and_then(|fields| fields.iter().next().filter(|_| fields.len() == 1)) {
        Some((role, text)) => json!({"role": role, "content": text}),
        None => message,
    }
}

fn attempt(facts: &AttemptFacts) -> Result<crate::policy::AttemptFacts, String> {
    let kind =
        Kind::named(&facts.kind).ok_or_else(|| format!("there is no kind of error `{}`", facts.kind))?;
    let mut error = Error::new(kind, Origin::Upstream, facts.message.clone().unwrap_or_default());
    error.upstream_status = facts.status;
    if let Some(ms) = facts.retry_after_ms {
        error.retry = Retry::After(Duration::from_millis(ms));
    }
    Ok(crate::policy::AttemptFacts {
        model: facts.model.as_str().into(),
        number: facts.number.unwrap_or(1),
        error,
        elapsed_ms: facts.elapsed_ms.unwrap_or(0),
        steps_left: facts.steps_left.unwrap_or(0),
    })
}
