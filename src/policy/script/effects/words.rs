//! The words that ask the outside, and those that witness time and chance.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use serde_json::Value;

use super::answer::Answers;
use super::found::Found;
use super::{draft, perform, random, witness};
use crate::error::Error;
use crate::policy::script::turn::{Reply, raise};
use crate::policy::script::vocabulary::time::Moment;
use crate::policy::script::vocabulary::word::{to_json, word};
use crate::policy::{Answer, Ask, Effect, EffectValue};

/// Registers them.
pub(super) fn register(engine: &mut Engine) {
    asking(engine);
    services(engine);
    witnessed(engine);
}

fn asking(engine: &mut Engine) {
    const ASK: &str = "Asks a model, or a plan that falls back, and waits for the answer. The request is `req`, a text, or a map of system, prompt, messages, max_tokens, temperature and json_schema.";
    let example = "let a = ask(\"gpt-5-mini\", `Answer yes or no: is this about money? ${req.last_user}`); if a.ok && a.text == \"yes\" { .. }";
    word("ask(target, request)", ASK, example)
        .register_into_engine(engine, |target: Dynamic, request: Dynamic| -> Reply<Answer> {
            one("ask", &target, &request, &Map::new())
        });
    word(
        "ask(target, request, options)",
        "The same with options: deadline_ms (60000; never longer than the hook may last).",
        "ask(\"gpt-5\", req, #{ deadline_ms: 2000 })",
    )
    .register_into_engine(engine, |target: Dynamic, request: Dynamic, options: Map| -> Reply<Answer> {
        one("ask", &target, &request, &options)
    });
    const ALL: &str = "Asks several models or plans at once and waits for all. One request for all, or an array with one each.";
    word(
        "ask_all(targets, request)",
        ALL,
        "let answers = ask_all([\"a\", \"b\", \"c\"], req); answers.good.len",
    )
    .register_into_engine(engine, |targets: Dynamic, request: Dynamic| {
        many("ask_all", &targets, &request, &Map::new(), None)
    });
    word(
        "ask_all(targets, request, options)",
        "The same with options: deadline_ms (60000); quorum (all): so many good answers are enough, the others are cancelled.",
        "ask_all([\"a\", \"b\", \"c\"], req, #{ deadline_ms: 8000, quorum: 2 })",
    )
    .register_into_engine(engine, |targets: Dynamic, request: Dynamic, options: Map| {
        many("ask_all", &targets, &request, &options, None)
    });
    word(
        "race(targets, request)",
        "Asks several at once; the first good answer wins, the others are cancelled.",
        "race([\"a\", \"b\"], req).text",
    )
    .register_into_engine(engine, |targets: Dynamic, request: Dynamic| {
        first(&targets, &request, &Map::new())
    });
    word(
        "race(targets, request, options)",
        "The same with options: deadline_ms (60000).",
        "race([\"a\", \"b\"], req, #{ deadline_ms: 3000 })",
    )
    .register_into_engine(engine, |targets: Dynamic, request: Dynamic, options: Map| {
        first(&targets, &request, &options)
    });
}

fn one(name: &'static str, target: &Dynamic, request: &Dynamic, options: &Map) -> Reply<Answer> {
    let legs = vec![draft::leg(target)?];
    let answers = asked(name, legs, request, options, Some(1))?;
    answers.0.first().cloned().ok_or_else(|| raise("the gateway gave no answer"))
}

fn many(
    name: &'static str,
    targets: &Dynamic,
    request: &Dynamic,
    options: &Map,
    quorum: Option<usize>,
) -> Reply<Answers> {
    asked(name, draft::legs(targets)?, request, options, quorum)
}

fn first(targets: &Dynamic, request: &Dynamic, options: &Map) -> Reply<Answer> {
    let answers = many("race", targets, request, options, Some(1))?;
    let good = answers.0.iter().find(|answer| answer.outcome.is_ok());
    good.or_else(|| answers.0.first()).cloned().ok_or_else(|| raise("the gateway gave no answer"))
}

fn asked(
    name: &'static str,
    legs: Vec<crate::plan::Plan>,
    request: &Dynamic,
    options: &Map,
    quorum: Option<usize>,
) -> Reply<Answers> {
    let options = draft::options(options)?;
    let requests = draft::requests(request, legs.len())?;
    let quorum = quorum.or(options.quorum).unwrap_or(legs.len()).min(legs.len());
    let models: Vec<Arc<str>> =
        legs.iter().filter_map(|leg| leg.steps.first().map(|step| Arc::clone(&step.model))).collect();
    let answered = perform(name, Effect::Ask(Ask { legs, requests, quorum, deadline: options.deadline }))?;
    Ok(match answered {
        Ok(EffectValue::Answers(answers)) => Answers(answers.into()),
        Ok(EffectValue::Json(_)) => return Err(raise("the gateway gave a value where answers belong")),
        Err(error) => Answers(models.into_iter().map(|model| failed(model, &error)).collect()),
    })
}

