//! A client's `POST /v1/messages` body into canonical form.

use std::sync::Arc;

use serde_json::Value;

use super::super::block;
use crate::dialect::PathFacts;
use crate::dialect::fields::{Fields, Path};
use crate::error::{Error, Result};
use crate::ir::{
    Dialect, Effort, Message, Params, Part, Reasoning, Request, ResponseFormat, Role, StreamOptions, Tool,
    ToolChoice,
};

/// Decodes `body`; what the URL says wins over the body.
pub(in crate::dialect) fn decode(body: &[u8], path: PathFacts<'_>) -> Result<Request> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))?;
    let root = Path::Root;
    let mut fields = Fields::of(value, root)?;
    let model = fields.string("model")?;
    let mut request = Request::new(
        Dialect::Anthropic,
        path.model.map_or(model, |m| Some(m.to_owned())).unwrap_or_default(),
    );
    request.messages = messages(&mut fields)?;
    request.tools = tools(&mut fields)?;
    (request.tool_choice, request.parallel_tools) = tool_choice(&mut fields)?;
    request.params = params(&mut fields)?;
    (request.reasoning, request.format) = output(&mut fields)?;
    request.stream = fields.bool("stream")?.unwrap_or(path.stream);
    request.stream_options = StreamOptions { include_usage: true };
    if let Some(mut metadata) = fields.object("metadata")? {
        request.user = metadata.shift_remove("user_id").and_then(|id| id.as_str().map(str::to_owned));
        request.metadata = if metadata.is_empty() { None } else { Some(metadata) };
    }
    request.extra = fields.rest();
    Ok(request)
}

/// The conversation: `system` first, then `messages`.
fn messages(fields: &mut Fields<'_>) -> Result<Vec<Arc<Message>>> {
    let mut messages = Vec::new();
    if let Some(system) = fields.take("system") {
        let (parts, plain) = block::content(Some(system), Path::Root.field("system"))?;
        messages.push(Arc::new(Message { plain, ..Message::of(Role::System, parts) }));
    }
    let at = Path::Root.field("messages");
    let list = fields.list("messages")?.ok_or_else(|| at.must_be("given"))?;
    for (index, value) in list.into_iter().enumerate() {
        turn(value, at.index(index), &mut messages)?;
    }
    Ok(messages)
}

/// One turn. Each tool result in a user's turn becomes a message of its own, in order.
fn turn(value: Value, at: Path<'_>, messages: &mut Vec<Arc<Message>>) -> Result<()> {
    let mut fields = Fields::of(value, at)?;
    let role = match fields.need_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(at.field("role").must_be("`user`, `assistant` or `system`")),
    };
    let (parts, plain) = block::content(fields.take("content"), at.field("content"))?;
    let extra = fields.rest();
    if role != Role::User || !parts.iter().any(is_result) {
        messages.push(Arc::new(Message { plain, extra, ..Message::of(role, parts) }));
        return Ok(());
    }
    let mut said = Vec::new();
    for part in parts {
        if !is_result(&part) {
            said.push(part);
            continue;
        }
        if !said.is_empty() {
            messages.push(Arc::new(Message::of(Role::User, std::mem::take(&mut said))));
        }
        messages.push(Arc::new(Message::of(Role::Tool, vec![part])));
    }
    if !said.is_empty() {
        messages.push(Arc::new(Message { extra, ..Message::of(Role::User, said) }));
    }
    Ok(())
}

fn is_result(part: &Part) -> bool {
    matches!(part, Part::ToolResult(_))
}

/// The client's own tools; those of the vendor's servers stay as they are.
fn tools(fields: &mut Fields<'_>) -> Result<Vec<Tool>> {
    let at = Path::Root.field("tools");
    let list = fields.list("tools")?.unwrap_or_default();
    list.into_iter().enumerate().map(|(index, value)| tool(value, at.index(index))).collect()
}

