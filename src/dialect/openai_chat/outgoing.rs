//! A request to a provider, onto the wire.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::caching;
use super::fields::merge;
use super::options::{self, Carry};
use super::reasoning::encode_reasoning;
use super::turns::Turns;
use crate::dialect::openai::{VERBOSITY, has_verbosity, is_shared};
use crate::dialect::{Quirks, SPEAKERS, Target, TokenField, Wire, voice};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, ResponseFormat};

/// Encodes `request` for `target`.
///
/// # Errors
/// `Internal` when the body cannot be written.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Wire> {
    let mut dropped = Vec::new();
    let mut carry = Carry { own: request.dialect == Dialect::OpenAiChat, dropped: &mut dropped };
    let mut body = Map::new();
    if !target.quirks.model_in_path {
        body.insert("model".into(), target.model.into());
    }
    let mut turns = Turns::new(&mut carry, target.quirks);
    for (at, message) in request.messages.iter().enumerate() {
        turns.add(at, message);
    }
    let mut messages = turns.into_messages();
    put_format(request, target.quirks, &mut messages, &mut body, &mut carry);
    caching::mark(&request.caching, target.quirks, &mut messages);
    body.insert("messages".into(), messages.into());
    put_tools(request, &mut body, &mut carry);
    put_params(request, target, &mut body, &mut carry);
    put_rest(request, target.quirks, &mut body, &mut carry);
    caching::put_key(&request.caching, target.quirks, &mut body);
    target.take_refused(&mut body).into_iter().for_each(|name| carry.lose(name));
    for (name, own) in target.quirks.renamed {
        if let Some(value) = body.shift_remove(*name) {
            body.insert((*own).to_owned(), value);
        }
    }
    let body =
        serde_json::to_vec(&body).map_err(|at| Error::internal(format!("cannot write the body: {at}")))?;
    Ok(Wire { path: chat_path(target), body: body.into(), headers: Vec::new(), dropped })
}

fn chat_path(target: &Target<'_>) -> String {
    path(target, target.quirks.chat_path.unwrap_or("chat/completions"))
}

/// The path of an endpoint, with the deployment and query where the vendor wants them.
pub(in crate::dialect) fn path(target: &Target<'_>, endpoint: &str) -> String {
    let mut path = if target.quirks.deployment_paths {
        format!("openai/deployments/{}/{endpoint}", target.model)
    } else {
        endpoint.to_owned()
    };
    if let Some(query) = &target.quirks.query {
        path.push('?');
        path.push_str(query);
    }
    path
}

/// The client's bytes as they are, unless the vendor deviates in something that they hold.
pub(super) fn pass_through(raw: &Bytes, target: &Target<'_>) -> Option<Wire> {
    let quirks = target.quirks;
    let holds = |needle: &str| memchr::memmem::find(raw, needle.as_bytes()).is_some();
    let deviates = quirks.model_in_path
        || (quirks.token_field == TokenField::MaxTokens && holds("\"max_completion_tokens\""))
        || (quirks.no_developer_role && holds("\"developer\""))
        || (quirks.no_stream_options && holds("\"stream_options\""))
        || quirks.tool_ids.may_refuse(raw)
        || (quirks.no_json_schema && holds("\"json_schema\""))
        || quirks.renamed.iter().any(|(name, _)| holds(&format!("\"{name}\"")))
        || target.refused().any(|name| holds(&format!("\"{name}\"")))
        || (quirks.refused.contains(&SPEAKERS) && holds("\"name\"") && has_speakers(raw));
    if deviates {
        return None;
    }
    Some(Wire { path: chat_path(target), body: raw.clone(), headers: Vec::new(), dropped: Vec::new() })
}

/// Whether a message names its participant.
fn has_speakers(raw: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body {
        messages: Vec<Spoken>,
    }
    #[derive(Deserialize)]
    struct Spoken {
        name: Option<serde::de::IgnoredAny>,
    }
    // What is not read so is encoded anew, which tells what is wrong with it.
    serde_json::from_slice::<Body>(raw)
        .map_or(true, |body| body.messages.iter().any(|said| said.name.is_some()))
}

