//! What an answer says, reduced to a key: answers that mean the same have the same.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::ir::{Finish, Part, Response};

/// By what answers are compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum By {
    /// By what they turn out to be: tool calls, JSON, letters, numbers, else text.
    #[default]
    Auto,
    /// Normalised text: case, punctuation and articles do not count.
    Text,
    /// The final number.
    Number,
    /// The letter of a choice.
    Choice,
    /// JSON; of these fields, or all.
    Json(Vec<String>),
    /// Tool calls: same tools, same arguments, in any order.
    Tools,
}

impl By {
    /// The way of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "auto" => Self::Auto,
            "text" => Self::Text,
            "number" => Self::Number,
            "choice" => Self::Choice,
            "json" => Self::Json(Vec::new()),
            "tools" => Self::Tools,
            _ => return None,
        })
    }
}

/// The key of each answer; `None`: it says nothing that can be compared so. What
/// was cut off, filtered or refused says nothing: its last number is no answer.
#[must_use]
pub fn keys(by: &By, answers: &[&Response]) -> Vec<Option<String>> {
    let whole: Vec<&Response> = answers.iter().copied().filter(|answer| is_whole(answer)).collect();
    let mut found = of_whole(by, &whole).into_iter();
    answers.iter().map(|answer| if is_whole(answer) { found.next().flatten() } else { None }).collect()
}

fn is_whole(answer: &Response) -> bool {
    let Some(choice) = answer.choices.first() else { return true };
    let cut = matches!(choice.finish, Some(Finish::Length | Finish::ContentFilter | Finish::Refusal));
    !cut && !choice.message.parts.iter().any(|part| matches!(part, Part::Refusal(_)))
}

fn of_whole(by: &By, answers: &[&Response]) -> Vec<Option<String>> {
    let texts: Vec<String> = answers.iter().map(|answer| answer.text()).collect();
    let each = |key: fn(&str) -> Option<String>| texts.iter().map(|text| key(text)).collect::<Vec<_>>();
    match by {
        By::Text => each(text),
        By::Number => each(number),
        By::Choice => each(choice),
        By::Json(fields) => texts.iter().map(|text| json(text, fields)).collect(),
        By::Tools => answers.iter().map(|answer| tools(answer)).collect(),
        By::Auto => {
            let tried = [
                answers.iter().map(|answer| tools(answer)).collect(),
                each(|text| json(text, &[])),
                each(choice),
            ];
            let all = |keys: &Vec<Option<String>>| !keys.is_empty() && keys.iter().all(Option::is_some);
            tried.into_iter().find(all).unwrap_or_else(|| {
                let short = texts.iter().all(|text| is_number_short(text));
                if short { each(number) } else { each(text) }
            })
        }
    }
}

/// Whether a text is about its number: short, or it marks one as its answer.
fn is_number_short(text: &str) -> bool {
    let marked = last(&MARKED, text).is_some();
    number(text).is_some() && (marked || text.trim().chars().filter(|c| c.is_alphabetic()).count() <= 12)
}

fn text(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let key: Vec<&str> = words.filter(|word| !matches!(*word, "a" | "an" | "the")).collect();
    (!key.is_empty()).then(|| key.join(" "))
}

/// An expression of this file; the tests use each.
type Pattern = LazyLock<Option<Regex>>;

/// A number: commas group by three, `3/4` is a fraction, `1.5e3` an exponent.
macro_rules! figure {
    () => {
        r"(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?|-?\.\d+)(?:/(\d+(?:\.\d+)?))?(?:\s*(thousand|million|billion)\b)?"
    };
}

/// A number that a text marks as its answer.
static MARKED: Pattern = LazyLock::new(|| {
    let before = r"(?i)(?:####|\\boxed\{|answer\s*(?:is|:|=)|=\s*$)[\s*_$€£]*(?:(?:about|approximately|exactly)\s+)?(?:[a-z]+\s*=\s*)?[*_$€£]*\s*";
    Regex::new(&format!("{before}{}", figure!())).ok()
});

/// Any number. A dash between two numbers is no minus.
static NUMBER: Pattern = LazyLock::new(|| Regex::new(concat!("(?i)", figure!())).ok());

