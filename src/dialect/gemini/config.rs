//! `generationConfig`: sampling, limits, form of the answer and thinking.
//!
//! Source: Gemini API reference "GenerationConfig" and "ThinkingConfig", checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::schema::{for_gemini, to_json_schema};
use crate::error::Result;
use crate::ir::{Dialect, Effort, Params, Reasoning, Request, ResponseFormat};

/// Efforts and the thinking budgets, in tokens, that stand for them.
/// Source: Gemini API "OpenAI compatibility", checked 2026-11-21.
const BUDGETS: [(Effort, &str, i64); 7] = [
    (Effort::None, "NONE", 0),
    (Effort::Minimal, "MINIMAL", 1024),
    (Effort::Low, "LOW", 1024),
    (Effort::Medium, "MEDIUM", 8192),
    (Effort::High, "HIGH", 24_576),
    (Effort::XHigh, "XHIGH", 24_576),
    (Effort::Max, "MAX", 24_576),
];

/// Reads `generationConfig` into `request`; what has no place is returned.
pub(super) fn decode(mut config: Fields, request: &mut Request) -> Result<Map<String, Value>> {
    request.params = decode_params(&mut config)?;
    if let Some(thinking) = config.object("thinkingConfig")? {
        request.reasoning = Some(decode_thinking(thinking)?);
    }
    let mime = config.text("responseMimeType")?;
    let own_schema = config.take("responseSchema");
    let json_schema = config.take("responseJsonSchema");
    let schema = json_schema.clone().or_else(|| own_schema.as_ref().map(to_json_schema));
    request.format = match (mime.as_deref(), schema) {
        (Some("application/json"), Some(schema)) => Some(ResponseFormat::JsonSchema {
            name: "response".to_owned(),
            description: None,
            schema,
            strict: None,
        }),
        (Some("application/json"), None) => Some(ResponseFormat::JsonObject),
        (Some("text/plain"), None) => Some(ResponseFormat::Text),
        _ => None,
    };
    let mut rest = config.rest();
    if request.format.is_none() {
        rest.extend(mime.map(|mime| ("responseMimeType".to_owned(), Value::from(mime))));
        rest.extend(json_schema.map(|schema| ("responseJsonSchema".to_owned(), schema)));
    }
    rest.extend(own_schema.map(|schema| ("responseSchema".to_owned(), schema)));
    Ok(rest)
}

/// Whether a field that is kept is told otherwise, or asks for nothing.
pub(super) fn is_told(name: &str, value: &Value, request: &Request) -> bool {
    let text = |one: &Value| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case("text"));
    match name {
        "responseSchema" => request.format.is_some(),
        "responseModalities" => value.as_array().is_some_and(|list| list.iter().all(text)),
        _ => false,
    }
}

fn decode_params(config: &mut Fields) -> Result<Params> {
    let stop = config.list("stopSequences")?.unwrap_or_default();
    Ok(Params {
        max_tokens: config.count("maxOutputTokens")?,
        temperature: config.number("temperature")?,
        top_p: config.number("topP")?,
        top_k: config.count("topK")?,
        stop: stop.iter().filter_map(|stop| stop.as_str().map(str::to_owned)).collect(),
        seed: config.integer("seed")?,
        presence_penalty: config.number("presencePenalty")?,
        frequency_penalty: config.number("frequencyPenalty")?,
        n: config.count("candidateCount")?.and_then(|n| u32::try_from(n).ok()),
        logprobs: config.flag("responseLogprobs")?,
        top_logprobs: config.count("logprobs")?.and_then(|n| u32::try_from(n).ok()),
        ..Params::default()
    })
}

fn decode_thinking(mut thinking: Fields) -> Result<Reasoning> {
    let mut reasoning =
        Reasoning { include_thoughts: thinking.flag("includeThoughts")?, ..Reasoning::default() };
    match thinking.integer("thinkingBudget")? {
        Some(0) => reasoning.enabled = Some(false),
        Some(budget) if budget > 0 => reasoning.budget_tokens = u64::try_from(budget).ok(),
        Some(_) => reasoning.enabled = Some(true),
        None => {}
    }
    let level = thinking.text("thinkingLevel")?.map(|level| level.to_ascii_uppercase());
    reasoning.effort = level
        .as_deref()
        .and_then(|level| BUDGETS.iter().find(|(_, name, _)| *name == level).map(|(effort, ..)| *effort));
    let mut rest = thinking.rest();
    if reasoning.effort.is_none() {
        rest.extend(level.map(|level| ("thinkingLevel".to_owned(), Value::from(level))));
    }
    reasoning.extra = crate::ir::Extra::of(rest);
    Ok(reasoning)
}

