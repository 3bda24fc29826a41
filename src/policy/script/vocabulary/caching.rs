//! `req.cache_prefix()` and `req.cache_key()`: what providers are asked to keep
//! of the prompt.

use rhai::{Engine, ImmutableString};

use super::request::change;
use super::word::word;
use crate::ir::CacheLife;
use crate::policy::script::turn::{Reply, Req, raise};

/// Registers the words.
pub(super) fn register(engine: &mut Engine) {
    word(
        "cache_prefix()",
        "Asks providers that must be told to keep the prompt for five minutes: tools, system prompt and turns so far. Marks of the client's own stand.",
        "req.cache_prefix()",
    )
    .register_into_engine(engine, |_: &mut Req| {
        change(|request| request.caching.prefix = Some(CacheLife::Minutes))
    });
    word(
        "cache_prefix(life)",
        "The same for `\"5m\"` or, dearer to write, `\"1h\"`.",
        "req.cache_prefix(\"1h\")",
    )
    .register_into_engine(engine, |_: &mut Req, life: ImmutableString| -> Reply<()> {
        let known =
            [CacheLife::Minutes, CacheLife::Hour].into_iter().find(|known| known.name() == life.as_str());
        let life =
            known.ok_or_else(|| raise(format!("a prompt is kept for \"5m\" or \"1h\", not {life:?}")))?;
        change(|request| request.caching.prefix = Some(life))
    });
    word(
        "cache_key(key)",
        "Sends requests of one key to one cache, at providers that have several.",
        "req.cache_key(ctx.key.team)",
    )
    .register_into_engine(engine, |_: &mut Req, key: ImmutableString| {
        change(|request| request.caching.key = Some(key.to_string()))
    });
}
