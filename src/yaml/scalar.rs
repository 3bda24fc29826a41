//! What a scalar without quotes is.

use std::borrow::Cow;

use super::tree::Value;

/// The value of a plain scalar. Source: YAML 1.2.2 section 10.3.2, checked 2026-11-21.
pub(super) fn resolve(text: Cow<'_, str>) -> Value {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if numeric {
        let int = match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => match text.strip_prefix("0o") {
                Some(octal) => i64::from_str_radix(octal, 8).ok(),
                None => text.parse().ok(),
            },
        };
        if let Some(int) = int {
            return Value::Int(int);
        }
        let only_digits =
            text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
        if let Some(float) = text.parse().ok().filter(|_| only_digits) {
            return Value::Float(float);
        }
    }
    Value::Text(text.into_owned())
}
