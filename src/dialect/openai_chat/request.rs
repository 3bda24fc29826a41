//! A client's request, from the wire.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{Fields, missing};
use super::{message, options, reasoning};
use crate::dialect::openai::tell_defaults;
use crate::error::{Error, Result};
use crate::ir::{Dialect, Request, StreamOptions, Tool};

/// Decodes a request body.
///
/// # Errors
/// `InvalidRequest` with the field at fault.
pub(super) fn decode(body: &[u8]) -> Result<Request> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))?;
    let mut fields = Fields::checked(value, "")?;
    let mut request = Request::new(Dialect::OpenAiChat, fields.demand_text("model")?.unwrap_or_default());
    let messages = fields.demand_list("messages")?.ok_or_else(|| missing("messages"))?;
    for (at, value) in messages.into_iter().enumerate() {
        request.messages.push(Arc::new(message::decode(value, &format!("messages[{at}]"))?));
    }
    request.tools = decode_tools(&mut fields)?;
    request.tool_choice = fields.take("tool_choice").map(options::decode_choice);
    request.parallel_tools = fields.demand_flag("parallel_tool_calls")?;
    request.format = options::decode_format(&mut fields)?;
    request.params = options::decode_params(&mut fields)?;
    request.reasoning = reasoning::decode_reasoning(&mut fields);
    request.stream = fields.demand_flag("stream")?.unwrap_or(false);
    if let Some(mut inner) = fields.demand_object("stream_options")? {
        let include_usage = inner.demand_flag("include_usage")?.unwrap_or(false);
        request.stream_options = StreamOptions { include_usage };
        if !inner.is_empty() {
            fields.put("stream_options", Value::Object(inner.into_map()));
        }
    }
    request.user = fields.demand_text("user")?;
    request.metadata = fields.demand_object("metadata")?.map(Fields::into_map).filter(|map| !map.is_empty());
    request.extra = fields.rest();
    tell_defaults(&mut request.extra);
    Ok(request)
}

fn decode_tools(fields: &mut Fields) -> Result<Vec<Tool>> {
    let tools = fields.demand_list("tools")?.unwrap_or_default().into_iter().enumerate();
    tools.map(|(at, tool)| options::decode_tool(tool, &format!("tools[{at}]"))).collect()
}
