//! Pointsman's own form: `{ "models": { NAME: { "input": 0.25, "output": 2.0,
//! ... } } }` with the keys of `price` in gateway.yaml, US dollars per million
//! tokens. NAME is our name for the model, or `provider/upstream`.

use serde_json::{Map, Value};

use super::rate::{Rate, Unit};
use super::{Entry, Rates, Sheet, names, sorted, tokens};
use crate::model::{Price, Tier};

const KEYS: [&str; 16] = [
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
    "batch",
    "request",
    "image",
    "audio_second",
    "characters",
    "tiers",
    "context_window",
    "max_output_tokens",
];

pub(super) fn read(json: &Value) -> Option<Sheet> {
    let mut sheet = Sheet::default();
    for (name, fields) in json.get("models")?.as_object()? {
        let entry = fields.as_object().ok_or_else(|| "not a map".to_owned()).and_then(entry);
        match name.split_once('/') {
            Some((provider, model)) => sheet.take(provider, model, entry),
            None => sheet.take(names::OURS, name, entry),
        }
    }
    Some(sheet)
}

fn entry(fields: &Map<String, Value>) -> Rate<Option<Entry>> {
    if let Some(unknown) = fields.keys().find(|name| !KEYS.contains(&name.as_str())) {
        let near = crate::problem::did_you_mean(unknown, KEYS);
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("unknown key `{unknown}`{near}"));
    }
    let rates = Rates { fields, unit: Unit::Million };
    let Some(input) = rates.get("input")? else { return Err("`input` is missing".to_owned()) };
    let batch = match fields.get("batch").and_then(Value::as_object) {
        None => None,
        Some(fields) => {
            let rates = Rates { fields, unit: Unit::Million };
            rates.get("input")?.zip(rates.get("output")?)
        }
    };
    let mut tiers = Vec::new();
    for fields in
        fields.get("tiers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
    {
        let rates = Rates { fields, unit: Unit::Million };
        let (Some(above), Some(input), Some(output)) =
            (tokens(fields.get("above")), rates.get("input")?, rates.get("output")?)
        else {
            return Err("a tier has `above`, `input` and `output`".to_owned());
        };
        let (cached_input, cache_write) = (rates.get("cached_input")?, rates.get("cache_write")?);
        tiers.push(Tier { above, input, output, cached_input, cache_write });
    }
    let price = Price {
        input,
        output: rates.get("output")?.unwrap_or_default(),
        cached_input: rates.get("cached_input")?,
        cache_write: rates.get("cache_write")?,
        cache_write_1h: rates.get("cache_write_1h")?,
        reasoning: rates.get("reasoning")?,
        audio_input: rates.get("audio_input")?,
        audio_output: rates.get("audio_output")?,
        batch,
        request: rates.piece("request")?,
        image: rates.piece("image")?,
        audio_second: rates.piece("audio_second")?,
        characters: rates.get("characters")?,
        tiers: sorted(tiers),
    };
    Ok(Some(Entry {
        price,
        context_window: tokens(fields.get("context_window")),
        max_output_tokens: tokens(fields.get("max_output_tokens")),
        capabilities: Vec::new(),
    }))
}
