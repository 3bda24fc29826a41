//! What was fetched, for as long as it holds. One fetch answers all who ask meanwhile;
//! what still holds is given out while a new one is fetched beside.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;

use crate::error::{Error, Kind, Origin, Result};

/// Seconds before its end at which a new one is fetched.
const MARGIN: u64 = 300;
/// Seconds between two fetches while the old one still holds.
const AGAIN: u64 = 10;
/// Seconds for which a failure answers those who come.
const FAILED: u64 = 2;
/// Longest fetch, all its steps together.
const LONGEST: Duration = Duration::from_mins(1);
/// Entries that are kept at most.
const MOST: usize = 256;

/// A thing that was fetched.
#[derive(Debug, Clone)]
pub(super) struct Fetched<V> {
    pub(super) value: V,
    /// Seconds since the Unix epoch at which it ends.
    pub(super) ends: u64,
}

/// Fetched things by whom they are for. Clones share them.
pub(super) struct Kept<K, V> {
    known: Arc<Mutex<HashMap<K, Known<V>>>>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { known: Arc::default() }
    }
}

struct Known<V> {
    held: Option<Fetched<V>>,
    /// Seconds since the Unix epoch before which nothing is fetched while `held` holds.
    renew: u64,
    /// The last failure, and until when it answers.
    failed: Option<(u64, Error)>,
    fetching: Option<Shared<BoxFuture<'static, Result<V>>>>,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Self { held: None, renew: 0, failed: None, fetching: None }
    }
}

impl<V> Known<V> {
    /// Notes how a fetch ended that began at `now`.
    fn note(&mut self, answer: Result<Fetched<V>>, now: u64) {
        self.fetching = None;
        self.renew = now.saturating_add(AGAIN);
        match answer {
            Ok(fetched) => {
                self.renew = self.renew.max(fetched.ends.saturating_sub(MARGIN));
                (self.held, self.failed) = (Some(fetched), None);
            }
            Err(error) => {
                if self.held.as_ref().is_some_and(|held| now < held.ends) {
                    tracing::warn!("credentials cannot be renewed, the old ones hold for a while: {error}");
                }
                self.failed = Some((now.saturating_add(FAILED), error));
            }
        }
    }
}

impl<K, V> Kept<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// What `key` has at `now` (seconds since the Unix epoch), fetched by `fetch` where it has to be.
    ///
    /// # Errors
    /// Those of the fetch, where nothing holds.
    pub(super) async fn get<F>(&self, key: &K, now: u64, fetch: impl FnOnce() -> F) -> Result<V>
    where
        F: Future<Output = Result<Fetched<V>>> + Send + 'static,
    {
        let fetching = {
            let mut all = self.known.lock();
            let known = match all.get_mut(key) {
                Some(known) => known,
                None => {
                    if all.len() >= MOST {
                        all.clear();
                    }
                    all.entry(key.clone()).or_default()
                }
            };
            let held = known.held.as_ref().filter(|held| now < held.ends).map(|held| held.value.clone());
            let failed = known.failed.as_ref().filter(|(until, _)| now < *until);
            match (held, failed) {
                (Some(value), _) => {
                    if now >= known.renew && known.fetching.is_none() {
                        known.fetching = Some(self.start(key.clone(), now, fetch()));
                    }
                    return Ok(value);
                }
                (None, Some((_, error))) if known.fetching.is_none() => return Err(error.clone()),
                _ => known.fetching.get_or_insert_with(|| self.start(key.clone(), now, fetch())).clone(),
            }
        };
        fetching.await
    }

    /// Fetches, in a task of its own: who waits may go, what was fetched is kept.
    fn start<F>(&self, key: K, now: u64, fetch: F) -> Shared<BoxFuture<'static, Result<V>>>
    where
        F: Future<Output = Result<Fetched<V>>> + Send + 'static,
    {
        let all = Arc::clone(&self.known);
        let task = tokio::spawn(async move {
            let answer = tokio::time::timeout(LONGEST, fetch).await.unwrap_or_else(|_| Err(late()));
            let value = answer.as_ref().map(|fetched| fetched.value.clone()).map_err(Clone::clone);
            all.lock().entry(key).or_default().note(answer, now);
            value
        });
        let cut = |_| Err(Error::internal("fetching credentials was cut short"));
        task.map(move |ended| ended.unwrap_or_else(cut)).boxed().shared()
    }
}

fn late() -> Error {
    let text = format!("fetching credentials took longer than {} s", LONGEST.as_secs());
    Error::new(Kind::TimedOut, Origin::Gateway, text)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Numbers from one on, each of which ends an hour after it was fetched.
    #[derive(Default)]
    struct Source {
        fetched: Arc<AtomicU64>,
        kept: Kept<(), u64>,
    }

    impl Source {
        async fn get(&self, now: u64, fails: bool) -> Result<u64> {
            let fetched = Arc::clone(&self.fetched);
            let fetch = || async move {
                tokio::task::yield_now().await;
                let value = fetched.fetch_add(1, Ordering::SeqCst) + 1;
                let found = Fetched { value, ends: now + 3600 };
                if fails { Err(Error::internal("no")) } else { Ok(found) }
            };
            self.kept.get(&(), now, fetch).await
        }

        /// Waits for a fetch that goes on beside.
        async fn settle(&self) {
            let fetching = self.kept.known.lock().get(&()).and_then(|known| known.fetching.clone());
            if let Some(fetching) = fetching {
                let _ = fetching.await;
            }
        }
    }

    #[tokio::test]
    async fn one_fetch_for_all_and_a_new_one_before_the_end() {
        let source = Source::default();
        let all = futures_util::future::join_all((0..50).map(|_| source.get(0, false))).await;
        assert!(all.into_iter().all(|value| value.unwrap() == 1));
        for (now, seen, then) in [(3299, 1, 1), (3300, 1, 2), (3301, 2, 2), (9000, 3, 3)] {
            assert_eq!(source.get(now, false).await.unwrap(), seen, "{now}");
            source.settle().await;
            assert_eq!(source.fetched.load(Ordering::SeqCst), then, "{now}");
        }
    }

    #[tokio::test]
    async fn what_holds_outlives_failures() {
        let source = Source::default();
        source.get(0, false).await.unwrap();
        for (now, fails, seen, then) in [
            (3300, true, Some(1), 2),
            (3305, true, Some(1), 2),
            (3310, true, Some(1), 3),
            (3600, true, None, 4),
            (3601, true, None, 4),
            (3602, false, Some(5), 5),
        ] {
            assert_eq!(source.get(now, fails).await.ok(), seen, "{now}");
            source.settle().await;
            assert_eq!(source.fetched.load(Ordering::SeqCst), then, "{now}");
        }
    }

    #[tokio::test]
    async fn who_gives_up_waiting_ends_no_fetch() {
        let source = Source::default();
        assert!(source.get(0, false).now_or_never().is_none());
        source.settle().await;
        assert_eq!(source.get(1, false).await.unwrap(), 1);
    }
}
