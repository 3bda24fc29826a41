//! Pictures, sound, films and files: `inlineData` and `fileData`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::emit::{Emit, object, string};
use super::fields::take;
use crate::ir::{Extra, Media, MediaSource, Part};

/// Decodes `inlineData` or `fileData`, if the part has one. What else stands in the part is kept.
pub(super) fn decode(map: &mut Map<String, Value>, seal: Option<String>) -> Option<Part> {
    let (mut inner, inline) = match (take(map, "inlineData"), take(map, "fileData")) {
        (Some(Value::Object(inner)), _) => (inner, true),
        (_, Some(Value::Object(inner))) => (inner, false),
        _ => return None,
    };
    let mime = string(&mut inner, "mimeType");
    let source = if inline {
        MediaSource::Base64(Arc::from(string(&mut inner, "data").unwrap_or_default()))
    } else {
        MediaSource::Url(string(&mut inner, "fileUri").unwrap_or_default())
    };
    let mut rest = std::mem::take(map);
    rest.extend(seal.map(|seal| ("thoughtSignature".to_owned(), Value::from(seal))));
    let mut media = Media::of(source, mime);
    media.name = string(&mut inner, "displayName");
    media.extra = Extra::of(rest);
    Some(of_kind(media))
}

/// The part that holds `media`, by its MIME type.
fn of_kind(media: Media) -> Part {
    let family = media.mime.as_deref().and_then(|mime| mime.split('/').next());
    match (family, &media.source) {
        (Some("image"), _) => Part::Image(media),
        (Some("audio"), _) => Part::Audio(media),
        (Some("video"), _) => Part::Video(media),
        (None, MediaSource::Url(url)) if url.contains("youtu") => Part::Video(media),
        _ => Part::Document(media),
    }
}

/// The MIME type that a URL's ending suggests.
fn guess(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let ending = path.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "pdf" => "application/pdf",
        "txt" | "md" => "text/plain",
        "csv" => "text/csv",
        "html" => "text/html",
        _ => return None,
    })
}

impl Emit<'_> {
    /// Appends `media`; `default` is its MIME type where none is known.
    pub(super) fn media(&mut self, media: &Media, default: &str, path: &str, out: &mut Vec<Value>) {
        let (field, mut inner) = match &media.source {
            MediaSource::Base64(data) => {
                let mime = media.mime.as_deref().unwrap_or(default);
                ("inlineData", object([("mimeType", Value::from(mime)), ("data", Value::from(&**data))]))
            }
            MediaSource::Url(uri) | MediaSource::FileId(uri) => {
                let mut inner = Map::new();
                let mime = media.mime.as_deref().or_else(|| if self.same { None } else { guess(uri) });
                inner.extend(mime.map(|mime| ("mimeType".to_owned(), Value::from(mime))));
                inner.insert("fileUri".to_owned(), Value::from(uri.as_str()));
                ("fileData", inner)
            }
            MediaSource::Text(text) => {
                if media.name.is_some() {
                    self.dropped.push(format!("{path}.content.filename"));
                }
                let mut map = object([("text", Value::from(text.as_str()))]);
                self.extra(&mut map, &media.extra, path);
                return out.push(Value::Object(map));
            }
        };
        match &media.name {
            Some(name) if self.same => {
                inner.insert("displayName".to_owned(), Value::from(name.as_str()));
            }
            Some(_) => self.dropped.push(format!("{path}.content.filename")),
            None => {}
        }
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.dropped.push(format!("{path}.content.detail"));
        }
        let mut map = object([(field, Value::Object(inner))]);
        self.extra(&mut map, &media.extra, path);
        out.push(Value::Object(map));
    }
}
