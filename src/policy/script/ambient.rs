//! The variables that a hook finds without declaring them: `req`, `ctx`,
//! `state`, what the hook looks at, and the constants of its file.

use rhai::{Dynamic, Engine, EvalContext, ImmutableString, Scope};

use super::turn::{Ctx, Reply, Req, current, peek, raise, read};
use super::vocabulary;
use super::vocabulary::word::{getter, index};

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
    getter("with", "The policy's parameters, as the route passes them or by default.", "ctx.with.quality")
        .register_into_engine(engine, |_: &mut Ctx| With);
    getter("state", "What is kept between exchanges; the same as `state`.", "ctx.state.get(\"last\")")
        .register_into_engine(engine, |_: &mut Ctx| State);
    let meaning = "The parameter of this name. An error where the head does not declare it.";
    index(meaning, "ctx.with[\"quality\"]").register_into_engine(
        engine,
        |_: &mut With, name: ImmutableString| -> Reply<Dynamic> {
            peek(|run| run.bound.parameter(&name))
                .flatten()
                .ok_or_else(|| raise(format!("`ctx.with.{name}` is not declared in the policy's head")))
        },
    );
}

fn resolve(name: &str, context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Reply<Option<Dynamic>> {
    match name {
        "req" => Ok(Some(Dynamic::from(Req))),
        "ctx" => Ok(Some(Dynamic::from(Ctx))),
        "state" => Ok(Some(Dynamic::from(State))),
        // Inside a closure a variable of the function that has the name of an ambient one comes by here.
        _ if context.scope().contains(name) => Ok(None),
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
