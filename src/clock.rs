//! Time as a value: whoever needs the time is handed a [`Now`], so that tests,
//! cases and replays decide what time it is. Only the edges read a [`Clock`].

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks: monotonic for durations, wall for dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time, for durations and deadlines.
    pub mono: Instant,
    /// Wall-clock time in milliseconds since the Unix epoch, for dates.
    pub unix_ms: u64,
}

impl Now {
    /// Time passed since `earlier`; zero if `earlier` lies ahead.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        self.mono.saturating_duration_since(earlier.mono)
    }

    /// The reading `by` later on both clocks.
    #[must_use]
    pub fn plus(&self, by: Duration) -> Self {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self { mono: self.mono + by, unix_ms: self.unix_ms.saturating_add(ms) }
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn unix_seconds(&self) -> u64 {
        self.unix_ms / 1000
    }
}

/// `time` in milliseconds, to the microsecond: as records and log lines state it.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Where a [`Now`] comes from: the machine, or a hand that tests move.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's clocks.
    #[default]
    System,
    /// A reading that moves only when told to.
    Manual(Arc<parking_lot::Mutex<Now>>),
}

impl Clock {
    /// Reads the clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
    pub fn now(&self) -> Now {
        match self {
            Self::System => {
                let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
                Now { mono: Self::mono(), unix_ms }
            }
            Self::Manual(at) => *at.lock(),
        }
    }

    /// Reads the machine's monotonic clock alone, for durations.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
    pub fn mono() -> Instant {
        Instant::now()
    }

    /// A manual clock that stands at `unix_ms`.
    #[must_use]
    pub fn manual(unix_ms: u64) -> Self {
        let mono = Self::mono();
        Self::Manual(Arc::new(parking_lot::Mutex::new(Now { mono, unix_ms })))
    }

    /// Moves a manual clock forward; the machine's clocks are left alone.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(at) = self {
            let mut now = at.lock();
            *now = now.plus(by);
        }
    }
}