/// `generationConfig` for `request`; empty when it asks for nothing.
pub(super) fn encode(request: &Request, dropped: &mut Vec<String>) -> Map<String, Value> {
    let same = request.dialect == Dialect::Gemini;
    let mut config = encode_params(&request.params, dropped);
    if let Some(reasoning) = &request.reasoning {
        let thinking = encode_thinking(reasoning, same, dropped);
        if !thinking.is_empty() {
            config.insert("thinkingConfig".to_owned(), Value::Object(thinking));
        }
    }
    let kept = request.extra.get("generationConfig").filter(|_| same).and_then(Value::as_object);
    encode_format(request.format.as_ref(), kept, &mut config);
    for (name, value) in kept.into_iter().flatten() {
        if name != "responseSchema" {
            config.insert(name.clone(), value.clone());
        }
    }
    config
}

fn encode_params(params: &Params, dropped: &mut Vec<String>) -> Map<String, Value> {
    let mut config = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        config.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("maxOutputTokens", params.max_tokens.map(Value::from));
    put("temperature", params.temperature.map(Value::from));
    put("topP", params.top_p.map(Value::from));
    put("topK", params.top_k.map(Value::from));
    put("stopSequences", (!params.stop.is_empty()).then(|| json!(params.stop)));
    put("presencePenalty", params.presence_penalty.map(Value::from));
    put("frequencyPenalty", params.frequency_penalty.map(Value::from));
    put("candidateCount", params.n.map(Value::from));
    put("responseLogprobs", params.logprobs.map(Value::from));
    put("logprobs", params.top_logprobs.map(Value::from));
    match params.seed.map(i32::try_from) {
        Some(Ok(seed)) => put("seed", Some(Value::from(seed))),
        Some(Err(_)) => dropped.push("seed".to_owned()),
        None => {}
    }
    if params.logit_bias.is_some() {
        dropped.push("logit_bias".to_owned());
    }
    config
}

/// Efforts of other dialects become budgets, which every thinking model reads;
/// levels, which only newer ones read, go back to clients that sent them.
fn encode_thinking(reasoning: &Reasoning, same: bool, dropped: &mut Vec<String>) -> Map<String, Value> {
    let mut thinking = Map::new();
    let row = reasoning.effort.and_then(|effort| BUDGETS.iter().find(|(known, ..)| *known == effort));
    let budget = reasoning.budget_tokens.and_then(|budget| i64::try_from(budget).ok());
    let budget = match (reasoning.enabled, budget, row) {
        (Some(false), ..) => Some(0),
        (_, Some(budget), _) => Some(budget),
        (_, None, Some((_, level, _))) if same => {
            thinking.insert("thinkingLevel".to_owned(), Value::from(*level));
            None
        }
        (_, None, Some((.., budget))) => Some(*budget),
        (Some(true), None, None) => Some(-1),
        (None, None, None) => None,
    };
    thinking.extend(budget.map(|budget| ("thinkingBudget".to_owned(), Value::from(budget))));
    thinking.extend(reasoning.include_thoughts.map(|on| ("includeThoughts".to_owned(), Value::from(on))));
    for (name, value) in reasoning.extra.iter() {
        if same {
            thinking.insert(name.clone(), value.clone());
        } else if reasoning.extra.is_lost(name) {
            dropped.push(format!("reasoning.{name}"));
        }
    }
    thinking
}

/// The form of the answer. `kept` holds the schema in Gemini's own form where the client sent that.
fn encode_format(
    format: Option<&ResponseFormat>,
    kept: Option<&Map<String, Value>>,
    config: &mut Map<String, Value>,
) {
    let mime = match format {
        None => return,
        Some(ResponseFormat::Text) if kept.is_none() => return,
        Some(ResponseFormat::Text) => "text/plain",
        Some(ResponseFormat::JsonObject | ResponseFormat::JsonSchema { .. }) => "application/json",
    };
    config.insert("responseMimeType".to_owned(), Value::from(mime));
    let Some(ResponseFormat::JsonSchema { schema, .. }) = format else { return };
    let own = kept.and_then(|kept| kept.get("responseSchema")).filter(|own| to_json_schema(own) == *schema);
    match own {
        Some(own) => config.insert("responseSchema".to_owned(), own.clone()),
        None => config.insert("responseJsonSchema".to_owned(), for_gemini(schema)),
    };
}
