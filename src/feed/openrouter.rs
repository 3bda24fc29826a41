//! OpenRouter's list of models: US dollars per token, as texts.
//! Source: OpenRouter API reference, `GET /api/v1/models`, checked 2026-11-21.

use serde_json::{Map, Value};

use super::rate::{Rate, Unit};
use super::{Entry, Rates, Sheet, tokens};
use crate::model::Price;

/// What they call it among `supported_parameters`, what we call it.
const CAPABILITIES: [(&str, &str); 4] = [
    ("tools", "tools"),
    ("parallel_tool_calls", "parallel_tools"),
    ("structured_outputs", "structured_output"),
    ("reasoning", "reasoning"),
];

pub(super) fn read(json: &Value) -> Option<Sheet> {
    let list = json.get("data").unwrap_or(json).as_array()?;
    let mut sheet = Sheet::default();
    for item in list {
        let Some(id) = item.get("id").and_then(Value::as_str) else { continue };
        sheet.take("openrouter", id, entry(item));
    }
    Some(sheet)
}

fn entry(item: &Value) -> Rate<Option<Entry>> {
    let Some(fields) = item.get("pricing").and_then(Value::as_object) else { return Ok(None) };
    let top = item.get("top_provider").and_then(Value::as_object);
    let parameters: Vec<&str> = item
        .get("supported_parameters")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let can = CAPABILITIES.iter().filter(|(theirs, _)| parameters.contains(theirs));
    Ok(Some(Entry {
        price: price(fields)?,
        context_window: tokens(item.get("context_length")),
        max_output_tokens: tokens(top.and_then(|top| top.get("max_completion_tokens"))),
        capabilities: can.map(|(_, ours)| (*ours).to_owned()).collect(),
    }))
}

/// Zeros beside the two main rates mean "not charged apart".
fn price(fields: &Map<String, Value>) -> Rate<Price> {
    let rates = Rates { fields, unit: Unit::Token };
    let apart = |rate: Option<i64>| rate.filter(|rate| *rate > 0);
    let (Some(input), Some(output)) = (rates.get("prompt")?, rates.get("completion")?) else {
        return Err("one of the prompt and completion rates is missing".to_owned());
    };
    Ok(Price {
        input,
        output,
        cached_input: apart(rates.get("input_cache_read")?),
        cache_write: apart(rates.get("input_cache_write")?),
        reasoning: apart(rates.get("internal_reasoning")?),
        audio_input: apart(rates.get("audio")?),
        request: apart(rates.piece("request")?),
        image: apart(rates.piece("image")?),
        ..Price::default()
    })
}
