//! The answers that effects get in a case: what the file says, in turn, at once.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::file::Case;
use crate::clock::{Clock, Now};
use crate::error::{Error, Kind, Origin};
use crate::ir::{
    Choice, Dialect, Extra, Finish, Media, MediaSource, Message, Part, Response, Role, ToolCall, Usage,
};
use crate::policy::{Answer, Ask, Effect, EffectValue, Effects, Speaking};

/// Stands for sound that a case does not write: the base64 of an empty MP3's head.
const SOUND: &str = "SUQzBAAAAAAAAA==";

/// Answers effects from a case, and notes which models were asked.
#[derive(Debug)]
pub(super) struct Script {
    answers: BTreeMap<String, Value>,
    embeddings: BTreeMap<String, Vec<f64>>,
    services: BTreeMap<String, Value>,
    now: Now,
    said: Mutex<Said>,
}

/// What was asked so far.
#[derive(Debug, Default)]
struct Said {
    /// How often each name was asked.
    turns: BTreeMap<String, usize>,
    /// The models asked, in order.
    asked: Vec<String>,
}

impl Script {
    pub(super) fn of(case: &Case, now: Now) -> Self {
        let (answers, embeddings) = (case.answers.clone(), case.embeddings.clone());
        Self { answers, embeddings, services: case.services.clone(), now, said: Mutex::default() }
    }

    /// The models asked, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.said.lock().asked.clone()
    }

    /// What is written for `name`, the next in turn; the last of a list again and again.
    fn next(&self, written: &BTreeMap<String, Value>, name: &str) -> Option<Value> {
        let value = written.get(name).or_else(|| written.get("*"))?;
        let mut said = self.said.lock();
        let turn = said.turns.entry(name.to_owned()).or_default();
        let at = *turn;
        *turn += 1;
        match value {
            Value::Array(list) => list.get(at).or_else(|| list.last()).cloned(),
            one => Some(one.clone()),
        }
    }

    fn answer(&self, effect: Effect) -> Result<EffectValue, Error> {
        match effect {
            Effect::Ask(ask) => Ok(EffectValue::Answers(self.ask(&ask))),
            Effect::Embed { texts, .. } => {
                let vectors: Vec<Vec<f64>> = texts
                    .iter()
                    .map(|text| self.embeddings.get(text).cloned().unwrap_or_else(|| spell(text)))
                    .collect();
                Ok(EffectValue::Json(json!(vectors)))
            }
            Effect::Search { service, .. } | Effect::Http { service, .. } => self.service(&service),
            Effect::Moderate { model, .. } => self.service(&model),
            Effect::Transcribe(hearing) => {
                Ok(EffectValue::Answers(vec![self.leg(hearing.plan.steps.iter().map(|step| &step.model))]))
            }
            Effect::Speak(speaking) => Ok(EffectValue::Answers(vec![self.spoken(&speaking)])),
        }
    }

    /// `text` as sound: the base64 that is written as `audio`, else what stands for it.
    fn spoken(&self, speaking: &Speaking) -> Answer {
        let written = |model: &Arc<str>| {
            self.said.lock().asked.push(model.to_string());
            let written = self.next(&self.answers, model).unwrap_or_else(|| json!({ "audio": SOUND }));
            let elapsed_ms = written.get("after_ms").and_then(Value::as_u64).unwrap_or(100);
            let outcome = error_of(&written).map_or_else(
                || Ok(Arc::new(sounding(&speaking.text, written.get("audio").and_then(Value::as_str)))),
                Err,
            );
            Answer { model: Arc::clone(model), outcome, elapsed_ms, cost: None }
        };
        let mut answers = speaking.plan.steps.iter().map(|step| written(&step.model));
        let first = answers.next().unwrap_or_else(nobody);
        if first.outcome.is_ok() { first } else { answers.find(|one| one.outcome.is_ok()).unwrap_or(first) }
    }

    fn service(&self, name: &str) -> Result<EffectValue, Error> {
        let written = self.next(&self.services, name).ok_or_else(|| unwritten("services", name))?;
        match error_of(&written) {
            Some(error) => Err(error),
            None => Ok(EffectValue::Json(written)),
        }
    }

    /// All legs, each by the first model of its plan that has an answer. Good
    /// ones beyond the quorum, and what comes after the deadline, are cancelled.
    fn ask(&self, ask: &Ask) -> Vec<Answer> {
        let mut answers: Vec<Answer> =
            ask.legs.iter().map(|leg| self.leg(leg.steps.iter().map(|step| &step.model))).collect();
        let deadline = u64::try_from(ask.deadline.as_millis()).unwrap_or(u64::MAX);
        let mut order: Vec<(u64, usize)> =
            answers.iter().enumerate().map(|(at, one)| (one.elapsed_ms, at)).collect();
        order.sort_unstable();
        let mut good = 0;
        for (elapsed, at) in order {
            let Some(answer) = answers.get_mut(at) else { continue };
            if elapsed > deadline {
                answer.outcome = Err(Error::new(Kind::TimedOut, Origin::Gateway, "the deadline passed"));
            } else if good >= ask.quorum {
                answer.outcome = Err(Error::new(Kind::Cancelled, Origin::Gateway, "enough others answered"));
            }
            good += usize::from(answer.outcome.is_ok());
        }
        answers
    }

    fn leg<'a>(&self, models: impl Iterator<Item = &'a Arc<str>>) -> Answer {
        let mut last = None;
        for model in models {
            self.said.lock().asked.push(model.to_string());
            let written = self.next(&self.answers, model);
            let elapsed_ms =
                written.as_ref().and_then(|value| value.get("after_ms")?.as_u64()).unwrap_or(100);
            let outcome = match written {
                None => Err(unwritten("answers", model)),
                Some(written) => error_of(&written).map_or_else(|| Ok(Arc::new(response_of(&written))), Err),
            };
            let answer = Answer { model: Arc::clone(model), outcome, elapsed_ms, cost: None };
            if answer.outcome.is_ok() {
                return answer;
            }
            last = Some(answer);
        }
        last.unwrap_or_else(nobody)
    }
}

