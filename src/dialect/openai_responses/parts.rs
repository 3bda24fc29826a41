//! Parts of a message item's content, to and from the wire.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::dialect::openai_chat::content::{media_of_data_url, url_of};
use crate::dialect::openai_chat::fields::{Fields, merge};
use crate::dialect::openai_chat::options::Carry;
use crate::dialect::sound;
use crate::ir::{Dialect, Extra, Media, MediaSource, Part};

/// Decodes one part.
pub(super) fn decode(value: Value) -> Part {
    known(value.clone())
        .unwrap_or_else(|| Part::Opaque { dialect: Dialect::OpenAiResponses, value: Arc::new(value) })
}

fn known(value: Value) -> Option<Part> {
    let mut fields = Fields::of(value);
    let kind = fields.text("type")?;
    match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            let text = fields.text("text")?;
            let mut rest = fields.into_map();
            rest.retain(|_, value| !value.is_null() && *value != json!([]));
            Some(Part::Text { text, extra: Extra::of(rest) })
        }
        "refusal" => Some(Part::Refusal(fields.text("refusal")?)),
        "input_image" => {
            let (source, mime) = match (fields.text("image_url"), fields.text("file_id")) {
                (Some(url), _) => media_of_data_url(url),
                (None, Some(id)) => (MediaSource::FileId(id), None),
                (None, None) => return None,
            };
            let detail = fields.text("detail");
            Some(Part::Image(Media { detail, extra: fields.rest(), ..Media::of(source, mime) }))
        }
        "output_audio" => {
            let (data, words) = (fields.text("data")?, fields.text("transcript"));
            let mut part = sound::made(&data, words.as_deref(), None);
            if let Part::Audio(media) = &mut part {
                media.extra = fields.rest();
            }
            Some(part)
        }
        "input_file" => {
            let name = fields.text("filename");
            let data = fields.text("file_data").or_else(|| fields.text("file_url"));
            let (source, mime) = match (data, fields.text("file_id")) {
                (Some(data), _) if data.contains(':') => media_of_data_url(data),
                (Some(data), _) => (MediaSource::Base64(data.into()), None),
                (None, Some(id)) => (MediaSource::FileId(id), None),
                (None, None) => return None,
            };
            Some(Part::Document(Media { name, extra: fields.rest(), ..Media::of(source, mime) }))
        }
        _ => None,
    }
}

/// Encodes one part; `assistant` says whose words it is among. `None`: no place for it here.
pub(super) fn encode(part: &Part, assistant: bool, path: &str, carry: &mut Carry<'_>) -> Option<Value> {
    let (mut value, extra) = match part {
        Part::Text { text, extra } if assistant => {
            (json!({ "type": "output_text", "text": text, "annotations": [] }), extra)
        }
        Part::Text { text, extra } => (json!({ "type": "input_text", "text": text }), extra),
        Part::Refusal(text) => (json!({ "type": "refusal", "refusal": text }), &Extra::NONE),
        Part::Image(media) => (image(media)?, &media.extra),
        Part::Document(media) => (document(media, carry.own)?, &media.extra),
        Part::Audio(media) if carry.own && assistant => (
            json!({ "type": "output_audio", "data": sound::data(part)?, "transcript": sound::words(part) }),
            &media.extra,
        ),
        Part::Opaque { dialect: Dialect::OpenAiResponses, value } => ((**value).clone(), &Extra::NONE),
        _ => return None,
    };
    if carry.own && extra.get("annotations").is_some() {
        // What the model cited stands in place of the empty list.
        if let Value::Object(fields) = &mut value {
            fields.shift_remove("annotations");
        }
    }
    carry.extra(&mut value, extra, path);
    carry.nameless(part, path);
    Some(value)
}

fn image(media: &Media) -> Option<Value> {
    let mut value = match &media.source {
        MediaSource::FileId(id) => json!({ "type": "input_image", "file_id": id }),
        _ => json!({ "type": "input_image", "image_url": url_of(media, "image/png")? }),
    };
    if let Some(detail) = &media.detail {
        merge(&mut value, &json!({ "detail": detail }));
    }
    Some(value)
}

fn document(media: &Media, own: bool) -> Option<Value> {
    let mut value = match &media.source {
        MediaSource::FileId(id) => json!({ "type": "input_file", "file_id": id }),
        MediaSource::Url(url) => json!({ "type": "input_file", "file_url": url }),
        MediaSource::Text(text) => return Some(json!({ "type": "input_text", "text": text })),
        MediaSource::Base64(data) if own && media.mime.is_none() => {
            json!({ "type": "input_file", "file_data": data.as_ref() })
        }
        MediaSource::Base64(_) => {
            json!({ "type": "input_file", "file_data": url_of(media, "application/pdf")? })
        }
    };
    match (&media.name, &media.source) {
        (Some(name), _) => merge(&mut value, &json!({ "filename": name })),
        // Inline files without a name are refused.
        (None, MediaSource::Base64(_)) if !own => merge(&mut value, &json!({ "filename": "document.pdf" })),
        _ => {}
    }
    Some(value)
}
