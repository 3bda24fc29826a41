//! Sound that a client asks for: by whose voice, in which form. OpenAI's chat
//! and Gemini have words for it; in both it stands among the extra fields.
//!
//! Sources: OpenAI API reference "Create chat completion" (`modalities`,
//! `audio`); Gemini API docs "Speech generation", "Voice options"; Gemini API
//! reference "GenerationConfig" (`responseModalities`, `speechConfig`), checked 2026-11-22.

use serde_json::{Map, Value, json};

use crate::ir::{Dialect, Request};

/// Voices of OpenAI's models. The first speaks for those who name none that it knows.
const OPENAI: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
    "verse",
];

/// Voices of Gemini's models.
const GEMINI: [&str; 30] = [
    "Achernar",
    "Achird",
    "Algenib",
    "Algieba",
    "Alnilam",
    "Aoede",
    "Autonoe",
    "Callirrhoe",
    "Charon",
    "Despina",
    "Enceladus",
    "Erinome",
    "Fenrir",
    "Gacrux",
    "Iapetus",
    "Kore",
    "Laomedeia",
    "Leda",
    "Orus",
    "Puck",
    "Pulcherrima",
    "Rasalgethi",
    "Sadachbia",
    "Sadaltager",
    "Schedar",
    "Sulafat",
    "Umbriel",
    "Vindemiatrix",
    "Zephyr",
    "Zubenelgenubi",
];

/// Where a request of OpenAI's chat asks for sound.
pub(super) const OPENAI_FIELDS: [&str; 2] = ["modalities", "audio"];

/// Where a request of Gemini's does, in its `generationConfig`.
const GEMINI_FIELDS: [&str; 2] = ["responseModalities", "speechConfig"];

/// The voice of this name, as `known` spells it.
fn known(voices: &[&'static str], name: &str) -> Option<&'static str> {
    voices.iter().find(|voice| voice.eq_ignore_ascii_case(name)).copied()
}

/// Whether a list of modalities names sound, and beside it at most text.
fn sounds(modalities: Option<&Value>) -> bool {
    let Some(list) = modalities.and_then(Value::as_array) else { return false };
    let is = |value: &Value, name: &str| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(name));
    list.iter().any(|one| is(one, "audio")) && list.iter().all(|one| is(one, "audio") || is(one, "text"))
}

/// The form of the sound that a client wants, as OpenAI's speech endpoint names
/// it (`mp3`, `wav`, `pcm`, ...); `None` where it wants none.
#[must_use]
pub fn wanted(request: &Request) -> Option<&str> {
    if request.dialect == Dialect::Gemini {
        let config = request.extra.get("generationConfig")?;
        return sounds(config.get("responseModalities")).then_some("pcm");
    }
    let chat = request.dialect == Dialect::OpenAiChat && sounds(request.extra.get("modalities"));
    let format = request.extra.get("audio").filter(|_| chat)?.get("format")?.as_str()?;
    Some(if format == "pcm16" { "pcm" } else { format })
}

/// Gemini's fields for the sound that a client of OpenAI's chat asks for;
/// `None` where it asks for none. What cannot be had is added to `lost`.
pub(super) fn for_gemini(request: &Request, lost: &mut Vec<String>) -> Option<Map<String, Value>> {
    let chat = request.dialect == Dialect::OpenAiChat && sounds(request.extra.get("modalities"));
    let audio = request.extra.get("audio").filter(|_| chat)?.as_object()?;
    let (mut voice, mut config) = (None, Map::new());
    for (name, value) in audio {
        match (name.as_str(), value.as_str()) {
            ("voice", Some(name)) => voice = known(&GEMINI, name),
            // Samples, which a head makes `wav`, are all that these models make.
            ("format", Some("wav" | "pcm16")) => continue,
            _ => {}
        }
        if name != "voice" || voice.is_none() {
            lost.push(format!("audio.{name}"));
        }
    }
    config.insert("responseModalities".to_owned(), json!(["AUDIO"]));
    config.extend(voice.map(|voice| ("speechConfig".to_owned(), spoken_by(voice))));
    Some(config)
}

/// Gemini's `speechConfig` of one voice, where it has that voice.
pub(super) fn speech_config(voice: &str) -> Option<Value> {
    known(&GEMINI, voice).map(spoken_by)
}

fn spoken_by(voice: &str) -> Value {
    json!({ "voiceConfig": { "prebuiltVoiceConfig": { "voiceName": voice } } })
}

/// OpenAI's fields for the sound that a client of Gemini asks for, and what is
/// left of its `generationConfig`; `None` where it asks for none.
pub(super) fn for_openai(request: &Request) -> Option<(Value, Vec<String>)> {
    let config = request.extra.get("generationConfig").filter(|_| request.dialect == Dialect::Gemini)?;
    let config = config.as_object().filter(|config| sounds(config.get("responseModalities")))?;
    let speech = config.get("speechConfig");
    let name =
        speech.and_then(|speech| speech.pointer("/voiceConfig/prebuiltVoiceConfig/voiceName")?.as_str());
    let voice = name.and_then(|name| known(&OPENAI, name));
    let mut lost: Vec<String> =
        config.keys().filter(|name| !GEMINI_FIELDS.contains(&name.as_str())).cloned().collect();
    if speech.is_some_and(|speech| voice.map(spoken_by).is_none_or(|carried| carried != *speech)) {
        lost.push("speechConfig".to_owned());
    }
    let [first, ..] = OPENAI;
    // Gemini's clients expect samples.
    let audio = json!({ "voice": voice.unwrap_or(first), "format": "pcm16" });
    let lost = lost.into_iter().map(|name| format!("generationConfig.{name}")).collect();
    Some((json!({ "modalities": ["text", "audio"], "audio": audio }), lost))
}
