//! Text to sound: OpenAI's form towards clients, ElevenLabs' and Deepgram's
//! towards providers. The sound goes to the client as it comes.
//!
//! Sources: ElevenLabs API reference "Stream speech", Deepgram API reference
//! "Speak: text to speech", OpenAI API reference "Create speech", all checked 2026-11-21.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Asked, Outgoing, Step, Translation, object, over, unsupported};
use crate::dialect::{Target, Wire};
use crate::error::{Error, Result};
use crate::ir::Units;
use crate::percent::escaped;

struct Speaking {
    call: Option<Outgoing>,
    units: Units,
    dropped: Vec<String>,
}

impl Translation for Speaking {
    fn step(&mut self, _answer: Option<Bytes>) -> Result<Step> {
        Ok(Step::Stream { call: self.call.take().ok_or_else(over)?, units: self.units })
    }

    fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

/// What a client wants said.
struct Speech {
    text: String,
    voice: String,
    format: String,
    speed: Option<f64>,
    rest: Map<String, Value>,
}

impl Speech {
    fn read(asked: &Asked<'_>) -> Result<Self> {
        let mut fields = object(asked.body)?;
        fields.shift_remove("model");
        let missing =
            |name: &str| Error::invalid(format!("`{name}` must be given")).with_param(name.to_owned());
        let text = match fields.shift_remove("input") {
            Some(Value::String(text)) if !text.is_empty() => text,
            _ => return Err(missing("input")),
        };
        let voice = match fields.shift_remove("voice") {
            Some(Value::String(voice)) => voice,
            Some(Value::Object(voice)) => {
                voice.get("id").and_then(Value::as_str).ok_or_else(|| missing("voice.id"))?.to_owned()
            }
            _ => return Err(missing("voice")),
        };
        let format = match fields.shift_remove("response_format") {
            Some(Value::String(format)) => format,
            _ => "mp3".to_owned(),
        };
        let speed = fields.shift_remove("speed").and_then(|speed| speed.as_f64());
        if fields.get("stream_format").is_some_and(|format| format == "audio") {
            fields.shift_remove("stream_format");
        }
        if fields.contains_key("stream_format") {
            return Err(unsupported("this provider streams sound, not events", "stream_format"));
        }
        Ok(Self { text, voice, format, speed, rest: fields })
    }

    fn into_translation(self, path: String, body: &Value, mut dropped: Vec<String>) -> Box<dyn Translation> {
        dropped.extend(self.rest.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name));
        let wire =
            Wire { path, body: Bytes::from(body.to_string()), headers: Vec::new(), dropped: Vec::new() };
        let units = Units { characters: self.text.chars().count() as u64, ..Units::default() };
        Box::new(Speaking { call: Some(Outgoing::json(wire)), units, dropped })
    }
}

/// Speech from ElevenLabs; `voice` is the id of one of its voices.
pub(super) fn elevenlabs(asked: &Asked<'_>, target: &Target<'_>) -> Result<Box<dyn Translation>> {
    let mut speech = Speech::read(asked)?;
    let format = match speech.format.as_str() {
        "mp3" => "mp3_44100_128",
        "opus" => "opus_48000_128",
        // OpenAI's pcm is 24 kHz, 16 bit, mono.
        "pcm" => "pcm_24000",
        _ => return Err(unsupported("this provider speaks mp3, opus and pcm", "response_format")),
    };
    let mut body = json!({ "text": speech.text, "model_id": target.model });
    if let Some(fields) = body.as_object_mut() {
        if let Some(speed) = speech.speed {
            fields.insert("voice_settings".to_owned(), json!({ "speed": speed }));
        }
        for own in ["language_code", "voice_settings", "seed", "previous_text", "next_text"] {
            fields.extend(speech.rest.shift_remove(own).map(|value| (own.to_owned(), value)));
        }
    }
    let path = format!("text-to-speech/{}/stream?output_format={format}", escaped(&speech.voice));
    Ok(speech.into_translation(path, &body, Vec::new()))
}

/// Speech from Deepgram, whose models are voices: `voice` counts when it names one.
pub(super) fn deepgram(asked: &Asked<'_>, target: &Target<'_>) -> Result<Box<dyn Translation>> {
    let speech = Speech::read(asked)?;
    let encoding = match speech.format.as_str() {
        "mp3" => "encoding=mp3",
        "opus" => "encoding=opus&container=ogg",
        "flac" => "encoding=flac",
        "aac" => "encoding=aac",
        "wav" => "encoding=linear16&container=wav",
        "pcm" => "encoding=linear16&container=none&sample_rate=24000",
        _ => {
            return Err(unsupported(
                "this provider speaks mp3, opus, flac, aac, wav and pcm",
                "response_format",
            ));
        }
    };
    let mut dropped = Vec::new();
    let model = if speech.voice.starts_with("aura-") {
        speech.voice.as_str()
    } else {
        dropped.push("voice".to_owned());
        target.model
    };
    dropped.extend(speech.speed.map(|_| "speed".to_owned()));
    let path = format!("speak?model={}&{encoding}", escaped(model));
    let body = json!({ "text": speech.text });
    Ok(speech.into_translation(path, &body, dropped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;
    use crate::ir::Endpoint;

    #[test]
    fn speech_is_asked_in_each_vendors_way() {
        let quirks = Quirks::default();
        let target = Target { model: "m-2", max_output_tokens: None, quirks: &quirks };
        let body = Bytes::from_static(
            br#"{"model":"x","input":"All aboard","voice":"a/b","response_format":"pcm","speed":1.1,"instructions":"loud"}"#,
        );
        let asked = Asked { endpoint: Endpoint::Speech, path: "audio/speech", body: &body, parts: &[] };
        for (machine, path, sent, dropped) in [
            (
                elevenlabs(&asked, &target).unwrap(),
                "text-to-speech/a%2Fb/stream?output_format=pcm_24000",
                r#"{"text":"All aboard","model_id":"m-2","voice_settings":{"speed":1.1}}"#,
                vec!["instructions"],
            ),
            (
                deepgram(&asked, &target).unwrap(),
                "speak?model=m-2&encoding=linear16&container=none&sample_rate=24000",
                r#"{"text":"All aboard"}"#,
                vec!["voice", "speed", "instructions"],
            ),
        ] {
            let mut machine = machine;
            assert_eq!(machine.dropped(), dropped);
            let Step::Stream { call, units } = machine.step(None).unwrap() else { panic!("no stream") };
            assert_eq!(
                (call.wire.path.as_str(), &call.wire.body[..], units.characters),
                (path, sent.as_bytes(), 10)
            );
        }
        let body = Bytes::from_static(br#"{"model":"x","input":"hi","voice":"v","response_format":"flac"}"#);
        let asked = Asked { body: &body, ..asked };
        assert!(elevenlabs(&asked, &target).is_err());
    }
}