fn tool(value: Value, at: Path<'_>) -> Result<Tool> {
    let mut fields = Fields::of(value, at)?;
    if fields.peek_str("type").is_some_and(|kind| kind != "custom") {
        return Ok(Tool::Opaque { dialect: Dialect::Anthropic, value: Arc::new(fields.into_value()) });
    }
    Ok(Tool::Function {
        name: fields.need_string("name")?,
        description: fields.string("description")?,
        parameters: fields.take("input_schema"),
        strict: fields.bool("strict")?,
        extra: fields.rest(),
    })
}

/// Which tool, and whether several at once.
fn tool_choice(fields: &mut Fields<'_>) -> Result<(Option<ToolChoice>, Option<bool>)> {
    let at = Path::Root.field("tool_choice");
    let Some(value) = fields.take("tool_choice") else { return Ok((None, None)) };
    let mut choice = Fields::of(value.clone(), at)?;
    let read = match choice.need_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.need_string("name")?),
        _ => ToolChoice::Opaque(value),
    };
    let parallel = choice.bool("disable_parallel_tool_use")?.map(|disabled| !disabled);
    Ok((Some(read), parallel))
}

fn params(fields: &mut Fields<'_>) -> Result<Params> {
    let stop_at = Path::Root.field("stop_sequences");
    let stop = fields.list("stop_sequences")?.unwrap_or_default().into_iter().map(|value| match value {
        Value::String(text) => Ok(text),
        _ => Err(stop_at.must_be("a list of strings")),
    });
    Ok(Params {
        stop: stop.collect::<Result<_>>()?,
        max_tokens: fields.u64("max_tokens")?,
        temperature: fields.f64("temperature")?,
        top_p: fields.f64("top_p")?,
        top_k: fields.u64("top_k")?,
        ..Params::default()
    })
}

/// `thinking` and `output_config`; what is left of the latter stays with the request.
fn output(fields: &mut Fields<'_>) -> Result<(Option<Reasoning>, Option<ResponseFormat>)> {
    let mut reasoning = fields.take("thinking").map(thinking).transpose()?;
    // `output_format` is the name under which structured output was first offered.
    let mut format = fields.take("output_format");
    if let Some(value) = fields.take("output_config") {
        let mut config = Fields::of(value, Path::Root.field("output_config"))?;
        if let Some(effort) = config.string("effort")? {
            match named_effort(&effort) {
                Some(effort) => reasoning.get_or_insert_default().effort = Some(effort),
                None => config.put("effort", effort.into()),
            }
        }
        format = config.take("format").or(format);
        let rest = config.into_value();
        if rest.as_object().is_some_and(|rest| !rest.is_empty()) {
            fields.put("output_config", rest);
        }
    }
    Ok((reasoning, format.map(response_format).transpose()?))
}

/// `thinking: {type, budget_tokens, display}`.
fn thinking(value: Value) -> Result<Reasoning> {
    let at = Path::Root.field("thinking");
    let mut fields = Fields::of(value, at)?;
    let enabled = match fields.need_string("type")?.as_str() {
        "enabled" | "adaptive" => true,
        "disabled" => false,
        _ => return Err(at.field("type").must_be("`enabled`, `adaptive` or `disabled`")),
    };
    let budget_tokens = fields.u64("budget_tokens")?;
    let include_thoughts = match fields.peek_str("display") {
        Some("omitted") => Some(false),
        Some("summarized") => Some(true),
        _ => None,
    };
    if include_thoughts.is_some() {
        fields.take("display");
    }
    Ok(Reasoning {
        enabled: Some(enabled),
        effort: None,
        budget_tokens,
        include_thoughts,
        extra: fields.rest(),
    })
}

fn named_effort(name: &str) -> Option<Effort> {
    Some(match name {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// `{type: json_schema, schema}`.
fn response_format(value: Value) -> Result<ResponseFormat> {
    let at = Path::Root.field("output_config");
    let at = at.field("format");
    let mut fields = Fields::of(value, at)?;
    if fields.need_string("type")? != "json_schema" {
        return Err(at.field("type").must_be("`json_schema`"));
    }
    let schema = fields.take("schema").ok_or_else(|| at.field("schema").must_be("given"))?;
    Ok(ResponseFormat::JsonSchema { name: "response".to_owned(), description: None, schema, strict: None })
}
