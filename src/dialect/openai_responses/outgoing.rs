//! A request to a provider, onto the wire.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{include, items, parts, tools, work};
use crate::dialect::openai::{VERBOSITY, has_verbosity, is_shared};
use crate::dialect::openai_chat::caching;
use crate::dialect::openai_chat::fields::merge;
use crate::dialect::openai_chat::options::Carry;
use crate::dialect::openai_chat::outgoing::path;
use crate::dialect::openai_chat::reasoning::{effort_name, effort_of};
use crate::dialect::{Quirks, Target, Wire, served};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Message, Part, Request, ResponseFormat, Role, ToolResult};

/// Encodes `request` for `target`.
///
/// # Errors
/// `Internal` when the body cannot be written.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Wire> {
    let mut dropped = Vec::new();
    let mut carry = Carry { own: request.dialect == Dialect::OpenAiResponses, dropped: &mut dropped };
    let mut body = Map::new();
    body.insert("model".into(), target.model.into());
    let mut input = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        let instructions = at == 0 && message.role == Role::System && message.plain && !message.developer;
        if instructions && message.extra.is_empty() {
            if message.name.is_some() {
                carry.lose(format!("messages[{at}].name"));
            }
            body.insert("instructions".into(), message.joined_text().into());
        } else {
            put_message(message, &format!("messages[{at}]"), &mut input, &mut carry);
        }
    }
    // Calls of its own stand with the provider, under the ids that they have.
    for id in input.iter_mut().filter(|_| !carry.own).filter_map(|item| item.get_mut("call_id")) {
        *id = target.quirks.tool_ids.fit(id.as_str().unwrap_or_default()).into();
    }
    if !input.is_empty() {
        body.insert("input".into(), input.into());
    }
    tools::put(request, target.quirks, &mut body, &mut carry);
    put_params(request, &mut body, &mut carry);
    put_rest(request, &mut body, &mut carry);
    put_extra(request, target.quirks, &mut body, &mut carry);
    caching::put_key(&request.caching, target.quirks, &mut body);
    target.take_refused(&mut body).into_iter().for_each(|name| carry.lose(name));
    let body =
        serde_json::to_vec(&body).map_err(|at| Error::internal(format!("cannot write the body: {at}")))?;
    Ok(Wire { path: endpoint(target), body: body.into(), headers: Vec::new(), dropped })
}

/// The client's bytes as they are, unless the vendor refuses something that they hold.
pub(super) fn pass_through(raw: &Bytes, target: &Target<'_>) -> Option<Wire> {
    let holds = |name: &str| memchr::memmem::find(raw, format!("\"{name}\"").as_bytes()).is_some();
    // What ran elsewhere was told to this client by us: it ran in no container that is known here.
    let foreign = ["", " "]
        .iter()
        .any(|gap| memchr::memmem::find(raw, format!("\"container_id\":{gap}\"\"").as_bytes()).is_some());
    if foreign || target.refused().any(holds) {
        return None;
    }
    Some(Wire { path: endpoint(target), body: raw.clone(), headers: Vec::new(), dropped: Vec::new() })
}

/// Responses have no deployments in their path, on Azure either.
fn endpoint(target: &Target<'_>) -> String {
    let quirks = crate::dialect::Quirks { deployment_paths: false, ..target.quirks.clone() };
    path(&Target { quirks: &quirks, ..*target }, "responses")
}

/// A message as items: runs of content as messages, calls, results and thoughts on their own.
fn put_message(message: &Message, path: &str, input: &mut Vec<Value>, carry: &mut Carry<'_>) {
    let assistant = message.role == Role::Assistant;
    let role = match message.role {
        Role::System if message.developer => "developer",
        Role::System => "system",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    };
    if message.name.is_some() {
        carry.lose(format!("{path}.name"));
    }
    let mut content = Vec::new();
    let flush = |content: &mut Vec<Value>, input: &mut Vec<Value>, carry: &mut Carry<'_>| {
        if !content.is_empty() {
            let mut item = json!({ "type": "message", "role": role, "content": std::mem::take(content) });
            carry.extra(&mut item, &message.extra, path);
            input.push(item);
        }
    };
    for part in &message.parts {
        let item = match part {
            Part::ToolCall(call) => {
                let mut item = items::call_value(call);
                carry.extra(&mut item, &call.extra, path);
                if call.signature.is_some() {
                    carry.lose(format!("{path}.tool_calls.signature"));
                }
                Some(item)
            }
            Part::ToolResult(result) => Some(result_item(result, message.plain, path, carry)),
            Part::Thinking(thought) if carry.own => Some(items::thought_value(thought, true, "rs_0")),
            Part::Opaque { dialect: Dialect::OpenAiResponses, value } if work::is_foreign(value) => {
                carry.lose(format!("{path}.content"));
                None
            }
            Part::Opaque { dialect: Dialect::OpenAiResponses, value } if assistant => Some((**value).clone()),
            part => {
                match parts::encode(part, assistant, path, carry) {
                    Some(value) => content.push(value),
                    None => carry.lose(format!("{path}.content")),
                }
                None
            }
        };
        if let Some(item) = item {
            flush(&mut content, input, carry);
            input.push(item);
        }
    }
    flush(&mut content, input, carry);
}

