//! Batches to which clients add requests after some were priced (xAI's): which
//! requests were, so that each is priced once.

use std::collections::HashSet;

use sqlx::{Connection as _, Row as _};

use super::{Deferrals, Holding};
use crate::error::Result;
use crate::record::sqlite::fault;

impl Deferrals {
    /// The requests of `batch` whose cost was entered.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn priced(&self, batch: &Holding) -> Result<HashSet<String>> {
        let rows = sqlx::query("SELECT request FROM priced WHERE provider = ? AND remote = ?")
            .bind(&batch.provider)
            .bind(&batch.remote)
            .fetch_all(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        rows.iter().map(|row| row.try_get("request").map_err(fault)).collect()
    }

    /// The cost of `requests` is entered with that of their batch: they are not priced again.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn note_priced(&self, batch: &Holding, requests: &[String]) -> Result<()> {
        let mut connection = self.turn().await?;
        let mut transaction = connection.begin().await.map_err(fault)?;
        for request in requests {
            sqlx::query("INSERT OR IGNORE INTO priced (provider, remote, request) VALUES (?, ?, ?)")
                .bind(&batch.provider)
                .bind(&batch.remote)
                .bind(request)
                .execute(&mut *transaction)
                .await
                .map_err(fault)?;
        }
        transaction.commit().await.map_err(fault)
    }

    /// A batch got more requests: where its cost was entered, it is asked
    /// after again, and what it costs more stands in the record `answered_as`.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn goes_on(&self, provider: &str, remote: &str, answered_as: &str) -> Result<()> {
        let sql = "UPDATE holding SET bill = 1, facts = json_set(facts, '$.answered_as', ?)
                   WHERE provider = ? AND kind = 'batch' AND remote = ? AND bill = 3";
        sqlx::query(sql)
            .bind(answered_as)
            .bind(provider)
            .bind(remote)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        Ok(())
    }
}
