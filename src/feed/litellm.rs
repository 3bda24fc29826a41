//! LiteLLM's model map: names to US dollars per token.
//! Source: LiteLLM `model_prices_and_context_window.json`, checked 2026-11-21.

use serde_json::{Map, Value};

use super::rate::{Rate, Unit};
use super::{Entry, Rates, Sheet, sorted, tokens};
use crate::model::{Price, Tier};

/// What they call it, what we call it.
const CAPABILITIES: [(&str, &str); 6] = [
    ("supports_function_calling", "tools"),
    ("supports_parallel_function_calling", "parallel_tools"),
    ("supports_response_schema", "structured_output"),
    ("supports_reasoning", "reasoning"),
    ("supports_prompt_caching", "prompt_caching"),
    ("supports_web_search", "web_search"),
];

/// Modes in which an answer costs tokens too: without an output rate the price is not known.
const ANSWERS: [&str; 3] = ["chat", "completion", "responses"];

pub(super) fn read(json: &Value) -> Option<Sheet> {
    let mut sheet = Sheet::default();
    for (name, fields) in json.as_object()?.iter().filter(|(name, _)| *name != "sample_spec") {
        let Some(fields) = fields.as_object() else { continue };
        let provider = fields.get("litellm_provider").and_then(Value::as_str).unwrap_or_default();
        let model = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        sheet.take(provider, model, entry(fields));
    }
    Some(sheet)
}

fn entry(fields: &Map<String, Value>) -> Rate<Option<Entry>> {
    let rates = Rates { fields, unit: Unit::Token };
    let mode = fields.get("mode").and_then(Value::as_str).unwrap_or("chat");
    let (input, output) = (rates.get("input_cost_per_token")?, rates.get("output_cost_per_token")?);
    let pieces = Pieces::read(&rates)?;
    if ANSWERS.contains(&mode) && input.is_some() != output.is_some() {
        return Err("one of the input and output rates is missing".to_owned());
    }
    if input.is_none() && output.is_none() && !pieces.any() {
        return Ok(None);
    }
    let batches = rates.get("input_cost_per_token_batches")?.zip(rates.get("output_cost_per_token_batches")?);
    let price = Price {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        cached_input: rates.get("cache_read_input_token_cost")?,
        cache_write: rates.get("cache_creation_input_token_cost")?,
        cache_write_1h: rates.get("cache_creation_input_token_cost_above_1hr")?,
        reasoning: rates.get("output_cost_per_reasoning_token")?,
        audio_input: rates.get("input_cost_per_audio_token")?,
        audio_output: rates.get("output_cost_per_audio_token")?,
        batch: batches,
        request: pieces.request,
        image: pieces.image,
        audio_second: pieces.second,
        characters: pieces.characters,
        tiers: tiers(fields, &rates, input.unwrap_or_default(), output.unwrap_or_default())?,
    };
    let can = |(theirs, ours): &(&str, &str)| {
        (fields.get(*theirs).and_then(Value::as_bool) == Some(true)).then(|| (*ours).to_owned())
    };
    Ok(Some(Entry {
        price,
        context_window: tokens(fields.get("max_input_tokens")),
        max_output_tokens: tokens(fields.get("max_output_tokens")),
        capabilities: CAPABILITIES.iter().filter_map(can).collect(),
    }))
}

/// What is not counted in tokens.
struct Pieces {
    request: Option<i64>,
    image: Option<i64>,
    second: Option<i64>,
    characters: Option<i64>,
}

impl Pieces {
    fn read(rates: &Rates<'_>) -> Rate<Self> {
        let either = |a: Option<i64>, b: Option<i64>| a.filter(|rate| *rate > 0).or(b);
        Ok(Self {
            request: either(rates.piece("input_cost_per_request")?, rates.piece("input_cost_per_query")?),
            image: either(rates.piece("output_cost_per_image")?, rates.piece("input_cost_per_image")?),
            second: either(rates.piece("input_cost_per_second")?, rates.piece("output_cost_per_second")?),
            characters: rates.get("input_cost_per_character")?,
        })
    }

    fn any(&self) -> bool {
        [self.request, self.image, self.second, self.characters].iter().any(Option::is_some)
    }
}

/// `input_cost_per_token_above_200k_tokens` and its like; a rate that a tier
/// does not name is that of the base.
fn tiers(fields: &Map<String, Value>, rates: &Rates<'_>, input: i64, output: i64) -> Rate<Vec<Tier>> {
    let mut above: Vec<&str> = fields
        .keys()
        .filter_map(|name| name.split_once("_token_above_").or_else(|| name.split_once("_cost_above_")))
        .filter_map(|(_, rest)| rest.strip_suffix("k_tokens"))
        .filter(|count| count.parse::<u64>().is_ok())
        .collect();
    above.sort_unstable();
    above.dedup();
    let mut tiers = Vec::new();
    for count in above {
        let at = |name: &str| rates.get(&format!("{name}_above_{count}k_tokens"));
        tiers.push(Tier {
            above: count.parse::<u64>().unwrap_or_default().saturating_mul(1_000),
            input: at("input_cost_per_token")?.unwrap_or(input),
            output: at("output_cost_per_token")?.unwrap_or(output),
            cached_input: at("cache_read_input_token_cost")?.or(rates.get("cache_read_input_token_cost")?),
            cache_write: at("cache_creation_input_token_cost")?
                .or(rates.get("cache_creation_input_token_cost")?),
        });
    }
    Ok(sorted(tiers))
}
