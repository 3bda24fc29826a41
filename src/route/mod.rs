//! What follows a failed attempt: the same model again, the next step of the
//! plan, or the error for the client. Pure: time, budgets and dice are arguments.

use std::time::Duration;

use crate::error::{Error, Kind, Retry};

/// First back-off; doubled with each try.
const BACKOFF: Duration = Duration::from_millis(250);
/// Longest back-off.
const BACKOFF_MOST: Duration = Duration::from_secs(4);
/// Longest wait that a provider may ask for and get.
pub const WAIT_MOST: Duration = Duration::from_secs(10);

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same model again, after a wait.
    Retry(Duration),
    /// The next step of the plan.
    Step,
    /// The error goes to the client.
    Stop,
}

/// The facts that the decision needs.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// Why the attempt failed.
    pub error: &'a Error,
    /// Tries of this model so far, this one included.
    pub tries: u32,
    /// Retries that the step allows.
    pub retries: u32,
    /// Whether the plan has another step.
    pub more_steps: bool,
    /// Error kinds that move on; absent: [`Kind::may_fall_back`].
    pub fall_back_on: Option<&'a [Kind]>,
    /// Time left of the exchange.
    pub time_left: Duration,
    /// A number from 0 to 1, for the jitter.
    pub dice: f64,
}

/// Decides what follows. A retry still needs the retry budget's consent; see [`without_retry`].
#[must_use]
pub fn next(failed: &Failed<'_>) -> Next {
    let moves_on = failed.more_steps && falls_back(failed);
    // Who does not answer at all is not asked again while another can be.
    let silent = matches!(failed.error.kind, Kind::Unreachable | Kind::Tls | Kind::TimedOut);
    if failed.tries > failed.retries || (silent && moves_on) {
        return without_retry(failed);
    }
    let wait = match failed.error.retry {
        Retry::Never => return without_retry(failed),
        Retry::Backoff => backoff(failed.tries, failed.dice),
        // A named wait is worth it only where nobody else can answer sooner.
        Retry::After(wait) if wait <= WAIT_MOST && (wait <= BACKOFF || !moves_on) => wait,
        Retry::After(_) => return without_retry(failed),
    };
    if wait < failed.time_left { Next::Retry(wait) } else { without_retry(failed) }
}

/// What follows when the same model is not tried again.
#[must_use]
pub fn without_retry(failed: &Failed<'_>) -> Next {
    if failed.more_steps && falls_back(failed) && !failed.time_left.is_zero() {
        Next::Step
    } else {
        Next::Stop
    }
}

fn falls_back(failed: &Failed<'_>) -> bool {
    failed.fall_back_on.map_or(failed.error.kind.may_fall_back(), |kinds| kinds.contains(&failed.error.kind))
}

/// Full jitter: anything between nothing and a bound that doubles.
fn backoff(tries: u32, dice: f64) -> Duration {
    let bound = BACKOFF.saturating_mul(1 << tries.saturating_sub(1).min(8)).min(BACKOFF_MOST);
    bound.mul_f64(dice.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Origin;

    fn failed(error: &Error, tries: u32, more_steps: bool) -> Failed<'_> {
        Failed {
            error,
            tries,
            retries: 2,
            more_steps,
            fall_back_on: None,
            time_left: Duration::from_secs(30),
            dice: 0.5,
        }
    }

    #[test]
    fn each_class_of_error_goes_its_way() {
        let of = |kind| Error::new(kind, Origin::Upstream, "x");
        let ms = Duration::from_millis;
        for (error, tries, more, expected) in [
            (of(Kind::UpstreamFailed), 1, true, Next::Retry(ms(125))),
            (of(Kind::UpstreamFailed), 2, true, Next::Retry(ms(250))),
            (of(Kind::UpstreamFailed), 3, true, Next::Step),
            (of(Kind::UpstreamFailed), 3, false, Next::Stop),
            (of(Kind::InvalidRequest), 1, true, Next::Stop),
            (of(Kind::Unreachable), 1, true, Next::Step),
            (of(Kind::Unreachable), 1, false, Next::Retry(ms(125))),
            (of(Kind::ContextTooLong), 1, true, Next::Step),
            (of(Kind::ContentRefused), 1, false, Next::Stop),
            (of(Kind::UpstreamAuth), 1, true, Next::Step),
            (of(Kind::RateLimited).with_retry(Retry::After(ms(3000))), 1, true, Next::Step),
            (of(Kind::RateLimited).with_retry(Retry::After(ms(3000))), 1, false, Next::Retry(ms(3000))),
            (of(Kind::RateLimited).with_retry(Retry::After(ms(11_000))), 1, false, Next::Stop),
            (of(Kind::RateLimited).with_retry(Retry::After(ms(0))), 1, true, Next::Retry(ms(0))),
            (of(Kind::UpstreamFailed).with_retry(Retry::Never), 1, false, Next::Stop),
        ] {
            assert_eq!(next(&failed(&error, tries, more)), expected, "{error:?} try {tries}, more {more}");
        }
    }

    #[test]
    fn a_plan_may_narrow_what_falls_back_and_time_ends_everything() {
        let error = Error::new(Kind::ContextTooLong, Origin::Upstream, "x");
        let mut facts = failed(&error, 1, true);
        facts.fall_back_on = Some(&[Kind::TimedOut]);
        assert_eq!(next(&facts), Next::Stop);
        let error = Error::new(Kind::TimedOut, Origin::Upstream, "x");
        let mut facts = failed(&error, 1, true);
        facts.time_left = Duration::ZERO;
        assert_eq!(next(&facts), Next::Stop);
    }
}
