//! One of several: by chance, by weight, or for good.

use rhai::{Dynamic, Engine, ImmutableString, Map};

use super::word::{number, word};
use crate::policy::query::{self, Selection, Weights};
use crate::policy::script::effects::random;
use crate::policy::script::turn::{Ctx, Reply, raise};

/// Registers the choices.
pub(super) fn register(engine: &mut Engine) {
    word(
        "weighted(weights)",
        "A name by chance, each as often as its weight says. The same in a replay.",
        "plan(ctx.weighted(#{ \"gpt-5-mini\": 95, \"gpt-5\": 5 }))",
    )
    .register_into_engine(engine, |_: &mut Ctx, weights: Map| -> Reply<ImmutableString> {
        let weights = weights_of(&weights)?;
        let draw = random()?;
        query::chance(&weights, draw).map(Into::into).ok_or_else(nothing_to_choose)
    });
    word(
        "sticky(key, weights)",
        "A name by weight, always the same for the same key: for A/B tests. A change of weights moves only as many keys as it must.",
        "ctx.sticky(ctx.key.user ?? ctx.key.name, #{ control: 50, trial: 50 })",
    )
    .register_into_engine(engine, |_: &mut Ctx, key: Dynamic, weights: Map| -> Reply<ImmutableString> {
        if key.is_unit() {
            return Err(raise("the key of sticky is `()`: give a default, `key ?? \"somebody\"`"));
        }
        let weights = weights_of(&weights)?;
        query::sticky(&weights, &key.to_string()).map(Into::into).ok_or_else(nothing_to_choose)
    });
    word("pick()", "A model by chance, all alike.", "ctx.candidates.healthy().pick()").register_into_engine(
        engine,
        |list: Selection| -> Reply<Dynamic> {
            let place = (random()? * list.len() as f64) as usize;
            Ok(list.get(place).cloned().map_or(Dynamic::UNIT, Dynamic::from))
        },
    );
}

fn nothing_to_choose() -> Box<rhai::EvalAltResult> {
    raise("no name has a weight above 0")
}

/// Names and weights of a map; whole maps in JSON order, so that a seed decides alike everywhere.
fn weights_of(weights: &Map) -> Reply<Weights> {
    weights
        .iter()
        .map(|(name, weight)| Ok((name.to_string(), number(weight, format_args!("the weight of `{name}`"))?)))
        .collect()
}
