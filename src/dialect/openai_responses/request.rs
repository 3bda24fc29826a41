//! A client's request, from the wire.

use std::sync::Arc;

use serde_json::Value;

use super::{include, items, parts};
use crate::dialect::openai::tell_defaults;
use crate::dialect::openai_chat::fields::{Fields, missing, wrong};
use crate::dialect::openai_chat::reasoning::effort_named;
use crate::error::{Error, Result};
use crate::ir::{
    Dialect, Message, Params, Part, Reasoning, Request, ResponseFormat, Role, StreamOptions, Tool,
    ToolChoice, ToolResult,
};

/// Decodes a request body.
///
/// # Errors
/// `InvalidRequest` with the field at fault.
pub(super) fn decode(body: &[u8]) -> Result<Request> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))?;
    let mut fields = Fields::checked(value, "")?;
    let mut request =
        Request::new(Dialect::OpenAiResponses, fields.demand_text("model")?.unwrap_or_default());
    if let Some(text) = fields.demand_text("instructions")? {
        request.messages.push(Arc::new(Message::text(Role::System, text)));
    }
    match fields.take("input") {
        Some(Value::String(text)) => request.messages.push(Arc::new(Message::text(Role::User, text))),
        Some(Value::Array(list)) => request.messages.extend(decode_items(list)?.into_iter().map(Arc::new)),
        // A stored prompt or an earlier response may stand in for it.
        None if ["prompt", "previous_response_id", "conversation"]
            .iter()
            .any(|name| fields.get(name).is_some()) => {}
        None => return Err(missing("input")),
        Some(_) => return Err(wrong("input", "a string or a list of items")),
    }
    for tool in fields.demand_list("tools")?.unwrap_or_default() {
        request.tools.push(decode_tool(tool));
    }
    request.tool_choice = fields.take("tool_choice").map(decode_choice);
    request.parallel_tools = fields.demand_flag("parallel_tool_calls")?;
    request.format = decode_format(&mut fields)?;
    request.params = Params {
        max_tokens: fields.demand_count("max_output_tokens")?,
        temperature: fields.demand_number("temperature")?,
        top_p: fields.demand_number("top_p")?,
        top_logprobs: fields.demand_count("top_logprobs")?.and_then(|count| u32::try_from(count).ok()),
        ..Params::default()
    };
    if let Some(mut inner) = fields.demand_object("reasoning")? {
        let effort = inner.lenient("effort", |value| value.as_str().and_then(effort_named));
        let include_thoughts = inner.get("summary").is_some().then_some(true);
        let mut extra = inner.rest();
        // Whether thoughts are told is told by the flag.
        extra.tell("summary");
        request.reasoning = Some(Reasoning { effort, include_thoughts, extra, ..Reasoning::default() });
    }
    request.stream = fields.demand_flag("stream")?.unwrap_or(false);
    request.stream_options = StreamOptions { include_usage: true };
    request.user = fields.demand_text("user")?;
    request.metadata = fields.demand_object("metadata")?.map(Fields::into_map).filter(|map| !map.is_empty());
    if include::take_logprobs(&mut fields) {
        request.params.logprobs = Some(true);
    }
    request.extra = fields.rest();
    tell_defaults(&mut request.extra);
    include::tell(&mut request.extra);
    Ok(request)
}

/// Items to messages: consecutive items of the assistant make one turn.
fn decode_items(list: Vec<Value>) -> Result<Vec<Message>> {
    let mut messages: Vec<Message> = Vec::new();
    for (at, item) in list.into_iter().enumerate() {
        let path = format!("input[{at}]");
        let role = item.get("role").and_then(Value::as_str).unwrap_or_default();
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("message");
        match (kind, role) {
            ("message", "user" | "system" | "developer") => messages.push(spoken(item, &path)?),
            ("message", "assistant") => add_to_turn(&item, &mut messages),
            ("message", _) => {
                return Err(wrong(&format!("{path}.role"), "user, assistant, system or developer"));
            }
            ("function_call_output" | "custom_tool_call_output", _) => {
                messages.push(tool_output(item, &path)?);
            }
            _ if item.is_object() => add_to_turn(&item, &mut messages),
            _ => return Err(wrong(&path, "an object")),
        }
    }
    Ok(messages)
}

