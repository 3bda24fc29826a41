//! Comparisons that have no answer, where a silent `false` would decide for
//! whoever wrote them. A field, header or tag that is not there reads as `()`;
//! who compares it with a value forgot that it may be missing. So that is an
//! error, and it names what was missing. `x == ()`, `x != ()` and
//! `x ?? default` work as ever. Nor is a text less or more than a number.

use std::any::TypeId;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString};

use super::turn::{Reply, peek, raise};

/// Registers the comparisons.
pub(super) fn register(engine: &mut Engine) {
    with_absent(engine);
    of_text_and_number(engine);
}

fn with_absent(engine: &mut Engine) {
    let unit = TypeId::of::<()>();
    let any = TypeId::of::<Dynamic>();
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        for types in [[unit, any], [any, unit]] {
            engine.register_raw_fn(operator, types, move |_, args| -> Reply<bool> {
                // A `()` without a name was written as such: `x != ()` asks whether there is an `x`.
                match operator {
                    "==" if name(args).is_none() => Ok(false),
                    "!=" if name(args).is_none() => Ok(true),
                    _ => Err(missing(operator, args)),
                }
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

/// Headers and tags are often texts that look like numbers.
fn of_text_and_number(engine: &mut Engine) {
    let text = TypeId::of::<ImmutableString>();
    for operator in ["<", "<=", ">", ">="] {
        for number in [TypeId::of::<i64>(), TypeId::of::<f64>()] {
            for types in [[text, number], [number, text]] {
                engine.register_raw_fn(operator, types, move |_, _| -> Reply<bool> {
                    Err(raise(format!(
                        "a text and a number cannot be compared by `{operator}`; `parse_float(text)` makes a number of a text"
                    )))
                });
            }
        }
    }
}

/// The error of `a OPERATOR b` where one of them is `()`.
fn missing(operator: &str, args: &[&mut Dynamic]) -> Box<EvalAltResult> {
    let other = args.iter().find(|arg| !arg.is_unit()).map_or("()", |arg| arg.type_name());
    let what = name(args).map_or_else(
        || "a value that is not there, `()`,".to_owned(),
        |name| format!("`{name}` is absent, `()`, and"),
    );
    raise(format!(
        "{what} cannot be compared by `{operator}` with a value of type {}; test it with `!= ()` first, or give a default: `value ?? default`",
        other.rsplit("::").next().unwrap_or(other)
    ))
}

/// The name of what the `()` among `args` stands for.
fn name(args: &[&mut Dynamic]) -> Option<String> {
    let unit = args.iter().find(|arg| arg.is_unit())?;
    peek(|run| run.missing_name(unit.tag())).flatten()
}
