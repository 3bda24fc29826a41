//! A request for a provider that speaks the dialect.

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::super::block::{Encoder, object};
use super::super::generation::Abilities;
use super::betas::BETAS;
use super::conversation::{Conversation, plain_or_blocks};
use super::thinking::{self, Bounds, Thinking};
use super::{caching, schema, tools};
use crate::dialect::fields::Path;
use crate::dialect::{Target, Wire, served};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Params, Request, ResponseFormat};

/// Most tokens of an answer where neither the request nor the model's entry says:
/// the most that every model of the dialect grants.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// The version of the API that is spoken. Source: Anthropic, Versions, checked 2026-11-21.
const VERSION: &str = "2023-06-01";
/// The same on Google's Vertex AI. Source: Anthropic, Claude on Vertex AI, checked 2026-11-21.
const VERTEX_VERSION: &str = "vertex-2023-10-16";
/// Enables files that were uploaded before. Source: Anthropic, Files API, checked 2026-11-21.
const FILES_BETA: &str = "files-api-2025-04-14";

/// A body with what became of the request on the way.
pub(in crate::dialect) struct Body {
    /// The fields of the body.
    pub(in crate::dialect) fields: Map<String, Value>,
    /// What could not go along.
    pub(in crate::dialect) dropped: Vec<String>,
    /// Names of beta features in use.
    pub(in crate::dialect) betas: Vec<String>,
}

/// Encodes `request` for `target`.
pub(in crate::dialect) fn encode(request: &Request, target: &Target<'_>) -> Result<Wire> {
    let mut body = encode_body(request, target)?;
    let mut headers = vec![version_header()];
    let vertex = target.quirks.vertex;
    if vertex {
        body.fields.shift_remove("model");
        body.fields.insert("anthropic_version".to_owned(), VERTEX_VERSION.into());
    }
    if let Ok(betas) = HeaderValue::from_str(&body.betas.join(","))
        && !body.betas.is_empty()
    {
        headers.push((HeaderName::from_static("anthropic-beta"), betas));
    }
    let bytes = serde_json::to_vec(&body.fields).map_err(|at| Error::internal(at.to_string()))?;
    Ok(Wire { path: path(target, request.stream), body: bytes.into(), headers, dropped: body.dropped })
}

/// The path for a conversation with `target`.
pub(in crate::dialect) fn path(target: &Target<'_>, stream: bool) -> String {
    if !target.quirks.vertex {
        return "messages".to_owned();
    }
    let verb = if stream { "streamRawPredict" } else { "rawPredict" };
    format!("publishers/anthropic/models/{}:{verb}", target.model)
}

/// The header that names the API's version.
pub(in crate::dialect) fn version_header() -> (HeaderName, HeaderValue) {
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION))
}

