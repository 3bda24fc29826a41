//! Parts of a message's content, to and from the wire.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fields::{Fields, merge, missing};
use super::options::Carry;
use crate::error::Result;
use crate::ir::{Dialect, Extra, Media, MediaSource, Part, Thinking};

/// Decodes one part of a request's content.
///
/// # Errors
/// `InvalidRequest` when it has no type or a known type lacks its field.
pub(in crate::dialect) fn decode_part(value: Value, path: &str) -> Result<Part> {
    let kind = match value.get("type").and_then(Value::as_str) {
        Some(kind) => kind.to_owned(),
        None if value.is_string() => return Ok(Part::text(value.as_str().unwrap_or_default())),
        None => return Err(missing(&format!("{path}.type"))),
    };
    Ok(part_of(&kind, value.clone()).unwrap_or_else(|| opaque(value)))
}

/// Decodes one part of an answer's content.
pub(super) fn answer_part(value: Value) -> Part {
    if let Value::String(text) = value {
        return Part::text(text);
    }
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("text").to_owned();
    part_of(&kind, value.clone()).unwrap_or_else(|| opaque(value))
}

fn opaque(value: Value) -> Part {
    Part::Opaque { dialect: Dialect::OpenAiChat, value: Arc::new(value) }
}

/// The part of this type; `None` when the type is not known or a field is missing.
fn part_of(kind: &str, value: Value) -> Option<Part> {
    let mut fields = Fields::of(value);
    fields.take("type");
    match kind {
        "text" => Some(Part::Text { text: fields.text("text")?, extra: fields.rest() }),
        "refusal" => Some(Part::Refusal(fields.text("refusal")?)),
        "image_url" => media(fields, "image_url").map(Part::Image),
        "video_url" => media(fields, "video_url").map(Part::Video),
        "audio_url" => media(fields, "audio_url").map(Part::Audio),
        "input_audio" => audio(fields).map(Part::Audio),
        "file" => file(fields).map(Part::Document),
        "document_url" => {
            let (source, mime) = media_of_data_url(fields.text("document_url")?);
            let name = fields.text("document_name");
            // Two types carry documents: this one goes back as itself.
            fields.put("type", "document_url".into());
            Some(Part::Document(Media { name, extra: fields.rest(), ..Media::of(source, mime) }))
        }
        "thinking" => thinking(fields).map(Part::Thinking),
        _ => None,
    }
}

/// `{url, detail}` under `name`, or a bare URL.
fn media(mut fields: Fields, name: &str) -> Option<Media> {
    let mut inner = match fields.take(name)? {
        Value::String(url) => Fields::of(json!({ "url": url })),
        object => Fields::of(object),
    };
    let (source, mime) = media_of_data_url(inner.text("url")?);
    let detail = inner.text("detail");
    keep_inner(&mut fields, name, inner);
    Some(Media { detail, extra: fields.rest(), ..Media::of(source, mime) })
}

fn audio(mut fields: Fields) -> Option<Media> {
    let mut inner = Fields::of(fields.take("input_audio")?);
    let data = inner.text("data")?;
    let mime = inner.text("format").map(|format| match format.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        other => format!("audio/{other}"),
    });
    let source = if data.contains(':') { MediaSource::Url(data) } else { MediaSource::Base64(data.into()) };
    keep_inner(&mut fields, "input_audio", inner);
    Some(Media { extra: fields.rest(), ..Media::of(source, mime) })
}

fn file(mut fields: Fields) -> Option<Media> {
    let mut inner = Fields::of(fields.take("file")?);
    let name = inner.text("filename");
    let (source, mime) = match (inner.text("file_id"), inner.text("file_data")) {
        (Some(id), None) => (MediaSource::FileId(id), None),
        (None, Some(data)) if data.contains(':') => media_of_data_url(data),
        (None, Some(data)) => (MediaSource::Base64(data.into()), None),
        _ => return None,
    };
    keep_inner(&mut fields, "file", inner);
    Some(Media { name, extra: fields.rest(), ..Media::of(source, mime) })
}

/// Mistral's thinking part: a list of text parts, or plain text.
fn thinking(mut fields: Fields) -> Option<Thinking> {
    let text = match fields.get("thinking")? {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(|item| item.get("text")?.as_str()).collect(),
        _ => return None,
    };
    let signature = fields.text("signature");
    Some(Thinking { text, signature, extra: fields.rest(), ..Thinking::default() })
}

/// Keeps what remains of an inner object under its name.
fn keep_inner(fields: &mut Fields, name: &str, inner: Fields) {
    if !inner.is_empty() {
        fields.put(name, Value::Object(inner.into_map()));
    }
}

