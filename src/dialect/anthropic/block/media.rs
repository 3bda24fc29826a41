//! Pictures and documents as blocks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Encoder, SEARCH_RESULT, object};
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
        let kind = media.extra.get("type").and_then(Value::as_str).filter(|_| self.same());
        if kind == Some(SEARCH_RESULT) {
            let mut block = object(json!({ "type": SEARCH_RESULT }));
            block.extend(media.name.as_deref().map(|name| ("title".to_owned(), name.into())));
            self.extra(&mut block, &media.extra, at);
            return Ok(Value::Object(block));
        }
        let mime = media.mime.as_deref().unwrap_or("application/pdf");
        let own = media.extra.get("source").filter(|source| self.same() && source.is_object());
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
        let source = own.cloned().unwrap_or(source);
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::dialect::{PathFacts, Quirks, Target, inbound, outbound};
    use crate::ir::Dialect;

    /// What a provider of `to` is sent of these blocks, and what is reported.
    fn sent(to: Dialect, blocks: &Value) -> (Value, Vec<String>) {
        let body =
            json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": blocks }] });
        let anthropic = inbound(Dialect::Anthropic).unwrap();
        let request = anthropic.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap();
        let quirks = Quirks::default();
        let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
        let wire = outbound(to).unwrap().encode_request(&request, &target).unwrap();
        (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
    }

    /// Pages and documents of text are read by every model; their own dialect gets them back as they were.
    #[test]
    fn what_is_text_is_read_everywhere() {
        let text = |words: &str| json!({ "type": "text", "text": words });
        let page = json!({ "type": "search_result", "source": "https://a.example", "title": "T", "content": [text("mk-one"), text("mk-two")] });
        let listed =
            json!({ "type": "document", "source": { "type": "content", "content": [text("mk-three")] } });
        let plain = json!({ "type": "document", "source": { "type": "content", "content": "mk-four" }, "title": "D" });
        let result = json!({ "type": "tool_result", "tool_use_id": "toolu_1", "content": [page] });
        let blocks = json!([text("Which?"), page, listed, plain]);
        for to in Dialect::ALL {
            let (body, lost) = sent(to, &blocks);
            let body = body.to_string();
            let all = ["mk-one", "mk-two", "mk-three", "mk-four"].iter().all(|mark| body.contains(mark));
            let told = lost.iter().any(|path| path.contains("source") || path.ends_with(".content"));
            match to {
                Dialect::OpenAiCompletions => assert!(!all && told, "{body} {lost:?}"),
                _ => assert!(all && told == (to != Dialect::Anthropic), "{to:?} {body} {lost:?}"),
            }
            let (body, _) = sent(to, &json!([result]));
            assert!(body.to_string().contains("mk-one") || to == Dialect::OpenAiCompletions, "{to:?} {body}");
        }
        for blocks in [blocks, json!([result])] {
            let (body, lost) = sent(Dialect::Anthropic, &blocks);
            assert_eq!((&body["messages"][0]["content"], lost.len()), (&blocks, 0));
        }
        let pictured = json!([{ "type": "document", "source": { "type": "content", "content": [{ "type": "image", "source": { "type": "url", "url": "https://a.example/p" } }] } }]);
        assert_eq!(sent(Dialect::Anthropic, &pictured).0["messages"][0]["content"], pictured);
        assert_eq!(sent(Dialect::Gemini, &pictured).1, ["messages[0].anthropic"]);
    }
}
