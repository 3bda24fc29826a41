//! From what a script hands to `ask` to plans and requests.

use std::sync::Arc;
use std::time::Duration;

use rhai::{Array, Dynamic, ImmutableString, Map};
use serde_json::Value;

use crate::ir::{Message, Request, ResponseFormat, Role};
use crate::plan::Plan;
use crate::policy::script::turn::{Reply, Req, charge, raise, read};
use crate::policy::script::verdict;
use crate::policy::script::vocabulary::word::{kind_of, to_json};

/// The plan that `target` is: a model, a name, a plan, or a list of these to fall back along.
pub(super) fn leg(target: &Dynamic) -> Reply<Plan> {
    match verdict::plan(target.clone()) {
        Some(plan) if plan.steps.is_empty() => Err(raise("there is no model to ask: the list is empty")),
        Some(plan) => Ok(plan),
        None => Err(raise(format!("a model, a name or a plan can be asked, not {}", kind_of(target)))),
    }
}

/// The legs that `targets` lists.
pub(super) fn legs(targets: &Dynamic) -> Reply<Vec<Plan>> {
    let plans = match targets.read_lock::<Array>() {
        Some(list) => list.iter().map(leg).collect::<Reply<Vec<_>>>()?,
        // A list of models: one leg each.
        None => leg(targets)?
            .steps
            .into_iter()
            .map(|step| Plan { steps: vec![step], ..Plan::default() })
            .collect(),
    };
    if plans.is_empty() {
        return Err(raise("there is no model to ask: the list is empty"));
    }
    Ok(plans)
}

/// The requests of `legs` legs: one for all, or an array with one each.
pub(super) fn requests(given: &Dynamic, legs: usize) -> Reply<Vec<Arc<Request>>> {
    let Some(list) = given.read_lock::<Array>() else { return Ok(vec![request(given)?]) };
    if list.len() != legs {
        return Err(raise(format!(
            "{} requests for {legs} models: give one for all, or one each",
            list.len()
        )));
    }
    list.iter().map(request).collect()
}

/// The request that `given` stands for: `req`, a text as the only message, or
/// `#{ system, prompt, messages, max_tokens, temperature, json_schema }`.
fn request(given: &Dynamic) -> Reply<Arc<Request>> {
    let base = || read(|scene| scene.request.decoded().cloned())?.map_err(|error| raise(error.message));
    let request = if given.is::<Req>() {
        let mut request = base()?;
        if request.stream {
            Arc::make_mut(&mut request).stream = false;
        }
        return Ok(request);
    } else if let Some(text) = given.read_lock::<ImmutableString>() {
        let mut request = blank()?;
        charge(text.len())?;
        request.messages.push(Arc::new(Message::text(Role::User, text.as_str())));
        request
    } else if let Some(fields) = given.read_lock::<Map>() {
        drafted(&fields)?
    } else {
        return Err(raise(format!("what is asked must be `req`, a text or a map, not {}", kind_of(given))));
    };
    Ok(Arc::new(request))
}

fn blank() -> Reply<Request> {
    read(|scene| Request::new(scene.request.inbound().dialect(), scene.request.model()))
}

fn drafted(fields: &Map) -> Reply<Request> {
    let mut request = blank()?;
    if let Some(system) = fields.get("system") {
        request.messages.push(Arc::new(Message::text(Role::System, system.to_string())));
    }
    for (name, value) in fields {
        match name.as_str() {
            "system" | "prompt" => {}
            "messages" => request.messages.extend(messages(value)?),
            "max_tokens" => {
                request.params.max_tokens = value.as_int().ok().and_then(|most| u64::try_from(most).ok());
            }
            "temperature" => {
                request.params.temperature =
                    value.as_float().ok().or_else(|| value.as_int().ok().map(|n| n as f64));
            }
            "json_schema" => {
                let schema = to_json(value)?;
                let name = "answer".to_owned();
                request.format =
                    Some(ResponseFormat::JsonSchema { name, description: None, schema, strict: None });
            }
            other => {
                return Err(raise(format!(
                    "a request has no `{other}`: use system, prompt, messages, max_tokens, temperature or json_schema"
                )));
            }
        }
    }
    charge(request.messages.iter().map(|message| message.joined_text().len()).sum())?;
    if let Some(prompt) = fields.get("prompt") {
        charge(prompt.as_immutable_string_ref().map_or(0, |text| text.len()))?;
        request.messages.push(Arc::new(Message::text(Role::User, prompt.to_string())));
    }
    Ok(request)
}

fn messages(list: &Dynamic) -> Reply<Vec<Arc<Message>>> {
    let list = to_json(list)?;
    let message = |one: &Value| {
        let role = match one.get("role").and_then(Value::as_str)? {
            "system" | "developer" => Role::System,
            "assistant" => Role::Assistant,
            "user" => Role::User,
            _ => return None,
        };
        let text = one.get("content").or_else(|| one.get("text")).and_then(Value::as_str)?;
        Some(Arc::new(Message::text(role, text)))
    };
    let all: Option<Vec<_>> = list.as_array().and_then(|list| list.iter().map(message).collect());
    all.ok_or_else(|| raise("`messages` must be a list of `#{ role: \"user\", content: \"...\" }`"))
}

/// The options of `ask_all` and `race`.
pub(super) struct Options {
    pub(super) deadline: Duration,
    pub(super) quorum: Option<usize>,
}

/// Reads `#{ deadline_ms, quorum }`.
pub(super) fn options(given: &Map) -> Reply<Options> {
    let mut options = Options { deadline: Duration::from_secs(60), quorum: None };
    for (name, value) in given {
        let number = value.as_int().ok().or_else(|| value.as_float().ok().map(|n| n as i64));
        let number = number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0);
        let number = number.ok_or_else(|| raise(format!("`{name}` must be a number above 0")))?;
        match name.as_str() {
            "deadline_ms" => options.deadline = Duration::from_millis(number),
            "quorum" => options.quorum = usize::try_from(number).ok(),
            other => return Err(raise(format!("there is no option `{other}`: use deadline_ms or quorum"))),
        }
    }
    Ok(options)
}
