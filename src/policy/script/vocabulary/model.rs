//! One model as a policy sees it: what it can do, what it costs, how it does now.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::budget::counter;
use super::request::with_need;
use super::word::{self, getter, index, kind_of, word};
use crate::ir::Money;
use crate::model::{Candidate, Price};
use crate::policy::query;
use crate::policy::script::turn::{Reply, Req, absent, or_absent, raise, read};

/// The tags of a model.
#[derive(Clone)]
pub(super) struct Tags(Candidate);

/// Registers the words of a model.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Candidate>("Model").register_type_with_name::<Tags>("ModelTags");
    engine.register_type_with_name::<Arc<Price>>("Price");
    identity(engine);
    abilities(engine);
    health(engine);
    money(engine);
    tags(engine);
}

/// The name of a model that a script gave as a model or as a text.
///
/// # Errors
/// It is neither.
pub(super) fn name_of(value: &Dynamic) -> Reply<Arc<str>> {
    if let Some(model) = value.read_lock::<Candidate>() {
        return Ok(Arc::clone(&model.model.name));
    }
    let text = value.read_lock::<ImmutableString>();
    text.map(|text| Arc::from(text.as_str()))
        .ok_or_else(|| raise(format!("a model or its name is wanted, not {}", kind_of(value))))
}

fn identity(engine: &mut Engine) {
    getter("name", "Our name for the model.", "ctx.candidates[0].name")
        .register_into_engine(engine, |model: &mut Candidate| ImmutableString::from(&*model.model.name));
    getter("provider", "The provider's name.", "ctx.candidates.filter(|m| m.provider != \"openai\")")
        .register_into_engine(engine, |model: &mut Candidate| {
            ImmutableString::from(&*model.model.provider.name)
        });
    getter(
        "batches",
        "Whether its provider takes requests in batches, so that `batch` can leave them there.",
        "ctx.candidates.filter(|m| m.batches)",
    )
    .register_into_engine(engine, |model: &mut Candidate| model.model.provider.kind.batch_form().is_some());
    getter("upstream", "The provider's name for the model.", "ctx.models[\"gpt-5\"].upstream")
        .register_into_engine(engine, |model: &mut Candidate| model.model.upstream.clone());
    word("to_string()", "The model's name.", "`chosen: ${ctx.candidates[0]}`")
        .register_into_engine(engine, |model: &mut Candidate| model.model.name.to_string());
    word("==", "Whether two models are the same.", "ctx.candidates[0] == ctx.models[\"gpt-5\"]")
        .register_into_engine(engine, |a: &mut Candidate, b: Candidate| a.model.name == b.model.name);
}

fn abilities(engine: &mut Engine) {
    getter(
        "context_window",
        "Most tokens of input and output together, or `()`.",
        "m.context_window ?? 8192",
    )
    .register_into_engine(engine, |model: &mut Candidate| {
        whole(model.model.context_window, model, "context_window")
    });
    getter("max_output_tokens", "Most tokens of one answer, or `()`.", "m.max_output_tokens ?? 4096")
        .register_into_engine(engine, |model: &mut Candidate| {
            whole(model.model.max_output_tokens, model, "max_output_tokens")
        });
    getter(
        "capabilities",
        "What it states, as an array; empty when nothing is stated.",
        "m.capabilities.len > 2",
    )
    .register_into_engine(engine, |model: &mut Candidate| texts(model.model.capabilities.iter().flatten()));
    getter("modalities", "What goes in, as an array.", "\"image\" in m.modalities")
        .register_into_engine(engine, |model: &mut Candidate| texts(model.model.input.iter()));
    getter("outputs", "What comes out, as an array.", "\"audio\" in m.outputs")
        .register_into_engine(engine, |model: &mut Candidate| texts(model.model.output.iter()));
    word("supports(what)", "Whether it states this capability.", "m.supports(\"tools\")")
        .register_into_engine(engine, |model: &mut Candidate, what: &str| query::supports(model, what));
    word("fits(req)", "Whether it can serve the request.", "m.fits(req)")
        .register_into_engine(engine, |model: &mut Candidate, _: Req| {
            with_need(|need| need.misfit(&model.model).is_none())
        });
    word("misfit(req)", "Why it cannot serve the request, or `()`.", "ctx.note(\"why\", m.misfit(req))")
        .register_into_engine(engine, |model: &mut Candidate, _: Req| {
            with_need(|need| need.misfit(&model.model).map_or(Dynamic::UNIT, |why| why.to_string().into()))
        });
    word(
        "tokens(req)",
        "The request's input tokens by the model's own tokenizer, exact where it is public; else by a factor that is learned from what the provider counts.",
        "m.tokens(req)",
    )
    .register_into_engine(engine, |model: &mut Candidate, _: Req| -> Reply<i64> {
        let tokens =
            read(|scene| counter(&model.model, scene).request(&scene.request))?;
        tokens.map(|tokens| tokens as i64).map_err(|error| raise(error.message))
    });
    word("tokens(text)", "A text's tokens, counted likewise.", "m.tokens(req.system)").register_into_engine(
        engine,
        |model: &mut Candidate, text: ImmutableString| {
            read(|scene| counter(&model.model, scene).count(&text) as i64)
        },
    );
}

