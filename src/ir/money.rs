//! Money as integers.

use std::fmt;

/// An amount in nano-USD (10^-9 USD). Integer, so that sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(pub i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount of `usd`, rounded to the nearest nano-USD; out of range saturates.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "float to int casts saturate, as documented")]
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * 1e9).round() as i64)
    }

    /// The amount in USD, for display and for policies. Not for sums.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for display; sums stay integer")]
    pub fn as_usd(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Sum that saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Money {
    /// USD with nine decimals: exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
    }
}
