//! Requests that wait for a provider's batch service, and the answers that wait
//! for their clients: one file of SQLite beside the records. What is taken in
//! here is on disk before the client hears of it.
//!
//! | table | a row is |
//! | --- | --- |
//! | `deferral` | a request, from being taken in to its answer |
//! | `batch` | a batch that was, or is being, submitted |
//! | `holding` | a file or batch that a client keeps at a provider, and whose it is |
//! | `priced` | a request of a batch that may get more of them, and whose cost was entered |
//! | `sighting` | a batch that nobody made from here and whose cost was entered |
//!
//! This file holds content: requests until they are answered, answers until
//! they are purged. Without a folder the same tables stand in memory; then
//! nothing may be taken in, and who made what is forgotten at the end.

mod batches;
mod holdings;
mod priced;
mod requests;

#[cfg(test)]
mod tests;

pub use holdings::{Holding, Owner, Thing};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::timeout;

use super::sqlite::{fault, unusable};
use crate::error::{Error, Kind, Origin, Result};

/// The file's name in its folder.
const FILE: &str = "deferrals.sqlite";
/// Longest wait for another process that holds the file.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest wait for those who use the file before.
const TURN: Duration = Duration::from_secs(5);
/// The shape of the tables; a file of another shape is refused.
const SHAPE: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS deferral (
  id TEXT PRIMARY KEY, provider TEXT NOT NULL, path TEXT NOT NULL, upstream TEXT NOT NULL,
  created_ms INTEGER NOT NULL, size INTEGER NOT NULL, facts TEXT NOT NULL, body TEXT,
  batch TEXT, status INTEGER, answer TEXT, done_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deferral_waiting ON deferral (provider, path, upstream, id) WHERE batch IS NULL AND status IS NULL;
CREATE INDEX IF NOT EXISTS deferral_batch ON deferral (batch, id) WHERE status IS NULL;
CREATE INDEX IF NOT EXISTS deferral_done ON deferral (done_ms) WHERE done_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS holding (
  provider TEXT NOT NULL, kind TEXT NOT NULL, remote TEXT NOT NULL, key TEXT NOT NULL, team TEXT,
  created_ms INTEGER NOT NULL, facts TEXT NOT NULL, bill INTEGER NOT NULL, asked_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (remote, kind, provider)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS holding_made ON holding (created_ms);
CREATE INDEX IF NOT EXISTS holding_bill ON holding (bill, asked_ms) WHERE bill IN (1, 2);
CREATE TABLE IF NOT EXISTS sighting (
  provider TEXT NOT NULL, remote TEXT NOT NULL, PRIMARY KEY (provider, remote)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS priced (
  provider TEXT NOT NULL, remote TEXT NOT NULL, request TEXT NOT NULL, PRIMARY KEY (remote, provider, request)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
  id TEXT PRIMARY KEY, provider TEXT NOT NULL, path TEXT NOT NULL, upstream TEXT NOT NULL,
  created_ms INTEGER NOT NULL, remote TEXT
) WITHOUT ROWID;
";

/// The requests and answers of a folder.
#[derive(Debug)]
pub struct Deferrals {
    connection: Mutex<SqliteConnection>,
    /// The file; absent: all stands in memory.
    file: Option<PathBuf>,
    /// Told when a request was taken in.
    pub came: Arc<Notify>,
    /// Told when the cost of a batch can be entered.
    pub billed: Notify,
}

/// What is known of a request when it is taken in, and needed when it is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Id of the record of its answer.
    pub answered_as: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// The client's dialect.
    pub inbound: String,
    /// The provider's.
    pub outbound: String,
    /// The route.
    pub route: String,
    /// Our name of the model.
    pub model: String,
    /// The model's name as the client asked.
    pub asked: String,
    /// The key's name.
    pub key: String,
    /// The person.
    pub user: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The department.
    pub department: Option<String>,
    /// The client's session.
    pub session: Option<String>,
}

/// Which requests go into one batch: those of one model at one path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The provider.
    pub provider: String,
    /// The path of a single request (`chat/completions`).
    pub path: String,
    /// The provider's name for the model.
    pub upstream: String,
}

/// A request to take in.
#[derive(Debug, Clone)]
pub struct Deferral {
    /// Its id: that of the exchange in which it came.
    pub id: String,
    /// With which others it goes.
    pub group: Group,
    /// When it came, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The rest.
    pub facts: Facts,
    /// The body for the provider.
    pub body: String,
}

/// How a request does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not submitted yet.
    Queued,
    /// At the provider.
    Submitted,
    /// Answered: HTTP status and body for the client.
    Done(u16, String),
}