impl Effects for Script {
    fn perform(&self, effect: Effect) -> Pin<Box<dyn Future<Output = Result<EffectValue, Error>> + Send>> {
        Box::pin(std::future::ready(self.answer(effect)))
    }

    fn clock(&self) -> Clock {
        Clock::Manual(Arc::new(Mutex::new(self.now)))
    }
}

/// An answer that says `text` in sound.
fn sounding(text: &str, audio: Option<&str>) -> Response {
    let mut media =
        Media::of(MediaSource::Base64(audio.unwrap_or(SOUND).into()), Some("audio/mpeg".to_owned()));
    media.transcript = Some(text.to_owned());
    let mut response = response_of(&Value::Null);
    if let Some(choice) = response.choices.first_mut() {
        choice.message = Message::of(Role::Assistant, vec![Part::Audio(media)]);
    }
    response
}

fn nobody() -> Answer {
    let error = Error::new(Kind::NoCandidate, Origin::Policy, "nobody was asked");
    Answer { model: "".into(), outcome: Err(error), elapsed_ms: 0, cost: None }
}

fn unwritten(key: &str, name: &str) -> Error {
    Error::internal(format!("the case has nothing for `{name}` under `{key}`"))
}

/// The error that `{error: overloaded}` stands for.
fn error_of(written: &Value) -> Option<Error> {
    let name = written.get("error")?.as_str()?;
    let kind = Kind::named(name).unwrap_or(Kind::UpstreamFailed);
    Some(Error::new(kind, Origin::Upstream, format!("the case says `{name}`")))
}

/// The answer that a text, `{text: .., after_ms: ..}`, `{json: ..}` or `{tool_calls: [..]}` stands for.
pub(super) fn response_of(written: &Value) -> Response {
    let mut parts = Vec::new();
    match written {
        Value::String(text) => parts.push(Part::text(text.as_str())),
        other => {
            parts.extend(other.get("text").and_then(Value::as_str).map(Part::text));
            parts.extend(other.get("json").map(|value| Part::text(value.to_string())));
            let calls = other.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
            parts.extend(calls.enumerate().map(|(at, call)| tool_call(at, call)));
        }
    }
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let message = Message { plain: !calls, ..Message::of(Role::Assistant, parts) };
    let finish = if calls { Finish::ToolCalls } else { Finish::Stop };
    let mut response = Response::new(Dialect::OpenAiChat, "case", "");
    let choice = Choice { index: 0, message, finish: Some(finish), logprobs: None, extra: Extra::NONE };
    response.choices.push(choice);
    let tokens = |name: &str| written.get("usage")?.get(name)?.as_u64();
    if let (Some(input), Some(output)) = (tokens("input"), tokens("output")) {
        response.usage = Some(Usage { input, output, ..Usage::default() });
    }
    response
}

fn tool_call(at: usize, call: &Value) -> Part {
    let name = call.get("name").and_then(Value::as_str).unwrap_or_default();
    let arguments = call.get("arguments").map_or_else(|| "{}".to_owned(), Value::to_string);
    Part::ToolCall(ToolCall {
        id: format!("call_{at}"),
        name: name.to_owned(),
        arguments,
        ..ToolCall::default()
    })
}

/// A vector for a text that has none: which letters it holds. Alike texts lie close.
fn spell(text: &str) -> Vec<f64> {
    let mut vector = vec![0.0; 26];
    for byte in text.bytes().filter(u8::is_ascii_alphabetic) {
        if let Some(count) = vector.get_mut(usize::from(byte.to_ascii_lowercase() - b'a')) {
            *count += 1.0;
        }
    }
    vector
}
