//! Pictures from Stability: one call each.
//!
//! Source: Stability AI REST API "Stable Diffusion 3.5" (v2beta
//! stable-image/generate/sd3), checked 2026-11-21.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};

use super::super::{Asked, Finished, Outgoing, Step, Translation, answered, unsupported};
use super::Picture;
use crate::dialect::multipart::Writer;
use crate::dialect::{ReplyFacts, Target};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::Units;

/// Stability's ratios.
const RATIOS: [(&str, f64); 9] = [
    ("1:1", 1.0),
    ("16:9", 16.0 / 9.0),
    ("21:9", 21.0 / 9.0),
    ("2:3", 2.0 / 3.0),
    ("3:2", 1.5),
    ("4:5", 0.8),
    ("5:4", 1.25),
    ("9:16", 9.0 / 16.0),
    ("9:21", 9.0 / 21.0),
];

/// The ratio nearest to a size.
fn ratio((width, height): (u32, u32)) -> &'static str {
    let wanted = (f64::from(width) / f64::from(height)).ln();
    let distance = |ratio: f64| (ratio.ln() - wanted).abs();
    RATIOS.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1))).map_or("1:1", |(name, _)| name)
}

struct Stability {
    form: (String, Bytes),
    left: u64,
    pictures: Vec<Value>,
    dropped: Vec<String>,
    created: u64,
    format: String,
}

/// Pictures from Stability: one call each.
pub(in super::super) fn stability(
    asked: &Asked<'_>,
    target: &Target<'_>,
    reply: ReplyFacts,
) -> Result<Box<dyn Translation>> {
    let mut picture = Picture::read(asked)?;
    let own = picture.own(&["negative_prompt", "seed", "style_preset", "cfg_scale", "strength"]);
    if !["png", "jpeg"].contains(&picture.output_format.as_str()) {
        return Err(unsupported("Stable Diffusion 3.5 makes png and jpeg", "output_format"));
    }
    let mut form = Writer::default()
        .field("prompt", picture.prompt)
        .field("model", target.model)
        .field("output_format", picture.output_format.clone());
    let strength = own.iter().any(|(name, _)| name == "strength");
    for (name, value) in own {
        form = form.field(&name, value);
    }
    if asked.path == "images/generations" {
        form = form.field("mode", "text-to-image");
        if let Some(size) = picture.size {
            form = form.field("aspect_ratio", ratio(size));
        }
    } else {
        let image = asked.file(&["image", "image[]"]);
        let (part, image) =
            image.ok_or_else(|| Error::invalid("`image` must be given").with_param("image"))?;
        let content_type = part.content_type.as_deref().unwrap_or("image/png");
        form = form.field("mode", "image-to-image").file("image", "image", content_type, image);
        if !strength {
            // Demanded for a picture from a picture; half way where the client says nothing.
            form = form.field("strength", "0.5");
        }
        picture.dropped.extend(picture.size.map(|_| "size".to_owned()));
        let mask = asked.parts.iter().any(|part| part.name == "mask");
        picture.dropped.extend(mask.then(|| "mask".to_owned()));
    }
    Ok(Box::new(Stability {
        form: form.finish(),
        left: picture.count,
        pictures: Vec::new(),
        dropped: picture.dropped,
        created: reply.created,
        format: picture.output_format,
    }))
}

impl Translation for Stability {
    fn step(&mut self, answer: Option<Bytes>) -> Result<Step> {
        if let Some(body) = answer {
            let answer = answered(&body)?;
            let text = |name: &str| answer.get(name).and_then(Value::as_str);
            if text("finish_reason") == Some("CONTENT_FILTERED") {
                let message = "the provider's content filter refused the picture";
                return Err(Error::new(Kind::ContentRefused, Origin::Upstream, message));
            }
            let image =
                text("image").ok_or_else(|| Error::bad_answer("the provider's answer holds no picture"))?;
            self.pictures.push(json!({ "b64_json": image }));
        }
        if self.left > 0 {
            self.left -= 1;
            let path = "stable-image/generate/sd3".to_owned();
            let mut call = Outgoing::of(Method::POST, path, &self.form.0, self.form.1.clone())?;
            call.wire.headers.push((header::ACCEPT, HeaderValue::from_static("application/json")));
            return Ok(Step::Ask { after: Duration::ZERO, call });
        }
        let units = Units { images: self.pictures.len() as u64, ..Units::default() };
        let body = json!({ "created": self.created, "output_format": self.format, "data": std::mem::take(&mut self.pictures) });
        let body = Bytes::from(body.to_string());
        Ok(Step::Done(Finished { body, content_type: "application/json", usage: None, units }))
    }

    fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{asked, call, done};
    use super::*;
    use crate::dialect::Quirks;

    #[test]
    fn stability_is_asked_once_a_picture() {
        let quirks = Quirks::default();
        let target = Target { model: "sd3.5-large", max_output_tokens: None, quirks: &quirks };
        let body = Bytes::from_static(
            br#"{"model":"x","prompt":"a train","n":2,"size":"1792x1024","quality":"hd","seed":7}"#,
        );
        let mut machine = stability(&asked(&body), &target, ReplyFacts::default()).unwrap();
        assert_eq!(machine.dropped(), ["quality"]);
        let (_, first) = call(machine.step(None).unwrap());
        let form = String::from_utf8(first.wire.body.to_vec()).unwrap();
        for expected in
            ["\r\n\r\na train\r\n", "sd3.5-large", "16:9", "text-to-image", "name=\"seed\"\r\n\r\n7"]
        {
            assert!(form.contains(expected), "{expected} in {form}");
        }
        let answer = || Some(Bytes::from_static(br#"{"image":"aGk=","finish_reason":"SUCCESS","seed":7}"#));
        call(machine.step(answer()).unwrap());
        let (body, units) = done(machine.step(answer()).unwrap());
        assert_eq!((body["data"][1]["b64_json"].as_str(), units.images), (Some("aGk="), 2));
        let mut machine =
            stability(&asked(&Bytes::from_static(br#"{"prompt":"x"}"#)), &target, ReplyFacts::default())
                .unwrap();
        call(machine.step(None).unwrap());
        let filtered = Bytes::from_static(br#"{"image":"","finish_reason":"CONTENT_FILTERED"}"#);
        assert_eq!(machine.step(Some(filtered)).err().unwrap().kind, Kind::ContentRefused);
    }
}
