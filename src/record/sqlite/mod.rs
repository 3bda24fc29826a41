//! Records in SQLite: one file in a folder, written by one task, read by as
//! many as like.
//!
//! | table | a row is |
//! | --- | --- |
//! | `exchange` | an exchange: columns to search by, the rest as JSON in `body` |
//! | `attempt` | an attempt at a model |
//! | `journal` | an effect of a policy |

mod desk;
mod insert;
mod read;
mod write;

pub use read::Filter;
pub use write::{Writer, WriterStats};

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use crate::error::{Error, Kind, Origin, Result};

/// The file's name in its folder.
const FILE: &str = "records.sqlite";
/// Longest wait for another process that holds the file.
const PATIENCE: Duration = Duration::from_secs(2);
/// The shape of the tables; a file of another shape is refused.
const SHAPE: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS exchange (
  id TEXT PRIMARY KEY, started_ms INTEGER NOT NULL, route TEXT NOT NULL, key TEXT NOT NULL, team TEXT,
  asked TEXT NOT NULL, model TEXT, outcome TEXT NOT NULL, status INTEGER NOT NULL, bundle TEXT NOT NULL,
  cost_nano_usd INTEGER NOT NULL, duration_ms REAL NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS exchange_started ON exchange (started_ms);
CREATE TABLE IF NOT EXISTS attempt (
  exchange TEXT NOT NULL, number INTEGER NOT NULL, model TEXT NOT NULL, provider TEXT NOT NULL, error TEXT,
  cost_nano_usd INTEGER, body TEXT NOT NULL, PRIMARY KEY (exchange, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
  exchange TEXT NOT NULL, place INTEGER NOT NULL, policy TEXT NOT NULL, effect TEXT NOT NULL,
  input_hash TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (exchange, place)
) WITHOUT ROWID;
";

/// The records of a folder.
#[derive(Debug, Clone)]
pub struct Archive {
    file: PathBuf,
}

impl Archive {
    /// The records in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// `Internal`: the folder or the file cannot be made, or the file has
    /// another shape.
    pub async fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::internal(format!("records in {}: {error}", folder.display())))?;
        let archive = Self { file: folder.join(FILE) };
        archive.prepared().await.map_err(|error| unusable(&archive.file, &error))?;
        Ok(archive)
    }

    /// A connection that writes, to a file with our tables.
    async fn prepared(&self) -> Result<SqliteConnection> {
        let mut connection = self.connect(false).await?;
        let (shape,): (i64,) =
            sqlx::query_as("PRAGMA user_version").fetch_one(&mut connection).await.map_err(fault)?;
        if shape == SHAPE {
            return Ok(connection);
        }
        if shape != 0 {
            let text = format!("{} was written by another version (shape {shape})", self.file.display());
            return Err(Error::internal(text));
        }
        sqlx::raw_sql(TABLES).execute(&mut connection).await.map_err(fault)?;
        sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut connection).await.map_err(fault)?;
        Ok(connection)
    }

    /// The records that are in `folder` already, to be read.
    ///
    /// # Errors
    /// `NotFound` without any.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        if file.is_file() {
            return Ok(Self { file });
        }
        let text = format!("there are no records in {}", folder.display());
        Err(Error::new(Kind::NotFound, Origin::Gateway, text))
    }

    /// A connection of its own.
    async fn connect(&self, reading: bool) -> Result<SqliteConnection> {
        let options = SqliteConnectOptions::new()
            .filename(&self.file)
            .create_if_missing(!reading)
            .read_only(reading)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let options = if reading {
            options
        } else {
            options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal)
        };
        options.connect().await.map_err(fault)
    }
}

/// What the database said. It holds no content of exchanges.
#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
pub(super) fn fault(error: sqlx::Error) -> Error {
    Error::new(Kind::Unavailable, Origin::Gateway, format!("records: {error}"))
}

/// Why `file` cannot be opened, for whoever starts the gateway.
pub(super) fn unusable(file: &Path, error: &Error) -> Error {
    let text = format!("{} cannot be used and is left as it is: {error}", file.display());
    Error::internal(text)
}

#[cfg(test)]
mod tests;
