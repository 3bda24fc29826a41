//! The head of a policy: its `//!` lines. Parameters and `on_error` are
//! declared there. Text only; nothing here knows the interpreter.
//!
//! ```text
//! //! Cheapest model that can do the job.
//! //! with quality: float 0..1 = 0.0    lowest tag `quality` that will do
//! //! with mode: one of soft|hard = soft
//! //! on_error: deny
//! ```

use std::collections::BTreeSet;

use serde_json::Value;

use super::param;
use crate::policy::{OnError, ParamKind, ParamSpec};
use crate::problem::{Problem, did_you_mean};

/// What a head declares.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// The parameters, in order.
    pub(super) params: Vec<ParamSpec>,
    /// What follows when a hook fails, where the head says so.
    pub(super) on_error: Option<OnError>,
    /// What the policy is for: the other lines.
    pub(super) summary: String,
}

/// Reads the head of `source`, adding what is wrong to `problems`.
pub(super) fn read(file: &str, source: &str, problems: &mut Vec<Problem>) -> Head {
    let mut head = Head::default();
    let mut names = BTreeSet::new();
    let lines = source.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    for (line, text) in lines.take_while(|(_, text)| text.is_empty() || text.starts_with("//")) {
        let Some(text) = text.strip_prefix("//!").map(str::trim) else { continue };
        if let Some(declared) = text.strip_prefix("with ").filter(|rest| rest.contains(':')) {
            match parameter(declared, line) {
                Ok(spec) if !names.insert(spec.name.clone()) => {
                    let what = format!("the parameter `{}` is declared twice", spec.name);
                    problems.push(Problem::error(file, "duplicate_parameter", what).at(line, 1, 0));
                }
                Ok(spec) => head.params.push(spec),
                Err(what) => problems.push(
                    Problem::error(file, "bad_parameter", what)
                        .at(line, 1, 0)
                        .help("write `//! with NAME: TYPE = DEFAULT   meaning`, where TYPE is float, float 0..1, int, int 1..9, bool, string, one of a|b|c, list, model, models or service"),
                ),
            }
        } else if let Some(word) = text.strip_prefix("on_error:").map(str::trim) {
            match on_error(word) {
                Some(then) => head.on_error = Some(then),
                None => {
                    let what = format!("`on_error` cannot be `{word}`");
                    let help = "write deny, fallback or ignore";
                    problems.push(Problem::error(file, "bad_on_error", what).at(line, 1, 0).help(help));
                }
            }
        } else {
            if !head.summary.is_empty() {
                head.summary.push('\n');
            }
            head.summary.push_str(text);
        }
    }
    head
}

fn on_error(word: &str) -> Option<OnError> {
    match word {
        "deny" => Some(OnError::Deny),
        "fallback" => Some(OnError::Fallback),
        "ignore" => Some(OnError::Ignore),
        _ => None,
    }
}

