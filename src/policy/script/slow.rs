//! Which hooks of a policy took long when they last ran. These run on the script
//! threads, so that the threads that serve connections are not held up.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crate::policy::Hook;

/// From here on a hook is slow.
const SLOW: Duration = Duration::from_millis(1);
/// A slow hook that takes less is quick again.
const QUICK: Duration = Duration::from_micros(500);

/// The slow hooks, a bit each.
#[derive(Default)]
pub(super) struct Slow(AtomicU16);

impl Slow {
    /// Whether `hook` took long when it last ran.
    pub(super) fn has(&self, hook: Hook) -> bool {
        self.0.load(Ordering::Relaxed) & bit(hook) != 0
    }

    /// Takes note that `hook` ran for so long.
    pub(super) fn note(&self, hook: Hook, ran: Duration) {
        if ran >= SLOW {
            self.0.fetch_or(bit(hook), Ordering::Relaxed);
        } else if ran < QUICK && self.has(hook) {
            self.0.fetch_and(!bit(hook), Ordering::Relaxed);
        }
    }
}

const fn bit(hook: Hook) -> u16 {
    1 << hook as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_slow_until_it_is_clearly_quick_again() {
        let slow = Slow::default();
        let mut note = |micros| {
            slow.note(Hook::Route, Duration::from_micros(micros));
            slow.has(Hook::Route)
        };
        assert_eq!([20, 999, 1000, 800, 499, 800].map(&mut note), [false, false, true, true, false, false]);
        slow.note(Hook::Request, Duration::from_secs(1));
        assert!(slow.has(Hook::Request) && !slow.has(Hook::Route));
    }
}
