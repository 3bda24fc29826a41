//! Texts: expressions of linear time, hashes, JSON, figures.

use std::sync::Arc;

use regex::Regex;
use rhai::{Array, Dynamic, Engine, ImmutableString};
use sha2::{Digest, Sha256};

use super::word::{self, getter, word};
use crate::hex::hex;
use crate::model::tokens;
use crate::policy::script::expressions;
use crate::policy::script::turn::{Reply, charge, peek, raise};
use crate::policy::texts::{TextStats, text_stats};

/// Registers the words of texts.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<TextStats>("TextStats");
    searches(engine);
    values(engine);
    figures(engine);
}

fn searches(engine: &mut Engine) {
    word(
        "matches(pattern)",
        "Whether an expression matches somewhere in the text.",
        "req.text.matches(\"(?i)invoice \\\\d+\")",
    )
    .register_into_engine(engine, |text: &mut ImmutableString, pattern: &str| -> Reply<bool> {
        Ok(expression(pattern)?.is_match(text))
    });
    word(
        "find_all(pattern)",
        "All that an expression matches, as an array.",
        "req.last_user.find_all(\"[A-Z]{2}-\\\\d+\")",
    )
    .register_into_engine(engine, |text: &mut ImmutableString, pattern: &str| -> Reply<Array> {
        let expression = expression(pattern)?;
        Ok(expression.find_iter(text).take(2000).map(|hit| hit.as_str().into()).collect())
    });
    word(
        "capture(pattern)",
        "The groups of the first match as an array, or `()`.",
        "req.last_user.capture(\"order (\\\\d+)\")",
    )
    .register_into_engine(engine, |text: &mut ImmutableString, pattern: &str| -> Reply<Dynamic> {
        let groups = expression(pattern)?.captures(text).map(|groups| -> Array {
            groups.iter().map(|group| group.map_or(Dynamic::UNIT, |hit| hit.as_str().into())).collect()
        });
        Ok(groups.map_or(Dynamic::UNIT, Dynamic::from))
    });
    word(
        "replace_all(pattern, with)",
        "The text with all that an expression matches replaced; `$1` is the first group.",
        "text.replace_all(\"\\\\d{16}\", \"[card]\")",
    )
    .register_into_engine(
        engine,
        |text: &mut ImmutableString, pattern: &str, with: &str| -> Reply<String> {
            let replaced = expression(pattern)?.replace_all(text, with).into_owned();
            charge(replaced.len())?;
            Ok(replaced)
        },
    );
}

/// The compiled expression; outside of hooks made for this once.
fn expression(pattern: &str) -> Reply<Arc<Regex>> {
    let found = peek(|run| run.bound.policy.library.expressions.get(pattern));
    found.unwrap_or_else(|| expressions::compiled(pattern)).map_err(raise)
}

fn values(engine: &mut Engine) {
    word("sha256(text)", "SHA-256 of the text as 64 hex digits.", "ctx.note(\"prompt\", sha256(req.text))")
        .register_into_engine(engine, |text: ImmutableString| hex(&Sha256::digest(text.as_bytes())));
    word("to_json(value)", "A value as JSON text.", "to_json(#{ a: 1 })").register_into_engine(
        engine,
        |value: Dynamic| -> Reply<String> {
            let text = word::to_json(&value)?.to_string();
            charge(text.len())?;
            Ok(text)
        },
    );
}

fn figures(engine: &mut Engine) {
    word(
        "tokens(text)",
        "A text's tokens by a quick estimate, good to some 10 %.",
        "tokens(req.system ?? \"\")",
    )
    .register_into_engine(engine, |text: ImmutableString| tokens::estimate(&text) as i64);
    getter("stats", "Figures about the text.", "req.text.stats.code_share > 0.3")
        .register_into_engine(engine, |text: &mut ImmutableString| text_stats(text));
    getter("chars", "Characters.", "req.stats.chars < 200")
        .register_into_engine(engine, |stats: &mut TextStats| stats.chars as i64);
    getter("words", "Words.", "req.stats.words < 40")
        .register_into_engine(engine, |stats: &mut TextStats| stats.words as i64);
    getter("lines", "Lines that are not empty.", "req.stats.lines > 50")
        .register_into_engine(engine, |stats: &mut TextStats| stats.lines as i64);
    getter("code_share", "Share of the lines that look like code, 0 to 1.", "req.stats.code_share > 0.3")
        .register_into_engine(engine, |stats: &mut TextStats| stats.code_share);
    getter("is_question", "Whether it asks.", "req.stats.is_question")
        .register_into_engine(engine, |stats: &mut TextStats| stats.is_question);
    getter(
        "script",
        "What it is written in: latin, cyrillic, chinese, japanese, korean, arabic, indic, other.",
        "req.stats.script == \"japanese\"",
    )
    .register_into_engine(engine, |stats: &mut TextStats| ImmutableString::from(stats.script));
}
