//! Pictures: OpenAI's form towards clients, Stability's and Midjourney proxies'
//! towards providers.
//!
//! Sources: Stability AI REST API "Stable Diffusion 3.5" (v2beta
//! stable-image/generate/sd3), midjourney-proxy API "submit/imagine" and
//! "task/{id}/fetch", all checked 2026-11-21.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::{Map, Value, json};

use super::{Asked, Finished, Outgoing, Step, Translation, answered, object, over, unsupported};
use crate::dialect::multipart::Writer;
use crate::dialect::{ReplyFacts, Target, Wire};
use crate::error::{Error, Kind, Origin, Result, Retry};
use crate::ir::Units;
use crate::percent::escaped;

/// Most pictures of one request. Source: OpenAI API reference "Create image", checked 2026-11-21.
const MOST: u64 = 10;
/// Wait between two looks at a job.
const POLL: Duration = Duration::from_secs(2);

/// What a client asks for, whether as JSON or as a form.
struct Picture {
    prompt: String,
    count: u64,
    size: Option<(u32, u32)>,
    output_format: String,
    fields: Map<String, Value>,
    dropped: Vec<String>,
}

impl Picture {
    fn read(asked: &Asked<'_>) -> Result<Self> {
        let mut fields = if asked.parts.is_empty() {
            object(asked.body)?
        } else {
            let texts = asked.parts.iter().filter(|part| part.filename.is_none());
            texts
                .filter_map(|part| Some((part.name.clone(), Value::from(asked.field(&part.name)?))))
                .collect()
        };
        fields.shift_remove("model");
        let text = |fields: &mut Map<String, Value>, name: &str| match fields.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(Value::Null) | None => None,
            Some(other) => Some(other.to_string()),
        };
        let prompt = text(&mut fields, "prompt").filter(|prompt| !prompt.is_empty());
        let prompt = prompt.ok_or_else(|| Error::invalid("`prompt` must be given").with_param("prompt"))?;
        let count = text(&mut fields, "n").map_or(Ok(1), |n| n.parse::<u64>());
        let count = count.ok().filter(|n| (1..=MOST).contains(n));
        let count =
            count.ok_or_else(|| Error::invalid(format!("`n` must be 1 to {MOST}")).with_param("n"))?;
        let size = text(&mut fields, "size").filter(|size| size != "auto");
        let size = size.map(|size| {
            let parsed = size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            parsed
                .filter(|(w, h): &(u32, u32)| *w > 0 && *h > 0)
                .ok_or_else(|| Error::invalid("`size` must be `WIDTHxHEIGHT` or `auto`").with_param("size"))
        });
        let output_format = text(&mut fields, "output_format").unwrap_or_else(|| "png".to_owned());
        Ok(Self { prompt, count, size: size.transpose()?, output_format, fields, dropped: Vec::new() })
    }

    /// The fields among `own` as texts; all others are reported as dropped.
    fn own(&mut self, own: &[&str]) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (name, value) in std::mem::take(&mut self.fields) {
            match value {
                Value::Null => {}
                Value::String(text) if own.contains(&name.as_str()) => kept.push((name, text)),
                value if own.contains(&name.as_str()) => kept.push((name, value.to_string())),
                _ => self.dropped.push(name),
            }
        }
        kept
    }
}

/// Stability's ratios. Same source.
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
pub(super) fn stability(
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

struct Midjourney {
    submit: Option<Bytes>,
    job: Option<String>,
    dropped: Vec<String>,
    created: u64,
}

/// A job of a Midjourney proxy: its one picture is a grid, by address.
pub(super) fn midjourney(asked: &Asked<'_>, reply: ReplyFacts) -> Result<Box<dyn Translation>> {
    if asked.path != "images/generations" {
        return Err(unsupported("this provider makes pictures from text only", "image"));
    }
    let mut picture = Picture::read(asked)?;
    let stated_format = picture.fields.get("response_format").is_some_and(|format| format == "url");
    if stated_format {
        picture.fields.shift_remove("response_format");
    }
    drop(picture.own(&[]));
    if picture.count > 1 {
        picture.dropped.push("n".to_owned());
    }
    let mut prompt = picture.prompt;
    if let Some((width, height)) = picture.size {
        let common = common_divisor(width, height);
        prompt.push_str(&format!(" --ar {}:{}", width / common, height / common));
    }
    let submit = Some(Bytes::from(json!({ "prompt": prompt }).to_string()));
    Ok(Box::new(Midjourney { submit, job: None, dropped: picture.dropped, created: reply.created }))
}

const fn common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if a == 0 { 1 } else { a }
}

