//! A case made of a recorded exchange: what came in, who called, what models
//! and services answered, and what the policy makes of it now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::recorded::Recorded;
use crate::dialect::{Quirks, Target, outbound};
use crate::error::Kind;
use crate::gateway::{Bundle, Route};
use crate::ir::{Dialect, Endpoint, Money};
use crate::model::{Model, Price, Tag};
use crate::plan::{Plan, Verdict};
use crate::policy::case::{CaseFile, Played, play};
use crate::policy::{Answer, Bound, EffectValue, Hook, JournalEntry};

/// A case, and what it cannot know.
pub(super) struct Made {
    /// The policy that it is a case of.
    pub policy: Arc<str>,
    /// Its fields, as a case file has them.
    pub case: Map<String, Value>,
    /// What is not in the record, or came otherwise than it does now, in words.
    pub unknown: Vec<String>,
}

/// The case of `policy`, or of the last policy of the route that decides where requests go.
///
/// # Errors
/// No such route or policy, in words.
pub(super) fn made(recorded: &Recorded, bundle: &Bundle, policy: Option<&str>) -> Result<Made, String> {
    let asked = &recorded.exchange.asked;
    let route = recorded.route(bundle).ok_or_else(|| format!("no route claims the model `{asked}`"))?;
    let bound = chosen(route, policy)?;
    let name = &bound.policy.name;
    let own = |(hook, entry): &&(Hook, JournalEntry)| {
        matches!(hook, Hook::Request | Hook::Route) && entry.policy == *name
    };
    let past: Vec<&JournalEntry> = recorded.past.iter().filter(own).map(|(_, entry)| entry).collect();
    let mut case = given(recorded, bundle, route, bound);
    case.extend(answers(&past));
    let played = played(bound, &case)?;
    case.insert("expect".to_owned(), expected(&played));
    let mut unknown = unrecorded(recorded, &past);
    unknown.extend(moved(recorded, &played));
    Ok(Made { policy: Arc::clone(name), case, unknown })
}

/// What comes of `case`, read as it is written down.
fn played(bound: &Bound, case: &Map<String, Value>) -> Result<Played, String> {
    let text = json!({ "cases": [case] }).to_string();
    let (file, problems) = crate::yaml::read::<CaseFile>(Path::new("the case"), &text);
    if let Some(problem) = problems.first() {
        return Err(problem.in_a_line());
    }
    let file = file.unwrap_or_default();
    let case = file.cases.first().ok_or("the record makes no case")?;
    play(&bound.policy, &file, case)
}

fn chosen<'a>(route: &'a Route, policy: Option<&str>) -> Result<&'a Arc<Bound>, String> {
    let decides = |bound: &&Arc<Bound>| bound.policy.has(Hook::Route) || bound.policy.has(Hook::Request);
    let hit = match policy {
        Some(name) => route.policies.iter().filter(decides).find(|bound| *bound.policy.name == *name),
        None => {
            let routes = route.policies.iter().rfind(|bound| bound.policy.has(Hook::Route));
            routes.or_else(|| route.policies.iter().rfind(decides))
        }
    };
    hit.ok_or_else(|| {
        let known: Vec<&str> =
            route.policies.iter().filter(decides).map(|bound| &*bound.policy.name).collect();
        format!(
            "route `{}` has no such policy that decides on requests; it has {}",
            route.name,
            known.join(", ")
        )
    })
}

