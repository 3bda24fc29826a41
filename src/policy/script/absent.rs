//! Comparisons with `()`. A field, header or tag that is not there reads as
//! `()`; whoever compares it with a value forgot that it may be missing, and a
//! silent `false` would decide for them. So that is an error, and it names what
//! was missing. `x == ()`, `x != ()` and `x ?? default` work as ever.

use std::any::TypeId;

use rhai::{Dynamic, Engine, EvalAltResult};

use super::turn::{Reply, peek, raise};

/// Registers the comparisons.
pub(super) fn register(engine: &mut Engine) {
    let unit = TypeId::of::<()>();
    let any = TypeId::of::<Dynamic>();
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        for types in [[unit, any], [any, unit]] {
            engine.register_raw_fn(operator, types, move |_, args| -> Reply<bool> {
                Err(missing(operator, args))
            });
        }
        engine.register_raw_fn(operator, [unit, unit], move |_, args| -> Reply<bool> {
            match operator {
                "==" => Ok(true),
                "!=" => Ok(false),
                _ => Err(missing(operator, args)),
            }
        });
    }
}

/// The error of `a OPERATOR b` where one of them is `()`.
fn missing(operator: &str, args: &[&mut Dynamic]) -> Box<EvalAltResult> {
    let unit = args.iter().find(|arg| arg.is_unit());
    let other = args.iter().find(|arg| !arg.is_unit()).map_or("()", |arg| arg.type_name());
    let name = unit.and_then(|unit| peek(|run| run.missing_name(unit.tag()))).flatten();
    let what = name.map_or_else(
        || "a value that is not there, `()`,".to_owned(),
        |name| format!("`{name}` is absent, `()`, and"),
    );
    raise(format!(
        "{what} cannot be compared by `{operator}` with a value of type {}; test it with `!= ()` first, or give a default: `value ?? default`",
        other.rsplit("::").next().unwrap_or(other)
    ))
}
