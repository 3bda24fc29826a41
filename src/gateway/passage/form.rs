//! A form with files. It is read until its `model` is known; what comes after
//! one mebibyte goes on to the provider as it arrives. Such a form can be sent
//! once only: no retry, no fallback. A provider of another form gets it whole,
//! under the cap of bodies.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::ClientBody;
use crate::dialect::multipart::{self, Part, Scanner};
use crate::error::{Error, Result};
use crate::gateway::entry::too_large;
use crate::upstream::{Feed, Upload, upload};

/// Forms up to this size are held, so that they can be sent again, bytes.
const HELD: usize = 1 << 20;

/// How large a form may be, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    /// Held whole, for a provider of another form.
    pub(super) held: usize,
    /// Flowing through.
    pub(super) flowing: usize,
}

/// A client's form.
pub(super) struct Form {
    pub(super) content_type: HeaderValue,
    pub(super) model: String,
    /// Its field `prompt`, where that came before the file.
    pub(super) prompt: Option<String>,
    pub(super) stream: bool,
    /// Where the model's name stands.
    span: Range<usize>,
    state: Mutex<State>,
    spent: AtomicBool,
}

enum State {
    /// All of it.
    Whole(Bytes, Vec<Part>),
    /// Its beginning, and the rest on its way.
    Arriving(Arriving),
    /// On its way to a provider.
    Gone,
}

struct Arriving {
    head: BytesMut,
    parts: Vec<Part>,
    scanner: Scanner,
    body: ClientBody,
    length: Option<u64>,
    /// Most bytes.
    flowing: usize,
}

/// A form on its way to a provider.
pub(super) enum Outward {
    /// All of it.
    Whole(Bytes),
    /// Its upload, and what fills it.
    Streamed(Upload, Box<Filling>),
}

/// Fills an upload from a client's body.
pub(super) struct Filling {
    feed: Feed,
    head: Bytes,
    tail: Bytes,
    rest: Arriving,
}

impl Form {
    /// Reads until the model is known and more than [`HELD`] has come, or to the end.
    pub(super) async fn read(
        body: ClientBody,
        boundary: &str,
        content_type: HeaderValue,
        Caps { held: cap, flowing }: Caps,
    ) -> Result<Self> {
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > flowing as u64) {
            return Err(too_large(flowing));
        }
        let scanner = Scanner::new(boundary);
        let mut arriving =
            Arriving { head: BytesMut::new(), parts: Vec::new(), scanner, body, length, flowing };
        let whole = loop {
            let known = arriving.parts.iter().any(is_model);
            if known && arriving.head.len() > HELD {
                break false;
            }
            if arriving.head.len() > cap {
                let text = format!("no `model` in the first {cap} bytes of the form: put it before the file");
                return Err(Error::invalid(text).with_param("model").with_code("missing_model"));
            }
            if !arriving.more().await? {
                break true;
            }
        };
        let (model, span) = arriving.model()?;
        let prompt = arriving.field("prompt").and_then(|text| String::from_utf8(text.to_vec()).ok());
        let stream = arriving.field("stream").is_some_and(|value| value == b"true");
        let state = if whole {
            State::Whole(arriving.head.freeze(), arriving.parts)
        } else {
            State::Arriving(arriving)
        };
        let (state, spent) = (Mutex::new(state), AtomicBool::new(false));
        Ok(Self { content_type, model, prompt, stream, span, state, spent })
    }

    /// A form that is there, made here.
    ///
    /// # Errors
    /// It is none, or names no model.
    pub(super) fn held(content_type: &str, body: Bytes) -> Result<Self> {
        let no_form = || Error::internal("a form that was made here cannot be read");
        let boundary = multipart::boundary(content_type).ok_or_else(no_form)?;
        let parts = multipart::parts(&body, &boundary)?;
        let span = parts.iter().find(|part| is_model(part)).ok_or_else(no_form)?.content.clone();
        let name = body.get(span.clone()).and_then(|name| std::str::from_utf8(name).ok());
        Ok(Self {
            content_type: HeaderValue::from_str(content_type).map_err(|_| no_form())?,
            model: name.ok_or_else(no_form)?.to_owned(),
            prompt: None,
            stream: false,
            span,
            state: Mutex::new(State::Whole(body, parts)),
            spent: AtomicBool::new(false),
        })
    }

    /// Whether it is gone for good.
    pub(super) fn spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
    }

    /// The form with the model's name replaced, for sending as it is.
    pub(super) async fn outward(&self, model: &str) -> Result<Outward> {
        let mut state = self.state.lock().await;
        match std::mem::replace(&mut *state, State::Gone) {
            State::Whole(body, parts) => {
                let (head, tail) = self.around(&body);
                let renamed = [&head[..], model.as_bytes(), &tail[..]].concat();
                *state = State::Whole(body, parts);
                Ok(Outward::Whole(Bytes::from(renamed)))
            }
            State::Arriving(mut rest) => {
                self.spent.store(true, Ordering::Release);
                let held = rest.head.split().freeze();
                let (before, tail) = self.around(&held);
                let head = Bytes::from([&before[..], model.as_bytes()].concat());
                let renamed =
                    |length: u64| (length + model.len() as u64).saturating_sub(self.span.len() as u64);
                let (feed, upload) = upload(rest.length.map(renamed));
                Ok(Outward::Streamed(upload, Box::new(Filling { feed, head, tail, rest })))
            }
            State::Gone => Err(Error::internal("a form that was sent on cannot be sent again")),
        }
    }

    /// The form whole, for a provider of another form.
    pub(super) async fn whole(&self, cap: usize) -> Result<(Bytes, Vec<Part>)> {
        let mut state = self.state.lock().await;
        if let State::Arriving(arriving) = &mut *state {
            while arriving.more().await? {
                if arriving.head.len() > cap {
                    return Err(too_large(cap));
                }
            }
            let (body, parts) = (arriving.head.split().freeze(), std::mem::take(&mut arriving.parts));
            *state = State::Whole(body, parts);
        }
        match &*state {
            State::Whole(body, parts) => Ok((body.clone(), parts.clone())),
            _ => Err(Error::internal("a form that was sent on cannot be sent again")),
        }
    }

    /// What stands before and behind the model's name.
    fn around(&self, body: &Bytes) -> (Bytes, Bytes) {
        (body.slice(..self.span.start.min(body.len())), body.slice(self.span.end.min(body.len())..))
    }
}