/// What comes in, and what exists.
fn given(recorded: &Recorded, bundle: &Bundle, route: &Route, bound: &Bound) -> Map<String, Value> {
    let exchange = &recorded.exchange;
    let caller = recorded.caller(bundle);
    let key = json!({
        "name": caller.key, "user": caller.user, "team": caller.team, "department": caller.department, "tags": labels(&caller.tags),
    });
    let models: Map<String, Value> =
        bundle.models.values().map(|model| (model.name.to_string(), facts(model))).collect();
    let candidates: Vec<&str> = route.candidates.iter().map(|model| &*model.name).collect();
    let fields = [
        ("name", json!(format!("recorded {}", exchange.id))),
        ("request", request(recorded)),
        ("endpoint", json!(Some(&exchange.endpoint).filter(|name| **name != Endpoint::Chat.name()))),
        ("session", json!(exchange.session)),
        ("key", key),
        ("route", json!(route.name)),
        ("clock", json!(moment(exchange.started_ms))),
        ("with", json!(bound.with)),
        ("models", models.into()),
        ("candidates", json!(candidates)),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), bare(value)))
        .filter(|(_, value)| says(value))
        .collect()
}

/// `value` without fields that say nothing.
fn bare(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, bare(value)))
            .filter(|(_, value)| says(value))
            .collect(),
        other => other,
    }
}

fn says(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

fn moment(ms: u64) -> Option<String> {
    let nanos = i128::from(ms).checked_mul(1_000_000)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
}

/// The request as a chat body; a long filler in short.
fn request(recorded: &Recorded) -> Value {
    let quirks = Quirks::default();
    let target = Target { model: &recorded.exchange.asked, max_output_tokens: None, quirks: &quirks };
    let decoded = recorded.request.decoded().ok();
    let wire = decoded
        .zip(outbound(Dialect::OpenAiChat))
        .and_then(|(request, side)| side.encode_request(request, &target).ok());
    let mut body: Value = wire.and_then(|wire| serde_json::from_slice(&wire.body).ok()).unwrap_or_default();
    let Some(fields) = body.as_object_mut().filter(|_| !recorded.itself) else { return body };
    let content = fields.get("messages").and_then(|messages| messages.pointer("/0/content")?.as_array());
    // The filler alone, without a picture beside it.
    let alone = content
        .and_then(|parts| if let [part] = parts.as_slice() { part.get("text")?.as_str() } else { None });
    if let Some(words) = alone.map(|text| text.matches("word ").count()) {
        fields.shift_remove("messages");
        fields.insert("text".to_owned(), json!("word "));
        fields.insert("repeat".to_owned(), json!(words));
    }
    body
}

/// A model as `gateway.yaml` has it.
fn facts(model: &Model) -> Value {
    let usd = |nano: i64| Money(nano).as_usd();
    let price = |price: &Arc<Price>| json!({ "input": usd(price.input), "output": usd(price.output), "cached_input": price.cached_input.map(usd) });
    json!({
        "provider": model.provider.name,
        "kind": model.provider.kind.name,
        "upstream": (model.upstream != *model.name).then_some(&model.upstream),
        "context_window": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "modalities": { "input": model.input, "output": model.output },
        "capabilities": model.capabilities,
        "price": model.price.as_ref().map(price),
        "tags": labels(&model.tags),
    })
}

fn labels(tags: &BTreeMap<String, Tag>) -> Map<String, Value> {
    let value = |tag: &Tag| match tag {
        Tag::Bool(flag) => json!(flag),
        Tag::Number(number) => json!(number),
        Tag::Text(text) => json!(text),
    };
    tags.iter().map(|(name, tag)| (name.clone(), value(tag))).collect()
}

/// What models and services answered, in turn.
fn answers(past: &[&JournalEntry]) -> Map<String, Value> {
    let (mut models, mut services): (Map<String, Value>, Vec<Value>) = (Map::new(), Vec::new());
    for entry in past {
        match (&entry.result, &*entry.effect) {
            (Ok(EffectValue::Answers(given)), _) => {
                for answer in given {
                    if let Some(list) =
                        models.entry(&*answer.model).or_insert_with(|| json!([])).as_array_mut()
                    {
                        list.push(said(answer));
                    }
                }
            }
            (Ok(EffectValue::Json(value)), "search" | "http" | "moderate") => services.push(value.clone()),
            (Err(error), "search" | "http" | "moderate") => {
                services.push(json!({ "error": kind(error.code()) }));
            }
            _ => {}
        }
    }
    let services = (!services.is_empty()).then(|| ("services".to_owned(), json!({ "*": services })));
    let models = (!models.is_empty()).then(|| ("answers".to_owned(), Value::Object(models)));
    models.into_iter().chain(services).collect()
}

fn said(answer: &Answer) -> Value {
    match &answer.outcome {
        Ok(response) => {
            let calls = response.choices.first().into_iter().flat_map(|choice| choice.message.tool_calls());
            let calls: Vec<Value> = calls
                .map(|call| {
                    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                    json!({ "name": call.name, "arguments": arguments })
                })
                .collect();
            bare(json!({ "text": response.text(), "tool_calls": calls, "after_ms": answer.elapsed_ms }))
        }
        Err(error) => json!({ "error": kind(error.code()), "after_ms": answer.elapsed_ms }),
    }
}

/// The name of the kind of error that has this code.
fn kind(code: &str) -> &'static str {
    let kind = Kind::ALL.into_iter().find(|kind| kind.row().code == code);
    kind.unwrap_or(Kind::UpstreamFailed).name()
}

