//! Prices and health of a running gateway, from its admin port.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::ir::Money;
use crate::model::{Candidate, Health, Price, Tier};
use crate::upstream::Upstream;

/// Largest `/status` that is read, bytes.
const CAP: usize = 16 << 20;

/// What `/status` says of the models.
pub(super) struct Live {
    models: Map<String, Value>,
}

/// A model in `/status`.
#[derive(Deserialize)]
struct Facts {
    healthy: bool,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    first_token_p95_ms: Option<f64>,
    tokens_per_second: Option<f64>,
    error_rate: f64,
    in_flight: u64,
    headroom: f64,
    samples: u64,
    price: Option<Rates>,
}

/// USD per million tokens, and per request.
#[derive(Deserialize)]
struct Rates {
    input: f64,
    output: f64,
    cached_input: Option<f64>,
    cache_write: Option<f64>,
    #[serde(default)]
    reasoning: Option<f64>,
    #[serde(default)]
    request: Option<f64>,
    /// Those of long inputs.
    #[serde(default)]
    tiers: Vec<Above>,
}

/// Rates above so many input tokens.
#[derive(Deserialize)]
struct Above {
    above: u64,
    #[serde(flatten)]
    rates: Rates,
}

impl Rates {
    fn price(self) -> Price {
        let nano = |usd: f64| Money::from_usd(usd).0;
        let tiers = self.tiers.into_iter().map(|Above { above, rates }| Tier {
            above,
            input: nano(rates.input),
            output: nano(rates.output),
            cached_input: rates.cached_input.map(nano),
            cache_write: rates.cache_write.map(nano),
        });
        Price {
            input: nano(self.input),
            output: nano(self.output),
            cached_input: self.cached_input.map(nano),
            cache_write: self.cache_write.map(nano),
            reasoning: self.reasoning.map(nano),
            request: self.request.map(nano),
            tiers: tiers.collect(),
            ..Price::default()
        }
    }
}

impl Live {
    /// Asks the admin port at `admin`, an address or a URL.
    ///
    /// # Errors
    /// It cannot be reached, or says something else; in words.
    pub(super) fn of(admin: &str) -> Result<Self, String> {
        let base = if admin.contains("://") { admin.to_owned() } else { format!("http://{admin}") };
        let url = format!("{}/status", base.trim_end_matches('/').trim_end_matches("/status"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let fetched = runtime.block_on(async { Upstream::new("explain")?.fetch(&url, CAP, None).await });
        let body = fetched.map_err(|error| format!("{url}: {}", error.message))?;
        let status: Value = serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))?;
        match status.get("models") {
            Some(Value::Object(models)) => Ok(Self { models: models.clone() }),
            _ => Err(format!("{url} is not the status of a gateway: it lists no models")),
        }
    }

    /// `candidate` with what the gateway says of it; as it was where it says nothing.
    pub(super) fn candidate(&self, candidate: Candidate) -> Candidate {
        let said = self.models.get(&*candidate.model.name);
        let Some(facts) = said.and_then(|said| Facts::deserialize(said).ok()) else { return candidate };
        let health = Health {
            healthy: facts.healthy,
            p50_ms: facts.p50_ms,
            p95_ms: facts.p95_ms,
            first_token_p95_ms: facts.first_token_p95_ms,
            tokens_per_second: facts.tokens_per_second,
            error_rate: facts.error_rate,
            in_flight: facts.in_flight,
            headroom: facts.headroom,
            samples: facts.samples,
        };
        // A price in the configuration is whole already.
        let price = candidate.price.or_else(|| facts.price.map(|rates| Arc::new(rates.price())));
        Candidate { health, price, ..candidate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Usage;

    #[test]
    fn a_long_input_costs_what_its_tier_says() {
        let said = serde_json::json!({
            "input": 1.0, "output": 2.0, "cached_input": null,
            "tiers": [{ "above": 1000, "input": 3.0, "output": 4.0, "cached_input": null, "cache_write": null }],
        });
        let price = Rates::deserialize(&said).unwrap().price();
        for (input, usd) in [(1_000, 0.001), (1_001, 0.003_003)] {
            let usage = Usage { input, ..Usage::default() };
            assert_eq!(price.cost(&usage), Money::from_usd(usd), "{input}");
        }
    }
}
