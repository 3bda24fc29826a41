//! The journal of an exchange between its two forms: as policies see it and as
//! the record keeps it. With content kept, an entry comes back as it was.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::dialect::{ReplyFacts, inbound, outbound};
use crate::error::{Error, Kind, Origin};
use crate::ir::{Dialect, Money, Response};
use crate::policy::{Answer, EffectValue, Hook, JournalEntry};
use crate::record;

/// A journal entry as the record keeps it; answers only with `content`.
#[must_use]
pub fn recorded(entry: &JournalEntry, hook: Hook, content: bool) -> record::Effect {
    let result = match &entry.result {
        Ok(EffectValue::Json(value)) => json!({ "json": value }),
        Ok(EffectValue::Answers(answers)) => {
            json!({ "answers": answers.iter().map(|answer| shown(answer, content)).collect::<Vec<_>>() })
        }
        Err(error) => json!({ "error": error.code(), "message": error.message }),
    };
    record::Effect {
        policy: entry.policy.to_string(),
        hook: hook.function().to_owned(),
        effect: entry.effect.clone().into_owned(),
        input_hash: entry.input_hash.clone(),
        result,
        elapsed_ms: entry.elapsed_ms,
        cost_nano_usd: entry.cost.0,
    }
}

/// Who answered, how long, how dear, how it ended; and what, with `content`.
fn shown(answer: &Answer, content: bool) -> Value {
    let (error, response) = match &answer.outcome {
        Ok(response) => (None, content.then(|| encode(response)).flatten()),
        Err(error) => (Some(json!({ "code": error.code(), "message": error.message })), None),
    };
    json!({
        "model": answer.model.as_ref(),
        "error": error,
        "elapsed_ms": answer.elapsed_ms,
        "cost_nano_usd": answer.cost.map(|cost| cost.0),
        "response": response,
    })
}

/// An answer in OpenAI's chat form.
fn encode(response: &Response) -> Option<Value> {
    let body = inbound(Dialect::OpenAiChat)?.encode_response(response, &ReplyFacts::default());
    serde_json::from_slice(&body).ok()
}

/// The journal that a record keeps, for a replay. Answers that were recorded
/// without content come back as errors that say so.
#[must_use]
pub fn restored(record: &record::Exchange) -> Vec<(Hook, JournalEntry)> {
    let entry = |effect: &record::Effect| JournalEntry {
        policy: Arc::from(effect.policy.as_str()),
        effect: effect.effect.clone().into(),
        input_hash: effect.input_hash.clone(),
        result: result(effect),
        elapsed_ms: effect.elapsed_ms,
        cost: Money(effect.cost_nano_usd),
    };
    record.journal.iter().filter_map(|effect| Some((Hook::named(&effect.hook)?, entry(effect)))).collect()
}

/// What an effect gave.
fn result(effect: &record::Effect) -> Result<EffectValue, Error> {
    if let Some(value) = effect.result.get("json") {
        return Ok(EffectValue::Json(value.clone()));
    }
    if let Some(answers) = effect.result.get("answers").and_then(Value::as_array) {
        return Ok(EffectValue::Answers(answers.iter().map(answer).collect()));
    }
    Err(told(&effect.result))
}

fn answer(kept: &Value) -> Answer {
    let text = |name: &str| kept.get(name).and_then(Value::as_str);
    let outcome = match (kept.get("response").filter(|response| !response.is_null()), kept.get("error")) {
        (Some(response), _) => outbound(Dialect::OpenAiChat)
            .ok_or_else(unkept)
            .and_then(|dialect| dialect.decode_response(response.to_string().as_bytes()))
            .map(Arc::new),
        (None, Some(error)) if !error.is_null() => Err(told(error)),
        (None, _) => Err(unkept()),
    };
    Answer {
        model: Arc::from(text("model").unwrap_or_default()),
        outcome,
        elapsed_ms: kept.get("elapsed_ms").and_then(Value::as_u64).unwrap_or(0),
        cost: kept.get("cost_nano_usd").and_then(Value::as_i64).map(Money),
    }
}

fn told(error: &Value) -> Error {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let code = text("code").or_else(|| text("error")).unwrap_or("unavailable").to_owned();
    Error::new(Kind::Unavailable, Origin::Upstream, text("message").unwrap_or_default()).with_code(code)
}

fn unkept() -> Error {
    let text = "the record keeps no content: set `records: { content: true }` to replay what models answered";
    Error::new(Kind::Unavailable, Origin::Gateway, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Choice, Finish, Message, Part, Role, Usage};

    fn entry() -> JournalEntry {
        let mut response = Response::new(Dialect::OpenAiChat, "id", "m");
        response.created = Some(5);
        response.usage = Some(Usage { input: 3, output: 1, ..Usage::default() });
        response.choices.push(Choice {
            index: 0,
            message: Message::of(Role::Assistant, vec![Part::text("42")]),
            finish: Some(Finish::Stop),
            logprobs: None,
            extra: crate::ir::Extra::NONE,
        });
        let good = Answer {
            model: Arc::from("m"),
            outcome: Ok(Arc::new(response)),
            elapsed_ms: 7,
            cost: Some(Money(9)),
        };
        let bad = Answer {
            model: Arc::from("n"),
            outcome: Err(Error::new(Kind::TimedOut, Origin::Upstream, "late")),
            elapsed_ms: 8,
            cost: None,
        };
        JournalEntry {
            policy: Arc::from("p"),
            effect: "ask_all".into(),
            input_hash: "00".to_owned(),
            result: Ok(EffectValue::Answers(vec![good, bad])),
            elapsed_ms: 8,
            cost: Money(9),
        }
    }

    #[test]
    fn with_content_an_entry_comes_back_as_it_was() {
        let Ok(EffectValue::Answers(answers)) = result(&recorded(&entry(), Hook::Route, true)) else {
            panic!("answers")
        };
        assert_eq!(answers[0].outcome.as_ref().unwrap().text(), "42");
        assert_eq!((answers[0].elapsed_ms, answers[0].cost), (7, Some(Money(9))));
        assert_eq!(answers[1].outcome.as_ref().unwrap_err().code(), "upstream_timeout");
    }

    #[test]
    fn without_content_nothing_of_an_answer_is_kept() {
        let kept = recorded(&entry(), Hook::Route, false);
        assert!(!kept.result.to_string().contains("42"), "{}", kept.result);
        let Ok(EffectValue::Answers(answers)) = result(&kept) else { panic!("answers") };
        assert!(answers[0].outcome.as_ref().unwrap_err().message.contains("content: true"));
    }
}