fn health(engine: &mut Engine) {
    getter("healthy", "Whether its breaker lets requests through.", "m.healthy")
        .register_into_engine(engine, |model: &mut Candidate| model.health.healthy);
    type Figure = fn(&Candidate) -> Option<f64>;
    let figures: [(&'static str, &str, Figure); 4] = [
        ("p50_ms", "Median duration of whole answers in ms", |m| m.health.p50_ms),
        ("p95_ms", "95th percentile of the duration of whole answers in ms", |m| m.health.p95_ms),
        ("first_token_p95_ms", "95th percentile of the time to the first token in ms", |m| {
            m.health.first_token_p95_ms
        }),
        ("tokens_per_second", "Median output tokens a second", |m| m.health.tokens_per_second),
    ];
    for (name, meaning, figure) in figures {
        let meaning = format!("{meaning}, or `()` without traffic yet.");
        getter(name, &meaning, &format!("m.{name} ?? 1000"))
            .register_into_engine(engine, move |model: &mut Candidate| {
                or_absent(figure(model), || format!("{}.{name}", model.model.name))
            });
    }
    getter("error_rate", "Share of failed attempts, 0 to 1.", "m.error_rate < 0.05")
        .register_into_engine(engine, |model: &mut Candidate| model.health.error_rate);
    getter("in_flight", "Attempts under way.", "m.in_flight < 20")
        .register_into_engine(engine, |model: &mut Candidate| model.health.in_flight as i64);
    getter("headroom", "Share of the model's own limits still free, 0 to 1.", "m.headroom > 0.2")
        .register_into_engine(engine, |model: &mut Candidate| model.health.headroom);
    getter("samples", "Attempts in the window of the figures.", "m.samples > 20")
        .register_into_engine(engine, |model: &mut Candidate| model.health.samples as i64);
}

/// A rate of a price, nano-USD a million tokens.
type Rate = fn(&Price) -> Option<i64>;

fn money(engine: &mut Engine) {
    getter("price", "Its price now, or `()` when unpriced.", "m.price != ()").register_into_engine(
        engine,
        |model: &mut Candidate| {
            or_absent(model.price.clone().map(Dynamic::from), || format!("{}.price", model.model.name))
        },
    );
    getter(
        "price_ratio",
        "Price now over usual price, or `()` when either is not known.",
        "(m.price_ratio ?? 1.0) < 1.5",
    )
    .register_into_engine(engine, |model: &mut Candidate| {
        or_absent(query::price_ratio(model), || format!("{}.price_ratio", model.model.name))
    });
    word(
        "cost(req)",
        "What the request would cost there in USD, about, or `()` when unpriced.",
        "m.cost(req) ?? 1.0",
    )
    .register_into_engine(engine, |model: &mut Candidate, _: Req| -> Reply<Dynamic> {
        let cost = with_need(|need| need.cost(model))?;
        Ok(or_absent(cost.map(Money::as_usd), || format!("{}.cost(req)", model.model.name)))
    });
    let rates: [(&'static str, &str, Rate); 4] = [
        ("input", "USD a million tokens of input.", |p| Some(p.input)),
        ("output", "USD a million tokens of output.", |p| Some(p.output)),
        ("cached_input", "USD a million tokens read from the provider's cache, or `()`.", |p| p.cached_input),
        ("cache_write", "USD a million tokens written to the provider's cache, or `()`.", |p| p.cache_write),
    ];
    for (name, meaning, rate) in rates {
        getter(name, meaning, &format!("m.price.{name}")).register_into_engine(
            engine,
            move |price: &mut Arc<Price>| {
                or_absent(rate(price).map(|nano| Money(nano).as_usd()), || format!("price.{name}"))
            },
        );
    }
}

fn tags(engine: &mut Engine) {
    getter("tags", "Its labels; one that it does not have is `()`.", "m.tags.quality ?? 0.5")
        .register_into_engine(engine, |model: &mut Candidate| Tags(model.clone()));
    index("The tag of this name, or `()`.", "m.tags[\"quality\"] ?? 0.5").register_into_engine(
        engine,
        |tags: &mut Tags, name: ImmutableString| match tags.0.model.tags.get(name.as_str()) {
            Some(tag) => word::tag(tag),
            None => absent(format!("{}.tags.{name}", tags.0.model.name)),
        },
    );
}

/// A whole number that may be missing.
fn whole(value: Option<u64>, model: &Candidate, name: &str) -> Dynamic {
    or_absent(value.map(|value| value as i64), || format!("{}.{name}", model.model.name))
}

fn texts<'a>(list: impl Iterator<Item = &'a String>) -> Array {
    list.map(|text| text.as_str().into()).collect()
}
