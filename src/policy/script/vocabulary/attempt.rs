//! `attempt` of `on_failure`, and `res` of `on_response`.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::word::{getter, setter};
use crate::ir::{Finish, Message, Response};
use crate::policy::AttemptFacts;
use crate::policy::script::turn::{Reply, edit, or_absent, raise, read};

/// `attempt`: what failed.
#[derive(Clone)]
pub(super) struct AttemptView(Arc<AttemptFacts>);

/// `res`: the whole answer.
#[derive(Clone, Copy)]
pub(super) struct Res;

/// The view of the failed attempt.
///
/// # Errors
/// This hook has none.
pub(super) fn attempt() -> Reply<Dynamic> {
    let facts = read(|scene| scene.attempt.clone())?;
    facts
        .map(|facts| Dynamic::from(AttemptView(facts)))
        .ok_or_else(|| raise("`attempt` exists in `on_failure` only"))
}

/// The view of the answer.
///
/// # Errors
/// This hook has none.
pub(super) fn res() -> Reply<Dynamic> {
    look(|_| Dynamic::from(Res))
}

/// Whether a script's value is `res`.
pub(in crate::policy::script) fn is_response(value: &Dynamic) -> bool {
    value.is::<Res>()
}

fn look<R>(look: impl FnOnce(&Response) -> R) -> Reply<R> {
    read(|scene| scene.response.as_deref().map(look))?
        .ok_or_else(|| raise("`res` exists in `on_response` only"))
}

/// Registers the words of failed attempts and of answers.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<AttemptView>("Attempt").register_type_with_name::<Res>("Response");
    failure(engine);
    answer(engine);
}

fn failure(engine: &mut Engine) {
    getter("model", "The model that was tried.", "attempt.model")
        .register_into_engine(engine, |it: &mut AttemptView| ImmutableString::from(&*it.0.model));
    getter("number", "Its place among the exchange's attempts, from 1.", "attempt.number > 3")
        .register_into_engine(engine, |it: &mut AttemptView| i64::from(it.0.number));
    getter(
        "kind",
        "Why it failed: rate_limited, overloaded, timed_out, context_too_long, content_refused, ...",
        "attempt.kind == \"context_too_long\"",
    )
    .register_into_engine(engine, |it: &mut AttemptView| ImmutableString::from(it.0.error.kind.name()));
    getter("status", "The HTTP status that the provider sent, or `()`.", "attempt.status ?? 0")
        .register_into_engine(engine, |it: &mut AttemptView| {
            or_absent(it.0.error.upstream_status.map(i64::from), || "attempt.status".to_owned())
        });
    getter("message", "What the provider said.", "attempt.message.contains(\"quota\")")
        .register_into_engine(engine, |it: &mut AttemptView| it.0.error.message.clone());
    getter(
        "retry_after_ms",
        "The wait that the provider named, ms, or `()`.",
        "retry(attempt.retry_after_ms ?? 250)",
    )
    .register_into_engine(engine, |it: &mut AttemptView| {
        let wait = it.0.error.retry_after().map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        or_absent(wait, || "attempt.retry_after_ms".to_owned())
    });
    getter("elapsed_ms", "How long it took, ms.", "attempt.elapsed_ms < 2000")
        .register_into_engine(engine, |it: &mut AttemptView| it.0.elapsed_ms as i64);
    getter("steps_left", "How many steps of the plan are left.", "attempt.steps_left == 0")
        .register_into_engine(engine, |it: &mut AttemptView| i64::from(it.0.steps_left));
}

fn answer(engine: &mut Engine) {
    getter("text", "The visible text of the answer.", "res.text.len")
        .register_into_engine(engine, |_: &mut Res| look(Response::text));
    setter(
        "text",
        "Replaces the visible text of the answer.",
        "res.text = res.text.replace_all(\"\\\\d{16}\", \"[card]\")",
    )
    .register_into_engine(engine, |_: &mut Res, text: ImmutableString| -> Reply<()> {
        edit(|scene| {
            let response = scene.response.as_mut().map(Arc::make_mut);
            if let Some(choice) = response.and_then(|response| response.choices.first_mut()) {
                super::messages::set_text(&mut choice.message, &text);
            }
        })
    });
    getter("model", "The model's name as the provider gave it.", "res.model")
        .register_into_engine(engine, |_: &mut Res| look(|response| response.model.clone()));
    getter(
        "finish",
        "Why it stopped: stop, length, tool_calls, content_filter, refusal, other.",
        "res.finish == \"length\"",
    )
    .register_into_engine(engine, |_: &mut Res| look(|response| finish_name(response).to_owned()));
    getter("tool_calls", "The names of the tools that it calls, as an array.", "res.tool_calls.len > 0")
        .register_into_engine(engine, |_: &mut Res| {
            look(|response| response.choices.first().map_or_else(Array::new, |choice| calls(&choice.message)))
        });
    getter("input_tokens", "Tokens that went in, or `()`.", "res.input_tokens ?? 0").register_into_engine(
        engine,
        |_: &mut Res| {
            look(|response| response.usage.map(|usage| usage.input as i64))
                .map(|tokens| or_absent(tokens, || "res.input_tokens".to_owned()))
        },
    );
    getter("output_tokens", "Tokens that came out, or `()`.", "res.output_tokens ?? 0").register_into_engine(
        engine,
        |_: &mut Res| {
            look(|response| response.usage.map(|usage| usage.output as i64))
                .map(|tokens| or_absent(tokens, || "res.output_tokens".to_owned()))
        },
    );
}

/// The names of the tools that a message calls.
pub(super) fn calls(message: &Message) -> Array {
    message.tool_calls().map(|call| call.name.as_str().into()).collect()
}

fn finish_name(response: &Response) -> &'static str {
    match response.choices.first().and_then(|choice| choice.finish.as_ref()) {
        Some(Finish::Stop | Finish::StopSequence(_)) | None => "stop",
        Some(Finish::Length) => "length",
        Some(Finish::ToolCalls) => "tool_calls",
        Some(Finish::ContentFilter) => "content_filter",
        Some(Finish::Refusal) => "refusal",
        Some(Finish::Pause | Finish::Other(_)) => "other",
    }
}
