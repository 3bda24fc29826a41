//! Batches: put together, submitted, given back, closed.

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _};

use super::requests::read;
use super::{Batch, Deferrals, Facts, Group, signed};
use crate::error::Result;
use crate::record::sqlite::fault;

impl Deferrals {
    /// The groups of which a batch is due: `most` requests wait, or one has
    /// waited since before `before_ms`.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn due(&self, most: u32, before_ms: u64) -> Result<Vec<Group>> {
        let rows = sqlx::query(
            "SELECT provider, path, upstream FROM deferral WHERE batch IS NULL AND status IS NULL
             GROUP BY provider, path, upstream HAVING COUNT(*) >= ? OR MIN(created_ms) <= ?",
        )
        .bind(i64::from(most))
        .bind(signed(before_ms))
        .fetch_all(&mut *self.turn().await?)
        .await
        .map_err(fault)?;
        rows.iter().map(group).collect()
    }

    /// Puts the oldest of a group's waiting requests into the batch `id`: `most`
    /// of them, and no more bytes than `bytes`, but one at least. Gives how many.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn gather(&self, batch: &Batch, most: u32, bytes: u64) -> Result<u64> {
        let mut connection = self.turn().await?;
        let mut transaction = connection.begin().await.map_err(fault)?;
        sqlx::query("INSERT INTO batch (id, provider, path, upstream, created_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(&batch.id)
            .bind(&batch.group.provider)
            .bind(&batch.group.path)
            .bind(&batch.group.upstream)
            .bind(signed(batch.created_ms))
            .execute(&mut *transaction)
            .await
            .map_err(fault)?;
        let gathered = sqlx::query(
            "UPDATE deferral SET batch = ? WHERE id IN (
               SELECT id FROM (
                 SELECT id, size, SUM(size) OVER (ORDER BY id) AS total FROM deferral
                 WHERE provider = ? AND path = ? AND upstream = ? AND batch IS NULL AND status IS NULL
                 ORDER BY id LIMIT ?
               ) WHERE total <= ? OR total = size
             )",
        )
        .bind(&batch.id)
        .bind(&batch.group.provider)
        .bind(&batch.group.path)
        .bind(&batch.group.upstream)
        .bind(i64::from(most))
        .bind(signed(bytes))
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        Ok(gathered.rows_affected())
    }

    /// A batch's next request behind `after` that has no answer: its id and body.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn next(&self, batch: &str, after: &str) -> Result<Option<(String, String)>> {
        let row = sqlx::query(
            "SELECT id, body FROM deferral WHERE batch = ? AND status IS NULL AND id > ? ORDER BY id LIMIT 1",
        )
        .bind(batch)
        .bind(after)
        .fetch_optional(&mut *self.turn().await?)
        .await
        .map_err(fault)?;
        row.map(|row| {
            let body: Option<String> = row.try_get("body").map_err(fault)?;
            Ok((row.try_get("id").map_err(fault)?, body.unwrap_or_default()))
        })
        .transpose()
    }

    /// The provider has taken the batch and calls it `remote`.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn submitted(&self, batch: &str, remote: &str) -> Result<()> {
        let mut connection = self.turn().await?;
        let mut transaction = connection.begin().await.map_err(fault)?;
        sqlx::query("UPDATE batch SET remote = ? WHERE id = ?")
            .bind(remote)
            .bind(batch)
            .execute(&mut *transaction)
            .await
            .map_err(fault)?;
        sqlx::query(
            "INSERT OR IGNORE INTO sighting (provider, remote) SELECT provider, ? FROM batch WHERE id = ?",
        )
        .bind(remote)
        .bind(batch)
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
        transaction.commit().await.map_err(fault)
    }

    /// Every batch that is not closed.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn open_batches(&self) -> Result<Vec<Batch>> {
        let rows = sqlx::query("SELECT * FROM batch ORDER BY id")
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        let batch = |row: &SqliteRow| -> Result<Batch> {
            let created: i64 = row.try_get("created_ms").map_err(fault)?;
            Ok(Batch {
                id: row.try_get("id").map_err(fault)?,
                group: group(row)?,
                created_ms: u64::try_from(created).unwrap_or(0),
                remote: row.try_get("remote").map_err(fault)?,
            })
        };
        rows.iter().map(batch).collect()
    }

    /// The requests of a batch that have no answer.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn unanswered(&self, batch: &str) -> Result<Vec<(String, Facts)>> {
        let rows =
            sqlx::query("SELECT id, facts FROM deferral WHERE batch = ? AND status IS NULL ORDER BY id")
                .bind(batch)
                .fetch_all(&mut *self.turn().await?)
                .await
                .map_err(fault)?;
        rows.iter()
            .map(|row| Ok((row.try_get("id").map_err(fault)?, read(row.try_get("facts").map_err(fault)?)?)))
            .collect()
    }

    /// The batch is over. What has no answer waits for another one.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn close(&self, batch: &str) -> Result<()> {
        let mut connection = self.turn().await?;
        let mut transaction = connection.begin().await.map_err(fault)?;
        for sql in [
            "UPDATE deferral SET batch = NULL WHERE batch = ? AND status IS NULL",
            "DELETE FROM batch WHERE id = ?",
        ] {
            sqlx::query(sql).bind(batch).execute(&mut *transaction).await.map_err(fault)?;
        }
        transaction.commit().await.map_err(fault)
    }
}

fn group(row: &SqliteRow) -> Result<Group> {
    Ok(Group {
        provider: row.try_get("provider").map_err(fault)?,
        path: row.try_get("path").map_err(fault)?,
        upstream: row.try_get("upstream").map_err(fault)?,
    })
}