impl Midjourney {
    fn look(&self) -> Result<Step> {
        let job = self.job.as_deref().ok_or_else(over)?;
        let path = format!("mj/task/{}/fetch", escaped(job));
        let wire = Wire { path, body: Bytes::new(), headers: Vec::new(), dropped: Vec::new() };
        Ok(Step::Ask { after: POLL, call: Outgoing { method: Method::GET, wire, content_type: None } })
    }

    /// The job's id: 1 submitted, 21 exists already, 22 queued.
    fn submitted(&mut self, answer: &Value) -> Result<Step> {
        let said = answer.get("description").and_then(Value::as_str).unwrap_or("no reason given");
        let refused = |kind| Error::new(kind, Origin::Upstream, format!("the job was refused: {said}"));
        match answer.get("code").and_then(Value::as_i64) {
            Some(1 | 21 | 22) => {}
            Some(23 | 30) => return Err(refused(Kind::RateLimited)),
            Some(24) => return Err(refused(Kind::ContentRefused)),
            Some(_) => return Err(refused(Kind::UpstreamFailed)),
            None => return Err(Error::bad_answer("the provider's answer has no `code`")),
        }
        let id = match answer.get("result") {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => return Err(Error::bad_answer("the provider's answer names no job")),
        };
        self.job = Some(id);
        self.look()
    }
}

impl Translation for Midjourney {
    fn step(&mut self, answer: Option<Bytes>) -> Result<Step> {
        if let Some(body) = self.submit.take() {
            let wire =
                Wire { path: "mj/submit/imagine".to_owned(), body, headers: Vec::new(), dropped: Vec::new() };
            return Ok(Step::Ask { after: Duration::ZERO, call: Outgoing::json(wire) });
        }
        let answer = answered(&answer.ok_or_else(over)?)?;
        if self.job.is_none() {
            return self.submitted(&answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        match text("status") {
            Some("SUCCESS") => {}
            Some("FAILURE" | "CANCEL") => {
                let why = text("failReason").unwrap_or("no reason given");
                // The work was taken and paid for: another try would pay again.
                return Err(Error::new(
                    Kind::UpstreamFailed,
                    Origin::Upstream,
                    format!("the job failed: {why}"),
                )
                .with_retry(Retry::Never));
            }
            _ => return self.look(),
        }
        let url = text("imageUrl").ok_or_else(|| Error::bad_answer("the finished job has no picture"))?;
        let body = Bytes::from(json!({ "created": self.created, "data": [{ "url": url }] }).to_string());
        let units = Units { images: 1, ..Units::default() };
        Ok(Step::Done(Finished { body, content_type: "application/json", usage: None, units }))
    }

    fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;
    use crate::ir::Endpoint;

    fn asked(body: &Bytes) -> Asked<'_> {
        Asked { endpoint: Endpoint::Images, path: "images/generations", body, parts: &[] }
    }

    fn call(step: Step) -> (Duration, Outgoing) {
        match step {
            Step::Ask { after, call } => (after, call),
            _ => panic!("no call"),
        }
    }

    fn done(step: Step) -> (Value, Units) {
        match step {
            Step::Done(finished) => (serde_json::from_slice(&finished.body).unwrap(), finished.units),
            _ => panic!("not done"),
        }
    }

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

    #[test]
    fn a_midjourney_job_is_submitted_and_polled() {
        let body = Bytes::from_static(br#"{"model":"x","prompt":"a train","size":"1536x1024"}"#);
        let mut machine = midjourney(&asked(&body), ReplyFacts::default()).unwrap();
        let (_, submit) = call(machine.step(None).unwrap());
        assert_eq!(submit.wire.path, "mj/submit/imagine");
        assert_eq!(&submit.wire.body[..], br#"{"prompt":"a train --ar 3:2"}"#);
        let taken = Bytes::from_static(br#"{"code":1,"description":"ok","result":"14001"}"#);
        let (after, look) = call(machine.step(Some(taken)).unwrap());
        assert_eq!((look.wire.path.as_str(), look.method, after), ("mj/task/14001/fetch", Method::GET, POLL));
        call(
            machine.step(Some(Bytes::from_static(br#"{"status":"IN_PROGRESS","progress":"40%"}"#))).unwrap(),
        );
        let end = Bytes::from_static(br#"{"status":"SUCCESS","imageUrl":"https://cdn.example/1.png"}"#);
        let (body, units) = done(machine.step(Some(end)).unwrap());
        assert_eq!((body["data"][0]["url"].as_str(), units.images), (Some("https://cdn.example/1.png"), 1));
        let mut machine =
            midjourney(&asked(&Bytes::from_static(br#"{"prompt":"x"}"#)), ReplyFacts::default()).unwrap();
        call(machine.step(None).unwrap());
        let refused = Bytes::from_static(br#"{"code":24,"description":"sensitive words"}"#);
        assert_eq!(machine.step(Some(refused)).err().unwrap().kind, Kind::ContentRefused);
    }
}
