//! Whole answers: Converse's, and Anthropic's that come by `invoke`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::finish::{finish, usage};
use super::{citation, invoke};
use crate::dialect::Outbound as _;
use crate::dialect::anthropic;
use crate::dialect::fields::{Fields, Path};
use crate::dialect::openai_chat::CHAT;
use crate::error::{Error, Result};
use crate::ir::{
    Choice, Dialect, Extra, Media, MediaSource, Message, Part, Response, Role, Thinking, ToolCall, cited,
};

/// Decodes an answer of status 2xx.
pub(super) fn decode(body: &[u8]) -> Result<Response> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    if value.get("output").is_none() {
        // Some models answer in OpenAI's form.
        if value.pointer("/choices/0/message").is_some() {
            return CHAT.decode_response(body);
        }
        if let Some(said) = invoke::read(&value).filter(|_| value.get("content").is_none()) {
            return Ok(plain(said));
        }
        if value.get("type").is_some() {
            return anthropic::decode_response(value);
        }
    }
    read(value).map_err(|at| Error::bad_answer(format!("the provider's answer is not Converse's: {at}")))
}

/// An answer of plain text.
fn plain(said: invoke::Said) -> Response {
    let mut response = Response::new(Dialect::Bedrock, "", "");
    response.usage = said.usage;
    response.choices.push(Choice {
        index: 0,
        message: Message::text(Role::Assistant, said.text),
        finish: said.finish,
        logprobs: None,
        extra: Extra::NONE,
    });
    response
}

fn read(value: Value) -> Result<Response> {
    let mut fields = Fields::of(value, Path::Root)?;
    let at = Path::Root.field("output");
    let output = fields.take("output").ok_or_else(|| at.must_be("given"))?;
    let mut output = Fields::of(output, at)?;
    let at = at.field("message");
    let mut message = Fields::of(output.take("message").unwrap_or_default(), at)?;
    let mut parts = Vec::new();
    for (index, block) in message.list("content")?.unwrap_or_default().into_iter().enumerate() {
        let content = at.field("content");
        parts.extend(part(block, content.index(index))?);
    }
    let mut response = Response::new(Dialect::Bedrock, "", "");
    let finish = fields.string("stopReason")?.map(|reason| finish(&reason));
    response.usage = fields.take("usage").map(|usage| self::usage(&usage));
    response.choices.push(Choice {
        index: 0,
        message: Message {
            citations: cited(&parts, citation::decode),
            ..Message::of(Role::Assistant, parts)
        },
        finish,
        logprobs: None,
        extra: Extra::NONE,
    });
    response.extra = fields.rest();
    Ok(response)
}

/// The parts of one content block. A union: one member says what it is.
fn part(block: Value, at: Path<'_>) -> Result<Vec<Part>> {
    let is_server_tool = block.get("toolUse").is_some_and(|call| is_server_tool(call.get("type")));
    let mut fields = Fields::of(block, at)?;
    if let Some(text) = fields.string("text")? {
        return Ok(vec![Part::text(text)]);
    }
    if is_server_tool {
        return Ok(vec![Part::Opaque { dialect: Dialect::Bedrock, value: Arc::new(fields.into_value()) }]);
    }
    if let Some(call) = fields.object("toolUse")? {
        return Ok(vec![Part::ToolCall(tool_use(call))]);
    }
    if let Some(reasoning) = fields.object("reasoningContent")? {
        return Ok(vec![Part::Thinking(reasoning_content(reasoning))]);
    }
    if let Some(cited) = fields.object("citationsContent")? {
        return Ok(cited_text(cited));
    }
    if let Some(image) = fields.object("image")? {
        return Ok(vec![picture(image)]);
    }
    Ok(vec![Part::Opaque { dialect: Dialect::Bedrock, value: Arc::new(fields.into_value()) }])
}

/// Whether a `toolUse` of this `type` runs at the provider. Some models say
/// `tool_use` of what the client is to run, where others say nothing.
/// Source: Amazon Bedrock API reference, ToolUseBlock, checked 2026-11-21.
pub(super) fn is_server_tool(kind: Option<&Value>) -> bool {
    kind.and_then(Value::as_str).is_some_and(|kind| kind != "tool_use")
}

fn tool_use(mut fields: Map<String, Value>) -> ToolCall {
    fields.shift_remove("type");
    let input = fields.shift_remove("input").filter(|input| !input.is_null());
    ToolCall {
        id: text(&mut fields, "toolUseId"),
        name: text(&mut fields, "name"),
        arguments: input.map_or_else(|| "{}".to_owned(), |input| input.to_string()),
        extra: Extra::of(fields),
        ..ToolCall::default()
    }
}

fn reasoning_content(mut fields: Map<String, Value>) -> Thinking {
    if let Some(Value::Object(mut said)) = fields.shift_remove("reasoningText") {
        let signature = Some(text(&mut said, "signature")).filter(|seal| !seal.is_empty());
        return Thinking { text: text(&mut said, "text"), signature, ..Thinking::default() };
    }
    let signature = Some(text(&mut fields, "redactedContent"));
    Thinking { signature, redacted: true, ..Thinking::default() }
}

/// A picture that the model made; the block itself where it brings no bytes, but an error.
pub(super) fn picture(mut fields: Map<String, Value>) -> Part {
    let data = fields.get("source").and_then(|source| source.get("bytes")).and_then(Value::as_str);
    let Some(source) = data.map(|data| MediaSource::Base64(data.into())) else {
        let value = Value::Object(Map::from_iter([("image".to_owned(), Value::Object(fields))]));
        return Part::Opaque { dialect: Dialect::Bedrock, value: Arc::new(value) };
    };
    let format = text(&mut fields, "format");
    Part::Image(Media::of(source, Some(format!("image/{format}"))))
}

/// Text that comes with its sources, which stay beside it.
fn cited_text(mut fields: Map<String, Value>) -> Vec<Part> {
    let pieces = match fields.shift_remove("content") {
        Some(Value::Array(pieces)) => pieces,
        _ => Vec::new(),
    };
    let text = pieces.iter().filter_map(|piece| piece.get("text").and_then(Value::as_str)).collect();
    vec![Part::Text { text, extra: Extra::of(fields) }]
}

fn text(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.shift_remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}
