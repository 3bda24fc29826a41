//! What clients keep at providers: who made each file and batch, and whether
//! what a batch cost was entered.

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _};

use super::requests::read;
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
    /// Being entered, by the background: once more after a restart, under the same id.
    pub(super) const CLAIMED: i64 = 2;
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
        let mut connection = self.turn().await?;
        sqlx::query(
            "INSERT OR IGNORE INTO holding (provider, kind, remote, key, team, created_ms, facts, bill, asked_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?6)",
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
        let mut connection = self.turn().await?;
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
            .execute(&mut *self.turn().await?)
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
        .fetch_all(&mut *self.turn().await?)
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
        let mut connection = self.turn().await?;
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
        let mut connection = self.turn().await?;
        for sql in [
            "UPDATE holding SET bill = 1 WHERE provider = ? AND kind = 'batch' AND remote = ? AND bill = 3",
            "DELETE FROM sighting WHERE provider = ? AND remote = ?",
        ] {
            sqlx::query(sql).bind(provider).bind(remote).execute(&mut *connection).await.map_err(fault)?;
        }
        Ok(())
    }

    /// Batches whose cost is not entered and that are to be asked after now, a
    /// few at a time: each after `pause_ms` at first, then the seldomer the
    /// older it is, but every hour at least.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn bills(&self, now_ms: u64, pause_ms: u64, most: u32) -> Result<Vec<Holding>> {
        let rows = sqlx::query(
            "SELECT provider, remote, created_ms, facts FROM holding WHERE bill IN (1, 2)
             AND asked_ms + MAX(?1, MIN((?2 - created_ms) / 8, 3600000)) <= ?2 ORDER BY asked_ms LIMIT ?3",
        )
        .bind(signed(pause_ms))
        .bind(signed(now_ms))
        .bind(i64::from(most))
        .fetch_all(&mut *self.turn().await?)
        .await
        .map_err(fault)?;
        let holding = |row: &SqliteRow| -> Result<Holding> {
            let created: i64 = row.try_get("created_ms").map_err(fault)?;
            Ok(Holding {
                provider: row.try_get("provider").map_err(fault)?,
                thing: Thing::Batch,
                remote: row.try_get("remote").map_err(fault)?,
                created_ms: u64::try_from(created).unwrap_or(0),
                facts: read(row.try_get("facts").map_err(fault)?)?,
            })
        };
        rows.iter().map(holding).collect()
    }

    /// The batch was asked after.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn asked(&self, batch: &Holding, now_ms: u64) -> Result<()> {
        sqlx::query("UPDATE holding SET asked_ms = ? WHERE provider = ? AND kind = 'batch' AND remote = ?")
            .bind(signed(now_ms))
            .bind(&batch.provider)
            .bind(&batch.remote)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        Ok(())
    }

    /// Somebody has seen that the batch is over: it is asked after at once.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn bill_due(&self, provider: &str, remote: &str) -> Result<()> {
        sqlx::query("UPDATE holding SET asked_ms = 0 WHERE provider = ? AND kind = 'batch' AND remote = ? AND bill = ?")
            .bind(provider)
            .bind(remote)
            .bind(bill::OPEN)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        self.billed.notify_one();
        Ok(())
    }

    /// Whether the background may enter the cost of the batch: nobody else has.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn claim_bill(&self, batch: &Holding) -> Result<bool> {
        self.move_bill(batch, bill::CLAIMED).await
    }

    /// The cost of the batch is entered.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub async fn bill_entered(&self, batch: &Holding) -> Result<()> {
        self.move_bill(batch, bill::ENTERED).await.map(drop)
    }

    async fn move_bill(&self, batch: &Holding, to: i64) -> Result<bool> {
        let moved = sqlx::query("UPDATE holding SET bill = ? WHERE provider = ? AND kind = 'batch' AND remote = ? AND bill IN (1, 2)")
            .bind(to)
            .bind(&batch.provider)
            .bind(&batch.remote)
            .execute(&mut *self.turn().await?)
            .await
            .map_err(fault)?;
        Ok(moved.rows_affected() == 1)
    }
}