/// `NAME: TYPE = DEFAULT   meaning`.
fn parameter(text: &str, line: usize) -> Result<ParamSpec, String> {
    let (name, rest) = text.split_once(':').ok_or("a parameter needs a name, a colon and a type")?;
    let name = name.trim();
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() || !plain || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{name}` is no name for a parameter: use letters, digits and `_`"));
    }
    let (kind, rest) = kind(rest.trim())?;
    let (default, meaning) = default(rest.trim_start(), &kind)?;
    if let Some(default) = &default {
        param::check(&kind, default).map_err(|why| format!("the default of `{name}` {why}"))?;
    }
    Ok(ParamSpec { name: name.to_owned(), kind, default, meaning: meaning.to_owned(), line })
}

/// The type at the start of `text`, and what follows it.
fn kind(text: &str) -> Result<(ParamKind, &str), String> {
    const WORDS: [&str; 9] =
        ["float", "int", "bool", "string", "one of", "list", "model", "models", "service"];
    if let Some(rest) = text.strip_prefix("one of ") {
        let (choices, rest) = word(rest);
        let choices: Vec<String> = choices.split('|').map(|choice| choice.trim().to_owned()).collect();
        if choices.len() < 2 || choices.iter().any(String::is_empty) {
            return Err("`one of` needs choices such as `a|b|c`, without blanks".to_owned());
        }
        return Ok((ParamKind::OneOf(choices), rest));
    }
    let (name, rest) = word(text);
    let plain = |kind| Ok((kind, rest));
    match name {
        "float" => ranged(rest).map(|(range, rest)| (ParamKind::Float(range), rest)),
        "int" => ranged(rest).map(|(range, rest)| (ParamKind::Int(range), rest)),
        "bool" => plain(ParamKind::Bool),
        "string" => plain(ParamKind::Text),
        "list" => Ok((ParamKind::List, rest.trim_start().strip_prefix("of strings").unwrap_or(rest))),
        "model" => plain(ParamKind::Model),
        "models" => plain(ParamKind::Models),
        "service" => plain(ParamKind::Service),
        other => {
            let meant = did_you_mean(other, WORDS).map(|word| format!("; did you mean `{word}`?"));
            Err(format!("`{other}` is no type{}", meant.unwrap_or_default()))
        }
    }
}

/// A range, if there is one, and what follows it.
type Ranged<'a, T> = (Option<(T, T)>, &'a str);

/// A range `0..1` at the start of `text`, if there is one.
fn ranged<T: std::str::FromStr + PartialOrd>(text: &str) -> Result<Ranged<'_, T>, String> {
    let (range, rest) = word(text.trim_start());
    let Some((from, to)) = range.split_once("..") else { return Ok((None, text)) };
    match (from.parse::<T>(), to.parse::<T>()) {
        (Ok(from), Ok(to)) if from <= to => Ok((Some((from, to)), rest)),
        _ => Err(format!("`{range}` is no range")),
    }
}

/// `= DEFAULT` at the start of `text`, and the meaning after it.
fn default<'a>(text: &'a str, kind: &ParamKind) -> Result<(Option<Value>, &'a str), String> {
    let Some(rest) = text.strip_prefix('=').map(str::trim_start) else { return Ok((None, text)) };
    if rest.starts_with(['"', '[']) {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else { return Err(format!("`{rest}` is no value")) };
        let meaning = rest.get(values.byte_offset()..).unwrap_or_default();
        return Ok((Some(value), meaning.trim_start()));
    }
    let (bare, meaning) = word(rest);
    let text = matches!(kind, ParamKind::Text | ParamKind::OneOf(_) | ParamKind::Model | ParamKind::Service);
    let value = match serde_json::from_str::<Value>(bare) {
        Ok(value) if !text => value,
        _ if text => Value::from(bare),
        _ => return Err(format!("`{bare}` is no value")),
    };
    Ok((Some(value), meaning.trim_start()))
}

/// The first word of `text` and the rest.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_at_checked(text.find(char::is_whitespace).unwrap_or(text.len())).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(text: &str) -> Result<(ParamKind, Option<Value>, String), String> {
        parameter(text, 1).map(|spec| (spec.kind, spec.default, spec.meaning))
    }

    #[test]
    fn parameters_of_every_type() {
        let cases = [
            ("q: float 0..1 = 0.0    lowest", ParamKind::Float(Some((0.0, 1.0))), Some(json!(0.0)), "lowest"),
            ("n: int = 10000", ParamKind::Int(None), Some(json!(10000)), ""),
            ("n: int 1..9   how many", ParamKind::Int(Some((1, 9))), None, "how many"),
            ("b: bool = true  yes", ParamKind::Bool, Some(json!(true)), "yes"),
            ("s: string = \"a b\"   text", ParamKind::Text, Some(json!("a b")), "text"),
            (
                "m: one of soft|hard = soft",
                ParamKind::OneOf(vec!["soft".into(), "hard".into()]),
                Some(json!("soft")),
                "",
            ),
            ("l: list of strings = [\"a\", \"b\"]  both", ParamKind::List, Some(json!(["a", "b"])), "both"),
            ("w: model = gpt-5  who", ParamKind::Model, Some(json!("gpt-5")), "who"),
        ];
        for (text, kind, value, meaning) in cases {
            assert_eq!(spec(text), Ok((kind, value, meaning.to_owned())), "{text}");
        }
    }

    #[test]
    fn bad_parameters_are_named() {
        for (text, part) in [
            ("q: flot = 1", "did you mean `float`"),
            ("q: float 1..0 = 1", "no range"),
            ("q: int 1..5 = 9", "1 to 5"),
            ("m: one of a|b = c", "a, b"),
            ("2q: int = 1", "no name"),
        ] {
            let error = spec(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
