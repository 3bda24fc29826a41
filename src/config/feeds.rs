//! Keeps the price feeds fresh: reads each when it is due, keeps the last good
//! sheet when that fails, and makes the [`PriceBook`] that exchanges see.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::build::{FeedSource, FeedSpec};
use super::snapshot::short;
use crate::clock::Now;
use crate::feed::{MAX_BYTES, Sheet, Wanted, parse};
use crate::gateway::{FeedStatus, Gateway, PriceBook};
use crate::model::{Model, Price};

/// How many past prices of a model make its usual one.
const HISTORY: usize = 96;
/// Fewest of them that do.
const HISTORY_LEAST: usize = 3;
/// Longest wait before a failed feed is tried again.
const AGAIN: Duration = Duration::from_mins(1);

type Models = BTreeMap<Arc<str>, Arc<Model>>;

/// The feeds of the live configuration.
#[derive(Debug, Default)]
pub struct Feeds {
    keeper: Mutex<Keeper>,
    changed: Notify,
}

impl Feeds {
    /// Takes over the feeds and models of a configuration that goes live, and
    /// gives the book that goes with it. What an unchanged feed said holds on.
    /// New files are read at once, so that no exchange sees their models
    /// unpriced; addresses are read by [`Self::keep_fresh`].
    pub fn renew(&self, specs: &[FeedSpec], models: &Models, now: Now) -> PriceBook {
        let mut keeper = self.keeper.lock();
        keeper.renew(specs);
        for index in keeper.due(now) {
            let Some(Slot { spec: FeedSpec { source: FeedSource::File(path), .. }, .. }) =
                keeper.slots.get(index)
            else {
                continue;
            };
            let read = read_file(path);
            keeper.take(index, read, now);
        }
        self.changed.notify_one();
        keeper.book(models)
    }

    /// Reads every feed when it is due, for as long as it is polled.
    pub async fn keep_fresh(&self, gateway: &Gateway) {
        loop {
            let now = gateway.clock.now();
            let due: Vec<(usize, FeedSpec)> = {
                let keeper = self.keeper.lock();
                keeper
                    .due(now)
                    .into_iter()
                    .filter_map(|i| Some((i, keeper.slots.get(i)?.spec.clone())))
                    .collect()
            };
            for (index, spec) in due {
                let read = fetch(gateway, &spec).await;
                let mut keeper = self.keeper.lock();
                // A reload may have put another feed into this place meanwhile.
                if keeper.slots.get(index).is_some_and(|slot| slot.spec == spec) {
                    keeper.take(index, read, gateway.clock.now());
                    gateway.prices.store(Arc::new(keeper.book(&gateway.bundle().models)));
                }
            }
            let wait = self.keeper.lock().wait(gateway.clock.now());
            // Woken by a reload, or by the next feed that is due.
            drop(tokio::time::timeout(wait, self.changed.notified()).await);
        }
    }
}

async fn fetch(gateway: &Gateway, spec: &FeedSpec) -> Result<Bytes, String> {
    match &spec.source {
        FeedSource::Url(url) => {
            let fetching = gateway.upstream.fetch(url, MAX_BYTES, spec.proxies.as_ref());
            let fetched = tokio::time::timeout(Duration::from_secs(60), fetching).await;
            let fetched = fetched.map_err(|_| "no answer within 60 s".to_owned())?;
            fetched.map_err(|error| error.to_string())
        }
        FeedSource::File(path) => {
            let path = path.clone();
            let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
            read.unwrap_or_else(|_| Err("reading it was cut short".to_owned()))
        }
    }
}

