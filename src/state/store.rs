//! State of policies between exchanges: small JSON values by key.

use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;
use serde_json::Value;

use crate::clock::Now;

/// Keeps small values by key. Memory now; a shared store takes the same calls.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The value of `key`, unless it has expired.
    fn get(&self, key: &str, now: Now) -> Option<Value>;

    /// Sets `key`, for `ttl` or for good.
    fn put(&self, key: &str, value: Value, ttl: Option<Duration>, now: Now);

    /// Adds `by` to the number at `key` (absent: 0) in one step and returns the sum.
    fn add(&self, key: &str, by: f64, ttl: Option<Duration>, now: Now) -> f64;

    /// Sets `key` to `value` if it holds `expected` (`None`: absent); says whether it did.
    fn compare_and_set(&self, key: &str, expected: Option<&Value>, value: Value, now: Now) -> bool;
}

/// State in this process's memory, bounded in entries; the least used go first.
#[derive(Debug)]
pub struct MemoryStore {
    cache: Cache<String, Entry>,
    write: parking_lot::Mutex<()>,
}

/// A value and when it ends, whatever becomes of the wall clock.
#[derive(Debug, Clone)]
struct Entry {
    value: Value,
    until: Option<Instant>,
    ttl: Option<Duration>,
}

/// Lets moka drop what has expired.
struct ByEntry;

impl Expiry<String, Entry> for ByEntry {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: std::time::Instant) -> Option<Duration> {
        entry.ttl
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        entry.ttl
    }
}

impl MemoryStore {
    /// A store of at most `entries` values.
    #[must_use]
    pub fn new(entries: u64) -> Self {
        let cache = Cache::builder().max_capacity(entries).expire_after(ByEntry).build();
        Self { cache, write: parking_lot::Mutex::default() }
    }

    fn set(&self, key: &str, value: Value, ttl: Option<Duration>, now: Now) {
        let until = ttl.and_then(|ttl| now.mono.checked_add(ttl));
        self.cache.insert(key.to_owned(), Entry { value, until, ttl: until.and(ttl) });
    }
}

impl Default for MemoryStore {
    /// 100,000 entries.
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str, now: Now) -> Option<Value> {
        let entry = self.cache.get(key)?;
        entry.until.is_none_or(|until| now.mono < until).then_some(entry.value)
    }

    fn put(&self, key: &str, value: Value, ttl: Option<Duration>, now: Now) {
        let _turn = self.write.lock();
        self.set(key, value, ttl, now);
    }

    fn add(&self, key: &str, by: f64, ttl: Option<Duration>, now: Now) -> f64 {
        let _turn = self.write.lock();
        let sum = self.get(key, now).and_then(|value| value.as_f64()).unwrap_or(0.0) + by;
        self.set(key, Value::from(sum), ttl, now);
        sum
    }

    fn compare_and_set(&self, key: &str, expected: Option<&Value>, value: Value, now: Now) -> bool {
        let _turn = self.write.lock();
        let same = self.get(key, now).as_ref() == expected;
        if same {
            self.set(key, value, None, now);
        }
        same
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn values_end_with_their_time_and_change_in_one_step() {
        let (clock, store) = (Clock::manual(1_000), MemoryStore::default());
        store.put("a", json!(1), Some(Duration::from_secs(5)), clock.now());
        assert_eq!(store.get("a", clock.now()), Some(json!(1)));
        assert!(!store.compare_and_set("a", None, json!(2), clock.now()));
        clock.advance(Duration::from_secs(5));
        assert_eq!(store.get("a", clock.now()), None);
        assert!(store.compare_and_set("a", None, json!(2), clock.now()));
        store.put("for ever", json!(1), Some(Duration::MAX), clock.now());
        store.put("b", json!(1), Some(Duration::from_secs(60)), clock.now());
        if let Clock::Manual(now) = &clock {
            now.lock().unix_ms += 3_600_000;
        }
        assert_eq!(store.get("b", clock.now()), Some(json!(1)), "a clock that is set ends nothing");
        assert_eq!(store.get("for ever", clock.now()), Some(json!(1)));
        assert_eq!(store.add("n", 1.5, None, clock.now()) + store.add("n", 1.0, None, clock.now()), 4.0);
    }
}
