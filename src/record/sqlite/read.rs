//! Reading records back.

use serde::de::DeserializeOwned;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Archive, fault};
use crate::error::{Error, Result};
use crate::record::{Exchange, Outcome};

/// Which records to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Begun at this time or later, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Of this route.
    pub route: Option<String>,
    /// That this model answered.
    pub model: Option<String>,
    /// Of this key.
    pub key: Option<String>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// Before this one, for the next page; newest come first.
    pub before: Option<String>,
    /// How many at most.
    pub limit: u32,
}

impl Archive {
    /// The newest records that match, without attempts and journals.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Exchange>> {
        let mut connection = self.connect(true).await?;
        let since = i64::try_from(filter.since_ms).unwrap_or(i64::MAX);
        let mut query = QueryBuilder::<Sqlite>::new("SELECT body FROM exchange WHERE started_ms >= ");
        query.push_bind(since);
        let outcome = filter.outcome.map(|outcome| outcome.name().to_owned());
        for (condition, value) in [
            (" AND route = ", &filter.route),
            (" AND model = ", &filter.model),
            (" AND key = ", &filter.key),
            (" AND outcome = ", &outcome),
            (" AND id < ", &filter.before),
        ] {
            if let Some(value) = value {
                query.push(condition).push_bind(value.clone());
            }
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(filter.limit));
        let rows = query.build().fetch_all(&mut connection).await.map_err(fault)?;
        rows.iter().map(|row| parse(row.try_get("body").map_err(fault)?)).collect()
    }

    /// The record of this id, whole; `None` without one. The beginning of an id
    /// will do when it is the beginning of one alone.
    ///
    /// # Errors
    /// `Internal`: the file cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Exchange>> {
        let mut connection = self.connect(true).await?;
        let rows =
            sqlx::query("SELECT body FROM exchange WHERE id >= ? AND id < ? || '~' ORDER BY id LIMIT 2")
                .bind(id)
                .bind(id)
                .fetch_all(&mut connection)
                .await
                .map_err(fault)?;
        let [row] = rows.as_slice() else { return Ok(None) };
        let mut exchange: Exchange = parse(row.try_get("body").map_err(fault)?)?;
        let attempts = sqlx::query("SELECT body FROM attempt WHERE exchange = ? ORDER BY number")
            .bind(&exchange.id)
            .fetch_all(&mut connection)
            .await
            .map_err(fault)?;
        for row in attempts {
            exchange.attempts.push(parse(row.try_get("body").map_err(fault)?)?);
        }
        let journal = sqlx::query("SELECT body FROM journal WHERE exchange = ? ORDER BY place")
            .bind(&exchange.id)
            .fetch_all(&mut connection)
            .await
            .map_err(fault)?;
        for row in journal {
            exchange.journal.push(parse(row.try_get("body").map_err(fault)?)?);
        }
        Ok(Some(exchange))
    }
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T> {
    serde_json::from_str(body)
        .map_err(|error| Error::internal(format!("records: a row cannot be read: {error}")))
}
