//! Content blocks of Converse for a request.
//!
//! Source: Amazon Bedrock API reference, ContentBlock, checked 2026-11-21.

use serde_json::{Value, json};

use crate::dialect::anthropic::INVALID_JSON;
use crate::dialect::fields::Path;
use crate::dialect::ids;
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Dialect, Extra, Media, MediaSource, Part, Thinking, ToolCall, ToolResult};

/// The field by which clients mark what is to be cached.
const CACHE_CONTROL: &str = "cache_control";
/// Fields of a document that Converse has, too.
const DOCUMENT_FIELDS: [&str; 2] = ["citations", "context"];

/// MIME types and the names of the formats. Source: as above, ImageBlock, DocumentBlock, VideoBlock.
const FORMATS: [(&str, &str); 22] = [
    ("image/png", "png"),
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("text/html", "html"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("application/json", "txt"),
    ("video/mp4", "mp4"),
    ("video/webm", "webm"),
    ("video/quicktime", "mov"),
    ("video/x-matroska", "mkv"),
    ("video/mpeg", "mpeg"),
    ("video/x-flv", "flv"),
    ("video/3gpp", "three_gp"),
];

/// Encodes parts and keeps account of what could not go along.
pub(super) struct Encoder {
    from: Dialect,
    /// Paths of what is left out or changed.
    pub(super) dropped: Vec<String>,
    documents: u32,
}

/// The cache point that a mark on a block asks for.
pub(super) fn cache_point(extra: &Extra) -> Option<Value> {
    let mark = extra.get(CACHE_CONTROL).filter(|mark| !mark.is_null())?;
    Some(match mark.get("ttl") {
        Some(ttl) if ttl == "1h" => json!({ "cachePoint": { "type": "default", "ttl": "1h" } }),
        _ => json!({ "cachePoint": { "type": "default" } }),
    })
}

impl Encoder {
    /// For parts that come from `from`.
    pub(super) fn new(from: Dialect) -> Self {
        Self { from, dropped: Vec::new(), documents: 0 }
    }

    /// Accounts for what stands at `at`.
    pub(super) fn drop(&mut self, at: Path<'_>) {
        self.dropped.push(at.to_string());
    }

    /// Accounts for the fields of `extra`; a cache mark becomes a [`cache_point`].
    pub(super) fn extra(&mut self, extra: &Extra, at: Path<'_>) {
        for name in extra.losses().filter(|name| *name != CACHE_CONTROL) {
            self.drop(at.field(name));
        }
    }

    /// The blocks of `parts`, each with the cache point that it asks for.
    ///
    /// # Errors
    /// `Unsupported` for media without which the request would mean something else.
    pub(super) fn blocks(&mut self, parts: &[Part], at: Path<'_>) -> Result<Vec<Value>> {
        let mut blocks = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let at = at.index(index);
            let Some(block) = self.block(part, at)? else { continue };
            blocks.push(block);
            if let Some(extra) = extra_of(part) {
                blocks.extend(cache_point(extra));
            }
        }
        Ok(blocks)
    }

    fn block(&mut self, part: &Part, at: Path<'_>) -> Result<Option<Value>> {
        if let Some(extra) = extra_of(part).filter(|_| !matches!(part, Part::Document(_) | Part::Thinking(_)))
        {
            self.extra(extra, at);
        }
        Ok(match part {
            // Blank texts are refused; they say nothing.
            Part::Text { text, .. } | Part::Refusal(text) if text.trim().is_empty() => None,
            Part::Text { text, .. } | Part::Refusal(text) => Some(json!({ "text": text })),
            Part::Image(media) => Some(json!({ "image": self.media(media, "image/png", at)? })),
            Part::Video(media) => Some(json!({ "video": self.media(media, "video/mp4", at)? })),
            Part::Document(media) => Some(json!({ "document": self.document(media, at)? })),
            Part::Audio(_) => return Err(cannot_carry("audio", at)),
            Part::ToolCall(call) => Some(self.tool_use(call, at)),
            Part::ToolResult(result) => Some(self.tool_result(result, at)?),
            Part::Thinking(thinking) => self.thinking(thinking, at),
            Part::Opaque { dialect: Dialect::Bedrock, value } => Some(value.as_ref().clone()),
            Part::Opaque { .. } => {
                self.drop(at);
                None
            }
        })
    }

    fn media(&mut self, media: &Media, otherwise: &str, at: Path<'_>) -> Result<Value> {
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.drop(at.field("detail"));
        }
        if media.name.is_some() {
            self.drop(at.field("filename"));
        }
        let format = format_of(media, otherwise, at)?;
        Ok(json!({ "format": format, "source": source(media, at)? }))
    }

    fn document(&mut self, media: &Media, at: Path<'_>) -> Result<Value> {
        self.documents += 1;
        let name = media.name.as_deref().map(neutral).filter(|name| !name.is_empty());
        if media.name.is_some() && name != media.name {
            self.drop(at.field("name"));
        }
        let name = name.unwrap_or_else(|| format!("Document {}", self.documents));
        let plain = matches!(media.source, MediaSource::Text(_));
        let format = format_of(media, if plain { "text/plain" } else { "application/pdf" }, at)?;
        let mut document = json!({ "format": format, "name": name, "source": source(media, at)? });
        for (field, value) in media.extra.iter().filter(|(field, _)| *field != CACHE_CONTROL) {
            match &mut document {
                Value::Object(fields) if DOCUMENT_FIELDS.contains(&field.as_str()) => {
                    fields.insert(field.clone(), value.clone());
                }
                _ if media.extra.is_lost(field) => self.drop(at.field(field)),
                _ => {}
            }
        }
        Ok(document)
    }

    fn tool_use(&mut self, call: &ToolCall, at: Path<'_>) -> Value {
        let input = serde_json::from_str(&call.arguments).ok().filter(Value::is_object);
        let input = input.unwrap_or_else(|| {
            if call.arguments.trim().is_empty() {
                return json!({});
            }
            self.drop(at.field("arguments"));
            json!({ INVALID_JSON: call.arguments })
        });
        if call.signature.is_some() {
            self.drop(at.field("signature"));
        }
        json!({ "toolUse": { "toolUseId": ids::plain(&call.id), "name": call.name, "input": input } })
    }

    fn tool_result(&mut self, result: &ToolResult, at: Path<'_>) -> Result<Value> {
        let content = self.blocks(&result.parts, at.field("content"))?;
        let content: Vec<Value> =
            content.into_iter().filter(|block| block.get("cachePoint").is_none()).collect();
        let status = if result.is_error { "error" } else { "success" };
        Ok(
            json!({ "toolResult": { "toolUseId": ids::plain(&result.call_id), "content": content, "status": status } }),
        )
    }

    /// Reasoning goes back only under its maker's seal.
    fn thinking(&mut self, thinking: &Thinking, at: Path<'_>) -> Option<Value> {
        let foreign = matches!(self.from, Dialect::OpenAiResponses);
        let seal = thinking.seal_of(Dialect::Anthropic).filter(|seal| !seal.is_empty() && !foreign);
        let Some(seal) = seal else {
            self.drop(at);
            return None;
        };
        let content = if thinking.redacted {
            json!({ "redactedContent": seal })
        } else {
            json!({ "reasoningText": { "text": thinking.text, "signature": seal } })
        };
        Some(json!({ "reasoningContent": content }))
    }
}