fn put_format(
    request: &Request,
    quirks: &Quirks,
    messages: &mut Vec<Value>,
    body: &mut Map<String, Value>,
    carry: &mut Carry<'_>,
) {
    let Some(format) = &request.format else { return };
    if let (ResponseFormat::JsonSchema { schema, .. }, true) = (format, quirks.no_json_schema) {
        body.insert("response_format".into(), json!({ "type": "json_object" }));
        let text = format!("Answer with JSON that follows this JSON Schema, and nothing else:\n{schema}");
        let at = messages
            .iter()
            .take_while(|message| message.get("role").is_some_and(|role| role == "system"))
            .count();
        messages.insert(at, json!({ "role": "system", "content": text }));
        carry.lose("response_format.json_schema");
        return;
    }
    body.insert("response_format".into(), options::encode_format(format));
}

fn put_tools(request: &Request, body: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    let mut tools = Vec::with_capacity(request.tools.len());
    for (at, tool) in request.tools.iter().enumerate() {
        let path = format!("tools[{at}]");
        match options::encode_tool(tool, &path, carry) {
            Some(value) => tools.push(value),
            None => carry.lose(path),
        }
    }
    let any = !tools.is_empty();
    if any {
        body.insert("tools".into(), tools.into());
    }
    if let Some(choice) = &request.tool_choice {
        // A choice among no tools is refused by OpenAI.
        match options::encode_choice(choice, carry.own).filter(|_| any || carry.own) {
            Some(value) => drop(body.insert("tool_choice".into(), value)),
            None => carry.lose("tool_choice"),
        }
    }
    if let Some(parallel) = request.parallel_tools.filter(|_| any || carry.own) {
        body.insert("parallel_tool_calls".into(), parallel.into());
    }
}

fn put_params(request: &Request, target: &Target<'_>, body: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    let params = &request.params;
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let known = !target.refused().any(|name| name == "max_tokens");
    let older = target.quirks.token_field == TokenField::MaxTokens
        || (carry.own && params.older_limit_field && known);
    put(if older { "max_tokens" } else { "max_completion_tokens" }, params.max_tokens.map(Value::from));
    put("temperature", params.temperature.map(Value::from));
    put("top_p", params.top_p.map(Value::from));
    put("stop", (!params.stop.is_empty()).then(|| params.stop.clone().into()));
    put("seed", params.seed.map(Value::from));
    put("presence_penalty", params.presence_penalty.map(Value::from));
    put("frequency_penalty", params.frequency_penalty.map(Value::from));
    put("n", params.n.map(Value::from));
    put("logprobs", params.logprobs.map(Value::from));
    put("top_logprobs", params.top_logprobs.map(Value::from));
    put("logit_bias", params.logit_bias.clone().map(Value::from));
    // Not OpenAI's, but look-alike servers take it, so a client of this dialect may mean it.
    put("top_k", params.top_k.filter(|_| carry.own).map(Value::from));
    if params.top_k.is_some() && !carry.own {
        carry.lose("top_k");
    }
}

fn put_rest(request: &Request, quirks: &Quirks, body: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    if let Some(reasoning) = &request.reasoning {
        let mut reasoning = reasoning.clone();
        if !carry.own {
            for name in std::mem::take(&mut reasoning.extra).losses() {
                carry.lose(format!("reasoning.{name}"));
            }
        }
        body.extend(encode_reasoning(&reasoning));
    }
    if request.stream {
        body.insert("stream".into(), true.into());
        if !quirks.no_stream_options {
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
    }
    if let Some(user) = &request.user {
        body.insert("user".into(), carry.user(user).into());
    }
    if let Some(metadata) = &request.metadata {
        body.insert("metadata".into(), metadata.clone().into());
    }
    let spoken = voice::for_openai(request);
    let asks_sound = spoken.is_some();
    if let Some((Value::Object(fields), lost)) = spoken {
        body.extend(fields);
        lost.into_iter().for_each(|name| carry.lose(name));
    }
    let mut whole = Value::Object(std::mem::take(body));
    for (name, value) in request.extra.iter() {
        let verbosity = value.get(VERBOSITY).filter(|_| name == "text" && has_verbosity(request, quirks));
        if carry.own || is_shared(request, name, quirks) {
            merge(&mut whole, &Value::Object(Map::from_iter([(name.clone(), value.clone())])));
        } else if let Some(verbosity) =
            verbosity.filter(|_| value.as_object().is_some_and(|text| text.len() == 1))
        {
            merge(&mut whole, &json!({ VERBOSITY: verbosity }));
        } else if request.extra.is_lost(name) && (!asks_sound || name != "generationConfig") {
            carry.lose(name.clone());
        }
    }
    if let Value::Object(fields) = whole {
        *body = fields;
    }
}
