//! models.dev: US dollars per million tokens. Its API nests models below their
//! providers; a flat list by `provider/model` is read too.
//! Source: models.dev `api.json` and repository, checked 2026-11-21.

use serde_json::{Map, Value};

use super::rate::{Rate, Unit};
use super::{Entry, Rates, Sheet, sorted, tokens};
use crate::model::{Price, Tier};

pub(super) fn read(json: &Value) -> Option<Sheet> {
    let top = json.as_object()?;
    let mut sheet = Sheet::default();
    for (name, value) in top {
        if let Some(models) = value.get("models").and_then(Value::as_object) {
            for (model, fields) in models {
                sheet.take(name, model, entry(top, fields, 0));
            }
        } else if let Some((provider, model)) = name.split_once('/') {
            sheet.take(provider, model, entry(top, value, 0));
        }
    }
    Some(sheet)
}

/// An entry inherits from its `base_model` what it does not say itself.
fn entry(top: &Map<String, Value>, fields: &Value, depth: u8) -> Rate<Option<Entry>> {
    let base = fields.get("base_model").and_then(Value::as_str).and_then(|name| base_of(top, name));
    let inherited = match base {
        Some(base) if depth < 4 => entry(top, base, depth + 1).unwrap_or_default(),
        _ => None,
    };
    let cost = fields.get("cost").and_then(Value::as_object);
    let price = match (cost, &inherited) {
        (Some(cost), _) => price(cost)?,
        (None, Some(base)) => base.price.clone(),
        (None, None) => return Ok(None),
    };
    let mut entry = Entry { price, ..inherited.unwrap_or_default() };
    let limit = fields.get("limit");
    let count = |name: &str| tokens(limit.and_then(|limit| limit.get(name)));
    entry.context_window = count("context").or(entry.context_window);
    entry.max_output_tokens = count("output").or(entry.max_output_tokens);
    for (theirs, ours) in
        [("tool_call", "tools"), ("structured_output", "structured_output"), ("reasoning", "reasoning")]
    {
        if fields.get(theirs).and_then(Value::as_bool) == Some(true)
            && !entry.capabilities.iter().any(|c| c == ours)
        {
            entry.capabilities.push(ours.to_owned());
        }
    }
    Ok(Some(entry))
}

fn base_of<'a>(top: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let nested = || {
        let (provider, model) = name.split_once('/')?;
        top.get(provider)?.get("models")?.get(model)
    };
    top.get(name).or_else(nested)
}

fn price(cost: &Map<String, Value>) -> Rate<Price> {
    let rates = Rates { fields: cost, unit: Unit::Million };
    let (Some(input), Some(output)) = (rates.get("input")?, rates.get("output")?) else {
        return Err("one of the input and output rates is missing".to_owned());
    };
    let price = Price {
        input,
        output,
        cached_input: rates.first(&["cache_read", "cached_input"])?,
        cache_write: rates.get("cache_write")?,
        reasoning: rates.get("reasoning")?,
        audio_input: rates.get("input_audio")?,
        audio_output: rates.get("output_audio")?,
        request: rates.piece("request")?,
        ..Price::default()
    };
    let tiers = tiers(cost, &price)?;
    Ok(Price { tiers, ..price })
}

/// `tiers: [{ tier: { size }, ...rates }]`, or `context_over_200k: { ...rates }`.
fn tiers(cost: &Map<String, Value>, base: &Price) -> Rate<Vec<Tier>> {
    let listed = cost.get("tiers").and_then(Value::as_array).into_iter().flatten().filter_map(|tier| {
        let above = tokens(tier.get("tier").and_then(|tier| tier.get("size")))?;
        Some((above, tier.as_object()?))
    });
    let named = cost.iter().filter_map(|(name, rates)| {
        let above = name.strip_prefix("context_over_")?.strip_suffix('k')?.parse::<u64>().ok()?;
        Some((above.saturating_mul(1_000), rates.as_object()?))
    });
    let mut tiers = Vec::new();
    for (above, fields) in listed.chain(named) {
        let rates = Rates { fields, unit: Unit::Million };
        tiers.push(Tier {
            above,
            input: rates.get("input")?.unwrap_or(base.input),
            output: rates.get("output")?.unwrap_or(base.output),
            cached_input: rates.get("cache_read")?.or(base.cached_input),
            cache_write: rates.get("cache_write")?.or(base.cache_write),
        });
    }
    Ok(sorted(tiers))
}