fn result_item(result: &ToolResult, plain: bool, path: &str, carry: &mut Carry<'_>) -> Value {
    let only_text = result.parts.iter().all(|part| matches!(part, Part::Text { .. }));
    let output = if plain || (!carry.own && only_text) {
        let texts = result.parts.iter().filter_map(Part::as_text);
        Value::from(texts.collect::<String>())
    } else {
        let encoded: Vec<Value> =
            result.parts.iter().filter_map(|part| parts::encode(part, false, path, carry)).collect();
        encoded.into()
    };
    if result.is_error {
        carry.lose(format!("{path}.is_error"));
    }
    let mut item = json!({ "call_id": result.call_id, "output": output });
    carry.extra(&mut item, &result.extra, path);
    merge(&mut item, &json!({ "type": "function_call_output" }));
    item
}

fn put_params(request: &Request, body: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    let params = &request.params;
    let carried = [
        ("max_output_tokens", params.max_tokens.map(Value::from)),
        ("temperature", params.temperature.map(Value::from)),
        ("top_p", params.top_p.map(Value::from)),
        ("top_logprobs", params.top_logprobs.map(Value::from)),
        ("parallel_tool_calls", request.parallel_tools.map(Value::from)),
        ("user", request.user.as_ref().map(|user| carry.user(user).into())),
        ("metadata", request.metadata.clone().map(Value::from)),
        ("stream", request.stream.then_some(true.into())),
    ];
    for (name, value) in carried {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    }
    let lost = [
        ("top_k", params.top_k.is_some()),
        ("stop", !params.stop.is_empty()),
        ("seed", params.seed.is_some()),
        ("presence_penalty", params.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("frequency_penalty", params.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("n", params.n.is_some_and(|n| n > 1)),
        ("logit_bias", params.logit_bias.is_some()),
    ];
    for (name, _) in lost.iter().filter(|(_, there)| *there) {
        carry.lose(*name);
    }
    if params.logprobs == Some(true) {
        include::add(body, include::LOGPROBS);
    }
}

fn put_rest(request: &Request, body: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    let format = match &request.format {
        None => None,
        Some(ResponseFormat::Text) => Some(json!({ "type": "text" })),
        Some(ResponseFormat::JsonObject) => Some(json!({ "type": "json_object" })),
        Some(ResponseFormat::JsonSchema { name, description, schema, strict }) => {
            let mut format = json!({ "type": "json_schema", "name": name, "schema": schema });
            if let Some(text) = description {
                merge(&mut format, &json!({ "description": text }));
            }
            if let Some(strict) = strict {
                merge(&mut format, &json!({ "strict": strict }));
            }
            Some(format)
        }
    };
    body.extend(format.map(|format| ("text".to_owned(), json!({ "format": format }))));
    if let Some(reasoning) = &request.reasoning {
        let mut value = json!({});
        if let Some(effort) = effort_of(reasoning) {
            merge(&mut value, &json!({ "effort": effort_name(effort) }));
        }
        if !carry.own && reasoning.include_thoughts == Some(true) {
            merge(&mut value, &json!({ "summary": "auto" }));
        }
        carry.extra(&mut value, &reasoning.extra, "reasoning");
        body.insert("reasoning".to_owned(), value);
        if !carry.own {
            // Sealed thoughts come back with the next turn, as nothing is stored.
            include::add(body, "reasoning.encrypted_content");
        }
    }
}

fn put_extra(request: &Request, quirks: &Quirks, body: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    let mut whole = json!({});
    for (name, value) in request.extra.iter() {
        match name.as_str() {
            "include" if carry.own => {
                let list = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                list.for_each(|what| include::add(body, what));
            }
            name if carry.own || is_shared(request, name, quirks) => {
                merge(&mut whole, &json!({ name: value }));
            }
            VERBOSITY if has_verbosity(request, quirks) => {
                merge(&mut whole, &json!({ "text": { VERBOSITY: value } }));
            }
            // A search that is asked for beside the tools stands among them.
            name if served::asks_search(request, name, quirks) => {}
            name if request.extra.is_lost(name) => carry.lose(name),
            _ => {}
        }
    }
    if !carry.own {
        // In other dialects providers keep nothing unless asked to.
        merge(&mut whole, &json!({ "store": false }));
    }
    let mut built = Value::Object(std::mem::take(body));
    merge(&mut built, &whole);
    if let Value::Object(fields) = built {
        *body = fields;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::ToolIds;
    use crate::ir::ToolCall;

    /// Ids of other dialects' calls are made to fit; those of its own stand with the provider.
    #[test]
    fn long_ids_of_calls_stay_pairs() {
        let id = "c".repeat(50);
        for (dialect, length) in [(Dialect::Anthropic, 40), (Dialect::OpenAiResponses, 50)] {
            let mut request = Request::new(dialect, "m");
            let call = ToolCall { id: id.clone(), name: "f".into(), ..ToolCall::default() };
            let (call_id, parts) = (id.clone(), vec![Part::text("1")]);
            let result = ToolResult {
                call_id,
                name: String::new(),
                parts,
                is_error: false,
                extra: Default::default(),
            };
            request.messages.push(Message::of(Role::Assistant, vec![Part::ToolCall(call)]).into());
            request.messages.push(Message::of(Role::User, vec![Part::ToolResult(result)]).into());
            let quirks = Quirks { tool_ids: ToolIds::AtMost(40), ..Quirks::default() };
            let wire = encode(&request, &Target { model: "m", max_output_tokens: None, quirks: &quirks });
            let body: Value = serde_json::from_slice(&wire.unwrap().body).unwrap();
            let ids = [0, 1].map(|at| body["input"][at]["call_id"].as_str().unwrap());
            assert_eq!((ids[0], ids[0].len()), (ids[1], length), "{body}");
        }
    }
}