/// A batch that is at the provider, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Our id.
    pub id: String,
    /// What it holds.
    pub group: Group,
    /// When it was put together, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The provider's id; absent: nobody knows whether the provider has it.
    pub remote: Option<String>,
}

impl Deferrals {
    /// Those in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// `Internal`: the folder or the file cannot be made, or the file has
    /// another shape.
    pub async fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::internal(format!("records in {}: {error}", folder.display())))?;
        let file = folder.join(FILE);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .busy_timeout(PATIENCE)
            .journal_mode(SqliteJournalMode::Wal)
            // What a client was promised survives the machine's failure.
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let opened = Self::prepared(options, Some(file.clone())).await;
        opened.map_err(|error| unusable(&file, &error))
    }

    /// Those that stand in `folder` already, to be read; `None` where there are none.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read, or has another shape.
    pub async fn read(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(FILE);
        if !file.is_file() {
            return Ok(None);
        }
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .read_only(true)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        Ok(Some(Self::of(connected(&options).await?, Some(file))))
    }

    /// Tables in memory, for who made what; nothing may be taken in there.
    ///
    /// # Errors
    /// `Internal`: there is no memory for it.
    pub async fn in_memory() -> Result<Self> {
        let options = SqliteConnectOptions::new().in_memory(true).disable_statement_logging();
        Self::prepared(options, None).await
    }

    /// Whether what stands in it survives the process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.file.is_some()
    }

    async fn prepared(options: SqliteConnectOptions, file: Option<PathBuf>) -> Result<Self> {
        let mut connection = connected(&options).await?;
        sqlx::raw_sql(TABLES).execute(&mut connection).await.map_err(fault)?;
        sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut connection).await.map_err(fault)?;
        Ok(Self::of(connection, file))
    }

    /// The connection, when those before are done with it. Whoever has waited
    /// longer has a client that waits too.
    async fn turn(&self) -> Result<MutexGuard<'_, SqliteConnection>> {
        timeout(TURN, self.connection.lock()).await.map_err(|_| {
            let text = "records: the file of deferrals does not keep up";
            Error::new(Kind::Unavailable, Origin::Gateway, text)
        })
    }

    /// Refuses where the file has lost its name: SQLite writes on into it, and nobody finds it again.
    async fn is_there(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        tokio::fs::metadata(file).await.map(drop).map_err(|error| {
            tracing::error!("{}: {error}: start the gateway anew", file.display());
            Error::new(Kind::Unavailable, Origin::Gateway, "records: the file of deferrals is gone")
        })
    }

    fn of(connection: SqliteConnection, file: Option<PathBuf>) -> Self {
        Self { connection: Mutex::new(connection), file, came: Arc::default(), billed: Notify::new() }
    }
}

/// A connection to a file of our shape, or to one that is new.
async fn connected(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    let mut connection = options.connect().await.map_err(fault)?;
    let (shape,): (i64,) =
        sqlx::query_as("PRAGMA user_version").fetch_one(&mut connection).await.map_err(fault)?;
    if shape != 0 && shape != SHAPE {
        let file = options.get_filename().display();
        return Err(Error::internal(format!("{file} was written by another version (shape {shape})")));
    }
    Ok(connection)
}

/// For columns: SQLite's integers have a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
