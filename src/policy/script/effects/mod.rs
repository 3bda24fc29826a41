//! Effects: what a policy asks of the outside, and what it witnesses (time,
//! chance, state). Each is within a budget, and each is in the journal, from
//! which a replay takes it instead.

mod answer;
mod draft;
mod found;
pub(in crate::policy::script) mod sounds;
mod state;
mod words;

pub(super) use answer::Answers;

use std::fmt::{self, Write};
use std::time::Duration;

use rhai::Engine;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::host::{Answered, Past, Work};
use super::meter::terminated;
use super::run::{Outside, Run};
use super::turn::{self, Reply, raise};
use crate::clock::Clock;
use crate::error::{Error, Kind, Origin};
use crate::ir::{Money, Response};
use crate::policy::{Effect, EffectValue, FaultKind, JournalEntry};

/// Words that wait.
pub(super) const WAITING: [&str; 9] =
    ["ask", "ask_all", "race", "embed", "search", "http", "moderate", "transcribe", "speak"];
/// What an entry of the journal weighs against the budget of bytes, besides its result.
const ENTRY_BYTES: usize = 256;

/// Registers the words.
pub(super) fn register(engine: &mut Engine) {
    answer::register(engine);
    found::register(engine);
    words::register(engine);
    sounds::register(engine);
    state::register(engine);
}

/// Asks the outside and waits. A failed effect is a value of the script's.
///
/// # Errors
/// The script must end: it was cancelled, is out of time, or left its journal.
pub(super) fn perform(name: &'static str, effect: Effect) -> Reply<Answered> {
    let run = turn::current()?;
    let legs = match &effect {
        Effect::Ask(ask) => u32::try_from(ask.legs.len()).unwrap_or(u32::MAX),
        _ => 1,
    };
    // What the budget refuses is not even hashed, and a replay refuses it as well.
    let refused = refused(&run, legs);
    let input_hash = if refused.is_some() { String::new() } else { hash(&effect) };
    if let Some(entry) = recorded(&run, name, &input_hash, true)? {
        let result = entry.result.clone();
        run.spent.set(run.spent.get().plus(entry.cost));
        note(&run, entry)?;
        return Ok(result);
    }
    let began = Clock::System.now();
    let result = match refused {
        Some(error) => Err(error),
        None => wait(&run, effect)?,
    };
    let elapsed_ms = u64::try_from(Clock::System.now().since(&began).as_millis()).unwrap_or(u64::MAX);
    let cost = cost(&result);
    run.spent.set(run.spent.get().plus(cost));
    let policy = std::sync::Arc::clone(&run.bound.policy.name);
    note(
        &run,
        JournalEntry { policy, effect: name.into(), input_hash, result: result.clone(), elapsed_ms, cost },
    )?;
    Ok(result)
}

/// Looks at the world through the journal: `look` in a live run, the recorded
/// value in a replay.
///
/// # Errors
/// The script must end: it left its journal.
pub(super) fn witness(
    name: &'static str,
    input: impl fmt::Debug,
    look: impl FnOnce(&Run) -> Reply<Value>,
) -> Reply<Value> {
    let run = turn::current()?;
    let input_hash = hash(&input);
    let entry = match recorded(&run, name, &input_hash, false)? {
        Some(entry) => entry,
        None => JournalEntry {
            policy: std::sync::Arc::clone(&run.bound.policy.name),
            effect: name.into(),
            input_hash,
            result: Ok(EffectValue::Json(look(&run)?)),
            elapsed_ms: 0,
            cost: Money::ZERO,
        },
    };
    let value = match &entry.result {
        Ok(EffectValue::Json(value)) => value.clone(),
        Ok(EffectValue::Answers(_)) => return Err(raise("the journal holds answers where a value belongs")),
        Err(error) => return Err(raise(error.message.clone())),
    };
    note(&run, entry)?;
    Ok(value)
}

/// What a journal holds for this effect, in a replay.
fn recorded(run: &Run, name: &str, input_hash: &str, loosely: bool) -> Reply<Option<JournalEntry>> {
    match run.host.recorded(name, input_hash, loosely) {
        Past::Unknown => Ok(None),
        Past::Kept(entry) => Ok(Some(*entry)),
        Past::Parted(found) => {
            run.last_words(format!(
                "the replay parts from its journal: the policy asks `{name}`, the journal holds {found}"
            ));
            run.meter.end(FaultKind::Exception);
            Err(terminated())
        }
    }
}

