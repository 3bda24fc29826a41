//! Answers of models, as scripts see them.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, NativeCallContext};

use super::sounds;
use crate::policy::Answer;
use crate::policy::script::turn::{Reply, absent, charge, raise};
use crate::policy::script::vocabulary::word::{from_json, getter, index, word};

/// The answers of an `ask_all`, in the order of what was asked.
#[derive(Debug, Clone)]
pub(in crate::policy::script) struct Answers(pub(in crate::policy::script) Arc<[Answer]>);

impl IntoIterator for Answers {
    type Item = Answer;
    type IntoIter = std::vec::IntoIter<Answer>;

    fn into_iter(self) -> Self::IntoIter {
        let answers: Vec<Answer> = self.0.iter().cloned().collect();
        answers.into_iter()
    }
}

/// Registers the views.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Answer>("Answer").register_type_with_name::<Answers>("Answers");
    engine.register_iterator::<Answers>();
    one(engine);
    all(engine);
}

fn one(engine: &mut Engine) {
    getter("ok", "Whether there is an answer.", "if a.ok { .. }")
        .register_into_engine(engine, |answer: &mut Answer| answer.outcome.is_ok());
    getter("error", "Why there is none, in words, or `()`.", "ctx.note(\"why\", a.error)")
        .register_into_engine(engine, |answer: &mut Answer| match &answer.outcome {
            Ok(_) => absent("answer.error"),
            Err(error) => error.message.clone().into(),
        });
    getter(
        "code",
        "Why there is none, as a code (`rate_limit_exceeded`, `effects_exhausted`, ...), or `()`.",
        "a.code == \"upstream_timeout\"",
    )
    .register_into_engine(engine, |answer: &mut Answer| match &answer.outcome {
        Ok(_) => absent("answer.code"),
        Err(error) => error.code().to_owned().into(),
    });
    getter(
        "text",
        "The visible text, or the words of its sound. An error when there is no answer: test `ok` first.",
        "a.text.len > 0",
    )
    .register_into_engine(engine, |answer: &mut Answer| -> Reply<ImmutableString> {
        let text = good(answer)?.said();
        charge(text.len())?;
        Ok(text.into())
    });
    getter(
        "json",
        "The text read as JSON, code fences left out, or `()` when it is none.",
        "a.json.label ?? \"none\"",
    )
    .register_into_engine(engine, |answer: &mut Answer| -> Reply<Dynamic> {
        let text = good(answer)?.text();
        charge(text.len().saturating_mul(8))?;
        Ok(parsed(&text).map_or_else(|| absent("answer.json"), |value| from_json(&value)))
    });
    getter("audio", "Its sound, or `()`.", "let words = transcribe(\"whisper\", a.audio);")
        .register_into_engine(engine, |answer: &mut Answer| -> Reply<Dynamic> {
            Ok(sounds::of(good(answer)?).map_or_else(|| absent("answer.audio"), Dynamic::from))
        });
    getter("model", "The model that answered, or was tried last.", "a.model")
        .register_into_engine(engine, |answer: &mut Answer| ImmutableString::from(&*answer.model));
    getter("cost", "What it cost, in USD, or `()` when unpriced.", "a.cost ?? 0.0")
        .register_into_engine(engine, |answer: &mut Answer| {
            answer.cost.map_or_else(|| absent("answer.cost"), |cost| cost.as_usd().into())
        });
    getter("ms", "How long it took, ms.", "a.ms").register_into_engine(engine, |answer: &mut Answer| {
        i64::try_from(answer.elapsed_ms).unwrap_or(i64::MAX)
    });
}

fn good(answer: &Answer) -> Reply<&Arc<crate::ir::Response>> {
    answer.outcome.as_ref().map_err(|error| {
        raise(format!("`{}` gave no answer ({}): test `ok` before using it", answer.model, error.message))
    })
}

