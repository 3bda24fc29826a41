//! One of several: by weight and chance, or by weight and for good.

use sha2::{Digest, Sha256};

/// Names and what each weighs; weights that are not above 0 never win.
pub type Weights = Vec<(String, f64)>;

/// The name that `draw` (0 up to 1) falls on.
#[must_use]
pub fn chance(weights: &Weights, draw: f64) -> Option<&str> {
    let open = || weights.iter().filter(|(_, weight)| *weight > 0.0);
    let sum: f64 = open().map(|(_, weight)| weight).sum();
    let mut left = draw * sum;
    for (name, weight) in open() {
        if left < *weight {
            return Some(name);
        }
        left -= weight;
    }
    open().next_back().map(|(name, _)| name.as_str())
}

/// The name to which `key` always leads: weighted rendezvous hashing, so that a
/// change of weights or names moves only as many keys as it must.
#[must_use]
pub fn sticky<'a>(weights: &'a Weights, key: &str) -> Option<&'a str> {
    let open = weights.iter().filter(|(_, weight)| *weight > 0.0);
    let scored = open.map(|(name, weight)| (-weight / share(key, name).ln(), name));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name.as_str())
}

/// A number strictly between 0 and 1 that key and name lead to, on every machine alike.
fn share(key: &str, name: &str) -> f64 {
    let digest = Sha256::new().chain_update(key).chain_update([0]).chain_update(name).finalize();
    let bits = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}
