//! The parameters of a request by the names that scripts use: those of the
//! canonical form, and any other field of the client's dialect.

use serde_json::{Map, Value};

use crate::ir::Request;

/// The parameter `name`, where the client sent it.
#[must_use]
pub fn get(request: &Request, name: &str) -> Option<Value> {
    let params = &request.params;
    match name {
        "max_tokens" => params.max_tokens.map(Value::from),
        "temperature" => params.temperature.map(Value::from),
        "top_p" => params.top_p.map(Value::from),
        "top_k" => params.top_k.map(Value::from),
        "stop" => (!params.stop.is_empty()).then(|| params.stop.clone().into()),
        "seed" => params.seed.map(Value::from),
        "presence_penalty" => params.presence_penalty.map(Value::from),
        "frequency_penalty" => params.frequency_penalty.map(Value::from),
        "n" => params.n.map(Value::from),
        "logprobs" => params.logprobs.map(Value::from),
        "top_logprobs" => params.top_logprobs.map(Value::from),
        "logit_bias" => params.logit_bias.clone().map(Value::Object),
        "parallel_tools" => request.parallel_tools.map(Value::from),
        other => request.extra.get(other).cloned(),
    }
}

/// Sets the parameter `name`, or takes it out.
///
/// # Errors
/// The value has the wrong type, or the field has words of its own.
pub fn set(request: &mut Request, name: &str, value: Option<Value>) -> Result<(), String> {
    let params = &mut request.params;
    match name {
        "max_tokens" => params.max_tokens = read(name, value)?,
        "temperature" => params.temperature = read(name, value)?,
        "top_p" => params.top_p = read(name, value)?,
        "top_k" => params.top_k = read(name, value)?,
        "stop" => params.stop = read_list(name, value)?,
        "seed" => params.seed = read(name, value)?,
        "presence_penalty" => params.presence_penalty = read(name, value)?,
        "frequency_penalty" => params.frequency_penalty = read(name, value)?,
        "n" => params.n = read(name, value)?,
        "logprobs" => params.logprobs = read(name, value)?,
        "top_logprobs" => params.top_logprobs = read(name, value)?,
        "logit_bias" => params.logit_bias = read::<Map<String, Value>>(name, value)?,
        "parallel_tools" => request.parallel_tools = read(name, value)?,
        "model" | "messages" | "stream" | "tools" | "system" => {
            return Err(format!("`{name}` is no parameter: use `req.{name}`"));
        }
        other => match value {
            Some(value) => request.extra.insert(other, value),
            None => drop(request.extra.take(other)),
        },
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(name: &str, value: Option<Value>) -> Result<Option<T>, String> {
    let Some(value) = value else { return Ok(None) };
    // A script's `500.0` is as good as its `500` where a whole number is wanted.
    let whole =
        value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15).map(|n| n as i64);
    let first = serde_json::from_value(value.clone());
    let second = || whole.ok_or(()).and_then(|whole| serde_json::from_value(whole.into()).map_err(drop));
    first
        .or_else(|_| second())
        .map(Some)
        .map_err(|()| format!("`{value}` will not do for the parameter `{name}`"))
}

fn read_list(name: &str, value: Option<Value>) -> Result<Vec<String>, String> {
    match value {
        Some(Value::String(one)) => Ok(vec![one]),
        other => Ok(read(name, other)?.unwrap_or_default()),
    }
}
