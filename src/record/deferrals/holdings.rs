//! What clients keep at providers: who made each file and batch, and whether
//! what a batch cost was entered.

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _};

use super::{Deferrals, Facts, signed};
use crate::error::Result;
use crate::record::sqlite::fault;

/// Things remembered where there is no folder to remember them in.
const REMEMBERED: i64 = 100_000;

/// What kind of thing a provider keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A file.
    File,
    /// A batch.
    Batch,
}

impl Thing {
    const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Batch => "batch",
        }
    }
}

/// A thing that a client made through the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Where it is kept.
    pub provider: String,
    /// What it is.
    pub thing: Thing,
    /// The provider's id.
    pub remote: String,
    /// When it was made, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Who made it. Of a batch: `answered_as` is the id of the record of its cost.
    pub facts: Facts,
}

/// Who made a thing, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Where it is kept.
    pub provider: String,
    /// The provider's id.
    pub remote: String,
    /// The key's name.
    pub key: String,
    /// The key's team.
    pub team: Option<String>,
}

/// How it stands with the cost of a batch.
mod bill {
    /// There is none: a file.
    pub(super) const NONE: i64 = 0;
    /// Not entered yet.
    pub(super) const OPEN: i64 = 1;
    /// Entered.
    pub(super) const ENTERED: i64 = 3;
}

impl Deferrals {
    /// Remembers who made a thing: on disk when this returns. What is known already stays.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn hold(&self, holding: &Holding) -> Result<()> {
        let facts = serde_json::to_string(&holding.facts).unwrap_or_default();
        let bill = if holding.thing == Thing::Batch { bill::OPEN } else { bill::NONE };
        let mut connection = self.connection.lock().await;
        sqlx::query(
            "INSERT OR IGNORE INTO holding (provider, kind, remote, key, team, created_ms, facts, bill)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&holding.provider)
        .bind(holding.thing.name())
        .bind(&holding.remote)
        .bind(&holding.facts.key)
        .bind(&holding.facts.team)
        .bind(signed(holding.created_ms))
        .bind(facts)
        .bind(bill)
        .execute(&mut *connection)
        .await
        .map_err(fault)?;
        if !self.is_durable() {
            let oldest = "DELETE FROM holding WHERE created_ms < (SELECT created_ms FROM holding ORDER BY created_ms DESC LIMIT 1 OFFSET ?)";
            sqlx::query(oldest).bind(REMEMBERED).execute(&mut *connection).await.map_err(fault)?;
        }
        Ok(())
    }

    /// The files that a batch made are those of who made the batch.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn hold_files_of(&self, provider: &str, batch: &str, files: &[String]) -> Result<()> {
        let mut connection = self.connection.lock().await;
        for file in files {
            sqlx::query(
                "INSERT OR IGNORE INTO holding (provider, kind, remote, key, team, created_ms, facts, bill)
                 SELECT provider, 'file', ?, key, team, created_ms, facts, 0 FROM holding
                 WHERE provider = ? AND kind = 'batch' AND remote = ?",
            )
            .bind(file)
            .bind(provider)
            .bind(batch)
            .execute(&mut *connection)
            .await
            .map_err(fault)?;
        }
        Ok(())
    }

    /// The thing is no more.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn let_go(&self, provider: &str, thing: Thing, remote: &str) -> Result<()> {
        sqlx::query("DELETE FROM holding WHERE provider = ? AND kind = ? AND remote = ?")
            .bind(provider)
            .bind(thing.name())
            .bind(remote)
            .execute(&mut *self.connection.lock().await)
            .await
            .map_err(fault)?;
        Ok(())
    }

    /// Who made the things of these ids, at whatever provider.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn owners(&self, thing: Thing, remotes: &[&str]) -> Result<Vec<Owner>> {
        let ids = serde_json::to_string(remotes).unwrap_or_default();
        let rows = sqlx::query(
            "SELECT holding.provider, holding.remote, holding.key, holding.team FROM json_each(?) AS asked
             JOIN holding ON holding.remote = asked.value AND holding.kind = ?",
        )
        .bind(ids)
        .bind(thing.name())
        .fetch_all(&mut *self.connection.lock().await)
        .await
        .map_err(fault)?;
        let owner = |row: &SqliteRow| -> Result<Owner> {
            Ok(Owner {
                provider: row.try_get("provider").map_err(fault)?,
                remote: row.try_get("remote").map_err(fault)?,
                key: row.try_get("key").map_err(fault)?,
                team: row.try_get("team").map_err(fault)?,
            })
        };
        rows.iter().map(owner).collect()
    }

    /// Whether the cost of the provider's batch `remote` is to be entered now,
    /// by who asks: once only. Never for batches that were submitted from here:
    /// their answers are counted one by one.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn first_sight(&self, provider: &str, remote: &str) -> Result<bool> {
        let mut connection = self.connection.lock().await;
        let mut transaction = connection.begin().await.map_err(fault)?;
        let ours = sqlx::query(
            "UPDATE holding SET bill = ? WHERE provider = ? AND kind = 'batch' AND remote = ? AND bill = ?",
        )
        .bind(bill::ENTERED)
        .bind(provider)
        .bind(remote)
        .bind(bill::OPEN)
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
        let seen = sqlx::query(
            "INSERT OR IGNORE INTO sighting (provider, remote) SELECT ?1, ?2
             WHERE NOT EXISTS (SELECT 1 FROM holding WHERE provider = ?1 AND kind = 'batch' AND remote = ?2)",
        )
        .bind(provider)
        .bind(remote)
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        Ok(ours.rows_affected() + seen.rows_affected() == 1)
    }

    /// The cost of the batch counts as not entered again.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn unsee(&self, provider: &str, remote: &str) -> Result<()> {
        let mut connection = self.connection.lock().await;
        for sql in [
            "UPDATE holding SET bill = 1 WHERE provider = ? AND kind = 'batch' AND remote = ? AND bill = 3",
            "DELETE FROM sighting WHERE provider = ? AND remote = ?",
        ] {
            sqlx::query(sql).bind(provider).bind(remote).execute(&mut *connection).await.map_err(fault)?;
        }
        Ok(())
    }
}
