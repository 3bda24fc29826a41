//! Requests: taken in, answered, asked after, purged.

use sqlx::Row as _;

use super::{Deferral, Deferrals, Facts, Standing, signed};
use crate::error::{Error, Result};
use crate::record::sqlite::fault;

impl Deferrals {
    /// Takes a request in: on disk when this returns.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn put(&self, deferral: &Deferral) -> Result<()> {
        let facts = serde_json::to_string(&deferral.facts).unwrap_or_default();
        sqlx::query("INSERT INTO deferral (id, provider, path, upstream, created_ms, size, facts, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&deferral.id)
            .bind(&deferral.group.provider)
            .bind(&deferral.group.path)
            .bind(&deferral.group.upstream)
            .bind(signed(deferral.created_ms))
            .bind(signed(deferral.body.len() as u64))
            .bind(facts)
            .bind(&deferral.body)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        self.is_there().await?;
        self.came.notify_one();
        Ok(())
    }

    /// What is known of the request `id`, and how it does.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<(Facts, Standing)>> {
        let row = sqlx::query("SELECT facts, batch, status, answer FROM deferral WHERE id = ?")
            .bind(id)
            .fetch_optional(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        let Some(row) = row else { return Ok(None) };
        let (batch, status): (Option<String>, Option<i64>) =
            (row.try_get("batch").map_err(fault)?, row.try_get("status").map_err(fault)?);
        let standing = match status.and_then(|status| u16::try_from(status).ok()) {
            Some(status) => {
                let answer: Option<String> = row.try_get("answer").map_err(fault)?;
                Standing::Done(status, answer.unwrap_or_default())
            }
            None if batch.is_some() => Standing::Submitted,
            None => Standing::Queued,
        };
        Ok(Some((read(row.try_get("facts").map_err(fault)?)?, standing)))
    }

    /// Keeps the answer to a request: HTTP status and body for the client. Says
    /// whether it was the first. The request itself is let go of.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn answer(&self, id: &str, status: u16, body: &str, now_ms: u64) -> Result<bool> {
        let done = sqlx::query("UPDATE deferral SET status = ?, answer = ?, done_ms = ?, body = NULL WHERE id = ? AND status IS NULL")
            .bind(i64::from(status))
            .bind(body)
            .bind(signed(now_ms))
            .bind(id)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets go of a request that is not at the provider. Says whether it did.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn forget(&self, id: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM deferral WHERE id = ? AND (batch IS NULL OR status IS NOT NULL)")
            .bind(id)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        Ok(done.rows_affected() == 1)
    }

    /// Some of the requests that were taken in before `before_ms`, are not
    /// answered and not at the provider.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn overdue(&self, before_ms: u64) -> Result<Vec<(String, Facts)>> {
        let rows = sqlx::query("SELECT id, facts FROM deferral WHERE batch IS NULL AND status IS NULL AND created_ms < ? LIMIT 500")
            .bind(signed(before_ms))
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        rows.iter()
            .map(|row| Ok((row.try_get("id").map_err(fault)?, read(row.try_get("facts").map_err(fault)?)?)))
            .collect()
    }

    /// Takes out answers that were kept since before `before_ms`.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn purge(&self, before_ms: u64) -> Result<u64> {
        let done = sqlx::query("DELETE FROM deferral WHERE done_ms < ?")
            .bind(signed(before_ms))
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        Ok(done.rows_affected())
    }
}

pub(super) fn read(facts: &str) -> Result<Facts> {
    serde_json::from_str(facts)
        .map_err(|error| Error::internal(format!("records: a deferral cannot be read: {error}")))
}