impl Arriving {
    /// Reads a chunk into the head; false at the end.
    async fn more(&mut self) -> Result<bool> {
        let Some(chunk) = self.chunk().await? else { return Ok(false) };
        self.head.extend_from_slice(&chunk);
        Ok(true)
    }

    /// The next chunk, scanned; none at the end.
    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = timeout(SILENCE, self.body.frame()).await.map_err(|_| too_slow())?;
            let Some(frame) = frame else {
                let whole = self.scanner.is_closed();
                return if whole {
                    Ok(None)
                } else {
                    Err(Error::invalid("the form breaks off before its end"))
                };
            };
            let frame = frame?;
            let Ok(chunk) = frame.into_data() else { continue };
            let parts = &mut self.parts;
            self.scanner.push(&chunk, |part| {
                // What is authorised is what is sent: one model, one meaning.
                if is_model(&part) && parts.iter().any(is_model) {
                    let error = Error::invalid("the form has `model` twice");
                    return Err(error.with_param("model").with_code("duplicate_key"));
                }
                parts.push(part);
                Ok(())
            })?;
            return Ok(Some(chunk));
        }
    }

    fn field(&self, name: &str) -> Option<&[u8]> {
        let part = self.parts.iter().find(|part| part.name == name && part.filename.is_none())?;
        self.head.get(part.content.clone())
    }

    fn model(&self) -> Result<(String, Range<usize>)> {
        let part = self.parts.iter().find(|part| is_model(part));
        let name = self.field("model").and_then(|name| std::str::from_utf8(name).ok());
        match (part, name) {
            (Some(part), Some(name)) if !name.is_empty() => Ok((name.to_owned(), part.content.clone())),
            _ => Err(Error::invalid("you must provide a model: set the form's field `model`")
                .with_param("model")
                .with_code("missing_model")),
        }
    }
}

impl Filling {
    /// Hands on everything; done early when nobody takes it any more.
    pub(super) async fn fill(mut self) -> Result<()> {
        let mut size = self.head.len() + self.tail.len();
        if !(self.feed.push(self.head).await && self.feed.push(self.tail).await) {
            return Ok(());
        }
        while let Some(chunk) = self.rest.chunk().await? {
            size += chunk.len();
            if size > self.rest.flowing {
                return Err(too_large(self.rest.flowing));
            }
            if !self.feed.push(chunk).await {
                return Ok(());
            }
        }
        self.feed.end().await;
        Ok(())
    }
}

fn is_model(part: &Part) -> bool {
    part.name == "model" && part.filename.is_none()
}

/// Longest silence of a client that sends a file.
pub(in crate::gateway) const SILENCE: Duration = Duration::from_secs(60);

pub(in crate::gateway) fn too_slow() -> Error {
    let mut error = Error::invalid("the body did not arrive in time").with_code("request_timeout");
    error.status = Some(408);
    error
}
