//! Requests, from the wire and onto it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::dialect::openai_chat::fields::{Fields, merge, missing};
use crate::dialect::openai_chat::options::{Carry, decode_stop};
use crate::dialect::openai_chat::outgoing::path;
use crate::dialect::{Target, Wire};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Message, Params, Part, Request, Role, StreamOptions};

/// Decodes a request body.
///
/// # Errors
/// `InvalidRequest` with the field at fault.
pub(super) fn decode(body: &[u8]) -> Result<Request> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))?;
    let mut fields = Fields::checked(value, "")?;
    let mut request =
        Request::new(Dialect::OpenAiCompletions, fields.demand_text("model")?.unwrap_or_default());
    let prompt = fields.take("prompt").ok_or_else(|| missing("prompt"))?;
    request.messages.push(Arc::new(prompted(prompt)));
    let small = |count: Option<u64>| count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    request.params = Params {
        max_tokens: fields.demand_count("max_tokens")?,
        temperature: fields.demand_number("temperature")?,
        top_p: fields.demand_number("top_p")?,
        stop: decode_stop(&mut fields)?,
        seed: fields.demand("seed", "a whole number", |value| value.as_i64())?,
        presence_penalty: fields.demand_number("presence_penalty")?,
        frequency_penalty: fields.demand_number("frequency_penalty")?,
        n: small(fields.demand_count("n")?),
        logit_bias: fields.demand_object("logit_bias")?.map(Fields::into_map),
        // One number says both that they are wanted and of how many tokens besides.
        top_logprobs: small(fields.demand_count("logprobs")?),
        ..Params::default()
    };
    request.params.logprobs = request.params.top_logprobs.map(|_| true);
    request.stream = fields.demand_flag("stream")?.unwrap_or(false);
    if let Some(mut inner) = fields.demand_object("stream_options")? {
        request.stream_options =
            StreamOptions { include_usage: inner.demand_flag("include_usage")?.unwrap_or(false) };
        if !inner.is_empty() {
            fields.put("stream_options", Value::Object(inner.into_map()));
        }
    }
    request.user = fields.demand_text("user")?;
    request.extra = fields.rest();
    Ok(request)
}

/// The prompt as a message of the user.
fn prompted(prompt: Value) -> Message {
    match prompt {
        Value::String(text) => Message::text(Role::User, text),
        Value::Array(list) if list.len() == 1 && list.iter().all(Value::is_string) => {
            let text = list.first().and_then(Value::as_str).unwrap_or_default();
            Message::of(Role::User, vec![Part::text(text)])
        }
        other => Message::of(
            Role::User,
            vec![Part::Opaque { dialect: Dialect::OpenAiCompletions, value: Arc::new(other) }],
        ),
    }
}

/// Encodes `request` for `target`.
///
/// # Errors
/// `Internal` when the body cannot be written.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Wire> {
    let mut dropped = Vec::new();
    let mut carry = Carry { own: request.dialect == Dialect::OpenAiCompletions, dropped: &mut dropped };
    let mut body = json!({ "model": target.model, "prompt": prompt(request, &mut carry) });
    let params = &request.params;
    let weighed = (params.logprobs == Some(true)).then(|| params.top_logprobs.unwrap_or(0));
    let carried = [
        ("max_tokens", params.max_tokens.map(Value::from)),
        ("temperature", params.temperature.map(Value::from)),
        ("top_p", params.top_p.map(Value::from)),
        ("stop", (!params.stop.is_empty()).then(|| params.stop.clone().into())),
        ("seed", params.seed.map(Value::from)),
        ("presence_penalty", params.presence_penalty.map(Value::from)),
        ("frequency_penalty", params.frequency_penalty.map(Value::from)),
        ("n", params.n.map(Value::from)),
        ("logit_bias", params.logit_bias.clone().map(Value::from)),
        ("logprobs", weighed.map(Value::from)),
        ("user", request.user.clone().map(Value::from)),
        ("stream", request.stream.then_some(true.into())),
    ];
    for (name, value) in carried {
        if let Some(value) = value {
            merge(&mut body, &json!({ name: value }));
        }
    }
    if request.stream && !target.quirks.no_stream_options {
        merge(&mut body, &json!({ "stream_options": { "include_usage": true } }));
    }
    note_lost(request, &mut carry);
    carry_extra(request, &mut body, &mut carry);
    let body =
        serde_json::to_vec(&body).map_err(|at| Error::internal(format!("cannot write the body: {at}")))?;
    Ok(Wire { path: path(target, "completions"), body: body.into(), headers: Vec::new(), dropped })
}

