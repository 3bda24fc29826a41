//! Sound in requests and answers, and the words that hear and make it.

use std::sync::Arc;
use std::time::Duration;

use rhai::{Dynamic, Engine, ImmutableString, Map};
use serde_json::json;

use super::{draft, perform};
use crate::dialect::wanted_sound;
use crate::ir::{Media, MediaSource, Part, Request, Response, Role};
use crate::policy::script::turn::{Reply, Req, absent, charge, raise, read};
use crate::policy::script::vocabulary::word::{getter, kind_of, to_json, word};
use crate::policy::{Answer, Effect, EffectValue, Hearing, Speaking};

/// How long is waited where the script does not say.
const DEADLINE: Duration = Duration::from_secs(60);

/// A sound.
#[derive(Debug, Clone)]
pub(in crate::policy::script) struct Sound(Arc<Media>);

impl Sound {
    /// Bytes of its base64.
    pub(in crate::policy::script) fn bytes(&self) -> usize {
        match &self.0.source {
            MediaSource::Base64(data) => data.len(),
            _ => 0,
        }
    }
}

/// The sound of an answer.
pub(in crate::policy::script) fn of(response: &Response) -> Option<Sound> {
    response.choices.first().and_then(|choice| choice.message.parts.iter().rev().find_map(sound))
}

/// The sound that the user sent last.
pub(in crate::policy::script) fn last(request: &Request) -> Option<Sound> {
    let mut asked = request.messages.iter().rev().filter(|message| message.role == Role::User);
    asked.find_map(|message| message.parts.iter().rev().find_map(sound))
}

fn sound(part: &Part) -> Option<Sound> {
    match part {
        Part::Audio(media) => Some(Sound(Arc::new(media.clone()))),
        _ => None,
    }
}

/// Registers the words.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Sound>("Sound");
    getter("mime", "Its type, as `audio/wav`, or `()`.", "req.audio.mime").register_into_engine(
        engine,
        |sound: &mut Sound| match &sound.0.mime {
            Some(mime) => mime.as_str().into(),
            None => absent("sound.mime"),
        },
    );
    getter(
        "bytes",
        "How large it is, bytes; 0 where it is not in the request but at an address.",
        "req.audio.bytes < 20000000",
    )
    .register_into_engine(engine, |sound: &mut Sound| (sound.bytes() / 4 * 3) as i64);
    getter("transcript", "Its words, where its maker wrote them down, or `()`.", "answer.audio.transcript")
        .register_into_engine(engine, |sound: &mut Sound| match &sound.0.transcript {
            Some(words) => words.as_str().into(),
            None => absent("sound.transcript"),
        });
    asked(engine);
    hearing(engine);
    speaking(engine);
}

fn decoded(look: impl FnOnce(&Request) -> Dynamic) -> Reply<Dynamic> {
    read(|scene| scene.request.decoded().map(|request| look(request)))?.map_err(|error| raise(error.message))
}

/// What the request sends and wants of it.
fn asked(engine: &mut Engine) {
    getter(
        "audio_wanted",
        "The form of the sound that the client wants (`mp3`, `wav`, `pcm`, ...), or `()`.",
        "if req.audio_wanted != () { .. }",
    )
    .register_into_engine(engine, |_: &mut Req| {
        decoded(|request| match wanted_sound(request) {
            Some(form) => form.into(),
            None => absent("req.audio_wanted"),
        })
    });
    getter(
        "audio",
        "The sound that was sent last, or `()`.",
        "let words = transcribe(\"whisper\", req.audio).text;",
    )
    .register_into_engine(engine, |_: &mut Req| {
        decoded(|request| last(request).map_or_else(|| absent("req.audio"), Dynamic::from))
    });
}

fn hearing(engine: &mut Engine) {
    word(
        "transcribe(target, sound)",
        "The words of a sound (`req.audio`, `answer.audio`), by a model that transcribes, or a plan that falls back: an answer with a text.",
        "let heard = transcribe(\"whisper\", req.audio); if heard.ok { ask(\"gpt-5-mini\", heard.text) }",
    )
    .register_into_engine(engine, |target: Dynamic, sound: Dynamic| transcribe(&target, &sound, &Map::new()));
    word(
        "transcribe(target, sound, options)",
        "The same with options: language (ISO 639-1), deadline_ms (60000).",
        "transcribe(\"whisper\", req.audio, #{ language: \"de\" }).text",
    )
    .register_into_engine(engine, |target: Dynamic, sound: Dynamic, options: Map| {
        transcribe(&target, &sound, &options)
    });
}

