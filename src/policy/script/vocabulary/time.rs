//! Moments, in UTC.

use rhai::{Engine, ImmutableString};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::word::{getter, word};

/// A moment.
#[derive(Debug, Clone, Copy)]
pub(in crate::policy::script) struct Moment {
    unix_ms: u64,
    date: OffsetDateTime,
}

impl Moment {
    /// The moment so many ms after the Unix epoch.
    pub(in crate::policy::script) fn at(unix_ms: u64) -> Self {
        let nanos = i128::from(unix_ms) * 1_000_000;
        let date = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self { unix_ms, date }
    }
}

/// Registers the words of moments.
/// A part of a moment.
type Reading = fn(&Moment) -> i64;

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Moment>("Moment");
    getter("unix", "Seconds since the Unix epoch.", "ctx.now.unix")
        .register_into_engine(engine, |at: &mut Moment| (at.unix_ms / 1000) as i64);
    getter("unix_ms", "Milliseconds since the Unix epoch.", "ctx.now.unix_ms")
        .register_into_engine(engine, |at: &mut Moment| at.unix_ms as i64);
    let parts: [(&'static str, &str, Reading); 5] = [
        ("hour", "The hour, 0 to 23, UTC.", |at| i64::from(at.date.hour())),
        ("minute", "The minute, 0 to 59.", |at| i64::from(at.date.minute())),
        ("day", "The day of the month, from 1.", |at| i64::from(at.date.day())),
        ("month", "The month, from 1.", |at| i64::from(u8::from(at.date.month()))),
        ("year", "The year.", |at| i64::from(at.date.year())),
    ];
    for (name, meaning, part) in parts {
        getter(name, meaning, &format!("ctx.now.{name}"))
            .register_into_engine(engine, move |at: &mut Moment| part(at));
    }
    getter(
        "weekday",
        "The day of the week in English: monday, tuesday, ...",
        "ctx.now.weekday == \"sunday\"",
    )
    .register_into_engine(engine, |at: &mut Moment| {
        ImmutableString::from(at.date.weekday().to_string().to_lowercase())
    });
    getter("date", "The date as 2026-11-21.", "ctx.now.date")
        .register_into_engine(engine, |at: &mut Moment| at.date.date().to_string());
    word("to_string()", "The moment as 2026-11-21T10:52:49Z.", "`${ctx.now}`")
        .register_into_engine(engine, |at: &mut Moment| at.date.format(&Rfc3339).unwrap_or_default());
    word(
        "is_between(from, to)",
        "Whether the time of day lies between two hours, over midnight if the first is later.",
        "ctx.now.is_between(22, 6)",
    )
    .register_into_engine(engine, |at: &mut Moment, from: i64, to: i64| {
        let hour = i64::from(at.date.hour());
        if from <= to { from <= hour && hour < to } else { hour >= from || hour < to }
    });
}
