//! Samples of a duration, and their percentiles.

/// Nanosecond samples.
#[derive(Default)]
pub struct Samples(Vec<u64>);

impl Samples {
    /// Adds one.
    pub fn add(&mut self, ns: u64) {
        self.0.push(ns);
    }

    /// Forgets all: the warm-up is over.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The percentile `share` (0 to 1) in microseconds; 0 without samples.
    pub fn percentile_us(&mut self, share: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        self.0.sort_unstable();
        let at = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[at] as f64 / 1000.0
    }
}