/// What the policy makes of it now.
fn expected(played: &Played) -> Value {
    let models =
        |plan: &Plan| -> Vec<String> { plan.steps.iter().map(|step| step.model.to_string()).collect() };
    let mut expect = match &played.verdict {
        Ok(Verdict::Route(plan)) => json!({ "targets": models(plan) }),
        Ok(Verdict::Batch(plan)) => json!({ "batch": models(plan) }),
        Ok(Verdict::Reject { status, code, .. }) => json!({ "reject": { "status": status, "code": code } }),
        Ok(Verdict::Respond(response)) => json!({ "respond": response.text() }),
        Ok(_) => json!({ "nothing": true }),
        Err(fault) => json!({ "fault": fault.message }),
    };
    if let Some(fields) = expect.as_object_mut().filter(|_| !played.scene.notes.is_empty()) {
        fields.insert("notes".to_owned(), Value::Object(played.scene.notes.clone()));
    }
    expect
}

/// What the record does not keep, and the policy may have gone by.
fn unrecorded(recorded: &Recorded, past: &[&JournalEntry]) -> Vec<String> {
    let mut unknown = vec![
        "health, load and latency of the models at that time are not recorded, nor what feeds said of prices"
            .to_owned(),
    ];
    if !recorded.itself {
        unknown.push(
            "the record keeps no content: a request of the same size and features stands for it".to_owned(),
        );
    }
    for (part, what) in [
        ("state.", "the state"),
        ("random", "chance: set `seed`"),
        ("embed", "the texts of `embed`: set `embeddings`"),
    ] {
        if past.iter().any(|entry| entry.effect.starts_with(part)) {
            unknown.push(format!("it went by what a case has to be told: {what}"));
        }
    }
    unknown
}

/// Where the exchange went, if it goes elsewhere now.
fn moved(recorded: &Recorded, played: &Played) -> Option<String> {
    let planned = recorded.exchange.attempts.iter().find(|attempt| attempt.cause == "plan")?;
    let Ok(Verdict::Route(plan)) = &played.verdict else { return None };
    let now = &plan.steps.first()?.model;
    (**now != *planned.model).then(|| format!("then it went to {} first", planned.model))
}

impl Made {
    /// The item of a case file's `cases`.
    pub(super) fn yaml(&self) -> String {
        let mut text = String::new();
        for line in &self.unknown {
            let _ = writeln!(text, "  # {line}");
        }
        for (at, (field, value)) in self.case.iter().enumerate() {
            let dash = if at == 0 { "-" } else { " " };
            match value.as_object().filter(|_| field == "models") {
                Some(models) => {
                    let _ = writeln!(text, "  {dash} {field}:");
                    for (name, facts) in models {
                        let _ = writeln!(text, "      {}: {facts}", json!(name));
                    }
                }
                None => {
                    let _ = writeln!(text, "  {dash} {field}: {value}");
                }
            }
        }
        text
    }
}
