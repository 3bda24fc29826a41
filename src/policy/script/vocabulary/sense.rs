//! A sense for prompts over shared state: what prompts like this one led to.

use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString};
use serde_json::{Value, json};

use super::word::{number, word};
use crate::policy::Scene;
use crate::policy::learn::{Belief, Place, SIGNS, Sense, Signs};
use crate::policy::script::effects::witness;
use crate::policy::script::turn::{Ctx, Reply, raise};

/// How long an exchange may be taught from: as long as it waits for feedback.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Registers the words.
pub(super) fn register(engine: &mut Engine) {
    word(
        "sense(name, text)",
        "What texts like this led to, on the scale of what `teach` was told; 0.0 before anything was learned. A linear model over words, size and signs, kept under this name in the state. Remembers the text's features for `teach`, for an hour; not the text.",
        "ctx.sense(\"hard\", req.last_user) > 0.5",
    )
    .register_into_engine(engine, |_: &mut Ctx, name: ImmutableString, text: ImmutableString| {
        sense(&name, &text)
    });
    word(
        "teach(name, outcome)",
        "What the exchange that `sense` looked at led to, in `on_settled` or `on_feedback`; whether there was one.",
        "ctx.teach(\"hard\", 1.0 - (feedback.score ?? 1.0))",
    )
    .register_into_engine(engine, |_: &mut Ctx, name: ImmutableString, outcome: Dynamic| {
        teach(&name, number(&outcome, "an outcome")?)
    });
}

fn sense(name: &str, text: &str) -> Reply<f64> {
    let told = witness("sense", (name, text), |run| {
        let scene = run.scene.try_borrow().map_err(|_| raise("the state is not at hand here"))?;
        let places = Sense::places(text);
        scene.state.put(&looked(name, &scene), json!(places), Some(PATIENCE), scene.now);
        Ok(Value::from(known(name, &places, Vec::new(), &scene).tell(&places)))
    })?;
    Ok(told.as_f64().unwrap_or_default())
}

fn teach(name: &str, outcome: f64) -> Reply<bool> {
    if !outcome.is_finite() {
        return Err(raise("an outcome must be a number"));
    }
    let taught = witness("teach", (name, outcome), |run| {
        let scene = run.scene.try_borrow().map_err(|_| raise("the state is not at hand here"))?;
        let kept = scene.state.get(&looked(name, &scene), scene.now);
        let Some(places) = kept.and_then(|kept| serde_json::from_value::<Vec<Place>>(kept).ok()) else {
            return Ok(Value::from(false));
        };
        let doubt = figures(&key(name, "doubt"), &scene);
        let mut sense = known(name, &places, doubt, &scene);
        sense.learn(&places, outcome);
        let keep = |what: &str, value: Value| scene.state.put(&key(name, what), value, None, scene.now);
        keep("signs", json!(sense.signs().weights));
        keep("doubt", json!(sense.signs().doubt));
        for (at, _) in places.iter().filter(|(at, _)| *at >= SIGNS) {
            let Belief { weight, doubt } = sense.word(*at);
            keep(&at.to_string(), json!([weight, doubt]));
        }
        Ok(Value::from(true))
    })?;
    Ok(taught.as_bool().unwrap_or_default())
}

/// What the state knows of these places. The doubt of signs is large and of use
/// to who learns alone.
fn known(name: &str, places: &[Place], doubt: Vec<f64>, scene: &Scene) -> Sense {
    let words = places.iter().filter(|(at, _)| *at >= SIGNS).filter_map(|(at, _)| {
        match figures(&key(name, &at.to_string()), scene).as_slice() {
            [weight, doubt] => Some((*at, Belief { weight: *weight, doubt: *doubt })),
            _ => None,
        }
    });
    Sense::of(Signs { weights: figures(&key(name, "signs"), scene), doubt }, words)
}

/// The list of numbers that the state keeps under `key`; empty: none.
fn figures(key: &str, scene: &Scene) -> Vec<f64> {
    scene.state.get(key, scene.now).and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default()
}

fn key(name: &str, what: &str) -> String {
    format!("sense/{name}/{what}")
}

/// Where the features of the exchange's text are.
fn looked(name: &str, scene: &Scene) -> String {
    format!("sense/{name}/of/{}", scene.request_id)
}
