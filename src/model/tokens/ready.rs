//! Which vocabularies are loaded.

use std::sync::atomic::{AtomicU64, Ordering};

/// A bit for each encoding of the crate, by its place in the crate's list.
static READY: AtomicU64 = AtomicU64::new(0);

/// Whether the vocabulary of `encoding` is loaded.
pub(super) fn is(encoding: &str) -> bool {
    READY.load(Ordering::Acquire) & bit(encoding) != 0
}

/// It is.
pub(super) fn set(encoding: &str) {
    if !is(encoding) {
        READY.fetch_or(bit(encoding), Ordering::Release);
    }
}

fn bit(encoding: &str) -> u64 {
    let place = tiktoken::list_encodings().iter().position(|known| *known == encoding);
    place.filter(|place| *place < 64).map_or(0, |place| 1 << place)
}
