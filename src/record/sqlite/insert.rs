//! One record into its tables.

use sqlx::{Sqlite, Transaction};

use crate::record::Exchange;

pub(super) async fn insert(
    transaction: &mut Transaction<'_, Sqlite>,
    exchange: &Exchange,
) -> sqlx::Result<()> {
    let body = Exchange { attempts: Vec::new(), journal: Vec::new(), ..exchange.clone() };
    sqlx::query("INSERT OR REPLACE INTO exchange VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(&exchange.id)
        .bind(i64::try_from(exchange.started_ms).unwrap_or(i64::MAX))
        .bind(&exchange.route)
        .bind(&exchange.key)
        .bind(&exchange.team)
        .bind(&exchange.asked)
        .bind(&exchange.model)
        .bind(exchange.outcome.name())
        .bind(i64::from(exchange.status))
        .bind(&exchange.bundle)
        .bind(exchange.cost_nano_usd)
        .bind(exchange.duration_ms)
        .bind(json(&body))
        .execute(&mut **transaction)
        .await?;
    for attempt in &exchange.attempts {
        sqlx::query("INSERT OR REPLACE INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(&exchange.id)
            .bind(i64::from(attempt.number))
            .bind(attempt.model.as_ref())
            .bind(attempt.provider.as_ref())
            .bind(&attempt.error)
            .bind(attempt.cost_nano_usd)
            .bind(json(attempt))
            .execute(&mut **transaction)
            .await?;
    }
    for (place, effect) in exchange.journal.iter().enumerate() {
        sqlx::query("INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&exchange.id)
            .bind(i64::try_from(place).unwrap_or(i64::MAX))
            .bind(&effect.policy)
            .bind(&effect.effect)
            .bind(&effect.input_hash)
            .bind(json(effect))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
