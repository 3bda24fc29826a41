//! Numbers of feeds as integer nano-USD.

use serde_json::Value;

/// A rate, or why it makes no sense.
pub(super) type Rate<T> = Result<T, String>;

/// What a number counts dollars per.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// One token (or character); the result is per million.
    Token,
    /// A million tokens; so is the result.
    Million,
    /// One request, image or second; so is the result.
    Piece,
}

/// Most US dollars per million tokens, or per piece, that are believed.
const MOST: f64 = 100_000.0;

/// `value` as nano-USD.
#[expect(clippy::cast_possible_truncation, reason = "bounded by MOST")]
pub(super) fn nano(value: &Value, unit: Unit) -> Rate<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| format!("`{value}` is no number"))?;
    let usd = if unit == Unit::Token { number * 1e6 } else { number };
    if !usd.is_finite() {
        return Err(format!("{value} is not finite"));
    }
    if usd < 0.0 {
        return Err(format!("{value} is negative"));
    }
    if usd > MOST {
        return Err(format!("{value} is absurd: {usd} US dollars"));
    }
    Ok((usd * 1e9).round() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rates_are_exact_and_within_reason() {
        assert_eq!(nano(&json!(1.25e-5), Unit::Token), Ok(12_500_000_000));
        assert_eq!(nano(&json!("0.00000025"), Unit::Token), Ok(250_000_000));
        assert_eq!(nano(&json!(0.33), Unit::Million), Ok(330_000_000));
        assert_eq!(nano(&json!(0), Unit::Million), Ok(0));
        assert_eq!(nano(&json!(0.04), Unit::Piece), Ok(40_000_000));
        for wrong in [json!(-1), json!("-1"), json!(1e9), json!("NaN"), json!("inf"), json!(true), json!([])]
        {
            assert!(nano(&wrong, Unit::Token).is_err(), "{wrong}");
        }
    }
}
