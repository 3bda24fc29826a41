//! What files and batches of the simulated provider are marked with, and how
//! many it keeps.

use crate::clock::Clock;

/// Not to be mixed up with what another process gave out.
pub(super) fn new_id(prefix: &str) -> String {
    format!("{prefix}{:016x}", fastrand::u64(..))
}

/// Seconds since the Unix epoch.
pub(super) fn seconds() -> u64 {
    Clock::System.now().unix_seconds()
}

/// Why more is not taken.
pub(super) const FULL: &str = "the simulated provider keeps 64 MiB, 1000 files and 1000 batches: delete some";
