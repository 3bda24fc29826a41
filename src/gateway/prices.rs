//! The prices that are live: those of the feeds, swapped as one value.

use std::sync::Arc;

use ahash::AHashMap;
use serde::Serialize;

use crate::clock::Now;
use crate::model::{Candidate, Model, Price};
use crate::state::Models;

/// Prices by model name, and how their feeds do.
#[derive(Debug, Default)]
pub struct PriceBook {
    /// By our name of the model.
    pub prices: AHashMap<Arc<str>, Arc<Price>>,
    /// What models usually cost, by our name: from the feeds' history.
    pub usual: AHashMap<Arc<str>, Arc<Price>>,
    /// The feeds, in the order of the configuration.
    pub feeds: Vec<FeedStatus>,
}

/// How a feed does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FeedStatus {
    /// File or URL.
    pub source: String,
    /// Its format's name.
    pub format: String,
    /// First 12 hex digits of the SHA-256 of what was last taken.
    pub hash: String,
    /// When that was, milliseconds since the Unix epoch; 0: never.
    pub taken_ms: u64,
    /// Entries in it.
    pub entries: usize,
    /// Models of ours that it prices.
    pub matched: usize,
    /// Entries that were refused.
    pub refused: usize,
    /// Why the last refresh failed; the prices before it hold.
    pub error: Option<String>,
}

impl FeedStatus {
    /// Seconds since it was last taken; nothing when it never was.
    #[must_use]
    pub fn age(&self, now: Now) -> Option<u64> {
        (self.taken_ms > 0).then(|| now.unix_ms.saturating_sub(self.taken_ms) / 1000)
    }
}

impl PriceBook {
    /// How old the feeds are, seconds, by file or URL.
    #[must_use]
    pub fn ages(&self, now: Now) -> Vec<(String, u64)> {
        self.feeds.iter().filter_map(|feed| Some((feed.source.clone(), feed.age(now)?))).collect()
    }

    /// The price of `model` now: its own in YAML, else a feed's.
    #[must_use]
    pub fn price(&self, model: &Model) -> Option<Arc<Price>> {
        match &model.price {
            Some(price) => Some(Arc::clone(price)),
            None => self.prices.get(&model.name).cloned(),
        }
    }
}

/// `models` with prices and health of one moment.
pub(super) fn snapshot<'a>(
    models: impl Iterator<Item = &'a Arc<Model>>,
    book: &PriceBook,
    states: &Models,
    now: crate::clock::Now,
) -> Arc<[Candidate]> {
    models
        .map(|model| Candidate {
            model: Arc::clone(model),
            price: book.price(model),
            health: states.of(&model.name).health(&model.limits, now),
            usual_price: book.usual.get(&model.name).cloned(),
        })
        .collect()
}
