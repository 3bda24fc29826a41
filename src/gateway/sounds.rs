//! Sound that policies ask for: its words by a model that transcribes, a text
//! as sound by one that speaks. Each is a plan like any other; its steps carry
//! what a client's form or body at these endpoints would.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::attempts::carry_alone;
use super::exchange::Journey;
use super::passage::answer::Sounded;
use super::passage::load::Passenger;
use crate::dialect::inbound;
use crate::dialect::multipart::Writer;
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{
    Choice, Dialect, Endpoint, Extra, Finish, Media, MediaSource, Message, Part, Response, Role, Usage,
};
use crate::plan::Plan;
use crate::policy::{Answer, Hearing, Speaking};

/// Endings of files by their type, for providers that go by them. Source: OpenAI
/// API reference "Create transcription" (`file`), checked 2026-11-22.
const ENDINGS: [(&str, &str); 9] = [
    ("audio/wav", "wav"),
    ("audio/x-wav", "wav"),
    ("audio/mpeg", "mp3"),
    ("audio/mp3", "mp3"),
    ("audio/mp4", "m4a"),
    ("audio/ogg", "ogg"),
    ("audio/opus", "ogg"),
    ("audio/flac", "flac"),
    ("audio/webm", "webm"),
];

/// The words of a sound.
pub(super) async fn transcribe(journey: &Journey, hearing: Hearing) -> Answer {
    let Hearing { plan, sound, language, deadline } = hearing;
    let form = form(&sound, language.as_deref());
    let passenger = form.and_then(|(content_type, body)| {
        let dialect = chat()?;
        Passenger::of_form(Endpoint::Transcriptions, dialect, "audio/transcriptions", &content_type, body)
    });
    let errand = Errand { plan, deadline, cause: journey.cause("transcribe") };
    asked(journey, errand, passenger, |sounded| {
        let words = words(&sounded.body)?;
        Ok(response(&sounded, Part::text(words)))
    })
    .await
}

/// A text as sound.
pub(super) async fn speak(journey: &Journey, speaking: Speaking) -> Answer {
    let Speaking { plan, text, with, deadline } = speaking;
    let first = plan.steps.first().map(|step| step.model.to_string()).unwrap_or_default();
    let mut body: Map<String, Value> = with;
    body.insert("model".to_owned(), json!(first));
    body.insert("input".to_owned(), json!(text));
    body.entry("voice").or_insert_with(|| json!("alloy"));
    let raw = Bytes::from(Value::Object(body).to_string());
    let passenger =
        chat().and_then(|dialect| Passenger::of_json(Endpoint::Speech, dialect, "audio/speech", raw));
    let errand = Errand { plan, deadline, cause: journey.cause("speak") };
    asked(journey, errand, passenger, |sounded| {
        let kind = sounded.content_type.to_str().ok().map(str::to_owned);
        let mut media = Media::of(MediaSource::Base64(STANDARD.encode(&sounded.body).into()), kind);
        media.transcript = Some(text.clone());
        Ok(response(&sounded, Part::Audio(media)))
    })
    .await
}

fn chat() -> Result<&'static dyn crate::dialect::Inbound> {
    inbound(Dialect::OpenAiChat).ok_or_else(|| Error::internal("no dialect for a policy's question"))
}

/// The form that carries `sound`, and its type.
fn form(sound: &Media, language: Option<&str>) -> Result<(String, Bytes)> {
    let invalid = |text: &str| Error::new(Kind::Unsupported, Origin::Policy, text.to_owned());
    let MediaSource::Base64(data) = &sound.source else {
        return Err(invalid(
            "the sound is not in the request but at an address, where the gateway does not fetch it",
        ));
    };
    let bytes = STANDARD.decode(data.as_bytes()).map_err(|_| invalid("the sound is not valid base64"))?;
    let kind = sound.mime.as_deref().unwrap_or("audio/wav");
    let plain = kind.split(';').next().unwrap_or(kind).trim();
    let ending = ENDINGS.iter().find(|(mime, _)| *mime == plain).map_or("wav", |(_, ending)| ending);
    // The model's name is replaced by that of the step.
    let mut form = Writer::default().field("model", "model").field("response_format", "json");
    if let Some(language) = language {
        form = form.field("language", language);
    }
    Ok(form.file("file", &format!("audio.{ending}"), kind, Bytes::from(bytes)).finish())
}

/// The words of an answer in OpenAI's form, or of one that is nothing but words.
fn words(body: &[u8]) -> Result<String> {
    match serde_json::from_slice::<Value>(body) {
        Ok(answer) => match answer.get("text").and_then(Value::as_str) {
            Some(text) => Ok(text.to_owned()),
            None => Err(Error::bad_answer("the provider's answer holds no transcript")),
        },
        Err(_) => {
            let text = std::str::from_utf8(body);
            text.map(|text| text.trim().to_owned())
                .map_err(|_| Error::bad_answer("the provider's answer is no transcript"))
        }
    }
}

/// An answer of one part, as of the dialect in which sound is a part like any other.
fn response(sounded: &Sounded, part: Part) -> Response {
    let mut response = Response::new(Dialect::Gemini, "", &*sounded.model.name);
    let message = Message::of(Role::Assistant, vec![part]);
    response.choices.push(Choice {
        index: 0,
        message,
        finish: Some(Finish::Stop),
        logprobs: None,
        extra: Extra::NONE,
    });
    response.usage = Some(sounded.usage).filter(|usage| *usage != Usage::default());
    response
}

/// Who is asked, until when, and what is told of it in the account.
struct Errand {
    plan: Plan,
    deadline: Duration,
    cause: &'static str,
}

/// Carries `passenger` where `errand` leads and makes an answer of what comes back.
async fn asked(
    journey: &Journey,
    errand: Errand,
    passenger: Result<Passenger>,
    read: impl FnOnce(Sounded) -> Result<Response>,
) -> Answer {
    let Errand { plan, deadline, cause } = errand;
    let began = journey.gateway.clock.now();
    let first: Arc<str> = plan.steps.first().map(|step| Arc::clone(&step.model)).unwrap_or_default();
    let late = || Err(Error::new(Kind::TimedOut, Origin::Policy, "no answer before the policy's deadline"));
    let carried = async {
        let passed = carry_alone(journey, plan, cause, &passenger?).await?;
        passed.whole(journey.bundle.settings.max_answer).await
    };
    let carried = timeout(deadline.min(journey.time_left()), carried).await.unwrap_or_else(|_| late());
    let elapsed = journey.gateway.clock.now().since(&began);
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match carried {
        Ok(sounded) => {
            let (model, cost) = (Arc::clone(&sounded.model.name), sounded.cost);
            Answer { model, outcome: read(sounded).map(Arc::new), elapsed_ms, cost }
        }
        Err(error) => Answer { model: first, outcome: Err(error), elapsed_ms, cost: None },
    }
}