/// The fields of the body, the same in every wrapping of the dialect.
pub(in crate::dialect) fn encode_body(request: &Request, target: &Target<'_>) -> Result<Body> {
    let mut encoder = Encoder::for_provider(request.dialect);
    encoder.runs_code = served::runs_code(request, target.quirks);
    let abilities = Abilities::of(target.model);
    let mut conversation = Conversation::of(request, &mut encoder)?;
    let tool_choice = tools::choice(request, &mut encoder);
    let (max_tokens, stated) = max_tokens(request, target, &mut encoder);
    let bounds = Bounds {
        abilities,
        max_tokens,
        max_tokens_stated: stated,
        forced_tool: tools::forces(request.tool_choice.as_ref()),
        may_think: conversation.may_think(),
    };
    let thinking = match &request.reasoning {
        Some(wish) => thinking::encode(wish, bounds, &mut encoder),
        None => Thinking::default(),
    };
    let output_config = output(request, &thinking, abilities, &mut encoder, &mut conversation);

    let mut fields = object(json!({
        "model": target.model,
        "max_tokens": thinking.max_tokens.unwrap_or(max_tokens),
    }));
    let system = std::mem::take(&mut conversation.system);
    if !system.is_empty() {
        fields.insert("system".to_owned(), plain_or_blocks(system, conversation.system_plain));
    }
    fields.insert("messages".to_owned(), conversation.into_messages().into());
    let mut tools = tools::encode(request, target.quirks, abilities, &mut encoder);
    let asked = served::searching(request, Dialect::Anthropic, target.quirks, &mut encoder.dropped);
    let extra = asked.as_ref().map(|_| served::without_search(&request.extra));
    tools.extend(asked);
    if !tools.is_empty() {
        fields.insert("tools".to_owned(), tools.into());
        fields.extend(tool_choice.map(|choice| ("tool_choice".to_owned(), choice)));
    }
    sampling(&request.params, abilities, thinking.is_on(), &mut encoder, &mut fields);
    fields.extend(thinking.config.map(|config| ("thinking".to_owned(), Value::Object(config))));
    if !output_config.is_empty() {
        fields.insert("output_config".to_owned(), Value::Object(output_config));
    }
    if request.stream {
        fields.insert("stream".to_owned(), true.into());
    }
    about(request, &mut encoder, &mut fields);
    if let Some(life) = request.caching.prefix {
        caching::mark(&mut fields, life);
    }
    encoder.extra(&mut fields, extra.as_ref().unwrap_or(&request.extra), Path::Root);
    Ok(finish(request, target, encoder, fields))
}

/// Names the beta features and takes out what the vendor refuses.
fn finish(
    request: &Request,
    target: &Target<'_>,
    mut encoder: Encoder,
    mut fields: Map<String, Value>,
) -> Body {
    let mut betas = Vec::new();
    if encoder.same()
        && let Some(Value::Array(names)) = request.extra.get(BETAS)
    {
        betas.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    if encoder.files && !betas.iter().any(|name| name == FILES_BETA) {
        betas.push(FILES_BETA.to_owned());
    }
    fields.shift_remove(BETAS);
    for name in target.quirks.refused {
        if fields.shift_remove(*name).is_some() {
            encoder.dropped.push((*name).to_owned());
        }
    }
    Body { fields, dropped: encoder.dropped, betas }
}

/// The token limit, which the API demands, and whether the client stated it.
fn max_tokens(request: &Request, target: &Target<'_>, encoder: &mut Encoder) -> (u64, bool) {
    let most = target.max_output_tokens;
    match request.params.max_tokens {
        Some(wanted) if !encoder.same() && most.is_some_and(|most| wanted > most) => {
            encoder.drop(Path::Root.field("max_tokens"));
            (most.unwrap_or(wanted), true)
        }
        Some(wanted) => (wanted, true),
        None => (most.unwrap_or(DEFAULT_MAX_TOKENS), false),
    }
}

/// Sampling, within what the model takes and what goes with thinking.
fn sampling(
    params: &Params,
    abilities: Abilities,
    thinks: bool,
    encoder: &mut Encoder,
    fields: &mut Map<String, Value>,
) {
    let free = encoder.same() || (abilities.sampling && !thinks);
    let temperature = params.temperature.filter(|value| free || is_one(*value) && abilities.sampling);
    let top_p = params.top_p.filter(|value| free || (abilities.sampling && *value >= 0.95));
    let both = encoder.same() || abilities.both_sampling || temperature.is_none();
    let top_p = top_p.filter(|_| both);
    let top_k = params.top_k.filter(|_| free);
    for (name, kept, asked) in [
        ("temperature", temperature.is_some(), params.temperature.is_some_and(|value| !is_one(value))),
        ("top_p", top_p.is_some(), params.top_p.is_some_and(|value| !is_one(value))),
        ("top_k", top_k.is_some(), params.top_k.is_some()),
        ("seed", false, params.seed.is_some()),
        ("presence_penalty", false, params.presence_penalty.is_some_and(|value| value != 0.0)),
        ("frequency_penalty", false, params.frequency_penalty.is_some_and(|value| value != 0.0)),
        ("n", false, params.n.is_some_and(|n| n > 1)),
        ("logprobs", false, params.logprobs == Some(true)),
        ("top_logprobs", false, params.top_logprobs.is_some_and(|n| n > 0)),
        ("logit_bias", false, params.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty())),
    ] {
        if asked && !kept {
            encoder.drop(Path::Root.field(name));
        }
    }
    if let Some(value) = temperature {
        // The scale ends at 1 here, at 2 elsewhere.
        if value > 1.0 {
            encoder.drop(Path::Root.field("temperature"));
        }
        fields.insert("temperature".to_owned(), value.min(1.0).into());
    }
    fields.extend(top_p.map(|value| ("top_p".to_owned(), value.into())));
    fields.extend(top_k.map(|value| ("top_k".to_owned(), value.into())));
    // Sequences of white space alone are refused.
    let stop = params.stop.iter().filter(|text| encoder.same() || !text.trim().is_empty());
    let stop: Vec<Value> = stop.map(|text| text.as_str().into()).collect();
    if stop.len() < params.stop.len() {
        encoder.drop(Path::Root.field("stop"));
    }
    if !stop.is_empty() {
        fields.insert("stop_sequences".to_owned(), stop.into());
    }
}

