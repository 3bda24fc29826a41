//! Content blocks from the wire.

use std::sync::Arc;

use serde_json::Value;

use super::SEARCH_RESULT;
use crate::dialect::fields::{Fields, Path};
use crate::error::Result;
use crate::ir::{Dialect, Media, MediaSource, Part, Thinking, ToolCall, ToolResult};

/// `content` that is a string or a list of blocks: the parts, and whether it was a string.
pub(in crate::dialect) fn content(value: Option<Value>, at: Path<'_>) -> Result<(Vec<Part>, bool)> {
    match value {
        None => Ok((Vec::new(), false)),
        Some(Value::String(text)) => Ok((vec![Part::text(text)], true)),
        Some(Value::Array(blocks)) => {
            let parts = blocks.into_iter().enumerate().map(|(index, block)| part(block, at.index(index)));
            Ok((parts.collect::<Result<_>>()?, false))
        }
        Some(_) => Err(at.must_be("a string or a list of content blocks")),
    }
}

/// One block. Types that only this dialect knows stay as they are.
fn part(block: Value, at: Path<'_>) -> Result<Part> {
    let mut fields = Fields::of(block, at)?;
    let kind = fields.need_string("type")?;
    match kind.as_str() {
        "text" => Ok(Part::Text { text: fields.need_string("text")?, extra: fields.rest() }),
        "image" => media(fields, &kind).map(|read| read.map_or_else(opaque, Part::Image)),
        "document" => media(fields, &kind).map(|read| read.map_or_else(opaque, Part::Document)),
        "search_result" => Ok(search_result(fields)),
        "tool_use" => tool_use(fields).map(Part::ToolCall),
        "tool_result" => tool_result(fields).map(Part::ToolResult),
        "thinking" => {
            let text = fields.string("thinking")?.unwrap_or_default();
            let signature = fields.string("signature")?;
            Ok(Part::Thinking(Thinking { text, signature, extra: fields.rest(), ..Thinking::default() }))
        }
        "redacted_thinking" => {
            let signature = Some(fields.need_string("data")?);
            let extra = fields.rest();
            Ok(Part::Thinking(Thinking { signature, redacted: true, extra, ..Thinking::default() }))
        }
        _ => {
            fields.put("type", kind.into());
            Ok(opaque(fields.into_value()))
        }
    }
}

/// A block that only this dialect knows.
fn opaque(value: Value) -> Part {
    Part::Opaque { dialect: Dialect::Anthropic, value: Arc::new(value) }
}

/// An image or document; the block itself where its source is of a kind that
/// only this dialect knows.
fn media(mut fields: Fields<'_>, kind: &str) -> Result<Result<Media, Value>> {
    let at = fields.at();
    let whole = fields.take("source").ok_or_else(|| at.field("source").must_be("given"))?;
    let source_at = at.field("source");
    let mut source = Fields::of(whole.clone(), source_at)?;
    let read = match source.need_string("type")?.as_str() {
        "base64" => MediaSource::Base64(source.need_string("data")?.into()),
        "url" => MediaSource::Url(source.need_string("url")?),
        "file" => MediaSource::FileId(source.need_string("file_id")?),
        "text" => MediaSource::Text(source.need_string("data")?),
        "content" if let Some(text) = whole.get("content").and_then(texts) => {
            let name = fields.string("title")?;
            let mut extra = fields.rest();
            extra.insert("source", whole);
            extra.tell("source");
            return Ok(Ok(Media { name, extra, ..Media::of(MediaSource::Text(text), None) }));
        }
        _ => {
            fields.put("source", whole);
            fields.put("type", kind.into());
            return Ok(Err(fields.into_value()));
        }
    };
    let mime = source.string("media_type")?;
    let name = fields.string("title")?;
    Ok(Ok(Media { name, extra: fields.rest(), ..Media::of(read, mime) }))
}

/// The words of a content that is nothing but text.
fn texts(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => {
            let text = |block: &Value| block.get("text").and_then(Value::as_str).map(str::to_owned);
            Some(blocks.iter().map(text).collect::<Option<Vec<_>>>()?.join("\n\n"))
        }
        _ => None,
    }
}

/// A page that a search found, as a document of text: other dialects have no
/// other word for it. The block itself goes along, to come back so.
/// Source: Anthropic, Search results, checked 2026-11-22.
fn search_result(mut fields: Fields<'_>) -> Part {
    let content = fields.take("content").unwrap_or_default();
    let title = fields.take("title");
    let mut extra = fields.rest();
    let text = texts(&content).filter(|_| title.as_ref().is_none_or(Value::is_string));
    extra.insert("type", SEARCH_RESULT.into());
    extra.insert("content", content);
    let Some(text) = text else {
        title.into_iter().for_each(|title| extra.insert("title", title));
        return opaque(extra.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
    };
    ["type", "content"].into_iter().for_each(|name| extra.tell(name));
    let name = title.as_ref().and_then(Value::as_str).map(str::to_owned);
    Part::Document(Media { name, extra, ..Media::of(MediaSource::Text(text), None) })
}

fn tool_use(mut fields: Fields<'_>) -> Result<ToolCall> {
    let arguments = fields.take("input").map_or_else(|| "{}".to_owned(), |input| input.to_string());
    let (id, name) = (fields.need_string("id")?, fields.need_string("name")?);
    let mut extra = fields.rest();
    if extra.get("caller").is_some_and(|caller| caller.get("type").is_some_and(|kind| kind == "direct")) {
        extra.tell("caller");
    }
    Ok(ToolCall { id, name, arguments, signature: None, custom: false, extra })
}

fn tool_result(mut fields: Fields<'_>) -> Result<ToolResult> {
    let at = fields.at();
    let call_id = fields.need_string("tool_use_id")?;
    let (parts, _) = content(fields.take("content"), at.field("content"))?;
    let is_error = fields.bool("is_error")?;
    if is_error == Some(false) {
        // Said outright, it goes back to this dialect outright.
        fields.put("is_error", Value::Bool(false));
    }
    let mut extra = fields.rest();
    extra.tell("is_error");
    Ok(ToolResult { call_id, name: String::new(), parts, is_error: is_error.unwrap_or(false), extra })
}