/// A random number from 0 up to 1, from the exchange's seed.
///
/// # Errors
/// The script must end: it left its journal.
pub(super) fn random() -> Reply<f64> {
    let value = witness("random", (), |run| Ok(Value::from(run.draw())))?;
    Ok(value.as_f64().unwrap_or_default())
}

/// Why the outside is not asked: the budget is used up.
fn refused(run: &Run, legs: u32) -> Option<Error> {
    let limits = &run.bound.policy.limits.effects;
    let used = run.effects_used.get().saturating_add(legs);
    run.effects_used.set(used);
    let spent = |what: String, code: &'static str| {
        Some(Error::new(Kind::QuotaExceeded, Origin::Policy, what).with_code(code))
    };
    if used > limits.effects {
        return spent(
            format!("the policy's budget of {} effects is used up", limits.effects),
            "effects_exhausted",
        );
    }
    match limits.cost {
        Some(most) if run.spent.get() >= most => {
            spent(format!("the policy's budget of {most} USD is used up"), "cost_exhausted")
        }
        _ => None,
    }
}

/// Waits for the effect on the gateway's runtime, no longer than the hook may last.
fn wait(run: &Run, effect: Effect) -> Reply<Answered> {
    let Some(outside) = &run.outside else {
        return Ok(Err(Error::internal("this hook runs where effects are not at hand")));
    };
    let left = run.meter.wall_left();
    let longest = match &effect {
        // The performer keeps the deadline of its own and still accounts for what it cancels.
        Effect::Ask(ask) => left.min(ask.deadline.saturating_add(Duration::from_secs(5))),
        _ => left,
    };
    if left.is_zero() {
        run.meter.end(FaultKind::Deadline);
        return Err(terminated());
    }
    match run.host.wait(work(outside, effect, longest)) {
        Some(answered) => {
            run.meter.waited();
            Ok(answered)
        }
        None => {
            run.meter.stop();
            Err(terminated())
        }
    }
}

/// The effect as a task of the gateway's runtime; dropping it aborts the task.
fn work(outside: &Outside, effect: Effect, longest: Duration) -> Work {
    let effects = std::sync::Arc::clone(&outside.effects);
    let task = outside.runtime.spawn(async move {
        tokio::time::timeout(longest, effects.perform(effect)).await.unwrap_or_else(|_| {
            Err(Error::new(
                Kind::TimedOut,
                Origin::Policy,
                format!("the effect took longer than {longest:?}"),
            ))
        })
    });
    let task = tokio_util::task::AbortOnDropHandle::new(task);
    Box::pin(async move {
        task.await.unwrap_or_else(|_| Err(Error::internal("the effect ended without a result")))
    })
}

/// Writes the journal.
fn note(run: &Run, entry: JournalEntry) -> Reply<()> {
    run.meter.charge(ENTRY_BYTES + weight(&entry.result))?;
    if let Ok(mut journal) = run.journal.try_borrow_mut() {
        journal.push(entry);
    }
    Ok(())
}

/// Roughly how many bytes a result holds.
fn weight(result: &Answered) -> usize {
    match result {
        Ok(EffectValue::Answers(answers)) => answers
            .iter()
            .map(|answer| answer.outcome.as_ref().map_or(0, |response| weight_of_answer(response)))
            .sum(),
        Ok(EffectValue::Json(value)) => weight_of(value),
        Err(error) => error.message.len(),
    }
}

fn weight_of_answer(response: &Response) -> usize {
    response.text().len() + sounds::of(response).map_or(0, |sound| sound.bytes())
}

fn weight_of(value: &Value) -> usize {
    match value {
        Value::String(text) => 24 + text.len(),
        Value::Array(all) => 24 + all.iter().map(weight_of).sum::<usize>(),
        Value::Object(fields) => fields.iter().map(|(name, value)| 48 + name.len() + weight_of(value)).sum(),
        _ => 24,
    }
}

/// What a result cost; unpriced counts as nothing.
fn cost(result: &Answered) -> Money {
    match result {
        Ok(EffectValue::Answers(answers)) => {
            answers.iter().filter_map(|answer| answer.cost).fold(Money::ZERO, Money::plus)
        }
        _ => Money::ZERO,
    }
}

/// SHA-256 over the canonical text of `input`, hex.
fn hash(input: &impl fmt::Debug) -> String {
    struct Feed(Sha256);
    impl Write for Feed {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text);
            Ok(())
        }
    }
    let mut feed = Feed(Sha256::new());
    // Feeding a hash cannot fail.
    let _ = write!(feed, "{input:?}");
    feed.0.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