/// Whether `value` is the default of `temperature` and `top_p`.
fn is_one(value: f64) -> bool {
    (value - 1.0).abs() < f64::EPSILON
}

/// `output_config`: form of the answer and effort.
fn output(
    request: &Request,
    thinking: &Thinking,
    abilities: Abilities,
    encoder: &mut Encoder,
    conversation: &mut Conversation,
) -> Map<String, Value> {
    let mut config = Map::new();
    if encoder.same()
        && let Some(Value::Object(rest)) = request.extra.get("output_config")
    {
        config.clone_from(rest);
    }
    config.extend(thinking.effort.map(|effort| ("effort".to_owned(), effort.into())));
    let at = Path::Root.field("response_format");
    match &request.format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonSchema { schema, description, .. }) if abilities.structured => {
            let mut schema = schema.clone();
            if !encoder.same() {
                if let (Some(text), Value::Object(fields)) = (description, &mut schema) {
                    fields.entry("description").or_insert_with(|| text.as_str().into());
                }
                if schema::restrict(&mut schema) {
                    encoder.drop(at.field("schema"));
                }
            }
            config.insert("format".to_owned(), json!({ "type": "json_schema", "schema": schema }));
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            encoder.drop(at);
            conversation
                .instruct(&format!("Answer with JSON alone that follows this JSON Schema:\n{schema}"));
        }
        Some(ResponseFormat::JsonObject) => {
            encoder.drop(at);
            conversation.instruct("Answer with one JSON object and nothing else.");
        }
    }
    config
}

/// Who asks, and with which claim on capacity.
fn about(request: &Request, encoder: &mut Encoder, fields: &mut Map<String, Value>) {
    let mut metadata = Map::new();
    if let Some(given) = &request.metadata {
        if encoder.same() {
            metadata.clone_from(given);
        } else if !given.is_empty() {
            encoder.drop(Path::Root.field("metadata"));
        }
    }
    metadata.extend(request.user.as_ref().map(|user| ("user_id".to_owned(), user.as_str().into())));
    if !metadata.is_empty() {
        fields.insert("metadata".to_owned(), Value::Object(metadata));
    }
    if request.dialect != Dialect::Anthropic
        && let Some(tier) = request.extra.get("service_tier").and_then(Value::as_str)
        && let Some((_, ours)) = TIERS.iter().find(|(theirs, _)| *theirs == tier)
    {
        fields.insert("service_tier".to_owned(), (*ours).into());
    }
}

/// OpenAI's service tiers that exist here, too.
const TIERS: [(&str, &str); 2] = [("auto", "auto"), ("default", "standard_only")];
