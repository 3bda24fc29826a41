//! The canonical request to a body of `/api/chat`.

use serde_json::{Map, Value, json};

use super::message;
use crate::dialect::Target;
use crate::error::Result;
use crate::ir::{Effort, Params, Reasoning, Request, ResponseFormat, Tool, ToolChoice};

/// Fields of Ollama's that clients of other dialects send beside their own.
const OWN: [&str; 2] = ["keep_alive", "think"];

/// Encodes `request`; what cannot be carried goes to `dropped`.
///
/// # Errors
/// `Unsupported` for media that Ollama does not read.
pub(super) fn encode(request: &Request, target: &Target<'_>, dropped: &mut Vec<String>) -> Result<Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), Value::from(target.model));
    body.insert("messages".to_owned(), Value::Array(message::encode(&request.messages, dropped)?));
    // Ollama streams unless told otherwise.
    body.insert("stream".to_owned(), Value::from(request.stream));
    let tools = tools(request, dropped);
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    match &request.format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonObject) => {
            body.insert("format".to_owned(), Value::from("json"));
        }
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            body.insert("format".to_owned(), schema.clone());
        }
    }
    if let Some(think) = request.reasoning.as_ref().and_then(think) {
        body.insert("think".to_owned(), think);
    }
    if request.reasoning.as_ref().is_some_and(|reasoning| reasoning.budget_tokens.is_some()) {
        dropped.push("reasoning.budget_tokens".to_owned());
    }
    params(&request.params, &mut body, dropped);
    let mut options = options(&request.params);
    for (name, value) in request.extra.iter() {
        match (name.as_str(), value) {
            ("options", Value::Object(more)) => options.extend(more.clone()),
            (name, value) if OWN.contains(&name) => {
                body.insert(name.to_owned(), value.clone());
            }
            _ if request.extra.is_lost(name) => dropped.push(name.clone()),
            _ => {}
        }
    }
    if !options.is_empty() {
        body.insert("options".to_owned(), Value::Object(options));
    }
    for (name, given) in [("user", request.user.is_some()), ("metadata", request.metadata.is_some())] {
        if given {
            dropped.push(name.to_owned());
        }
    }
    Ok(Value::Object(body))
}

/// Tools. Ollama knows no choice: none means none declared, any other is left to the model.
fn tools(request: &Request, dropped: &mut Vec<String>) -> Vec<Value> {
    let only = match &request.tool_choice {
        Some(ToolChoice::None) => return Vec::new(),
        Some(ToolChoice::Allowed(names, false)) => Some(names),
        None | Some(ToolChoice::Auto) => None,
        Some(_) => {
            dropped.push("tool_choice".to_owned());
            None
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
            dropped.push(format!("tools[{at}].strict"));
        }
        dropped.extend(extra.losses().map(|field| format!("tools[{at}].{field}")));
        let parameters = parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        tools.push(json!({"type": "function", "function": {
            "name": name,
            "description": description.as_deref().unwrap_or_default(),
            "parameters": parameters,
        }}));
    }
    if request.parallel_tools == Some(false) && !tools.is_empty() {
        dropped.push("parallel_tool_calls".to_owned());
    }
    tools
}

/// What stands beside the options.
fn params(params: &Params, body: &mut Map<String, Value>, dropped: &mut Vec<String>) {
    let logprobs = params.logprobs.map(|on| ("logprobs".to_owned(), Value::from(on)));
    let top = params.top_logprobs.map(|top| ("top_logprobs".to_owned(), Value::from(top)));
    body.extend(logprobs.into_iter().chain(top));
    if params.n.is_some_and(|n| n > 1) {
        dropped.push("n".to_owned());
    }
    if params.logit_bias.is_some() {
        dropped.push("logit_bias".to_owned());
    }
}

/// `options`: sampling and limits.
fn options(params: &Params) -> Map<String, Value> {
    let mut options = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        options.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("num_predict", params.max_tokens.map(Value::from));
    put("temperature", params.temperature.map(Value::from));
    put("top_p", params.top_p.map(Value::from));
    put("top_k", params.top_k.map(Value::from));
    put("stop", (!params.stop.is_empty()).then(|| json!(params.stop)));
    put("seed", params.seed.map(Value::from));
    put("presence_penalty", params.presence_penalty.map(Value::from));
    put("frequency_penalty", params.frequency_penalty.map(Value::from));
    options
}

/// `think`: yes, no, or how hard.
fn think(reasoning: &Reasoning) -> Option<Value> {
    if reasoning.enabled == Some(false) {
        return Some(Value::from(false));
    }
    match reasoning.effort {
        Some(Effort::None) => Some(Value::from(false)),
        Some(Effort::Minimal | Effort::Low) => Some(Value::from("low")),
        Some(Effort::Medium) => Some(Value::from("medium")),
        Some(Effort::High | Effort::XHigh | Effort::Max) => Some(Value::from("high")),
        None => {
            (reasoning.enabled == Some(true) || reasoning.budget_tokens.is_some()).then(|| Value::from(true))
        }
    }
}