fn read_file(path: &Path) -> Result<Bytes, String> {
    let facts = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if facts.len() > MAX_BYTES as u64 {
        return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    std::fs::read(path).map(Bytes::from).map_err(|error| error.to_string())
}

/// Longest time between two looks at a feed.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// A feed, what it last said, and when to ask again.
#[derive(Debug)]
struct Slot {
    spec: FeedSpec,
    sheet: Option<Arc<Sheet>>,
    status: FeedStatus,
    /// Absent: at once.
    due: Option<Instant>,
}

#[derive(Debug, Default)]
struct Keeper {
    slots: Vec<Slot>,
    /// Past prices by model name, one for each book that was made.
    history: HashMap<Arc<str>, VecDeque<Arc<Price>>>,
}

impl Keeper {
    fn renew(&mut self, specs: &[FeedSpec]) {
        let mut old = std::mem::take(&mut self.slots);
        for spec in specs {
            let same = old
                .iter()
                .position(|slot| slot.spec.source == spec.source && slot.spec.format == spec.format);
            self.slots.push(match same {
                Some(index) => Slot { spec: spec.clone(), ..old.swap_remove(index) },
                None => Slot {
                    spec: spec.clone(),
                    sheet: None,
                    status: FeedStatus {
                        source: spec.name.clone(),
                        format: spec.format.name().to_owned(),
                        ..FeedStatus::default()
                    },
                    due: None,
                },
            });
        }
    }

    fn due(&self, now: Now) -> Vec<usize> {
        let due =
            self.slots.iter().enumerate().filter(|(_, slot)| slot.due.is_none_or(|due| due <= now.mono));
        due.map(|(index, _)| index).collect()
    }

    /// How long nothing is due.
    fn wait(&self, now: Now) -> Duration {
        let next = self.slots.iter().map(|slot| slot.due.unwrap_or(now.mono)).min();
        next.map_or(Duration::from_hours(1), |due| {
            due.saturating_duration_since(now.mono).max(Duration::from_millis(10))
        })
    }

    /// Takes what was read. A failure keeps what there is and says so.
    fn take(&mut self, index: usize, read: Result<Bytes, String>, now: Now) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let parsed = read.and_then(|bytes| Ok((parse(slot.spec.format, &bytes)?, bytes)));
        let status = &mut slot.status;
        match parsed {
            Ok((sheet, bytes)) => {
                if sheet.refused.len() != status.refused {
                    for refused in sheet.refused.iter().take(5) {
                        tracing::warn!(feed = %status.source, entry = %refused.name, "price refused: {}", refused.reason);
                    }
                }
                status.hash = short(&Sha256::digest(&bytes), 6);
                status.taken_ms = now.unix_ms;
                status.entries = sheet.len();
                status.refused = sheet.refused.len();
                status.error = None;
                slot.sheet = Some(Arc::new(sheet));
                slot.due = Some(now.mono + slot.spec.refresh.min(LONGEST));
            }
            Err(error) => {
                if status.error.as_ref() != Some(&error) {
                    tracing::error!(feed = %status.source, "price feed failed, the last good prices hold: {error}");
                }
                status.error = Some(error);
                slot.due = Some(now.mono + slot.spec.refresh.min(AGAIN));
            }
        }
    }

    /// The book of these models: the first feed that knows a model prices it.
    fn book(&mut self, models: &Models) -> PriceBook {
        let mut book = PriceBook::default();
        for slot in &mut self.slots {
            slot.status.matched = 0;
            let Some(sheet) = &slot.sheet else { continue };
            for (name, model) in models {
                let Some(entry) = sheet.find(&wanted(model)) else { continue };
                slot.status.matched += 1;
                book.prices.entry(Arc::clone(name)).or_insert_with(|| Arc::new(entry.price.clone()));
            }
        }
        self.history.retain(|name, _| models.contains_key(name));
        for (name, price) in &book.prices {
            let past = self.history.entry(Arc::clone(name)).or_default();
            past.push_back(Arc::clone(price));
            if past.len() > HISTORY {
                past.pop_front();
            }
            if let Some(usual) = median(past) {
                book.usual.insert(Arc::clone(name), usual);
            }
        }
        book.feeds = self.slots.iter().map(|slot| slot.status.clone()).collect();
        book
    }
}

