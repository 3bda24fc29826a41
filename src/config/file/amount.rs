//! Amounts with their units, as people write them: `10s`, `20%`, `0.25`, `20MiB`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::model::Tag;

/// A duration: `500ms`, `10s`, `5m`, `1h`, `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A share of a whole, 0 to 1: `20%` or `0.2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

/// An amount of US dollars, kept in nano-USD: `0.25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usd(pub i64);

/// A count of bytes: `20MiB`, `512KiB`, `1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// A count of tokens: `128000` or `128k`, `1M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens(pub u64);

/// A free label for policies.
#[derive(Debug, Clone, PartialEq)]
pub struct TagValue(pub Tag);

/// Most dollars that a price may say; beyond it the unit was mistaken.
const MAX_USD: f64 = 1e6;

/// A type that is read from a number or a text.
trait Amount: Sized {
    const NAME: &'static str;
    const EXPECTED: &'static str;
    const SCHEMA: &'static str;

    fn of_text(text: &str) -> Result<Self, String>;
    fn of_number(number: f64) -> Result<Self, String>;
    fn of_bool(_: bool) -> Option<Self> {
        None
    }
}

struct AmountVisitor<T>(std::marker::PhantomData<T>);

impl<T: Amount> Visitor<'_> for AmountVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<T, E> {
        T::of_bool(truth).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Bool(truth), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::of_text(text.trim()).map_err(E::custom)
    }

    #[expect(clippy::cast_precision_loss, reason = "amounts beyond 2^53 are out of range anyway")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::of_number(number as f64).map_err(E::custom)
    }

    #[expect(clippy::cast_precision_loss, reason = "amounts beyond 2^53 are out of range anyway")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::of_number(number as f64).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        T::of_number(number).map_err(E::custom)
    }
}

impl Time {
    /// Reads `10s` and its like; an error says what to write instead.
    pub(in crate::config) fn parse(text: &str) -> Result<Self, String> {
        Self::of_text(text)
    }
}

/// The number at the start of `text` and the unit after it.
fn split_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    number.parse().ok().map(|number| (number, unit.trim()))
}

impl Amount for Time {
    const NAME: &'static str = "Duration";
    const EXPECTED: &'static str = "a duration such as `10s`";
    const SCHEMA: &'static str = r"^\d+(\.\d+)?(ms|s|m|h|d)$";

    fn of_text(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no duration | write `500ms`, `10s`, `5m`, `1h` or `30d`");
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(number * seconds).map(Self).map_err(|_| wrong())
    }

    fn of_number(number: f64) -> Result<Self, String> {
        if number == 0.0 {
            return Ok(Self(Duration::ZERO));
        }
        Err(format!("{number} of what? | write the unit: `{number}s` or `{number}ms`"))
    }
}

impl Amount for Share {
    const NAME: &'static str = "Share";
    const EXPECTED: &'static str = "a share such as `20%` or `0.2`";
    const SCHEMA: &'static str = r"^\d+(\.\d+)?%$";

    fn of_text(text: &str) -> Result<Self, String> {
        match split_unit(text) {
            Some((number, "%")) => Self::of_number(number / 100.0),
            _ => Err(format!("`{text}` is no share | write `20%` or `0.2`")),
        }
    }

    fn of_number(number: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&number) {
            return Ok(Self(number));
        }
        Err(format!("a share is 0 to 1, this is {number} | write `{number}%` if you mean percent"))
    }
}

impl Amount for Usd {
    const NAME: &'static str = "Usd";
    const EXPECTED: &'static str = "an amount of US dollars such as `0.25`";
    const SCHEMA: &'static str = r"^\$?\d+(\.\d+)?$";

