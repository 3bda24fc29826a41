//! State between exchanges: small values by key.

use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString};
use serde_json::Value;

use super::witness;
use crate::clock::Now;
use crate::policy::script::ambient::State;
use crate::policy::script::run::Run;
use crate::policy::script::turn::{Reply, absent, raise};
use crate::policy::script::vocabulary::word::{from_json, number, to_json, word};
use crate::state::Store;

/// Longest key, bytes.
const KEY: usize = 512;
/// Largest value as JSON, bytes.
const VALUE: usize = 64 << 10;

/// Registers the words.
pub(super) fn register(engine: &mut Engine) {
    word("get(key)", "The value kept under a key, or `()`.", "state.get(`spent/${ctx.key.name}`) ?? 0")
        .register_into_engine(engine, |_: &mut State, key: ImmutableString| -> Reply<Dynamic> {
            let value = seen(&key)?;
            Ok(if value.is_null() { absent(format!("state `{key}`")) } else { from_json(&value) })
        });
    word(
        "get(key, default)",
        "The value kept under a key, or a default, also when the store is away.",
        "state.get(\"turns\", 0)",
    )
    .register_into_engine(
        engine,
        |_: &mut State, key: ImmutableString, default: Dynamic| -> Reply<Dynamic> {
            let value = seen(&key)?;
            Ok(if value.is_null() { default } else { from_json(&value) })
        },
    );
    word("put(key, value)", "Keeps a value under a key.", "state.put(\"last\", req.model)")
        .register_into_engine(engine, |_: &mut State, key: ImmutableString, value: Dynamic| {
            put(&key, &value, None)
        });
    word(
        "put(key, value, seconds)",
        "Keeps a value for so many seconds.",
        "state.put(\"last\", req.model, 600)",
    )
    .register_into_engine(
        engine,
        |_: &mut State, key: ImmutableString, value: Dynamic, seconds: Dynamic| {
            put(&key, &value, Some(time(&seconds)?))
        },
    );
    word(
        "add(key, by)",
        "Adds to the number under a key (absent: 0) in one step; the sum.",
        "state.add(\"calls\", 1)",
    )
    .register_into_engine(engine, |_: &mut State, key: ImmutableString, by: Dynamic| add(&key, &by, None));
    word(
        "add(key, by, seconds)",
        "The same; the number ends so many seconds after it began.",
        "if state.add(`n/${req.session ?? \"\"}`, 1, 60) > 5 { .. }",
    )
    .register_into_engine(
        engine,
        |_: &mut State, key: ImmutableString, by: Dynamic, seconds: Dynamic| {
            add(&key, &by, Some(time(&seconds)?))
        },
    );
    word(
        "cas(key, expected, value)",
        "Sets a key to a value if it holds the expected one (`()`: nothing); whether it did.",
        "state.cas(\"leader\", (), ctx.request_id)",
    )
    .register_into_engine(
        engine,
        |_: &mut State, key: ImmutableString, expected: Dynamic, value: Dynamic| cas(&key, &expected, &value),
    );
}

/// The store and the time, with the key checked.
fn at<R>(run: &Run, key: &str, act: impl FnOnce(&dyn Store, Now) -> R) -> Reply<R> {
    if key.is_empty() || key.len() > KEY {
        return Err(raise(format!("a key of the state has 1 to {KEY} bytes, not {}", key.len())));
    }
    let store = run.scene.try_borrow().map(|scene| (std::sync::Arc::clone(&scene.state), scene.now));
    let (store, begun) = store.map_err(|_| raise("the state is not at hand here"))?;
    Ok(act(&*store, run.clock().unwrap_or(begun)))
}

fn seen(key: &str) -> Reply<Value> {
    witness("state.get", key, |run| at(run, key, |store, now| store.get(key, now).unwrap_or(Value::Null)))
}

fn kept(value: &Dynamic) -> Reply<Value> {
    let value = to_json(value)?;
    let size = value.to_string().len();
    if size > VALUE {
        return Err(raise(format!("a value of the state has at most {VALUE} bytes as JSON, not {size}")));
    }
    Ok(value)
}

fn put(key: &str, value: &Dynamic, time: Option<Duration>) -> Reply<()> {
    let value = kept(value)?;
    witness("state.put", (key, &value, time), |run| {
        at(run, key, |store, now| store.put(key, value.clone(), time, now)).map(|()| Value::Null)
    })
    .map(drop)
}

fn add(key: &str, by: &Dynamic, time: Option<Duration>) -> Reply<Dynamic> {
    let by = number(by, "what is added")?;
    let sum = witness("state.add", (key, by, time), |run| {
        at(run, key, |store, now| Value::from(store.add(key, by, time, now)))
    })?;
    let sum = sum.as_f64().unwrap_or_default();
    // Whole sums read as whole numbers, so that `== 1` and indices work.
    Ok(if sum.fract() == 0.0 && sum.abs() < 1e15 { (sum as i64).into() } else { sum.into() })
}

fn cas(key: &str, expected: &Dynamic, value: &Dynamic) -> Reply<bool> {
    let expected = if expected.is_unit() { None } else { Some(kept(expected)?) };
    let value = kept(value)?;
    let did = witness("state.cas", (key, &expected, &value), |run| {
        at(run, key, |store, now| {
            Value::from(store.compare_and_set(key, expected.as_ref(), value.clone(), now))
        })
    })?;
    Ok(did.as_bool().unwrap_or_default())
}

fn time(seconds: &Dynamic) -> Reply<Duration> {
    let seconds = number(seconds, "the time to live in seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| raise("the time to live must be 0 or more seconds"))
}
