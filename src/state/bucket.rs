//! Token buckets: arithmetic only, `now` as an argument.

use std::time::{Duration, Instant};

/// A bucket that fills at a steady rate up to its capacity.
#[derive(Debug, Clone)]
pub struct Bucket {
    level: f64,
    filled: Option<Instant>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { level: f64::INFINITY, filled: None }
    }
}

impl Bucket {
    /// Fills up to `now`. A bucket starts full; a smaller capacity cuts it at once.
    fn fill(&mut self, capacity: f64, per_second: f64, now: Instant) {
        let passed = self.filled.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.level = (self.level + passed.as_secs_f64() * per_second).min(capacity);
        self.filled = Some(self.filled.map_or(now, |at| at.max(now)));
    }

    /// Takes `amount` if it is there; otherwise says how long until it will be.
    ///
    /// # Errors
    /// The wait; an amount above the capacity waits until the bucket is full.
    pub fn take(
        &mut self,
        amount: f64,
        capacity: f64,
        per_second: f64,
        now: Instant,
    ) -> Result<(), Duration> {
        self.fill(capacity, per_second, now);
        let wanted = amount.min(capacity);
        if self.level >= wanted {
            self.level -= amount;
            return Ok(());
        }
        let seconds = if per_second > 0.0 { (wanted - self.level) / per_second } else { f64::MAX };
        Err(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// Takes `amount` whatever is there (a debt), or gives back with a negative one.
    pub fn settle(&mut self, amount: f64, capacity: f64, per_second: f64, now: Instant) {
        self.fill(capacity, per_second, now);
        self.level = (self.level - amount).min(capacity);
    }

    /// The share of the capacity that is there, 0 to 1.
    #[must_use]
    pub fn share(&self, capacity: f64, per_second: f64, now: Instant) -> f64 {
        let mut copy = self.clone();
        copy.fill(capacity, per_second, now);
        if capacity > 0.0 { (copy.level / capacity).clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn never_gives_more_than_capacity_and_rate_allow() {
        let start = Clock::System.now().mono;
        let mut bucket = Bucket::default();
        let mut given = 0;
        for ms in 0..10_000 {
            given += i32::from(bucket.take(1.0, 10.0, 5.0, start + Duration::from_millis(ms)).is_ok());
        }
        assert_eq!(given, 10 + 49, "capacity 10, then 5 a second for 9.999 s");
    }

    #[test]
    fn says_how_long_to_wait_and_takes_back() {
        let now = Clock::System.now().mono;
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(10.0, 10.0, 5.0, now), Ok(()));
        assert_eq!(bucket.take(1.0, 10.0, 5.0, now), Err(Duration::from_millis(200)));
        bucket.settle(-4.0, 10.0, 5.0, now);
        assert!((bucket.share(10.0, 5.0, now) - 0.4).abs() < 1e-9);
        assert_eq!(bucket.take(25.0, 10.0, 5.0, now).unwrap_err(), Duration::from_millis(1200));
    }
}
