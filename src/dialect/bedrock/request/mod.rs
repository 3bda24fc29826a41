//! Requests to Bedrock.

mod block;
mod caching;
mod conversation;
mod family;
mod tools;

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use self::block::Encoder;
use self::conversation::Conversation;
use self::family::Family;
use crate::dialect::anthropic::{self, object};
use crate::dialect::fields::Path;
use crate::dialect::{Target, Wire};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, ResponseFormat};
use crate::percent::escaped;

/// The version that a body in Anthropic's form names.
///
/// Source: Amazon Bedrock, Anthropic Claude Messages API, checked 2026-11-21.
const ANTHROPIC_VERSION: &str = "bedrock-2023-05-31";

/// Top-level fields of Converse that a client of any dialect may send along.
const OWN_FIELDS: [&str; 7] = [
    "guardrailConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "serviceTier",
];

/// Encodes `request` for `target`.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Wire> {
    let named = target.model;
    let (model, invokes) = match (named.strip_prefix("invoke/"), named.strip_prefix("converse/")) {
        (Some(model), _) => (model, true),
        (None, Some(model)) => (model, false),
        (None, None) => (named, request.dialect == Dialect::Anthropic && Family::of(named) == Family::Claude),
    };
    let target = Target { model, ..*target };
    if invokes { invoke(request, &target) } else { converse(request, &target) }
}

/// A body in Anthropic's form. The model and whether to stream are in the path.
fn invoke(request: &Request, target: &Target<'_>) -> Result<Wire> {
    let body = anthropic::encode_body(request, target)?;
    let mut fields = object(json!({ "anthropic_version": ANTHROPIC_VERSION }));
    fields.extend(body.fields);
    fields.shift_remove("model");
    fields.shift_remove("stream");
    let (betas, others) = anthropic::keep_known(body.betas);
    let mut dropped = body.dropped;
    if others {
        dropped.push("betas".to_owned());
    }
    if !betas.is_empty() {
        fields.insert("anthropic_beta".to_owned(), betas.into());
    }
    let verb = if request.stream { "invoke-with-response-stream" } else { "invoke" };
    wire(target, verb, &fields, dropped)
}

fn converse(request: &Request, target: &Target<'_>) -> Result<Wire> {
    let mut encoder = Encoder::new(request.dialect);
    let mut conversation = Conversation::of(request, &mut encoder)?;
    let family = Family::of(target.model);
    let mut fields = Map::new();
    let mut inference = inference(request, target, &mut encoder);
    let mut model_fields = family::fields(request, target, &mut inference, &mut encoder);
    output(request, &mut encoder, &mut conversation, &mut fields);
    let tools = tools::encode(request, family, &conversation, &mut encoder);
    fields.extend(conversation.into_fields());
    if !inference.is_empty() {
        fields.insert("inferenceConfig".to_owned(), Value::Object(inference));
    }
    fields.extend(tools.map(|tools| ("toolConfig".to_owned(), tools)));
    for (name, value) in request.extra.iter() {
        match (name.as_str(), value) {
            ("additionalModelRequestFields", Value::Object(given)) => model_fields.extend(given.clone()),
            (name, value) if OWN_FIELDS.contains(&name) => {
                fields.insert(name.to_owned(), value.clone());
            }
            (name, _) if request.extra.is_lost(name) => encoder.drop(Path::Root.field(name)),
            _ => {}
        }
    }
    if !model_fields.is_empty() {
        fields.insert("additionalModelRequestFields".to_owned(), Value::Object(model_fields));
    }
    about(request, &mut encoder);
    if let Some(life) = request.caching.prefix {
        caching::mark(&mut fields, family, life);
    }
    for name in target.quirks.refused {
        if fields.shift_remove(*name).is_some() {
            encoder.dropped.push((*name).to_owned());
        }
    }
    let verb = if request.stream { "converse-stream" } else { "converse" };
    wire(target, verb, &fields, encoder.dropped)
}

fn wire(target: &Target<'_>, verb: &str, fields: &Map<String, Value>, dropped: Vec<String>) -> Result<Wire> {
    let path = format!("model/{}/{verb}", escaped(target.model));
    let body = serde_json::to_vec(fields).map_err(|at| Error::internal(at.to_string()))?;
    let accept = (HeaderName::from_static("accept"), HeaderValue::from_static("*/*"));
    Ok(Wire { path, body: body.into(), headers: vec![accept], dropped })
}

/// `inferenceConfig`, and account of the parameters that it does not have.
fn inference(request: &Request, target: &Target<'_>, encoder: &mut Encoder) -> Map<String, Value> {
    let params = &request.params;
    let mut config = Map::new();
    let most = target.max_output_tokens;
    if let Some(wanted) = params.max_tokens {
        if most.is_some_and(|most| wanted > most) {
            encoder.drop(Path::Root.field("max_tokens"));
        }
        config.insert("maxTokens".to_owned(), most.map_or(wanted, |most| wanted.min(most)).into());
    }
    if let Some(value) = params.temperature {
        // The scale ends at 1 here, at 2 elsewhere.
        if value > 1.0 {
            encoder.drop(Path::Root.field("temperature"));
        }
        config.insert("temperature".to_owned(), value.min(1.0).into());
    }
    config.extend(params.top_p.map(|value| ("topP".to_owned(), value.into())));
    if !params.stop.is_empty() {
        config.insert("stopSequences".to_owned(), params.stop.clone().into());
    }
    for (name, asked) in [
        ("seed", params.seed.is_some()),
        ("presence_penalty", params.presence_penalty.is_some_and(|value| value != 0.0)),
        ("frequency_penalty", params.frequency_penalty.is_some_and(|value| value != 0.0)),
        ("n", params.n.is_some_and(|n| n > 1)),
        ("logprobs", params.logprobs == Some(true)),
        ("top_logprobs", params.top_logprobs.is_some_and(|n| n > 0)),
        ("logit_bias", params.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty())),
    ] {
        if asked {
            encoder.drop(Path::Root.field(name));
        }
    }
    config
}

/// `outputConfig.textFormat`.
fn output(
    request: &Request,
    encoder: &mut Encoder,
    conversation: &mut Conversation,
    fields: &mut Map<String, Value>,
) {
    match &request.format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            encoder.drop(Path::Root.field("response_format"));
            conversation.instruct("Answer with one JSON object and nothing else.");
        }
        Some(ResponseFormat::JsonSchema { name, description, schema, .. }) => {
            let mut schema = schema.clone();
            if anthropic::restrict(&mut schema) {
                let at = Path::Root.field("response_format");
                encoder.drop(at.field("schema"));
            }
            let mut named = object(json!({ "name": name, "schema": schema.to_string() }));
            named.extend(description.as_ref().map(|text| ("description".to_owned(), text.as_str().into())));
            let format = json!({ "type": "json_schema", "structure": { "jsonSchema": named } });
            fields.insert("outputConfig".to_owned(), json!({ "textFormat": format }));
        }
    }
}

/// Converse knows neither the end user nor the client's labels.
fn about(request: &Request, encoder: &mut Encoder) {
    if request.user.is_some() {
        encoder.drop(Path::Root.field("user"));
    }
    if request.metadata.as_ref().is_some_and(|labels| !labels.is_empty()) {
        encoder.drop(Path::Root.field("metadata"));
    }
}
