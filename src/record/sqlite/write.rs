//! The way of records to the disk: a queue that never holds up an exchange,
//! bounded by number and by bytes. What does not fit any more is lost, and
//! counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Archive;
use super::desk::Desk;
use crate::clock::Clock;
use crate::error::Result;
use crate::record::{Exchange, Keeping, Sink};

/// Most records that wait to be written.
const QUEUE: usize = 10_000;
/// Most bytes of records that wait to be written, about.
const QUEUE_BYTES: u64 = 64 << 20;

/// How writing goes.
#[derive(Debug, Default)]
pub struct WriterStats {
    /// Records that are committed.
    pub written: AtomicU64,
    /// Records that were lost: too many waited, or they could not be written at all.
    pub lost: AtomicU64,
    /// Groups that the disk refused, each of which is tried again.
    pub refused: AtomicU64,
    /// Records that wait.
    pub waiting: AtomicU64,
    /// Their bytes, about.
    pub waiting_bytes: AtomicU64,
    /// Records that were purged.
    pub purged: AtomicU64,
    /// Why records wait, while the disk refuses them.
    pub(super) trouble: Mutex<Option<String>>,
}

impl WriterStats {
    /// Records that waited do so no more.
    pub(super) fn leave(&self, group: &[Waiting], count: &AtomicU64) {
        count.fetch_add(group.len() as u64, Ordering::Relaxed);
        self.waiting.fetch_sub(group.len() as u64, Ordering::Relaxed);
        let bytes = group.iter().map(|waiting| waiting.bytes).sum();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn lose(&self, why: &str) {
        let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        if lost.is_power_of_two() {
            tracing::error!(lost, "records are lost: {why}");
        }
    }
}

/// A record on its way.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) exchange: Arc<Exchange>,
    /// Its size in memory, about.
    bytes: u64,
}

/// The way of records into an [`Archive`].
#[derive(Debug)]
pub struct Writer {
    queue: Sender<Waiting>,
    stats: Arc<WriterStats>,
    ending: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Archive {
    /// Starts the writer. Records older than `keep` are taken out from time to time.
    ///
    /// # Errors
    /// `Unavailable`: the file cannot be opened.
    pub async fn writer(&self, keep: Duration, clock: Clock) -> Result<Arc<Writer>> {
        let (queue, inbox) = channel(QUEUE);
        let (stats, ending) = (Arc::<WriterStats>::default(), CancellationToken::new());
        let desk = Desk::open(self.clone(), inbox, Arc::clone(&stats), ending.clone()).await?;
        let task = Mutex::new(Some(tokio::spawn(desk.run(keep, clock))));
        Ok(Arc::new(Writer { queue, stats, ending, task }))
    }
}

impl Writer {
    /// How writing goes.
    #[must_use]
    pub fn stats(&self) -> &WriterStats {
        &self.stats
    }

    /// Waits until everything that was put is on disk, or the disk has refused it
    /// for some seconds. What is put after it is lost.
    pub async fn close(self: Arc<Self>) {
        self.ending.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task {
            drop(task.await);
        }
    }
}

impl Sink for Writer {
    fn put(&self, exchange: Arc<Exchange>) {
        let bytes = exchange.weight();
        let before = self.stats.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.stats.waiting.fetch_add(1, Ordering::Relaxed);
        let fits = before == 0 || before + bytes <= QUEUE_BYTES;
        if !fits || self.queue.try_send(Waiting { exchange, bytes }).is_err() {
            self.stats.waiting.fetch_sub(1, Ordering::Relaxed);
            self.stats.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.stats.lose("the disk does not keep up");
        }
    }

    fn keeping(&self) -> Keeping {
        let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        Keeping {
            written: count(&self.stats.written),
            lost: count(&self.stats.lost),
            refused: count(&self.stats.refused),
            waiting: count(&self.stats.waiting),
            trouble: self.stats.trouble.lock().clone(),
        }
    }
}
