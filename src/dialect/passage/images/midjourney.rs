//! Pictures from proxies of Midjourney: jobs that are submitted, then polled.
//!
//! Source: midjourney-proxy API "submit/imagine" and "task/{id}/fetch", checked 2026-11-21.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::super::{Asked, Finished, Outgoing, Step, Translation, answered, over, unsupported};
use super::Picture;
use crate::dialect::{ReplyFacts, Wire};
use crate::error::{Error, Kind, Origin, Result, Retry};
use crate::ir::Units;
use crate::percent::escaped;

/// Wait between two looks at a job.
const POLL: Duration = Duration::from_secs(2);

struct Midjourney {
    submit: Option<Bytes>,
    job: Option<String>,
    dropped: Vec<String>,
    created: u64,
}

/// A job of a Midjourney proxy: its one picture is a grid, by address.
pub(in super::super) fn midjourney(asked: &Asked<'_>, reply: ReplyFacts) -> Result<Box<dyn Translation>> {
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
    use super::super::super::tests::{asked, call, done};
    use super::*;

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
