//! `ctx`: the route, its models, who calls, the time, notes.

use rhai::{Dynamic, Engine, ImmutableString};

use super::time::Moment;
use super::word::{self, getter, index, to_json, word};
use crate::ir::Money;
use crate::policy::query::Selection;
use crate::policy::script::effects::random;
use crate::policy::script::turn::{self, Ctx, Reply, absent, or_absent, raise, read};

/// `ctx.route`.
#[derive(Clone, Copy)]
pub(super) struct RouteView;

/// `ctx.key`: who calls.
#[derive(Clone, Copy)]
pub(super) struct KeyView;

/// `ctx.key.tags`.
#[derive(Clone, Copy)]
pub(super) struct KeyTags;

/// Most bytes of one note.
const NOTE: usize = 4096;

/// Registers the words of `ctx`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<RouteView>("Route").register_type_with_name::<KeyView>("Key");
    engine.register_type_with_name::<KeyTags>("KeyTags");
    route(engine);
    models(engine);
    key(engine);
    notes(engine);
}

fn route(engine: &mut Engine) {
    getter("route", "The route that serves the request.", "ctx.route.name")
        .register_into_engine(engine, |_: &mut Ctx| RouteView);
    getter("name", "The route's name.", "ctx.route.name == \"assistant\"")
        .register_into_engine(engine, |_: &mut RouteView| {
            read(|scene| ImmutableString::from(&*scene.route.name))
        });
    getter("retries", "Retries that an attempt has unless its plan says otherwise.", "ctx.route.retries")
        .register_into_engine(engine, |_: &mut RouteView| read(|scene| i64::from(scene.route.retries)));
    getter("request_id", "The exchange's id.", "ctx.request_id")
        .register_into_engine(engine, |_: &mut Ctx| read(|scene| ImmutableString::from(&*scene.request_id)));
    getter("now", "The time of the exchange.", "ctx.now.hour >= 22")
        .register_into_engine(engine, |_: &mut Ctx| read(|scene| Moment::at(scene.now.unix_ms)));
    getter(
        "part",
        "The part of the answer to which the sentence belongs: `text`, `refusal` or `reasoning`. In `on_text`.",
        "ctx.part == \"reasoning\"",
    )
    .register_into_engine(engine, |_: &mut Ctx| {
        let part = read(|scene| scene.text.as_ref().map(|_| scene.spoken.name()))?;
        part.map(ImmutableString::from).ok_or_else(|| raise("`ctx.part` exists only in `on_text`"))
    });
    word("random()", "A number by chance, from 0 up to 1; the same in a replay.", "ctx.random() < 0.1")
        .register_into_engine(engine, |_: &mut Ctx| random());
}

fn models(engine: &mut Engine) {
    getter(
        "candidates",
        "The models that the route allows, in its order: one snapshot an exchange.",
        "ctx.candidates.fitting(req)",
    )
    .register_into_engine(engine, |_: &mut Ctx| {
        read(|scene| Selection::all(scene.catalog.candidates().clone(), scene.trace.clone()))
    });
    getter("models", "All models, by name.", "ctx.models[\"gpt-5\"]")
        .register_into_engine(engine, |_: &mut Ctx| {
            read(|scene| Selection::all(scene.catalog.models().clone(), scene.trace.clone()))
        });
}

fn key(engine: &mut Engine) {
    getter("key", "Who calls. Never the secret.", "ctx.key.team == \"research\"")
        .register_into_engine(engine, |_: &mut Ctx| KeyView);
    getter("name", "The key's name; `anonymous` without keys.", "ctx.key.name")
        .register_into_engine(engine, |_: &mut KeyView| {
            read(|scene| ImmutableString::from(&*scene.principal.key))
        });
    type Label = fn(&crate::principal::Principal) -> &Option<std::sync::Arc<str>>;
    let labels: [(&'static str, &str, Label); 3] = [
        ("team", "The team, or `()`.", |principal| &principal.team),
        ("department", "The department, or `()`.", |principal| &principal.department),
        ("user", "The person, or `()`.", |principal| &principal.user),
    ];
    for (name, meaning, label) in labels {
        getter(name, meaning, &format!("ctx.key.{name} ?? \"none\"")).register_into_engine(
            engine,
            move |_: &mut KeyView| {
                read(|scene| label(&scene.principal).as_deref().map(ImmutableString::from))
                    .map(|value| or_absent(value, || format!("ctx.key.{name}")))
            },
        );
    }
    getter(
        "budget_left",
        "USD left in the tightest budget, or `()` without one.",
        "(ctx.key.budget_left ?? 1.0) > 0.01",
    )
    .register_into_engine(engine, |_: &mut KeyView| {
        read(|scene| scene.principal.budget_left.map(Money::as_usd))
            .map(|left| or_absent(left, || "ctx.key.budget_left".to_owned()))
    });
    getter("tags", "The key's labels; one that it does not have is `()`.", "ctx.key.tags.tier ?? \"free\"")
        .register_into_engine(engine, |_: &mut KeyView| KeyTags);
    index("The label of this name, or `()`.", "ctx.key.tags[\"tier\"]").register_into_engine(
        engine,
        |_: &mut KeyTags, name: ImmutableString| {
            read(|scene| scene.principal.tags.get(name.as_str()).map(word::tag))
                .map(|tag| tag.unwrap_or_else(|| absent(format!("ctx.key.tags.{name}"))))
        },
    );
}

fn notes(engine: &mut Engine) {
    word("note(name, value)", "Notes a value for headers, log and record.", "ctx.note(\"agreement\", 0.75)")
        .register_into_engine(engine, |_: &mut Ctx, name: ImmutableString, value: Dynamic| -> Reply<()> {
            let value = note_value(&value)?;
            let bytes = value.to_string().len();
            if bytes > NOTE {
                return Err(raise(format!("the note `{name}` has {bytes} bytes, at most {NOTE} are kept")));
            }
            turn::charge(bytes)?;
            turn::edit(|scene| drop(scene.notes.insert(name.to_string(), value)))
        });
    word(
        "noted(name)",
        "What a policy noted before under this name, or `()`.",
        "ctx.noted(\"agreement\") ?? 0.0",
    )
    .register_into_engine(engine, |_: &mut Ctx, name: ImmutableString| {
        read(|scene| scene.notes.get(name.as_str()).map(word::from_json))
            .map(|value| value.unwrap_or_else(|| absent(format!("the note `{name}`"))))
    });
}

/// The JSON form of a script's value for notes: models as their names.
fn note_value(value: &Dynamic) -> Reply<serde_json::Value> {
    if let Some(list) = value.read_lock::<Selection>() {
        return Ok(list.iter().map(|candidate| serde_json::Value::from(&*candidate.model.name)).collect());
    }
    to_json(value)
}
