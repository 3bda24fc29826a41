//! Feeds: live data from outside. Bytes in, a [`Sheet`] of prices out.
//!
//! A feed is input like any other: an entry that makes no sense is refused and
//! listed, the others hold; a feed that cannot be read at all is an error, and
//! whoever keeps the last good sheet keeps it. Fetches nothing, knows no clock.

mod litellm;
mod models_dev;
mod names;
mod openrouter;
mod own;
mod rate;

pub use names::Wanted;

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::{Price, Tier};
use rate::{Rate, Unit};

/// Largest feed that is read, bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// The form of a price feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Format {
    /// LiteLLM's model map.
    #[serde(rename = "litellm")]
    LiteLlm,
    /// OpenRouter's list of models.
    #[serde(rename = "openrouter")]
    OpenRouter,
    /// models.dev's API.
    #[serde(rename = "models.dev")]
    ModelsDev,
    /// Pointsman's own: names to prices, written as in gateway.yaml.
    #[serde(rename = "pointsman")]
    Pointsman,
}

impl Format {
    /// Its name in YAML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::OpenRouter => "openrouter",
            Self::ModelsDev => "models.dev",
            Self::Pointsman => "pointsman",
        }
    }
}

/// What a feed says of one model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// What it costs.
    pub price: Price,
    /// Most tokens of input and output together.
    pub context_window: Option<u64>,
    /// Most tokens of one answer.
    pub max_output_tokens: Option<u64>,
    /// What it can do, in our words.
    pub capabilities: Vec<String>,
}

/// An entry that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name in the feed.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What a feed says.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// By `provider/model` in the feed's own words; see [`Sheet::find`].
    entries: HashMap<String, Entry>,
    /// The same keys by their simplified form.
    simplified: HashMap<String, String>,
    /// Entries that make no sense.
    pub refused: Vec<Refused>,
}

impl Sheet {
    /// How many entries were taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    fn take(&mut self, provider: &str, model: &str, entry: Result<Option<Entry>, String>) {
        let name = names::key(provider, model);
        match entry {
            Ok(Some(entry)) => {
                self.simplified.entry(names::simplified(&name)).or_insert_with(|| name.clone());
                self.entries.insert(name, entry);
            }
            Ok(None) => {}
            Err(reason) => self.refused.push(Refused { name, reason }),
        }
    }
}

/// Reads a feed.
///
/// # Errors
/// Why nothing of it can be used: not JSON, another form, or no entry that
/// makes sense.
pub fn parse(format: Format, bytes: &[u8]) -> Result<Sheet, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
    }
    let json: Value = serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
    let sheet = match format {
        Format::LiteLlm => litellm::read(&json),
        Format::OpenRouter => openrouter::read(&json),
        Format::ModelsDev => models_dev::read(&json),
        Format::Pointsman => own::read(&json),
    }
    .ok_or_else(|| format!("this is not the form of {}", format.name()))?;
    if sheet.is_empty() {
        let refused = sheet.refused.first().map(|refused| format!("; {}: {}", refused.name, refused.reason));
        return Err(format!("no entry that makes sense as {}{}", format.name(), refused.unwrap_or_default()));
    }
    Ok(sheet)
}

/// The rates of one entry, read by name.
struct Rates<'a> {
    fields: &'a Map<String, Value>,
    unit: Unit,
}

impl Rates<'_> {
    /// The rate `name`, nano-USD per million units; absent and `null` are `None`.
    fn get(&self, name: &str) -> Rate<Option<i64>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => rate::nano(value, self.unit).map(Some).map_err(|why| format!("{name}: {why}")),
        }
    }

    /// The first of `names` that is there.
    fn first(&self, names: &[&str]) -> Rate<Option<i64>> {
        for name in names {
            if let Some(rate) = self.get(name)? {
                return Ok(Some(rate));
            }
        }
        Ok(None)
    }

    /// The same as an amount per piece (request, image, second), nano-USD.
    fn piece(&self, name: &str) -> Rate<Option<i64>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => rate::nano(value, Unit::Piece).map(Some).map_err(|why| format!("{name}: {why}")),
        }
    }
}

/// Tiers in the order in which [`Price`] wants them.
fn sorted(mut tiers: Vec<Tier>) -> Vec<Tier> {
    tiers.sort_by_key(|tier| tier.above);
    tiers
}

/// A count of tokens; anything else is not known.
fn tokens(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64().filter(|count| *count > 0),
        Value::String(text) => text.parse().ok().filter(|count| *count > 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
