//! Bandits over shared state: which arm to pull, and what it brought.

use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use serde_json::Value;

use super::word::{number, word};
use crate::policy::learn::{Bandit, Method};
use crate::policy::script::effects::{random, witness};
use crate::policy::script::turn::{Ctx, Reply, raise};

/// Rewards after which one counts half, unless the policy says otherwise.
const HALF_LIFE: f64 = 500.0;

/// Tries to store a reward while others do the same.
const TRIES: usize = 16;

/// Registers the words of bandits.
pub(super) fn register(engine: &mut Engine) {
    word(
        "bandit(name, arms)",
        "The arm to pull: what brought the most so far, and now and then another, to keep learning.",
        "ctx.bandit(\"chat\", [\"gpt-5-mini\", \"claude-haiku\"])",
    )
    .register_into_engine(engine, |_: &mut Ctx, name: ImmutableString, arms: Array| {
        choose(&name, &arms, &Map::new())
    });
    word(
        "bandit(name, arms, options)",
        "The same with options: context (none; learned apart for each value), method (thompson, or ucb).",
        "ctx.bandit(\"chat\", arms, #{ context: req.stats.script })",
    )
    .register_into_engine(engine, |_: &mut Ctx, name: ImmutableString, arms: Array, options: Map| {
        choose(&name, &arms, &options)
    });
    word(
        "reward(name, arm, value)",
        "What an arm brought, 0 to 1; older rewards fade.",
        "ctx.reward(\"chat\", arm, feedback.score)",
    )
    .register_into_engine(
        engine,
        |_: &mut Ctx, name: ImmutableString, arm: ImmutableString, value: Dynamic| {
            reward(&name, &arm, &value, &Map::new())
        },
    );
    word(
        "reward(name, arm, value, options)",
        "The same with options: context, half_life (500: rewards after which one counts half; 0: never).",
        "ctx.reward(\"chat\", arm, 0.8, #{ half_life: 200 })",
    )
    .register_into_engine(
        engine,
        |_: &mut Ctx, name: ImmutableString, arm: ImmutableString, value: Dynamic, options: Map| {
            reward(&name, &arm, &value, &options)
        },
    );
}

/// Where a bandit is kept.
fn key(name: &str, options: &Map, known: &[&str]) -> Reply<String> {
    if let Some(unknown) = options.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(raise(format!("there is no option `{unknown}`: use {}", known.join(", "))));
    }
    let context = options.get("context").filter(|context| !context.is_unit()).map(ToString::to_string);
    Ok(format!("bandit/{name}/{}", context.unwrap_or_default()))
}

fn choose(name: &str, arms: &Array, options: &Map) -> Reply<String> {
    let key = key(name, options, &["context", "method"])?;
    let arms: Vec<String> = arms
        .iter()
        .map(|arm| super::model::name_of(arm).map(|name| name.to_string()))
        .collect::<Reply<_>>()?;
    let method = options.get("method").map_or_else(|| "thompson".to_owned(), ToString::to_string);
    let method = Method::named(&method)
        .ok_or_else(|| raise(format!("there is no method `{method}`: use thompson or ucb")))?;
    let kept = witness("bandit", &key, |run| {
        let scene = run.scene.try_borrow().map_err(|_| raise("the state is not at hand here"))?;
        Ok(scene.state.get(&key, scene.now).unwrap_or(Value::Null))
    })?;
    let mut rng = fastrand::Rng::with_seed((random()? * (1_u64 << 53) as f64) as u64);
    let arm = Bandit::from_json(Some(&kept)).choose(&arms, method, &mut rng).map(str::to_owned);
    arm.ok_or_else(|| raise("a bandit needs at least one arm"))
}

fn reward(name: &str, arm: &str, value: &Dynamic, options: &Map) -> Reply<f64> {
    let key = key(name, options, &["context", "half_life"])?;
    let value = number(value, "a reward")?;
    let half_life = options.get("half_life").map_or(Ok(HALF_LIFE), |value| number(value, "half_life"))?;
    let mean = witness("reward", (&key, arm, value), |run| {
        let scene = run.scene.try_borrow().map_err(|_| raise("the state is not at hand here"))?;
        for _ in 0..TRIES {
            let before = scene.state.get(&key, scene.now);
            let mut bandit = Bandit::from_json(before.as_ref());
            bandit.reward(arm, value, half_life);
            if scene.state.compare_and_set(&key, before.as_ref(), bandit.to_json(), scene.now) {
                return Ok(bandit.mean(arm).map_or(Value::Null, Value::from));
            }
        }
        Err(raise(format!("the bandit `{name}` is too busy to learn")))
    })?;
    Ok(mean.as_f64().unwrap_or_default())
}