/// The price in the middle of those that were.
fn median(past: &VecDeque<Arc<Price>>) -> Option<Arc<Price>> {
    if past.len() < HISTORY_LEAST {
        return None;
    }
    let mut sorted: Vec<&Arc<Price>> = past.iter().collect();
    sorted.sort_by_key(|price| price.input.saturating_add(price.output));
    sorted.get(sorted.len() / 2).map(|price| Arc::clone(price))
}

/// A kind's list prices what is bought from that kind's own address only.
fn wanted(model: &Model) -> Wanted<'_> {
    let provider = &model.provider;
    let own_address = provider.base_url == provider.kind.base_url || provider.kind.base_url.is_empty();
    Wanted {
        name: &model.name,
        provider: &provider.name,
        kind: (own_address && !provider.kind.in_process).then_some(provider.kind.name),
        upstream: &model.upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::tests::{build_in, folder};

    const YAML: &str = r#"
providers: { o: { kind: openai }, local: { kind: openai, base_url: "http://127.0.0.1:1" }, demo: { kind: simulated } }
models:
  gpt-5: { provider: o }
  mine: { provider: local, upstream: gpt-5 }
  fixed: { provider: o, upstream: gpt-5, price: { input: 9, output: 9 } }
feeds: { prices: [{ source: ./own.json, format: pointsman, refresh: 10s }, { source: ./list.json, format: models.dev, refresh: 10s }] }
"#;

    fn list(input: f64) -> String {
        format!("{{ \"openai/gpt-5\": {{ \"cost\": {{ \"input\": {input}, \"output\": 10 }} }} }}")
    }

    #[test]
    fn the_first_feed_wins_and_a_bad_one_keeps_what_it_said() {
        let own = r#"{ "models": { "mine": { "input": 0.5, "output": 1 } } }"#;
        let dir = folder(&[("gateway.yaml", YAML), ("own.json", own), ("list.json", &list(1.25))]);
        let loaded = build_in(dir.path()).unwrap();
        let models = &loaded.bundle.models;
        let (clock, feeds) = (Clock::manual(1_000_000), Feeds::default());
        let book = feeds.renew(&loaded.feeds, models, clock.now());
        let price = |book: &PriceBook, name: &str| book.price(&models[name]).map(|price| price.input);
        assert_eq!(price(&book, "gpt-5"), Some(1_250_000_000));
        assert_eq!(price(&book, "mine"), Some(500_000_000));
        assert_eq!(price(&book, "fixed"), Some(9_000_000_000));
        let status: Vec<_> =
            book.feeds.iter().map(|feed| (feed.entries, feed.matched, feed.taken_ms)).collect();
        assert_eq!(status, [(1, 1, 1_000_000), (1, 2, 1_000_000)]);

        std::fs::write(dir.path().join("list.json"), "half a f").unwrap();
        std::fs::remove_file(dir.path().join("own.json")).unwrap();
        clock.advance(Duration::from_secs(10));
        let book = feeds.renew(&loaded.feeds, models, clock.now());
        assert_eq!((price(&book, "gpt-5"), price(&book, "mine")), (Some(1_250_000_000), Some(500_000_000)));
        assert!(book.feeds.iter().all(|feed| feed.error.is_some() && feed.taken_ms == 1_000_000));

        std::fs::write(dir.path().join("list.json"), list(2.5)).unwrap();
        clock.advance(Duration::from_secs(10));
        let book = feeds.renew(&loaded.feeds, models, clock.now());
        assert_eq!(price(&book, "gpt-5"), Some(2_500_000_000));
        assert_eq!(book.usual["gpt-5"].input, 1_250_000_000, "the usual price is that of before");
        assert!(book.feeds[1].error.is_none());

        let book = feeds.renew(&[], models, clock.now());
        assert_eq!((price(&book, "gpt-5"), price(&book, "fixed")), (None, Some(9_000_000_000)));
    }
}