fn add_to_turn(item: &Value, messages: &mut Vec<Message>) {
    if let Some(turn) = messages.last_mut().filter(|turn| turn.role == Role::Assistant)
        && items::add(item, turn)
    {
        return;
    }
    let mut turn = Message::of(Role::Assistant, Vec::new());
    items::add(item, &mut turn);
    messages.push(turn);
}

/// What the user or the application says. `plain` stays false: it marks `instructions`.
fn spoken(item: Value, path: &str) -> Result<Message> {
    let mut fields = Fields::checked(item, path)?;
    fields.take("type");
    let role = fields.demand_text("role")?.unwrap_or_default();
    let mut message = Message::of(if role == "user" { Role::User } else { Role::System }, Vec::new());
    message.developer = role == "developer";
    message.parts = contents(fields.take("content"), &fields.path("content"))?;
    message.extra = items::named(fields.rest());
    Ok(message)
}

fn contents(content: Option<Value>, path: &str) -> Result<Vec<Part>> {
    match content {
        Some(Value::String(text)) => Ok(vec![Part::text(text)]),
        Some(Value::Array(list)) => Ok(list.into_iter().map(parts::decode).collect()),
        None => Ok(Vec::new()),
        Some(_) => Err(wrong(path, "a string or a list of parts")),
    }
}

fn tool_output(item: Value, path: &str) -> Result<Message> {
    let mut fields = Fields::checked(item, path)?;
    let kind = fields.demand_text("type")?.unwrap_or_default();
    let call_id = fields.demand_text("call_id")?.ok_or_else(|| missing(&fields.path("call_id")))?;
    let output = fields.take("output");
    let plain = matches!(output, Some(Value::String(_)));
    let parts = contents(output, &fields.path("output"))?;
    let mut extra = items::named(fields.rest());
    if kind != "function_call_output" {
        extra.insert("type", kind.into());
        extra.tell("type");
    }
    let result = ToolResult { call_id, name: String::new(), parts, is_error: false, extra };
    let mut message = Message::of(Role::Tool, vec![Part::ToolResult(result)]);
    message.plain = plain;
    Ok(message)
}

fn decode_tool(value: Value) -> Tool {
    if value.get("type").is_none_or(|kind| kind != "function") {
        return Tool::Opaque { dialect: Dialect::OpenAiResponses, value: Arc::new(value) };
    }
    let mut fields = Fields::of(value);
    fields.take("type");
    Tool::Function {
        name: fields.text("name").unwrap_or_default(),
        description: fields.text("description"),
        parameters: fields.take("parameters"),
        strict: fields.lenient("strict", Value::as_bool),
        extra: fields.rest(),
    }
}

fn decode_choice(value: Value) -> ToolChoice {
    match value.as_str() {
        Some("auto") => return ToolChoice::Auto,
        Some("none") => return ToolChoice::None,
        Some("required") => return ToolChoice::Required,
        _ => {}
    }
    let name = |value: &Value| {
        let function = value.get("type").is_some_and(|kind| kind == "function");
        value.get("name").and_then(Value::as_str).filter(|_| function).map(str::to_owned)
    };
    let allowed = || {
        let tools =
            value.get("tools").filter(|_| value.get("type").is_some_and(|kind| kind == "allowed_tools"))?;
        let names: Option<Vec<String>> = tools.as_array()?.iter().map(name).collect();
        Some(ToolChoice::Allowed(names?, value.get("mode").is_some_and(|mode| mode == "required")))
    };
    name(&value).map(ToolChoice::Named).or_else(allowed).unwrap_or(ToolChoice::Opaque(value))
}

/// Takes `text.format`; what else `text` holds stays.
fn decode_format(fields: &mut Fields) -> Result<Option<ResponseFormat>> {
    let Some(mut text) = fields.demand_object("text")? else { return Ok(None) };
    let mut found = None;
    if let Some(raw) = text.take("format") {
        let mut format = Fields::of(raw.clone());
        found = match format.text("type").as_deref() {
            Some("text") => Some(ResponseFormat::Text),
            Some("json_object") => Some(ResponseFormat::JsonObject),
            Some("json_schema") => format.take("schema").map(|schema| ResponseFormat::JsonSchema {
                name: format.text("name").unwrap_or_else(|| "response".to_owned()),
                description: format.text("description"),
                schema,
                strict: format.lenient("strict", Value::as_bool),
            }),
            _ => None,
        };
        if found.is_none() {
            text.put("format", raw);
        }
    }
    if !text.is_empty() {
        fields.put("text", Value::Object(text.into_map()));
    }
    Ok(found)
}