    fn of_text(text: &str) -> Result<Self, String> {
        match split_unit(text.trim_start_matches('$')) {
            Some((number, "" | "USD")) => Self::of_number(number),
            _ => Err(format!("`{text}` is no amount of US dollars | write a number: `0.25`")),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_USD")]
    fn of_number(number: f64) -> Result<Self, String> {
        if number < 0.0 {
            return Err(format!("a price cannot be negative: {number} | leave it out while it is not known"));
        }
        if !number.is_finite() || number > MAX_USD {
            return Err(format!("{number} is no plausible price | prices are US dollars per million tokens"));
        }
        Ok(Self((number * 1e9).round() as i64))
    }
}

impl Amount for Bytes {
    const NAME: &'static str = "Bytes";
    const EXPECTED: &'static str = "a size such as `20MiB`";
    const SCHEMA: &'static str = r"^\d+(\.\d+)?\s*(B|KB|MB|GB|KiB|MiB|GiB)$";

    fn of_text(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no size | write `512KiB`, `20MiB` or a number of bytes");
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let factor = match unit {
            "" | "B" => 1.0,
            "KB" | "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1_048_576.0,
            "GiB" => 1_073_741_824.0,
            _ => return Err(wrong()),
        };
        whole(number * factor).map(Self).ok_or_else(wrong)
    }

    fn of_number(number: f64) -> Result<Self, String> {
        whole(number).map(Self).ok_or_else(|| format!("{number} is no number of bytes | write `20MiB`"))
    }
}

impl Amount for Tokens {
    const NAME: &'static str = "Tokens";
    const EXPECTED: &'static str = "a number of tokens such as `128000` or `128k`";
    const SCHEMA: &'static str = r"^\d+(\.\d+)?[kM]$";

    fn of_text(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no number of tokens | write `128000`, `128k` or `1M`");
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let factor = match unit {
            "k" | "K" => 1e3,
            "M" => 1e6,
            "" => 1.0,
            _ => return Err(wrong()),
        };
        whole(number * factor).map(Self).ok_or_else(wrong)
    }

    fn of_number(number: f64) -> Result<Self, String> {
        whole(number).map(Self).ok_or_else(|| format!("{number} is no number of tokens | write `128000`"))
    }
}

impl Amount for TagValue {
    const NAME: &'static str = "Tag";
    const EXPECTED: &'static str = "a text, a number, or true or false";
    const SCHEMA: &'static str = "";

    fn of_text(text: &str) -> Result<Self, String> {
        Ok(Self(Tag::Text(text.to_owned())))
    }

    fn of_number(number: f64) -> Result<Self, String> {
        if number.is_finite() {
            Ok(Self(Tag::Number(number)))
        } else {
            Err("a tag must be finite".to_owned())
        }
    }

    fn of_bool(truth: bool) -> Option<Self> {
        Some(Self(Tag::Bool(truth)))
    }
}

/// `number` when it is whole and 0 or more.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range checked here")]
fn whole(number: f64) -> Option<u64> {
    let fits = number.is_finite() && (0.0..9e15).contains(&number) && number.fract() == 0.0;
    fits.then_some(number as u64)
}

macro_rules! amounts {
    ($($name:ident: $schema:expr;)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(AmountVisitor::<Self>(std::marker::PhantomData))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(<Self as Amount>::NAME)
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let pattern = <Self as Amount>::SCHEMA;
                $schema(<Self as Amount>::EXPECTED, pattern)
            }
        }
    )*};
}

fn text_only(title: &str, pattern: &str) -> Schema {
    json_schema!({ "description": title, "type": "string", "pattern": pattern })
}

fn number_or_text(title: &str, pattern: &str) -> Schema {
    json_schema!({
        "description": title,
        "oneOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": pattern }]
    })
}

fn share(title: &str, pattern: &str) -> Schema {
    json_schema!({
        "description": title,
        "oneOf": [{ "type": "number", "minimum": 0, "maximum": 1 }, { "type": "string", "pattern": pattern }]
    })
}

fn scalar(title: &str, _: &str) -> Schema {
    json_schema!({ "description": title, "type": ["string", "number", "boolean"] })
}

amounts! {
    Time: text_only;
    Share: share;
    Usd: number_or_text;
    Bytes: number_or_text;
    Tokens: number_or_text;
    TagValue: scalar;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Amount + std::fmt::Debug + PartialEq>(text: &str, expected: Option<T>) {
        assert_eq!(T::of_text(text).ok(), expected, "{text}");
    }

    #[test]
    fn amounts_have_units() {
        check("500ms", Some(Time(Duration::from_millis(500))));
        check("1.5m", Some(Time(Duration::from_secs(90))));
        check("30d", Some(Time(Duration::from_secs(2_592_000))));
        for wrong in ["10", "s", "-1s", "1e9", "10 parsecs", ""] {
            check::<Time>(wrong, None);
        }
        check("20%", Some(Share(0.2)));
        check::<Share>("120%", None);
        check("0.25", Some(Usd(250_000_000)));
        check("$3", Some(Usd(3_000_000_000)));
        check::<Usd>("1e9", None);
        check("20MiB", Some(Bytes(20 << 20)));
        check("128k", Some(Tokens(128_000)));
        check("1.5M", Some(Tokens(1_500_000)));
        check::<Tokens>("0.0001k", None);
        assert!(
            Usd::of_number(-0.1).is_err()
                && Usd::of_number(f64::NAN).is_err()
                && Usd::of_number(2e6).is_err()
        );
        assert!(Time::of_number(10.0).is_err() && Time::of_number(0.0).is_ok());
    }
}
