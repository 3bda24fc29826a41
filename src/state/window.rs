//! Sliding windows of durations: logarithmic histograms in slices of time.
//!
//! Six slices of ten seconds; the oldest is emptied as time moves on. A
//! quantile is exact to half a bucket (6 %), which is less than the noise of
//! what it measures. `now` is an argument; nothing here reads a clock.

use std::sync::LazyLock;

/// Slices in a window.
const SLICES: usize = 6;
/// Length of a slice, milliseconds.
const SLICE_MS: u64 = 10_000;
/// Buckets of a histogram.
const BUCKETS: usize = 144;
/// Lower bound of the second bucket, milliseconds.
const LEAST: f64 = 0.05;
/// Ratio of neighbouring bounds; 144 buckets reach from 0.05 ms to 40 minutes.
const GROWTH: f64 = 1.13;

/// Durations (or any positive figures) of the last minute.
#[derive(Debug)]
pub struct Window {
    slices: [Slice; SLICES],
    /// The slices' counts together: what readers walk.
    sum: Box<[u32; BUCKETS]>,
    /// Number of the newest slice.
    newest: u64,
}

#[derive(Debug, Clone)]
struct Slice {
    counts: Box<[u32; BUCKETS]>,
    total: u32,
}

impl Default for Slice {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), total: 0 }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self { slices: std::array::from_fn(|_| Slice::default()), sum: Box::new([0; BUCKETS]), newest: 0 }
    }
}

impl Window {
    /// Adds one figure at `at`, milliseconds of a time that only goes on.
    pub fn add(&mut self, figure: f64, at: u64) {
        self.roll(at);
        let at = slice_of(self.newest);
        let bucket = bucket(figure);
        if let Some(slice) = self.slices.get_mut(at)
            && let (Some(count), Some(sum)) = (slice.counts.get_mut(bucket), self.sum.get_mut(bucket))
            && sum.checked_add(1).is_some_and(|more| {
                *sum = more;
                true
            })
        {
            *count += 1;
            slice.total += 1;
        }
    }

    /// Empties what is older than the window.
    pub fn roll(&mut self, at: u64) {
        let now = at / SLICE_MS;
        if now <= self.newest {
            return;
        }
        let stale = (now - self.newest).min(SLICES as u64);
        for back in 0..stale {
            if let Some(slice) = self.slices.get_mut(slice_of(now - back))
                && slice.total > 0
            {
                for (sum, gone) in self.sum.iter_mut().zip(slice.counts.iter()) {
                    *sum = sum.saturating_sub(*gone);
                }
                *slice = Slice::default();
            }
        }
        self.newest = now;
    }

    /// How many figures are in the window.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.slices.iter().map(|slice| u64::from(slice.total)).sum()
    }

    /// Whether the window has no figures.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The figure below which the share `percent` (1 to 100) lies; none without figures.
    #[must_use]
    pub fn quantile(&self, percent: u64) -> Option<f64> {
        // Rounded up, so that the share is reached.
        let rank = self.len().checked_mul(percent)?.div_ceil(100);
        if rank == 0 {
            return None;
        }
        let mut below = 0;
        let reached = self.sum.iter().position(|here| {
            below += u64::from(*here);
            below >= rank
        });
        MIDDLES.get(reached?).copied()
    }
}

/// The place of slice number `number`.
fn slice_of(number: u64) -> usize {
    usize::try_from(number % SLICES as u64).unwrap_or(0)
}

/// The bucket of a figure.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the buckets first")]
fn bucket(figure: f64) -> usize {
    if figure <= LEAST {
        return 0;
    }
    let place = (figure / LEAST).ln() / GROWTH.ln();
    place.min((BUCKETS - 2) as f64) as usize + 1
}

/// The figures in the middle of the buckets.
static MIDDLES: LazyLock<[f64; BUCKETS]> = LazyLock::new(|| std::array::from_fn(middle));

/// The figure in the geometric middle of a bucket.
fn middle(index: usize) -> f64 {
    if index == 0 {
        return LEAST / 2.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "below 144")]
    let exponent = index as f64 - 0.5;
    LEAST * GROWTH.powf(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_and_old_figures_leave() {
        let mut window = Window::default();
        for ms in 1..=1000 {
            window.add(f64::from(ms), 1_000_000);
        }
        for (q, truth) in [(50, 500.0), (95, 950.0), (1, 10.0)] {
            let seen = window.quantile(q).unwrap();
            assert!((seen / truth - 1.0).abs() < 0.08, "{q}: {seen} for {truth}");
        }
        window.add(5.0, 1_000_000 + 59_000);
        assert_eq!(window.len(), 1001);
        window.roll(1_000_000 + 61_000);
        assert_eq!(window.len(), 1);
        window.roll(u64::MAX);
        assert_eq!((window.len(), window.quantile(50)), (0, None));
    }

    #[test]
    fn extremes_stay_in_range() {
        let mut window = Window::default();
        for figure in [0.0, -1.0, f64::INFINITY, f64::NAN, 1e18] {
            window.add(figure, 0);
        }
        assert_eq!(window.len(), 5);
        assert!(window.quantile(100).unwrap().is_finite());
    }
}