/// The client's bytes as they are, unless the vendor refuses something that they hold.
pub(super) fn pass_through(raw: &Bytes, target: &Target<'_>) -> Option<Wire> {
    let holds = |name: &str| memchr::memmem::find(raw, format!("\"{name}\"").as_bytes()).is_some();
    if target.quirks.no_stream_options && holds("stream_options") {
        return None;
    }
    Some(Wire {
        path: path(target, "completions"),
        body: raw.clone(),
        headers: Vec::new(),
        dropped: Vec::new(),
    })
}

/// The conversation as a prompt: one message of the user as it is, more as a transcript.
fn prompt(request: &Request, carry: &mut Carry<'_>) -> Value {
    if let [only] = request.messages.as_slice()
        && only.role == Role::User
    {
        return match only.parts.as_slice() {
            [Part::Opaque { dialect: Dialect::OpenAiCompletions, value }] => (**value).clone(),
            [Part::Text { text, .. }] if carry.own && !only.plain => json!([text]),
            _ => text_of(only, 0, carry).into(),
        };
    }
    let mut transcript = String::new();
    for (at, message) in request.messages.iter().enumerate() {
        let speaker = match message.role {
            Role::System => "",
            Role::User => "User: ",
            Role::Assistant => "Assistant: ",
            Role::Tool => "Tool: ",
        };
        transcript.push_str(speaker);
        transcript.push_str(&text_of(message, at, carry));
        transcript.push_str("\n\n");
    }
    transcript.push_str("Assistant:");
    transcript.into()
}

/// The text of a message; what is no text is noted as lost.
fn text_of(message: &Message, at: usize, carry: &mut Carry<'_>) -> String {
    if message.name.is_some() {
        carry.lose(format!("messages[{at}].name"));
    }
    let mut text = message.joined_text();
    let mut lost: Vec<String> = message.extra.losses().map(str::to_owned).collect();
    for part in &message.parts {
        match part {
            Part::Text { extra, .. } => lost.extend(extra.losses().map(str::to_owned)),
            Part::ToolResult(result) => {
                text.extend(result.parts.iter().filter_map(Part::as_text));
                lost.extend(result.extra.losses().map(str::to_owned));
                lost.extend(result.is_error.then(|| "is_error".to_owned()));
                let media = result.parts.iter().any(|part| part.as_text().is_none());
                lost.extend(media.then(|| "content".to_owned()));
            }
            _ => lost.push("content".to_owned()),
        }
    }
    lost.into_iter().for_each(|name| carry.lose(format!("messages[{at}].{name}")));
    text
}

fn note_lost(request: &Request, carry: &mut Carry<'_>) {
    let params = &request.params;
    let lost = [
        ("tools", !request.tools.is_empty()),
        ("tool_choice", request.tool_choice.is_some()),
        ("response_format", request.format.is_some()),
        ("reasoning", request.reasoning.is_some()),
        ("metadata", request.metadata.is_some()),
        ("top_k", request.params.top_k.is_some()),
        ("top_logprobs", params.logprobs != Some(true) && params.top_logprobs.is_some_and(|count| count > 0)),
        ("parallel_tool_calls", request.parallel_tools.is_some()),
    ];
    for (name, _) in lost.iter().filter(|(_, there)| *there) {
        carry.lose(*name);
    }
}

fn carry_extra(request: &Request, body: &mut Value, carry: &mut Carry<'_>) {
    for (name, value) in request.extra.iter() {
        if carry.own {
            merge(body, &Value::Object(Map::from_iter([(name.clone(), value.clone())])));
        } else if request.extra.is_lost(name) {
            carry.lose(name.clone());
        }
    }
}
