//! When a provider says that another try may succeed: `Retry-After` in all its
//! forms, OpenAI's `retry-after-ms` and `x-should-retry`, Google's `retryDelay`.

use std::time::Duration;

use http::HeaderMap;

use super::Refused;
use crate::error::Retry;

/// The longest wait that is believed; more is clamped.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What the provider advises for an error whose kind advises `default`. An
/// error that no wait can mend stays [`Retry::Never`]; junk, negative and zero
/// waits leave the default. `delay` is a wait named in the body.
pub(super) fn retry(refused: &Refused<'_>, default: Retry, delay: Option<Duration>) -> Retry {
    if header(refused.headers, "x-should-retry").is_some_and(|advice| advice.eq_ignore_ascii_case("false")) {
        return Retry::Never;
    }
    if default == Retry::Never {
        return default;
    }
    let wait = milliseconds(refused.headers)
        .or_else(|| retry_after(refused.headers, refused.unix_seconds))
        .or(delay)
        .filter(|wait| !wait.is_zero());
    wait.map_or(default, |wait| Retry::After(wait.min(LONGEST)))
}

/// A wait written as seconds with an optional `s` (`34.4s`), Google's JSON form of a duration.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    let seconds: f64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    (seconds.is_finite() && seconds > 0.0)
        .then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
}

fn milliseconds(headers: &HeaderMap) -> Option<Duration> {
    let ms: f64 = header(headers, "retry-after-ms")?.parse().ok()?;
    (ms.is_finite() && ms > 0.0).then(|| Duration::from_secs_f64((ms / 1000.0).min(LONGEST.as_secs_f64())))
}

fn retry_after(headers: &HeaderMap, unix_seconds: u64) -> Option<Duration> {
    let text = header(headers, "retry-after")?;
    seconds(text).or_else(|| {
        let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        at.checked_sub(Duration::from_secs(unix_seconds))
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_advice() {
        let check = |headers: &[(&'static str, &str)], expected: Retry| {
            let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let map: HeaderMap = map.collect();
            // 1445412480 is Wed, 21 Oct 2015 07:28:00 GMT.
            let refused = Refused { status: 429, headers: &map, body: b"", unix_seconds: 1_445_412_480 };
            assert_eq!(retry(&refused, Retry::Backoff, None), expected, "{headers:?}");
        };
        let after = |ms| Retry::After(Duration::from_millis(ms));
        check(&[], Retry::Backoff);
        check(&[("retry-after", "7")], after(7_000));
        check(&[("retry-after", "1.5")], after(1_500));
        check(&[("retry-after-ms", "250"), ("retry-after", "1")], after(250));
        check(&[("retry-after-ms", "0"), ("retry-after", "1")], after(1_000));
        check(&[("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")], after(30_000));
        check(&[("retry-after", "Wed, 21 Oct 2015 07:27:30 GMT")], Retry::Backoff);
        check(&[("retry-after", "1000000000")], Retry::After(LONGEST));
        for junk in ["-1", "soon", "", "0", "NaN", "inf", "1e999"] {
            check(&[("retry-after", junk)], Retry::Backoff);
        }
        check(&[("x-should-retry", "false"), ("retry-after", "7")], Retry::Never);
        check(&[("x-should-retry", "true"), ("retry-after", "7")], after(7_000));
    }

    #[test]
    fn waits_in_bodies_and_hopeless_errors() {
        let headers = HeaderMap::new();
        let refused = Refused { status: 429, headers: &headers, body: b"", unix_seconds: 0 };
        let delay = seconds("34.4s");
        assert_eq!(retry(&refused, Retry::Backoff, delay), Retry::After(Duration::from_secs_f64(34.4)));
        assert_eq!(retry(&refused, Retry::Never, delay), Retry::Never);
    }
}
