//! Functions of Rhai's packages that could take memory or time out of all
//! proportion, or leave the sandbox, replaced by versions that look at the size
//! of their result first.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext, Position};

use super::turn::{Reply, charge, raise};

/// Replaces them.
pub(super) fn register(engine: &mut Engine) {
    concatenation(engine);
    replacement(engine);
    splitting(engine);
    padding(engine);
    output(engine);
    taken_out(engine);
}

/// The error for a string longer than the engine allows.
fn too_long() -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorDataTooLarge("Length of string".to_owned(), Position::NONE))
}

/// Checks a string of `bytes` against the engine's limit and counts it.
fn room(context: &NativeCallContext<'_>, bytes: usize) -> Reply<()> {
    if bytes > context.engine().max_string_size() {
        return Err(too_long());
    }
    charge(bytes)
}

fn concatenation(engine: &mut Engine) {
    engine.register_fn(
        "+",
        |context: NativeCallContext<'_>, a: ImmutableString, b: ImmutableString| -> Reply<ImmutableString> {
            room(&context, a.len() + b.len())?;
            Ok(a + b)
        },
    );
    engine.register_fn(
        "+=",
        |context: NativeCallContext<'_>, a: &mut ImmutableString, b: ImmutableString| -> Reply<()> {
            if a.len() + b.len() > context.engine().max_string_size() {
                return Err(too_long());
            }
            charge(b.len())?;
            *a += b;
            Ok(())
        },
    );
}

fn replacement(engine: &mut Engine) {
    fn replaced(
        context: &NativeCallContext<'_>,
        text: &mut ImmutableString,
        from: &str,
        to: &str,
    ) -> Reply<()> {
        if from.is_empty() {
            return Ok(());
        }
        let hits = text.matches(from).count();
        if hits == 0 {
            return Ok(());
        }
        let kept = text.len() - hits * from.len();
        room(context, hits.saturating_mul(to.len()).saturating_add(kept))?;
        *text = text.replace(from, to).into();
        Ok(())
    }
    engine.register_fn(
        "replace",
        |context: NativeCallContext<'_>,
         text: &mut ImmutableString,
         from: ImmutableString,
         to: ImmutableString| { replaced(&context, text, &from, &to) },
    );
    engine.register_fn(
        "replace",
        |context: NativeCallContext<'_>, text: &mut ImmutableString, from: ImmutableString, to: char| {
            replaced(&context, text, &from, to.encode_utf8(&mut [0; 4]))
        },
    );
    engine.register_fn(
        "replace",
        |context: NativeCallContext<'_>, text: &mut ImmutableString, from: char, to: ImmutableString| {
            replaced(&context, text, from.encode_utf8(&mut [0; 4]), &to)
        },
    );
    engine.register_fn(
        "replace",
        |context: NativeCallContext<'_>, text: &mut ImmutableString, from: char, to: char| {
            replaced(&context, text, from.encode_utf8(&mut [0; 4]), to.encode_utf8(&mut [0; 4]))
        },
    );
}

/// The pieces as an array, unless there are more than an array may hold.
fn pieces<'a>(context: &NativeCallContext<'_>, parts: impl Iterator<Item = &'a str>) -> Reply<Array> {
    let most = context.engine().max_array_size();
    let mut array = Array::new();
    for part in parts {
        if array.len() >= most {
            return Err(Box::new(EvalAltResult::ErrorDataTooLarge(
                "Size of array".to_owned(),
                Position::NONE,
            )));
        }
        charge(part.len() + size_of::<Dynamic>())?;
        array.push(Dynamic::from(ImmutableString::from(part)));
    }
    Ok(array)
}

fn splitting(engine: &mut Engine) {
    engine.register_fn("split", |context: NativeCallContext<'_>, text: &mut ImmutableString| {
        pieces(&context, text.split_whitespace())
    });
    engine.register_fn(
        "split",
        |context: NativeCallContext<'_>, text: &mut ImmutableString, by: ImmutableString| {
            if by.is_empty() {
                return Err(raise("split by an empty text"));
            }
            pieces(&context, text.split(by.as_str()))
        },
    );
    engine.register_fn("split", |context: NativeCallContext<'_>, text: &mut ImmutableString, by: char| {
        pieces(&context, text.split(by))
    });
    engine.register_fn(
        "to_chars",
        |context: NativeCallContext<'_>, text: &mut ImmutableString| -> Reply<Array> {
            if text.len() > context.engine().max_array_size() * 4 {
                return Err(Box::new(EvalAltResult::ErrorDataTooLarge(
                    "Size of array".to_owned(),
                    Position::NONE,
                )));
            }
            Ok(text.chars().map(Dynamic::from).collect())
        },
    );
    engine.register_fn("parse_json", |text: ImmutableString| -> Reply<Dynamic> {
        charge(text.len().saturating_mul(8))?;
        serde_json::from_str(&text).map_err(|error| raise(format!("not JSON: {error}")))
    });
}

fn padding(engine: &mut Engine) {
    fn padded(context: &NativeCallContext<'_>, text: &mut ImmutableString, to: i64, with: &str) -> Reply<()> {
        let to = usize::try_from(to).unwrap_or(0);
        let have = text.chars().count();
        let width = with.chars().count();
        if to <= have || width == 0 {
            return Ok(());
        }
        let times = (to - have).div_ceil(width);
        room(context, times.saturating_mul(with.len()).saturating_add(text.len()))?;
        let longer: String = text.chars().chain(with.chars().cycle()).take(to).collect();
        *text = longer.into();
        Ok(())
    }
    engine.register_fn(
        "pad",
        |context: NativeCallContext<'_>, text: &mut ImmutableString, to: i64, with: char| {
            padded(&context, text, to, with.encode_utf8(&mut [0; 4]))
        },
    );
    engine.register_fn(
        "pad",
        |context: NativeCallContext<'_>, text: &mut ImmutableString, to: i64, with: ImmutableString| {
            padded(&context, text, to, &with)
        },
    );
}

/// `print` and `debug` go to the log, under the policy's name.
fn output(engine: &mut Engine) {
    fn shorten(text: &str) -> &str {
        let end = text.char_indices().nth(2000).map_or(text.len(), |(at, _)| at);
        text.get(..end).unwrap_or_default()
    }
    engine.on_print(|text| {
        let policy = super::turn::policy_name();
        tracing::info!(target: "policy", policy = policy.as_deref(), "{}", shorten(text));
    });
    engine.on_debug(|text, _, at| {
        let policy = super::turn::policy_name();
        tracing::debug!(target: "policy", policy = policy.as_deref(), line = at.line(), "{}", shorten(text));
    });
}

/// What waits, ends early with any value, or looks at the interpreter itself.
fn taken_out(engine: &mut Engine) {
    engine.register_fn("sleep", |_: i64| -> Reply<()> { Err(raise("a policy cannot sleep")) });
    engine.register_fn("sleep", |_: f64| -> Reply<()> { Err(raise("a policy cannot sleep")) });
}
