//! The canonical request to a body of `/v2/chat`.

use serde_json::{Map, Value, json};

use super::message;
use crate::dialect::Target;
use crate::error::Result;
use crate::ir::{Effort, Params, Reasoning, Request, ResponseFormat, Tool, ToolChoice};

/// Penalties range from 0 to 1, `p` from 0.01 to 0.99.
const PENALTY: (f64, f64) = (0.0, 1.0);
const TOP_P: (f64, f64) = (0.01, 0.99);

/// Encodes `request`; what cannot be carried, or is carried changed, goes to `dropped`.
///
/// # Errors
/// `Unsupported` for media that Cohere does not read.
pub(super) fn encode(request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), Value::from(target.model));
    body.insert("stream".to_owned(), Value::from(request.stream));
    let (messages, documents) = message::encode(&request.messages, dropped)?;
    body.insert("messages".to_owned(), Value::Array(messages));
    if !documents.is_empty() {
        body.insert("documents".to_owned(), Value::Array(documents));
    }
    tools(request, &mut body, dropped);
    params(&request.params, &mut body, dropped);
    match &request.format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            body.insert("response_format".to_owned(), json!({"type": "json_object"}));
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let format = json!({"type": "json_object", "json_schema": schema});
            body.insert("response_format".to_owned(), format);
        }
    }
    if let Some(thinking) = request.reasoning.as_ref().and_then(thinking) {
        body.insert("thinking".to_owned(), thinking);
    }
    let unknown = request.extra.losses();
    let known = [("user", request.user.is_some()), ("metadata", request.metadata.is_some())];
    let known = known.into_iter().filter_map(|(name, given)| given.then_some(name));
    dropped.extend(unknown.chain(known).map(str::to_owned));
    Ok(Value::Object(body))
}

/// Tools and the choice among them. Cohere has no choice by name: only the named tools are declared.
fn tools(request: &Request, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    let (only, must) = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => (None, None),
        Some(ToolChoice::None) => (None, Some("NONE")),
        Some(ToolChoice::Required) => (None, Some("REQUIRED")),
        Some(ToolChoice::Named(name)) => (Some(std::slice::from_ref(name)), Some("REQUIRED")),
        Some(ToolChoice::Allowed(names, must)) => (Some(names.as_slice()), must.then_some("REQUIRED")),
        Some(ToolChoice::Opaque(_)) => {
            dropped.push("tool_choice".to_owned());
            (None, None)
        }
    };
    let mut tools = Vec::new();
    for (at, tool) in request.tools.iter().enumerate() {
        let Tool::Function { name, description, parameters, strict, extra } = tool else {
            dropped.push(format!("tools[{at}]"));
            continue;
        };
        if only.is_some_and(|only| !only.contains(name)) {
            continue;
        }
        if *strict == Some(true) {
            body.insert("strict_tools".to_owned(), Value::from(true));
        }
        dropped.extend(extra.losses().map(|field| format!("tools[{at}].{field}")));
        let parameters = parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        tools.push(json!({"type": "function", "function": {
            "name": name,
            "description": description.as_deref().unwrap_or_default(),
            "parameters": parameters,
        }}));
    }
    if tools.is_empty() {
        return;
    }
    body.insert("tools".to_owned(), Value::Array(tools));
    if let Some(must) = must {
        body.insert("tool_choice".to_owned(), Value::from(must));
    }
    if request.parallel_tools == Some(false) {
        dropped.push("parallel_tool_calls".to_owned());
    }
}

fn params(params: &Params, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    let mut put = |name: &str, value: Option<Value>| {
        body.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("max_tokens", params.max_tokens.map(Value::from));
    put("temperature", params.temperature.map(Value::from));
    put("k", params.top_k.map(Value::from));
    put("seed", params.seed.map(Value::from));
    put("stop_sequences", (!params.stop.is_empty()).then(|| json!(params.stop)));
    put("logprobs", params.logprobs.map(Value::from));
    for (name, ours, value, range) in [
        ("p", "top_p", params.top_p, TOP_P),
        ("presence_penalty", "presence_penalty", params.presence_penalty, PENALTY),
        ("frequency_penalty", "frequency_penalty", params.frequency_penalty, PENALTY),
    ] {
        let Some(value) = value else { continue };
        let clamped = value.clamp(range.0, range.1);
        if (clamped - value).abs() > f64::EPSILON {
            dropped.push(ours.to_owned());
        }
        put(name, Some(Value::from(clamped)));
    }
    for (name, given) in [
        ("n", params.n.is_some_and(|n| n > 1)),
        ("top_logprobs", params.top_logprobs.is_some_and(|n| n > 0)),
        ("logit_bias", params.logit_bias.is_some()),
    ] {
        if given {
            dropped.push(name.to_owned());
        }
    }
}

/// `thinking`, where the client said anything about it.
fn thinking(reasoning: &Reasoning) -> Option<Value> {
    if reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None) {
        return Some(json!({"type": "disabled"}));
    }
    if let Some(budget) = reasoning.budget_tokens {
        return Some(json!({"type": "enabled", "token_budget": budget}));
    }
    (reasoning.enabled == Some(true) || reasoning.effort.is_some()).then(|| json!({"type": "enabled"}))
}
