//! What a hook may return besides plans.

use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString};

use super::plan::plan_of;
use super::word::{count, word};
use crate::ir::{Choice, Dialect, Extra, Finish, Message, Response, Role};
use crate::plan::{Plan, Verdict};
use crate::policy::Answer;
use crate::policy::script::turn::{Reply, raise};

/// Registers the verdicts.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Verdict>("Verdict");
    word(
        "reject(status, code, message)",
        "Ends the exchange with an error for the client: status 400 to 599, code, message.",
        "reject(429, \"too_many\", \"come back later\")",
    )
    .register_into_engine(
        engine,
        |status: i64, code: ImmutableString, message: ImmutableString| -> Reply<Verdict> {
            let status = u16::try_from(status).ok().filter(|status| (400..600).contains(status));
            let status = status.ok_or_else(|| raise("the status of reject must be 400 to 599"))?;
            Ok(Verdict::Reject { status, code: code.to_string(), message: message.to_string() })
        },
    );
    word(
        "respond(text)",
        "Ends the exchange with this text as the answer; no provider is asked.",
        "respond(\"We are closed on Sundays.\")",
    )
    .register_into_engine(engine, |text: ImmutableString| Verdict::Respond(Box::new(answer(&text))));
    word(
        "respond(answer)",
        "The same with the answer of a model that was asked: text, tool calls and all.",
        "respond(vote.answer)",
    )
    .register_into_engine(engine, |answer: Answer| -> Reply<Verdict> {
        match &answer.outcome {
            Ok(response) => Ok(Verdict::Respond(Box::new(Response::clone(response)))),
            Err(error) => {
                Err(raise(format!("`{}` gave no answer to respond with: {}", answer.model, error.message)))
            }
        }
    });
    batches(engine);
    word(
        "stop(message)",
        "In `on_text`: the stream ends here, with this message as its last words.",
        "stop(\"[withheld]\")",
    )
    .register_into_engine(engine, |message: ImmutableString| Verdict::Stop(message.to_string()));
    word(
        "retry(ms)",
        "After a failure: the same model again, after so many ms.",
        "retry(attempt.retry_after_ms ?? 200)",
    )
    .register_into_engine(engine, |ms: Dynamic| -> Reply<Verdict> {
        Ok(Verdict::Retry { after: Duration::from_millis(count(&ms, "the wait in ms")?) })
    });
    word("give_up()", "After a failure: the client gets the error.", "if attempt.number > 2 { give_up() }")
        .register_into_engine(engine, || Verdict::GiveUp);
}

/// Requests that can wait.
fn batches(engine: &mut Engine) {
    word(
        "batch()",
        "The request can wait: the client gets an id, its answer is fetched later at the price of the provider's batch service. At the first of the route's candidates that has one.",
        "if req.metadata.can_wait == \"true\" { return batch(); }",
    )
    .register_into_engine(engine, || Verdict::Batch(Plan::default()));
    word(
        "batch(targets)",
        "The same at the first of these that has one: a model, a name, a list, an array of them.",
        "batch(ctx.candidates.fitting(req).cheapest(req))",
    )
    .register_into_engine(engine, |targets: Dynamic| -> Reply<Verdict> {
        Ok(Verdict::Batch(plan_of(&targets)?))
    });
}

/// An answer of one text.
pub(super) fn answer(text: &str) -> Response {
    let mut response = Response::new(Dialect::OpenAiChat, "", "");
    response.choices.push(Choice {
        index: 0,
        message: Message::text(Role::Assistant, text),
        finish: Some(Finish::Stop),
        logprobs: None,
        extra: Extra::NONE,
    });
    response
}
