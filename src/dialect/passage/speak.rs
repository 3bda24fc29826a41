//! Text to sound: OpenAI's form towards clients, ElevenLabs', Deepgram's and
//! Gemini's towards providers. The sound goes to the client as it comes, but
//! Gemini's, which stands in an answer of JSON.
//!
//! Sources: ElevenLabs API reference "Stream speech", Deepgram API reference
//! "Speak: text to speech", OpenAI API reference "Create speech", all checked
//! 2026-11-21; Gemini API docs "Speech generation", checked 2026-11-22.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Asked, Finished, Outgoing, Step, Translation, object, over, unsupported};
use crate::dialect::{Target, Wire, outbound, sound, voice};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Units};
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
    /// As the client names it; absent, it takes what is usual.
    format: Option<String>,
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
            Some(Value::String(format)) => Some(format),
            _ => None,
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

    /// The form of the sound that OpenAI makes where the client says nothing.
    fn format(&self) -> &str {
        self.format.as_deref().unwrap_or("mp3")
    }

    fn units(&self) -> Units {
        Units { characters: self.text.chars().count() as u64, ..Units::default() }
    }

    fn into_translation(self, path: String, body: &Value, mut dropped: Vec<String>) -> Box<dyn Translation> {
        let units = self.units();
        dropped.extend(self.left());
        Box::new(Speaking { call: Some(call(path, body)), units, dropped })
    }

    /// What nobody took.
    fn left(self) -> impl Iterator<Item = String> {
        self.rest.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name)
    }
}

fn call(path: String, body: &Value) -> Outgoing {
    Outgoing::json(Wire {
        path,
        body: Bytes::from(body.to_string()),
        headers: Vec::new(),
        dropped: Vec::new(),
    })
}

/// Speech from ElevenLabs; `voice` is the id of one of its voices.
pub(super) fn elevenlabs(asked: &Asked<'_>, target: &Target<'_>) -> Result<Box<dyn Translation>> {
    let mut speech = Speech::read(asked)?;
    let format = match speech.format() {
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
    let encoding = match speech.format() {
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

/// Sound that comes in an answer of Gemini's.
struct Answered {
    call: Option<Outgoing>,
    bare: bool,
    units: Units,
    dropped: Vec<String>,
}

impl Translation for Answered {
    fn step(&mut self, answer: Option<Bytes>) -> Result<Step> {
        if let Some(call) = self.call.take() {
            return Ok(Step::Ask { after: Duration::ZERO, call });
        }
        let gemini = outbound(Dialect::Gemini).ok_or_else(over)?;
        let response = gemini.decode_response(&answer.ok_or_else(over)?)?;
        let said = response.choices.first().and_then(|first| sound::bytes(&first.message.parts, self.bare));
        let body = said.ok_or_else(|| Error::bad_answer("the provider's answer holds no sound"))?.into();
        let content_type = if self.bare { "audio/pcm" } else { "audio/wav" };
        Ok(Step::Done(Finished { body, content_type, usage: response.usage, units: self.units }))
    }

    fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

/// Speech from Gemini, whose models make samples: `voice` counts when it names
/// one of Gemini's. A client that names no form gets `wav`, the nearest to what is made.
pub(super) fn gemini(asked: &Asked<'_>, target: &Target<'_>) -> Result<Box<dyn Translation>> {
    let speech = Speech::read(asked)?;
    let mut dropped = Vec::new();
    let bare = match speech.format.as_deref() {
        Some("pcm") => true,
        Some("wav") => false,
        None => {
            dropped.push("response_format".to_owned());
            false
        }
        Some(_) => return Err(unsupported("this provider speaks wav and pcm", "response_format")),
    };
    let mut config = json!({ "responseModalities": ["AUDIO"] });
    match (voice::speech_config(&speech.voice), &mut config) {
        (Some(voice), Value::Object(config)) => drop(config.insert("speechConfig".to_owned(), voice)),
        _ => dropped.push("voice".to_owned()),
    }
    dropped.extend(speech.speed.map(|_| "speed".to_owned()));
    let folder = if target.quirks.vertex { "publishers/google/models/" } else { "models/" };
    let path = format!("{folder}{}:generateContent", target.model);
    let contents = json!([{ "role": "user", "parts": [{ "text": speech.text }] }]);
    let body = json!({ "contents": contents, "generationConfig": config });
    let units = speech.units();
    dropped.extend(speech.left());
    Ok(Box::new(Answered { call: Some(call(path, &body)), bare, units, dropped }))
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
        assert!(gemini(&asked, &target).is_err());
    }

    /// What Gemini is asked, and what its answer becomes.
    #[test]
    fn gemini_speaks_in_an_answer_of_json() {
        let quirks = Quirks::default();
        let target = Target { model: "tts-1", max_output_tokens: None, quirks: &quirks };
        let answer = json!({
            "candidates": [{ "content": { "parts": [{ "inlineData": {
                "mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAEC" } }] }, "finishReason": "STOP" }],
            "usageMetadata": { "promptTokenCount": 3, "candidatesTokenCount": 9 },
        });
        let answer = Bytes::from(answer.to_string());
        for (voice, format, spoken, content_type, dropped) in [
            ("Kore", Some("pcm"), r#""voiceName":"Kore""#, "audio/pcm", &[][..]),
            ("puck", Some("wav"), r#""voiceName":"Puck""#, "audio/wav", &[]),
            (
                "alloy",
                None,
                r#"{"responseModalities":["AUDIO"]}"#,
                "audio/wav",
                &["response_format", "voice"],
            ),
        ] {
            let body =
                json!({ "model": "x", "input": "All aboard", "voice": voice, "response_format": format });
            let body = Bytes::from(body.to_string());
            let asked = Asked { endpoint: Endpoint::Speech, path: "audio/speech", body: &body, parts: &[] };
            let mut machine = gemini(&asked, &target).unwrap();
            assert_eq!(machine.dropped(), dropped);
            let Step::Ask { call, .. } = machine.step(None).unwrap() else { panic!("nothing asked") };
            assert_eq!(call.wire.path, "models/tts-1:generateContent");
            let sent = String::from_utf8(call.wire.body.to_vec()).unwrap();
            assert!(sent.contains(spoken) && sent.contains(r#"[{"text":"All aboard"}]"#), "{sent}");
            let Step::Done(done) = machine.step(Some(answer.clone())).unwrap() else { panic!("not done") };
            assert_eq!(
                (done.content_type, done.usage.unwrap().output, done.units.characters),
                (content_type, 9, 10)
            );
            let (head, samples) = done.body.split_at(done.body.len() - 3);
            assert_eq!((samples, head.starts_with(b"RIFF")), (&[0, 1, 2][..], content_type == "audio/wav"));
        }
        let silent = Bytes::from_static(br#"{"candidates":[{"content":{"parts":[{"text":"no"}]}}]}"#);
        let body = Bytes::from_static(br#"{"model":"x","input":"a","voice":"Kore","response_format":"wav"}"#);
        let asked = Asked { endpoint: Endpoint::Speech, path: "audio/speech", body: &body, parts: &[] };
        let mut machine = gemini(&asked, &target).unwrap();
        machine.step(None).unwrap();
        assert!(machine.step(Some(silent)).is_err());
    }
}