fn transcribe(target: &Dynamic, sound: &Dynamic, options: &Map) -> Reply<Answer> {
    let plan = draft::leg(target)?;
    let Some(sound) = sound.read_lock::<Sound>().map(|sound| Sound::clone(&sound)) else {
        return Err(raise(format!(
            "what is transcribed must be a sound, `req.audio` or an answer's `audio`, not {}: test `req.has_audio` first",
            kind_of(sound)
        )));
    };
    let (mut language, mut deadline) = (None, DEADLINE);
    for (name, value) in options {
        match name.as_str() {
            "language" => language = Some(value.to_string()),
            "deadline_ms" => deadline = wait(value)?,
            other => return Err(raise(format!("there is no option `{other}`: use language or deadline_ms"))),
        }
    }
    one("transcribe", Effect::Transcribe(Hearing { plan, sound: sound.0, language, deadline }))
}

fn speaking(engine: &mut Engine) {
    word(
        "speak(target, text)",
        "A text as sound, by a model that speaks, or a plan that falls back: an answer with `audio`, which `respond` gives to clients that take sound; others get its words.",
        "respond(speak(\"gpt-4o-mini-tts\", summary.text))",
    )
    .register_into_engine(engine, |target: Dynamic, text: ImmutableString| {
        speak(&target, &text, &Map::new())
    });
    word(
        "speak(target, text, options)",
        "The same with options: voice (alloy), format (mp3, wav, pcm, ...), instructions, speed, deadline_ms (60000).",
        "speak(\"gpt-4o-mini-tts\", \"All aboard!\", #{ voice: \"ash\", format: \"wav\" }).audio",
    )
    .register_into_engine(engine, |target: Dynamic, text: ImmutableString, options: Map| {
        speak(&target, &text, &options)
    });
}

fn speak(target: &Dynamic, text: &str, options: &Map) -> Reply<Answer> {
    let plan = draft::leg(target)?;
    if text.trim().is_empty() {
        return Err(raise("there is nothing to say: the text is empty"));
    }
    charge(text.len())?;
    let (mut with, mut deadline) = (serde_json::Map::new(), DEADLINE);
    for (name, value) in options {
        match name.as_str() {
            "voice" | "instructions" => with.insert(name.to_string(), json!(value.to_string())),
            "format" => with.insert("response_format".to_owned(), json!(value.to_string())),
            "speed" => with.insert("speed".to_owned(), to_json(value)?),
            "deadline_ms" => {
                deadline = wait(value)?;
                None
            }
            other => {
                return Err(raise(format!(
                    "there is no option `{other}`: use voice, format, instructions, speed or deadline_ms"
                )));
            }
        };
    }
    one("speak", Effect::Speak(Speaking { plan, text: text.to_owned(), with, deadline }))
}

fn wait(value: &Dynamic) -> Reply<Duration> {
    let ms = value.as_int().ok().and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
    ms.map(Duration::from_millis).ok_or_else(|| raise("`deadline_ms` must be a whole number above 0"))
}

fn one(name: &'static str, effect: Effect) -> Reply<Answer> {
    let first = match &effect {
        Effect::Transcribe(Hearing { plan, .. }) | Effect::Speak(Speaking { plan, .. }) => {
            plan.steps.first().map(|step| Arc::clone(&step.model))
        }
        _ => None,
    };
    match perform(name, effect)? {
        Ok(EffectValue::Answers(answers)) => {
            answers.into_iter().next().ok_or_else(|| raise("the gateway gave no answer"))
        }
        Ok(EffectValue::Json(_)) => Err(raise("the gateway gave a value where an answer belongs")),
        Err(error) => {
            Ok(Answer { model: first.unwrap_or_default(), outcome: Err(error), elapsed_ms: 0, cost: None })
        }
    }
}
