//! The one writer: takes records from a bounded queue and commits them in
//! groups, so that the disk is asked once for many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::{Archive, fault};
use crate::clock::Clock;
use crate::error::Result;
use crate::record::{Exchange, Sink};

/// Most records that wait to be written; what comes beyond is counted and lost.
const QUEUE: usize = 10_000;
/// Most records in one commit.
const GROUP: usize = 500;
/// Longest wait of a record for its group.
const LINGER: Duration = Duration::from_millis(5);
/// How often old records are looked for.
const PURGE_EVERY: Duration = Duration::from_mins(10);
/// Most exchanges that one purge takes out at once, so that writing goes on.
const PURGE: i64 = 500;

/// How writing goes.
#[derive(Debug, Default)]
pub struct WriterStats {
    /// Records that are committed.
    pub written: AtomicU64,
    /// Records that were lost: the queue was full, or the disk refused.
    pub lost: AtomicU64,
    /// Records that were purged.
    pub purged: AtomicU64,
}

/// The way of records into an [`Archive`].
#[derive(Debug)]
pub struct Writer {
    queue: Sender<Arc<Exchange>>,
    stats: Arc<WriterStats>,
    task: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl Archive {
    /// Starts the writer. Records older than `keep` are taken out from time to time.
    ///
    /// # Errors
    /// `Internal`: the file cannot be opened.
    pub async fn writer(&self, keep: Duration, clock: Clock) -> Result<Arc<Writer>> {
        let connection = self.connect(false).await?;
        let (queue, inbox) = channel(QUEUE);
        let stats = Arc::new(WriterStats::default());
        let desk = Desk { connection, inbox, stats: Arc::clone(&stats), keep, clock };
        let task = tokio::spawn(desk.run());
        Ok(Arc::new(Writer { queue, stats, task: parking_lot::Mutex::new(Some(task)) }))
    }
}

impl Writer {
    /// How writing goes.
    #[must_use]
    pub fn stats(&self) -> &WriterStats {
        &self.stats
    }

    /// Waits until everything that was put is on disk. Nothing may be put after it.
    pub async fn close(self: Arc<Self>) {
        let task = self.task.lock().take();
        // The desk ends when the last sender is gone; an empty record tells it so.
        drop(self.queue.send(Arc::new(end_mark())).await);
        if let Some(task) = task {
            drop(task.await);
        }
    }
}

/// What [`Writer::close`] puts last.
fn end_mark() -> Exchange {
    Exchange::default()
}

impl Sink for Writer {
    fn put(&self, exchange: Arc<Exchange>) {
        if self.queue.try_send(exchange).is_err() {
            let lost = self.stats.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::error!(lost, "records are lost: the disk does not keep up");
            }
        }
    }
}

struct Desk {
    connection: SqliteConnection,
    inbox: Receiver<Arc<Exchange>>,
    stats: Arc<WriterStats>,
    keep: Duration,
    clock: Clock,
}

impl Desk {
    async fn run(mut self) {
        let mut purge = tokio::time::interval(PURGE_EVERY);
        purge.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                first = self.inbox.recv() => match first {
                    Some(first) if !first.id.is_empty() => {
                        let (group, ends) = self.group(first).await;
                        self.commit(&group).await;
                        if ends {
                            return;
                        }
                    }
                    _ => return,
                },
                _ = purge.tick() => self.purge().await,
            }
        }
    }

    /// The first record and those that come soon after it; whether the end came too.
    async fn group(&mut self, first: Arc<Exchange>) -> (Vec<Arc<Exchange>>, bool) {
        let mut group = vec![first];
        let until = tokio::time::Instant::from_std(self.clock.now().mono) + LINGER;
        while group.len() < GROUP {
            match tokio::time::timeout_at(until, self.inbox.recv()).await {
                Ok(Some(next)) if !next.id.is_empty() => group.push(next),
                Ok(_) => return (group, true),
                Err(_) => break,
            }
        }
        (group, false)
    }

    async fn commit(&mut self, group: &[Arc<Exchange>]) {
        let count = group.len() as u64;
        match self.try_commit(group).await {
            Ok(()) => {
                self.stats.written.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => {
                self.stats.lost.fetch_add(count, Ordering::Relaxed);
                tracing::error!(count, "records are lost: {error}");
            }
        }
    }

    async fn try_commit(&mut self, group: &[Arc<Exchange>]) -> Result<()> {
        let mut transaction = self.connection.begin().await.map_err(fault)?;
        for exchange in group {
            insert(&mut transaction, exchange).await.map_err(fault)?;
        }
        transaction.commit().await.map_err(fault)
    }

    /// Takes out what is too old, some at a time.
    async fn purge(&mut self) {
        let keep = u64::try_from(self.keep.as_millis()).unwrap_or(u64::MAX);
        let before = self.clock.now().unix_ms.saturating_sub(keep);
        loop {
            match self.purge_some(before).await {
                Ok(0) => return,
                Ok(count) => {
                    self.stats.purged.fetch_add(count, Ordering::Relaxed);
                    // What came meanwhile goes first.
                    if !self.inbox.is_empty() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!("old records stay: {error}");
                    return;
                }
            }
        }
    }

    async fn purge_some(&mut self, before: u64) -> Result<u64> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let mut transaction = self.connection.begin().await.map_err(fault)?;
        let mut count = 0;
        for sql in [
            "DELETE FROM attempt WHERE exchange IN (SELECT id FROM exchange WHERE started_ms < ? ORDER BY started_ms LIMIT ?)",
            "DELETE FROM journal WHERE exchange IN (SELECT id FROM exchange WHERE started_ms < ? ORDER BY started_ms LIMIT ?)",
            "DELETE FROM exchange WHERE id IN (SELECT id FROM exchange WHERE started_ms < ? ORDER BY started_ms LIMIT ?)",
        ] {
            let done =
                sqlx::query(sql).bind(before).bind(PURGE).execute(&mut *transaction).await.map_err(fault)?;
            count = done.rows_affected();
        }
        transaction.commit().await.map_err(fault)?;
        Ok(count)
    }
}

async fn insert(transaction: &mut Transaction<'_, Sqlite>, exchange: &Exchange) -> sqlx::Result<()> {
    let body = Exchange { attempts: Vec::new(), journal: Vec::new(), ..exchange.clone() };
    sqlx::query("INSERT OR REPLACE INTO exchange VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(&exchange.id)
        .bind(i64::try_from(exchange.started_ms).unwrap_or(i64::MAX))
        .bind(&exchange.route)
        .bind(&exchange.key)
        .bind(&exchange.team)
        .bind(&exchange.asked)
        .bind(&exchange.model)
        .bind(exchange.outcome.name())
        .bind(i64::from(exchange.status))
        .bind(&exchange.bundle)
        .bind(exchange.cost_nano_usd)
        .bind(exchange.duration_ms)
        .bind(json(&body))
        .execute(&mut **transaction)
        .await?;
    for attempt in &exchange.attempts {
        sqlx::query("INSERT OR REPLACE INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(&exchange.id)
            .bind(i64::from(attempt.number))
            .bind(attempt.model.as_ref())
            .bind(attempt.provider.as_ref())
            .bind(&attempt.error)
            .bind(attempt.cost_nano_usd)
            .bind(json(attempt))
            .execute(&mut **transaction)
            .await?;
    }
    for (place, effect) in exchange.journal.iter().enumerate() {
        sqlx::query("INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&exchange.id)
            .bind(i64::try_from(place).unwrap_or(i64::MAX))
            .bind(&effect.policy)
            .bind(&effect.effect)
            .bind(&effect.input_hash)
            .bind(json(effect))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