/// JSON in `text`, alone or within a code fence.
fn parsed(text: &str) -> Option<serde_json::Value> {
    let text = text.trim();
    let inner = text
        .strip_prefix("```json")
        .or_else(|| text.strip_prefix("```"))
        .and_then(|rest| rest.strip_suffix("```"));
    serde_json::from_str(inner.unwrap_or(text).trim()).ok()
}

fn all(engine: &mut Engine) {
    getter("len", "How many there are, failed ones included.", "answers.len")
        .register_into_engine(engine, |answers: &mut Answers| answers.0.len() as i64);
    word("len()", "How many there are, failed ones included.", "answers.len()")
        .register_into_engine(engine, |answers: &mut Answers| answers.0.len() as i64);
    word("is_empty()", "Whether there is none.", "answers.good.is_empty()")
        .register_into_engine(engine, |answers: &mut Answers| answers.0.is_empty());
    getter("good", "Those that have an answer.", "answers.good.len >= 2").register_into_engine(
        engine,
        |answers: &mut Answers| {
            Answers(answers.0.iter().filter(|answer| answer.outcome.is_ok()).cloned().collect())
        },
    );
    getter("failed", "Those that have none.", "answers.failed.len").register_into_engine(
        engine,
        |answers: &mut Answers| {
            Answers(answers.0.iter().filter(|answer| answer.outcome.is_err()).cloned().collect())
        },
    );
    getter("texts", "The texts of those that have an answer, as an array.", "answers.texts")
        .register_into_engine(engine, |answers: &mut Answers| -> Reply<Array> {
            let texts = answers
                .0
                .iter()
                .filter_map(|answer| answer.outcome.as_ref().ok())
                .map(|response| response.text());
            texts.map(|text| charge(text.len()).map(|()| text.into())).collect()
        });
    getter("cost", "What they cost together, in USD; unpriced ones count as nothing.", "answers.cost < 0.01")
        .register_into_engine(engine, |answers: &mut Answers| {
            answers
                .0
                .iter()
                .filter_map(|answer| answer.cost)
                .fold(crate::ir::Money::ZERO, crate::ir::Money::plus)
                .as_usd()
        });
    index("The answer at this place, from 0; from the end when negative.", "answers[0].text")
        .register_into_engine(engine, |answers: &mut Answers, at: i64| -> Reply<Answer> {
            let from_end =
                || usize::try_from(at.unsigned_abs()).ok().and_then(|back| answers.0.len().checked_sub(back));
            let at = usize::try_from(at).ok().or_else(from_end);
            let found = at.and_then(|at| answers.0.get(at)).cloned();
            found.ok_or_else(|| raise(format!("there are only {} answers", answers.0.len())))
        });
    closures(engine);
}

fn closures(engine: &mut Engine) {
    word("to_array()", "An array of them.", "answers.to_array()")
        .register_into_engine(engine, |answers: &mut Answers| -> Array {
            answers.0.iter().cloned().map(Dynamic::from).collect()
        });
    word("filter(keep)", "Those for which the closure says true.", "answers.filter(|a| a.ms < 2000)")
        .register_into_engine(
            engine,
            |context: NativeCallContext<'_>, answers: &mut Answers, keep: FnPtr| -> Reply<Answers> {
                let mut kept = Vec::new();
                for answer in answers.0.iter() {
                    if call(&context, &keep, answer)?
                        .as_bool()
                        .map_err(|_| raise("the closure of `filter` must say true or false"))?
                    {
                        kept.push(answer.clone());
                    }
                }
                Ok(Answers(kept.into()))
            },
        );
    word("map(make)", "What the closure makes of each, as an array.", "answers.map(|a| a.model)")
        .register_into_engine(
            engine,
            |context: NativeCallContext<'_>, answers: &mut Answers, make: FnPtr| -> Reply<Array> {
                answers.0.iter().map(|answer| call(&context, &make, answer)).collect()
            },
        );
}

fn call(
    context: &NativeCallContext<'_>,
    closure: &FnPtr,
    answer: &Answer,
) -> Result<Dynamic, Box<EvalAltResult>> {
    closure.call_within_context(context, (answer.clone(),))
}
