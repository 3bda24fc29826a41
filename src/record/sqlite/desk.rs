//! The one writer: commits records in groups, so that the disk is asked once for
//! many. What the disk refuses is kept and tried again until it takes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::insert::insert;
use super::write::{Waiting, WriterStats};
use super::{Archive, fault};
use crate::clock::Clock;
use crate::error::Result;

/// Most records in one commit.
const GROUP: usize = 500;
/// Longest wait of a record for its group.
const LINGER: Duration = Duration::from_millis(5);
/// How often old records are looked for.
const PURGE_EVERY: Duration = Duration::from_mins(10);
/// Most exchanges that one purge takes out at once, so that writing goes on.
const PURGE: i64 = 500;
/// Waits before a group is tried again: the first, and the longest.
const AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// How long the disk may refuse what is left at the end.
const LAST: Duration = Duration::from_secs(5);
/// How often it is looked whether the file is still there.
const LOOK: Duration = Duration::from_secs(1);

pub(super) struct Desk {
    archive: Archive,
    connection: SqliteConnection,
    inbox: Receiver<Waiting>,
    stats: Arc<WriterStats>,
    /// Told when nothing comes any more.
    ending: CancellationToken,
    /// When everything must be done, once nothing comes any more.
    end: Option<Instant>,
    /// When the file was last seen.
    seen: Instant,
}

impl Desk {
    /// A writer of `archive`.
    ///
    /// # Errors
    /// `Unavailable`: the file cannot be opened.
    pub(super) async fn open(
        archive: Archive,
        inbox: Receiver<Waiting>,
        stats: Arc<WriterStats>,
        ending: CancellationToken,
    ) -> Result<Self> {
        let connection = archive.prepared().await?;
        Ok(Self { archive, connection, inbox, stats, ending, end: None, seen: Instant::now() })
    }

    /// Writes what comes until the end is told, then what has come until then.
    pub(super) async fn run(mut self, keep: Duration, clock: Clock) {
        let mut purge = interval(PURGE_EVERY);
        purge.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.ending.cancelled() => break,
                first = self.inbox.recv() => match first {
                    Some(first) => self.write_with(first).await,
                    None => return,
                },
                _ = purge.tick() => self.purge(keep, &clock).await,
            }
        }
        self.inbox.close();
        while let Some(first) = self.inbox.recv().await {
            self.write_with(first).await;
        }
    }

    /// Writes the first record and those that come soon after it.
    async fn write_with(&mut self, first: Waiting) {
        let mut group = vec![first];
        let until = Instant::now() + LINGER;
        while group.len() < GROUP {
            let Ok(Some(next)) = timeout_at(until, self.inbox.recv()).await else { break };
            group.push(next);
        }
        self.write(group).await;
    }

    /// Writes a group, however often the disk has to be asked.
    async fn write(&mut self, mut group: Vec<Waiting>) {
        let [mut pause, longest] = AGAIN;
        while !group.is_empty() {
            let refused = match self.commit(&group).await {
                Ok(()) => {
                    self.stats.leave(&group, &self.stats.written);
                    *self.stats.trouble.lock() = None;
                    return;
                }
                Err(refused) => refused,
            };
            if is_of_a_record(&refused) {
                let rest = group.split_off(group.len().div_ceil(2));
                if rest.is_empty() {
                    self.lose(&group, &refused);
                    return;
                }
                // Halved until the one is found that no disk would take.
                Box::pin(self.write(rest)).await;
                continue;
            }
            self.trouble(&refused, group.len());
            if self.is_over() {
                self.lose(&group, &refused);
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
            self.open_again(&refused).await;
        }
    }

    async fn commit(&mut self, group: &[Waiting]) -> sqlx::Result<()> {
        if self.seen.elapsed() > LOOK {
            // SQLite writes on into a file that has no name any more.
            tokio::fs::metadata(&self.archive.file).await?;
            self.seen = Instant::now();
        }
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for waiting in group {
            insert(&mut transaction, &waiting.exchange).await?;
        }
        transaction.commit().await
    }

    /// Opens the file anew, or begins another where it is gone. A lock ends by itself.
    async fn open_again(&mut self, refused: &sqlx::Error) {
        if is_busy(refused) {
            return;
        }
        if let Some(folder) = self.archive.file.parent() {
            drop(tokio::fs::create_dir_all(folder).await);
        }
        match self.archive.prepared().await {
            Ok(connection) => {
                self.connection = connection;
                self.seen = Instant::now();
            }
            Err(error) => tracing::debug!("the records cannot be opened again: {error}"),
        }
    }

    fn trouble(&self, refused: &sqlx::Error, count: usize) {
        let times = self.stats.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if self.stats.trouble.lock().is_none() || times.is_power_of_two() {
            tracing::error!(count, "records wait, the disk refuses them: {refused}");
        }
        *self.stats.trouble.lock() = Some(refused.to_string());
    }

    fn lose(&self, group: &[Waiting], refused: &sqlx::Error) {
        self.stats.leave(group, &self.stats.lost);
        tracing::error!(count = group.len(), "records are lost: {refused}");
    }

    /// Whether nothing comes any more and the time for the rest is up.
    fn is_over(&mut self) -> bool {
        if !self.ending.is_cancelled() {
            return false;
        }
        Instant::now() >= *self.end.get_or_insert_with(|| Instant::now() + LAST)
    }

    /// Takes out what is too old, some at a time.
    async fn purge(&mut self, keep: Duration, clock: &Clock) {
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let before = clock.now().unix_ms.saturating_sub(keep);
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

/// SQLite's result codes as sqlx tells them, the extended ones reduced to their class.
/// Source: SQLite "Result and Error Codes", checked 2026-11-21.
fn class(refused: &sqlx::Error) -> Option<i32> {
    let code: i32 = refused.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Whether another process holds the file: `SQLITE_BUSY`, `SQLITE_LOCKED`.
fn is_busy(refused: &sqlx::Error) -> bool {
    matches!(class(refused), Some(5 | 6))
}

/// Whether a record itself is refused, not the disk: `SQLITE_TOOBIG`,
/// `SQLITE_CONSTRAINT`, `SQLITE_MISMATCH`.
fn is_of_a_record(refused: &sqlx::Error) -> bool {
    matches!(class(refused), Some(18..=20))
}