/// A fraction of LaTeX.
static FRACTION: Pattern = LazyLock::new(|| Regex::new(r"\\[dt]?frac\{(-?\d+)\}\{(\d+)\}").ok());

/// The letter of a choice at the start of a text or marked as its answer.
static CHOICE: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i:answer\s*(?:is|:)\s*|choose\s+|option\s+)\**\(?([A-J])\b|^\s*\**\(?([A-Ja-j])(?:[\).:]|\**\s*$)").ok()
});

/// The last match of `pattern`.
fn last<'t>(pattern: &Pattern, text: &'t str) -> Option<regex::Captures<'t>> {
    pattern.as_ref()?.captures_iter(text).last()
}

fn number(text: &str) -> Option<String> {
    let text = match FRACTION.as_ref() {
        Some(fraction) => fraction.replace_all(text, "$1/$2"),
        None => text.into(),
    };
    let hit = last(&MARKED, &text).or_else(|| last(&NUMBER, &text))?;
    let written = hit.get(1)?;
    let digits: String = written.as_str().chars().filter(|c| *c != ',').collect();
    let mut number = digits.parse::<f64>().ok()?;
    let before = text.get(..written.start()).and_then(|before| before.chars().next_back());
    if before.is_some_and(char::is_numeric) && number < 0.0 {
        number = -number;
    }
    if let Some(below) = hit.get(2).and_then(|below| below.as_str().parse::<f64>().ok()) {
        number /= if below == 0.0 { return None } else { below };
    }
    let times = match hit.get(3).map(|word| word.as_str().to_lowercase()).as_deref() {
        Some("thousand") => 1e3,
        Some("million") => 1e6,
        Some("billion") => 1e9,
        _ => 1.0,
    };
    Some(plain(number * times))
}

/// A number without what does not count: `5.00` is `5`.
fn plain(number: f64) -> String {
    let text = format!("{number:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn choice(text: &str) -> Option<String> {
    let hit = last(&CHOICE, text)?;
    let letter = hit.get(1).or_else(|| hit.get(2))?;
    Some(letter.as_str().to_uppercase())
}

fn json(text: &str, fields: &[String]) -> Option<String> {
    let inner = text.trim();
    let inner = inner.strip_prefix("```json").or_else(|| inner.strip_prefix("```")).unwrap_or(inner);
    let value: Value = serde_json::from_str(inner.strip_suffix("```").unwrap_or(inner).trim()).ok()?;
    if !value.is_object() && !value.is_array() {
        return None;
    }
    if fields.is_empty() {
        return Some(canonical(&value).to_string());
    }
    let picked: Vec<Value> =
        fields.iter().map(|field| canonical(value.get(field).unwrap_or(&Value::Null))).collect();
    Some(Value::from(picked).to_string())
}

/// The same JSON with keys sorted, numbers plain and texts normalised.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            let sorted = names
                .into_iter()
                .map(|name| (name.clone(), canonical(fields.get(name).unwrap_or(&Value::Null))));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().map(canonical).collect(),
        Value::Number(number) => number.as_f64().map(plain).map_or_else(|| value.clone(), Value::from),
        Value::String(words) => text(words).map_or_else(|| Value::from(words.trim()), Value::from),
        other => other.clone(),
    }
}

fn tools(answer: &Response) -> Option<String> {
    let message = &answer.choices.first()?.message;
    let mut calls: Vec<String> = message
        .tool_calls()
        .map(|call| {
            let arguments =
                serde_json::from_str(&call.arguments).map(|value: Value| sorted(&value).to_string());
            format!("{}({})", call.name, arguments.unwrap_or_else(|_| call.arguments.clone()))
        })
        .collect();
    calls.sort();
    (!calls.is_empty()).then(|| calls.join(";"))
}

/// The same JSON with keys sorted and numbers plain; texts as they are: an argument is no prose.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            let pairs = names
                .into_iter()
                .map(|name| (name.clone(), sorted(fields.get(name).unwrap_or(&Value::Null))));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::Number(number) => number.as_f64().map(plain).map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}