/// The answer of a leg that was never asked.
fn failed(model: Arc<str>, error: &Error) -> Answer {
    Answer { model, outcome: Err(error.clone()), elapsed_ms: 0, cost: None }
}

fn services(engine: &mut Engine) {
    word(
        "embed(model, texts)",
        "Vectors of a text or a list of texts by an embedding model.",
        "let v = embed(\"text-embedding-3-small\", req.last_user); v.ok",
    )
    .register_into_engine(engine, |model: ImmutableString, texts: Dynamic| -> Reply<Found> {
        let texts = match texts.read_lock::<Array>() {
            Some(list) => list.iter().map(ToString::to_string).collect(),
            None => vec![texts.to_string()],
        };
        found("embed", Effect::Embed { model: model.as_str().into(), texts })
    });
    word(
        "search(service, query)",
        "The nearest passages in a declared vector store, by text or vector.",
        "search(\"docs\", req.last_user).passages",
    )
    .register_into_engine(engine, |service: ImmutableString, query: Dynamic| {
        search(&service, &query, &Map::new())
    });
    word(
        "search(service, query, options)",
        "The same with options that the store understands: limit, filter, ...",
        "search(\"docs\", req.last_user, #{ limit: 5 })",
    )
    .register_into_engine(engine, |service: ImmutableString, query: Dynamic, options: Map| {
        search(&service, &query, &options)
    });
    word(
        "http(service, method, path)",
        "Calls a declared service: method, path below its base URL. Beside an exchange a policy on trial sends only what changes nothing (GET, HEAD, OPTIONS, TRACE); else `ok` is false.",
        "http(\"weather\", \"GET\", \"/today\").body",
    )
    .register_into_engine(
        engine,
        |service: ImmutableString, method: ImmutableString, path: ImmutableString| {
            call(&service, &method, &path, None)
        },
    );
    word(
        "http(service, method, path, body)",
        "The same with a JSON body.",
        "http(\"crm\", \"POST\", \"/find\", #{ user: req.user })",
    )
    .register_into_engine(
        engine,
        |service: ImmutableString, method: ImmutableString, path: ImmutableString, body: Dynamic| {
            call(&service, &method, &path, Some(to_json(&body)?))
        },
    );
    word(
        "moderate(model, text)",
        "Whether a text is harmful, by a moderation model.",
        "moderate(\"omni-moderation\", req.last_user).flagged",
    )
    .register_into_engine(engine, |model: ImmutableString, text: ImmutableString| {
        found("moderate", Effect::Moderate { model: model.as_str().into(), text: text.to_string() })
    });
}

fn search(service: &str, query: &Dynamic, options: &Map) -> Reply<Found> {
    let mut fields = serde_json::Map::new();
    let name = if query.is_array() { "vector" } else { "text" };
    fields.insert(name.to_owned(), to_json(query)?);
    for (name, value) in options {
        fields.insert(name.to_string(), to_json(value)?);
    }
    found("search", Effect::Search { service: service.into(), query: Value::Object(fields) })
}

fn call(service: &str, method: &str, path: &str, body: Option<Value>) -> Reply<Found> {
    let (method, path) = (method.to_ascii_uppercase(), path.to_owned());
    found("http", Effect::Http { service: service.into(), method, path, body })
}

fn found(name: &'static str, effect: Effect) -> Reply<Found> {
    Ok(Found::of(name, perform(name, effect)?))
}

fn witnessed(engine: &mut Engine) {
    word("now()", "The time; in hooks without effects, the time of the exchange.", "now().hour >= 22")
        .register_into_engine(engine, || -> Reply<Moment> {
            let value = witness("now", (), |run| Ok(Value::from(run.clock().map_or(0, |now| now.unix_ms))))?;
            Ok(Moment::at(value.as_u64().unwrap_or_default()))
        });
    word("random()", "A number by chance, from 0 up to 1; the same in a replay.", "if random() < 0.1 { .. }")
        .register_into_engine(engine, random);
    word(
        "random(below)",
        "A whole number by chance, from 0 up to, not including, a bound.",
        "[\"a\", \"b\", \"c\"][random(3)]",
    )
    .register_into_engine(engine, |below: i64| -> Reply<i64> {
        if below < 1 {
            return Err(raise("`random(n)` needs an n of 1 or more"));
        }
        let value = witness("random", below, |run| Ok(Value::from((run.draw() * below as f64) as i64)))?;
        Ok(value.as_i64().unwrap_or_default().clamp(0, below - 1))
    });
}
