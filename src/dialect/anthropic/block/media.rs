//! Pictures and documents as blocks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Encoder, object};
use crate::dialect::fields::Path;
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Media, MediaSource};

impl Encoder {
    /// A picture.
    pub(super) fn image(&mut self, media: &Media, at: Path<'_>) -> Result<Value> {
        let source = match &media.source {
            MediaSource::Base64(data) => {
                let mime = media.mime.as_deref().unwrap_or_else(|| picture_type(data));
                json!({ "type": "base64", "media_type": mime, "data": data.as_ref() })
            }
            MediaSource::Url(url) => json!({ "type": "url", "url": url }),
            MediaSource::FileId(id) => self.file(id),
            MediaSource::Text(_) => return Err(cannot_carry("an image given as text", at)),
        };
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.drop(at.field("detail"));
        }
        if media.name.is_some() {
            self.drop(at.field("filename"));
        }
        let mut block = object(json!({ "type": "image", "source": source }));
        self.extra(&mut block, &media.extra, at);
        Ok(Value::Object(block))
    }

    /// A file.
    pub(super) fn document(&mut self, media: &Media, at: Path<'_>) -> Result<Value> {
        let mime = media.mime.as_deref().unwrap_or("application/pdf");
        let source = match &media.source {
            MediaSource::Base64(data) if mime == "application/pdf" => {
                json!({ "type": "base64", "media_type": mime, "data": data.as_ref() })
            }
            MediaSource::Base64(data) if is_text(mime) => {
                let bytes = STANDARD.decode(data.as_bytes()).ok();
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                let text = text.ok_or_else(|| cannot_carry("a text file that is not UTF-8", at))?;
                json!({ "type": "text", "media_type": "text/plain", "data": text })
            }
            MediaSource::Base64(_) => return Err(cannot_carry(&format!("a document of type {mime}"), at)),
            MediaSource::Url(url) => json!({ "type": "url", "url": url }),
            MediaSource::FileId(id) => self.file(id),
            MediaSource::Text(text) => json!({ "type": "text", "media_type": "text/plain", "data": text }),
        };
        let mut block = object(json!({ "type": "document", "source": source }));
        if let Some(name) = &media.name {
            block.insert("title".to_owned(), name.as_str().into());
        }
        self.extra(&mut block, &media.extra, at);
        Ok(Value::Object(block))
    }

    /// The source of a file that was uploaded before.
    fn file(&mut self, id: &str) -> Value {
        self.files = true;
        json!({ "type": "file", "file_id": id })
    }
}

/// The refusal of a part that the API has no block for.
pub(super) fn cannot_carry(what: &str, at: Path<'_>) -> Error {
    let message = format!("`{at}`: the Anthropic dialect cannot carry {what}");
    Error::new(Kind::Unsupported, Origin::Client, message).with_param(at.to_string())
}

/// Whether a MIME type is one of text.
fn is_text(mime: &str) -> bool {
    mime.starts_with("text/") || mime == "application/json"
}

/// The type of a picture from the first letters of its base64.
pub(in crate::dialect) fn picture_type(data: &str) -> &'static str {
    const STARTS: [(&str, &str); 3] =
        [("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp")];
    STARTS.iter().find(|(start, _)| data.starts_with(start)).map_or("image/png", |(_, mime)| mime)
}
