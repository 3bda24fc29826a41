//! pgvector: PostgreSQL tables with a column of vectors.
//! Source: pgvector README, "Querying", checked 2026-11-21.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use super::{Passage, Query, Settings, passage, setting, store_error, wrong};
use crate::error::{Kind, Result};
use crate::secret::Secret;

/// Most connections to one database.
const CONNECTIONS: u32 = 8;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_mins(5);

/// Pools of connections by address, opened when first asked.
#[derive(Debug, Default)]
pub struct PgStores {
    pools: Mutex<HashMap<String, PgPool>>,
}

impl PgStores {
    /// The nearest passages in a table.
    ///
    /// # Errors
    /// `InvalidRequest`: a setting makes no sense, or there is no vector;
    /// `Unreachable`, `UpstreamAuth`, `UpstreamFailed`; `TimedOut`.
    pub async fn search(
        &self,
        address: (&str, Option<&Secret>),
        settings: &Settings,
        query: &Query,
        timeout: Duration,
    ) -> Result<Vec<Passage>> {
        let sql = sql(settings)?;
        let pool = self.pool(address)?;
        let near = format!("{:?}", query.needs_vector()?);
        let filter = query.filter.clone().unwrap_or_else(|| Value::Object(Map::new()));
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(near)
            .bind(i64::from(query.limit))
            .bind(filter.to_string())
            .fetch_all(&pool);
        let rows = tokio::time::timeout(timeout, rows).await.map_err(|_| {
            store_error(
                Kind::TimedOut,
                format!("the database did not answer within {} ms", timeout.as_millis()),
            )
        })?;
        let rows = rows.map_err(|error| fault(&error))?;
        let one = |row: &sqlx::postgres::PgRow| {
            let fields: String = row.try_get(0)?;
            let score: f64 = row.try_get(1)?;
            let mut fields: Map<String, Value> = serde_json::from_str(&fields).unwrap_or_default();
            let id = fields.shift_remove("id");
            Ok(passage(settings, id.as_ref(), score, Some(&fields)))
        };
        rows.iter().map(one).collect::<sqlx::Result<_>>().map_err(|error| fault(&error))
    }

    fn pool(&self, (url, password): (&str, Option<&Secret>)) -> Result<PgPool> {
        let mut pools = self.pools.lock();
        if let Some(pool) = pools.get(url) {
            return Ok(pool.clone());
        }
        let options =
            PgConnectOptions::from_str(url).map_err(|_| wrong("this is no PostgreSQL address".to_owned()))?;
        let options = match password {
            Some(password) => options.password(password.expose()),
            None => options,
        };
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .idle_timeout(IDLE)
            .connect_lazy_with(options.disable_statement_logging());
        pools.insert(url.to_owned(), pool.clone());
        Ok(pool)
    }
}

/// The query for a table: vector, limit and filter are its parameters. A filter
/// is a map of columns and the values that they must have.
fn sql(settings: &Settings) -> Result<String> {
    let table = quoted(setting(settings, "table").unwrap_or_default())?;
    let plain = setting(settings, "vector_column").unwrap_or("embedding");
    let column = quoted(plain)?;
    let (operator, score) = match setting(settings, "distance").unwrap_or("cosine") {
        "euclid" => ("<->", "-(d.far)"),
        "dot" => ("<#>", "-(d.far)"),
        _ => ("<=>", "1 - d.far"),
    };
    Ok(format!(
        "SELECT (to_jsonb(t) - '{plain}')::text, ({score})::float8 FROM {table} t, \
         LATERAL (SELECT t.{column} {operator} $1::vector AS far) d \
         WHERE to_jsonb(t) @> $3::jsonb ORDER BY t.{column} {operator} $1::vector LIMIT $2"
    ))
}

/// A name, perhaps with its schema, that may stand in SQL.
fn quoted(name: &str) -> Result<String> {
    let fine = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !name.split('.').all(fine) {
        return Err(wrong(format!("`{name}` is no name of a table or column")));
    }
    Ok(name.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join("."))
}

/// What the database said, without what was asked of it.
fn fault(error: &sqlx::Error) -> crate::error::Error {
    match error {
        sqlx::Error::Database(said) => {
            let code = said.code().unwrap_or_default();
            let kind = if code.starts_with("28") { Kind::UpstreamAuth } else { Kind::UpstreamFailed };
            store_error(kind, format!("the database refused: {} ({code})", said.message()))
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            store_error(Kind::Unreachable, "the database cannot be reached".to_owned())
        }
        _ => store_error(Kind::UpstreamFailed, "the database answered something else".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(fields: &[(&str, &str)]) -> Settings {
        fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    }

    #[test]
    fn names_cannot_break_out_of_the_query() {
        let good = sql(&settings(&[("table", "public.docs"), ("distance", "euclid")])).unwrap();
        assert!(
            good.contains("FROM \"public\".\"docs\" t") && good.contains("<-> $1::vector LIMIT $2"),
            "{good}"
        );
        for table in ["docs; drop table x", "docs\"", "", "a..b", "docs--"] {
            assert!(sql(&settings(&[("table", table)])).is_err(), "{table}");
        }
        assert!(sql(&settings(&[("table", "docs"), ("vector_column", "e'e")])).is_err());
    }

    /// Against a real PostgreSQL with pgvector, where its address is given.
    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the address comes from whoever started the database")]
    async fn the_nearest_rows_of_a_real_table_are_found() {
        let Ok(url) = std::env::var("POINTSMAN_TEST_POSTGRES") else {
            eprintln!("skipped: POINTSMAN_TEST_POSTGRES is not set");
            return;
        };
        let stores = PgStores::default();
        let pool = stores.pool((&url, None)).unwrap();
        let setup = "CREATE EXTENSION IF NOT EXISTS vector; DROP TABLE IF EXISTS pointsman_docs;
            CREATE TABLE pointsman_docs (id int, text text, lang text, embedding vector(2));
            INSERT INTO pointsman_docs VALUES (1, 'east', 'en', '[1,0]'), (2, 'north', 'en', '[0,1]'), (3, 'est', 'fr', '[0.9,0.1]');";
        sqlx::raw_sql(setup).execute(&pool).await.unwrap();
        let table = settings(&[("table", "pointsman_docs")]);
        let query = Query { vector: Some(vec![1.0, 0.0]), limit: 2, ..Query::default() };
        let wait = Duration::from_secs(5);
        let found = stores.search((&url, None), &table, &query, wait).await.unwrap();
        let seen: Vec<_> =
            found.iter().map(|p| (p.id.as_str(), p.text.as_str(), p.fields["lang"].clone())).collect();
        assert_eq!(seen, [("1", "east", json!("en")), ("3", "est", json!("fr"))]);
        assert!((found[0].score - 1.0).abs() < 1e-6 && found[1].score < 1.0);
        let french = Query { filter: Some(json!({ "lang": "fr" })), ..query.clone() };
        assert_eq!(stores.search((&url, None), &table, &french, wait).await.unwrap().len(), 1);
        let wrong = Query { vector: Some(vec![1.0]), ..query };
        let error = stores.search((&url, None), &table, &wrong, wait).await.unwrap_err();
        assert_eq!(error.kind, Kind::UpstreamFailed);
    }
}