/// The extra fields of a part, where it has any.
fn extra_of(part: &Part) -> Option<&Extra> {
    match part {
        Part::Text { extra, .. } => Some(extra),
        Part::Image(media) | Part::Audio(media) | Part::Video(media) | Part::Document(media) => {
            Some(&media.extra)
        }
        Part::ToolCall(call) => Some(&call.extra),
        Part::ToolResult(result) => Some(&result.extra),
        Part::Thinking(thinking) => Some(&thinking.extra),
        Part::Refusal(_) | Part::Opaque { .. } => None,
    }
}

/// The bytes in the request, or their place in S3; Bedrock fetches nothing else.
fn source(media: &Media, at: Path<'_>) -> Result<Value> {
    match &media.source {
        MediaSource::Base64(data) => Ok(json!({ "bytes": data.as_ref() })),
        MediaSource::Text(text) => Ok(json!({ "text": text })),
        MediaSource::Url(url) if url.starts_with("s3://") => Ok(json!({ "s3Location": { "uri": url } })),
        MediaSource::Url(_) => Err(cannot_carry("media at a URL other than s3://", at)),
        MediaSource::FileId(_) => Err(cannot_carry("files that were uploaded elsewhere", at)),
    }
}

/// The format's name; a URL without a MIME type tells it by its ending.
fn format_of(media: &Media, otherwise: &str, at: Path<'_>) -> Result<&'static str> {
    let ending = match (&media.mime, &media.source) {
        (None, MediaSource::Url(url)) => url.rsplit('.').next().unwrap_or_default(),
        _ => "",
    };
    let mime = media.mime.as_deref().unwrap_or(otherwise);
    let mime = mime.split(';').next().unwrap_or_default().trim();
    let by_ending = FORMATS.iter().find(|(_, format)| *format == ending);
    let found = by_ending.or_else(|| FORMATS.iter().find(|(known, _)| *known == mime));
    found.map(|(_, format)| *format).ok_or_else(|| cannot_carry(&format!("media of type {mime}"), at))
}

/// A document's name in the signs that are taken, single spaces only.
fn neutral(name: &str) -> String {
    let kept = name
        .chars()
        .map(|sign| if sign.is_ascii_alphanumeric() || "-()[]".contains(sign) { sign } else { ' ' });
    kept.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The refusal of a part that the API has no block for.
fn cannot_carry(what: &str, at: Path<'_>) -> Error {
    let message = format!("`{at}`: Bedrock's Converse cannot carry {what}");
    Error::new(Kind::Unsupported, Origin::Client, message).with_param(at.to_string())
}
