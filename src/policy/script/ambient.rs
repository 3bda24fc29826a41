//! The variables that a hook finds without declaring them: `req`, `ctx`,
//! `state`, what the hook looks at, and the constants of its file.

use rhai::{Dynamic, Engine, EvalContext, ImmutableString, Scope};

use super::turn::{Ctx, Reply, Req, current, peek, raise, read};
use super::vocabulary;

/// Every ambient name.
pub(super) const NAMES: [&str; 8] = ["req", "ctx", "state", "attempt", "text", "res", "record", "feedback"];

/// `ctx.with`: the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct With;

/// `state`: what is kept between exchanges.
#[derive(Debug, Clone, Copy)]
pub(super) struct State;

/// Names for the compiler, which refuses variables that it does not know.
pub(super) fn names() -> Scope<'static> {
    let mut scope = Scope::new();
    for name in NAMES {
        scope.push(name, ());
    }
    scope
}

/// Registers the resolver of variables and `ctx.with`.
pub(super) fn register(engine: &mut Engine) {
    #[expect(deprecated, reason = "not deprecated, marked as volatile; the version of rhai is pinned")]
    engine.on_var(|name, index, context| if index == 0 { resolve(name, &context) } else { Ok(None) });
    engine.register_type_with_name::<Req>("Request").register_type_with_name::<Ctx>("Context");
    engine.register_type_with_name::<With>("Parameters").register_type_with_name::<State>("State");
    engine.register_get("with", |_: &mut Ctx| With);
    engine.register_get("state", |_: &mut Ctx| State);
    engine.register_indexer_get(|_: &mut With, name: ImmutableString| -> Reply<Dynamic> {
        peek(|run| run.bound.parameter(&name))
            .flatten()
            .ok_or_else(|| raise(format!("`ctx.with.{name}` is not declared in the policy's head")))
    });
}

fn resolve(name: &str, context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Reply<Option<Dynamic>> {
    match name {
        "req" => Ok(Some(Dynamic::from(Req))),
        "ctx" => Ok(Some(Dynamic::from(Ctx))),
        "state" => Ok(Some(Dynamic::from(State))),
        "text" => match read(|scene| scene.text.clone())? {
            Some(text) => Ok(Some(ImmutableString::from(&*text).into())),
            None => Err(raise("`text` exists only in `on_text`")),
        },
        _ => {
            if let Some(value) = vocabulary::ambient(name)? {
                return Ok(Some(value));
            }
            let run = current()?;
            let file = context.source().unwrap_or(&run.bound.policy.name);
            Ok(run.bound.policy.library.constant(file, name).cloned())
        }
    }
}
