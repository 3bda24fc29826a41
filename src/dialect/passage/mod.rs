//! Passages: work that is no conversation, in OpenAI's form towards clients
//! and in each vendor's towards providers.
//!
//! A translation is a machine without IO: [`Translation::step`] says what to
//! ask, gets the answer, and says what comes next, until it is done. So texts
//! embedded in pieces, jobs that are polled and answers that stream are one
//! thing to whoever carries them.

mod images;
mod listen;
mod meter;
mod speak;
pub(super) mod texts;
mod vectors;

pub use texts::rewritten;

pub use meter::{Metered, characters, metered, metered_frame};

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method};

use super::multipart::Part;
use super::{ReplyFacts, Target, Wire, embed, rerank};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Endpoint, Units, Usage};

/// How a kind of provider takes the passages of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As clients send them: the bytes go on with the model's name replaced.
    Same,
    /// Embeddings in this form.
    Embed(embed::Form),
    /// Reranking in this form.
    Rerank(rerank::Form),
    /// Stability's image service.
    StabilityImages,
    /// Jobs of a Midjourney proxy: submitted, then polled.
    MidjourneyJobs,
    /// Deepgram's `listen`.
    DeepgramListen,
    /// ElevenLabs' `speech-to-text`.
    ElevenLabsListen,
    /// Deepgram's `speak`.
    DeepgramSpeak,
    /// ElevenLabs' `text-to-speech`.
    ElevenLabsSpeak,
    /// Sound in an answer of Gemini's `generateContent`.
    GeminiSpeak,
}

/// A client's passage, whole.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What it asks for.
    pub endpoint: Endpoint,
    /// Path below `/v1`.
    pub path: &'a str,
    /// The body.
    pub body: &'a Bytes,
    /// Its parts, when it is a form.
    pub parts: &'a [Part],
}

impl Asked<'_> {
    /// The text of the form's field `name`.
    fn field(&self, name: &str) -> Option<&str> {
        let part = self.parts.iter().find(|part| part.name == name && part.filename.is_none())?;
        std::str::from_utf8(self.body.get(part.content.clone())?).ok()
    }

    /// The form's first file among the fields `names`.
    fn file(&self, names: &[&str]) -> Option<(&Part, Bytes)> {
        let part = self.parts.iter().find(|part| names.contains(&part.name.as_str()))?;
        Some((part, self.body.slice(part.content.clone())))
    }
}

/// One call to a provider.
#[derive(Debug)]
pub struct Outgoing {
    /// HTTP method.
    pub method: Method,
    /// Path, body and headers.
    pub wire: Wire,
    /// Type of the body; absent: JSON.
    pub content_type: Option<HeaderValue>,
}

impl Outgoing {
    fn json(wire: Wire) -> Self {
        Self { method: Method::POST, wire, content_type: None }
    }

    fn of(method: Method, path: String, content_type: &str, body: Bytes) -> Result<Self> {
        let wire = Wire { path, body, headers: Vec::new(), dropped: Vec::new() };
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| Error::invalid("the file's content type fits no header").with_param("file"))?;
        Ok(Self { method, wire, content_type: Some(content_type) })
    }
}

/// What comes next.
pub enum Step {
    /// This call, after a wait; its answer is wanted whole.
    Ask {
        /// Wait first.
        after: Duration,
        /// The call.
        call: Outgoing,
    },
    /// This call; its answer goes to the client as it comes.
    Stream {
        /// The call.
        call: Outgoing,
        /// What is charged for it.
        units: Units,
    },
    /// The answer to the client.
    Done(Finished),
}

/// A translated answer.
#[derive(Debug)]
pub struct Finished {
    /// The body.
    pub body: Bytes,
    /// Its type.
    pub content_type: &'static str,
    /// Tokens, where the provider said.
    pub usage: Option<Usage>,
    /// What else is charged.
    pub units: Units,
}

/// A passage on its way to a provider of another form.
pub trait Translation: Send {
    /// What comes next: first without an answer, then with each answer of status 2xx.
    ///
    /// # Errors
    /// `Unsupported` or `InvalidRequest` before the first call; the provider's
    /// errors in answers.
    fn step(&mut self, answer: Option<Bytes>) -> Result<Step>;

    /// Request fields that cannot be carried.
    fn dropped(&self) -> &[String];
}

/// A translation of `asked`; `None` where the provider takes it as it is.
///
/// # Errors
/// `InvalidRequest` with the field at fault; `Unsupported` for what the way cannot carry.
pub fn translate(
    way: Way,
    asked: &Asked<'_>,
    target: &Target<'_>,
    reply: ReplyFacts,
) -> Result<Option<Box<dyn Translation>>> {
    Ok(match way {
        Way::Same => None,
        Way::Embed(embed::Form::OpenAi) => None,
        Way::Embed(form) => Some(vectors::embed(form, asked, target, reply)?),
        Way::Rerank(form) => vectors::rerank(form, asked, target, reply)?,
        Way::StabilityImages => Some(images::stability(asked, target, reply)?),
        Way::MidjourneyJobs => Some(images::midjourney(asked, reply)?),
        Way::DeepgramListen => Some(listen::deepgram(asked, target)?),
        Way::ElevenLabsListen => Some(listen::elevenlabs(asked, target)?),
        Way::DeepgramSpeak => Some(speak::deepgram(asked, target)?),
        Way::ElevenLabsSpeak => Some(speak::elevenlabs(asked, target)?),
        Way::GeminiSpeak => Some(speak::gemini(asked, target)?),
    })
}

/// Reads a JSON object.
fn object(body: &Bytes) -> Result<serde_json::Map<String, serde_json::Value>> {
    serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))
}

/// Reads a provider's JSON answer.
fn answered(body: &Bytes) -> Result<serde_json::Value> {
    serde_json::from_slice(body)
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))
}

fn unsupported(what: &str, param: &str) -> Error {
    Error::new(Kind::Unsupported, Origin::Client, what).with_param(param)
}

/// A machine that was asked to go on behind its end.
fn over() -> Error {
    Error::internal("a translation was asked to go on after its end")
}

/// What tests of translations ask and read.
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use serde_json::Value;

    use super::{Asked, Outgoing, Step};
    use crate::ir::{Endpoint, Units};

    pub(super) fn asked(body: &Bytes) -> Asked<'_> {
        Asked { endpoint: Endpoint::Images, path: "images/generations", body, parts: &[] }
    }

    pub(super) fn call(step: Step) -> (Duration, Outgoing) {
        match step {
            Step::Ask { after, call } => (after, call),
            _ => panic!("no call"),
        }
    }

    pub(super) fn done(step: Step) -> (Value, Units) {
        match step {
            Step::Done(finished) => (serde_json::from_slice(&finished.body).unwrap(), finished.units),
            _ => panic!("not done"),
        }
    }
}