/// Splits a base64 `data:` URL into bytes and type; any other URL stays one.
pub(in crate::dialect) fn media_of_data_url(url: String) -> (MediaSource, Option<String>) {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((mime, data)) if !mime.contains([';', ',']) && !mime.is_empty() => {
            (MediaSource::Base64(data.into()), Some(mime.to_owned()))
        }
        _ => (MediaSource::Url(url), None),
    }
}

/// A media source as one URL, `data:` where the bytes are inline.
pub(in crate::dialect) fn url_of(media: &Media, mime: &str) -> Option<String> {
    match &media.source {
        MediaSource::Base64(data) => {
            Some(format!("data:{};base64,{data}", media.mime.as_deref().unwrap_or(mime)))
        }
        MediaSource::Url(url) => Some(url.clone()),
        MediaSource::FileId(_) | MediaSource::Text(_) => None,
    }
}

/// Encodes one part of content. `None`: the dialect has no place for it there;
/// what is lost is noted.
pub(in crate::dialect) fn encode_part(part: &Part, path: &str, carry: &mut Carry<'_>) -> Option<Value> {
    let (mut value, extra) = match part {
        Part::Text { text, extra } => (json!({ "type": "text", "text": text }), extra),
        Part::Refusal(text) => (json!({ "type": "refusal", "refusal": text }), &Extra::NONE),
        Part::Image(media) => (image_value(media)?, &media.extra),
        Part::Audio(media) => (audio_value(media)?, &media.extra),
        Part::Video(media) => (
            json!({ "type": "video_url", "video_url": { "url": url_of(media, "video/mp4")? } }),
            &media.extra,
        ),
        Part::Document(media) => (document_value(media, carry)?, &media.extra),
        Part::Thinking(thought) if carry.own && thought.extra.get("thinking").is_some() => {
            let mut value = json!({ "type": "thinking" });
            if let (Value::Object(fields), Some(seal)) = (&mut value, &thought.signature) {
                fields.insert("signature".into(), seal.clone().into());
            }
            (value, &thought.extra)
        }
        Part::Opaque { dialect: Dialect::OpenAiChat, value } => ((**value).clone(), &Extra::NONE),
        Part::Opaque { .. } | Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => return None,
    };
    carry.extra(&mut value, extra, path);
    carry.nameless(part, path);
    Some(value)
}

fn image_value(media: &Media) -> Option<Value> {
    let mut value = json!({ "type": "image_url", "image_url": { "url": url_of(media, "image/png")? } });
    if let Some(detail) = &media.detail {
        merge(&mut value, &json!({ "image_url": { "detail": detail } }));
    }
    Some(value)
}

fn audio_value(media: &Media) -> Option<Value> {
    let data = match &media.source {
        MediaSource::Base64(data) => data.to_string(),
        MediaSource::Url(url) => url.clone(),
        MediaSource::FileId(_) | MediaSource::Text(_) => return None,
    };
    let mut value = json!({ "type": "input_audio", "input_audio": { "data": data } });
    if let Some(mime) = &media.mime {
        let format = match mime.strip_prefix("audio/").unwrap_or(mime) {
            "mpeg" => "mp3",
            "x-wav" | "wave" => "wav",
            other => other,
        };
        merge(&mut value, &json!({ "input_audio": { "format": format } }));
    }
    Some(value)
}

fn document_value(media: &Media, carry: &Carry<'_>) -> Option<Value> {
    if carry.own && media.extra.get("type").is_some() {
        // Only Mistral takes documents by URL; OpenAI's own form has no place for them.
        let mut value = json!({ "type": "document_url", "document_url": url_of(media, "application/pdf")? });
        if let Some(name) = &media.name {
            merge(&mut value, &json!({ "document_name": name }));
        }
        return Some(value);
    }
    let mut file = match &media.source {
        MediaSource::FileId(id) => json!({ "file_id": id }),
        MediaSource::Base64(data) if media.mime.is_none() && carry.own => json!({ "file_data": data }),
        MediaSource::Base64(_) => json!({ "file_data": url_of(media, "application/pdf")? }),
        MediaSource::Text(text) => return Some(json!({ "type": "text", "text": text })),
        MediaSource::Url(url) if carry.own => json!({ "file_data": url }),
        MediaSource::Url(url) if url.starts_with("data:") => json!({ "file_data": url }),
        MediaSource::Url(_) => return None,
    };
    match (&media.name, &media.source) {
        (Some(name), _) => merge(&mut file, &json!({ "filename": name })),
        // OpenAI refuses inline files without a name.
        (None, MediaSource::Base64(_)) if !carry.own => {
            merge(&mut file, &json!({ "filename": "document.pdf" }));
        }
        _ => {}
    }
    Some(json!({ "type": "file", "file": file }))
}
