//! Sound to text: OpenAI's form towards clients, Deepgram's and ElevenLabs'
//! towards providers.
//!
//! Sources: Deepgram API reference "Listen: pre-recorded", ElevenLabs API
//! reference "Create transcript", OpenAI API reference "Create transcription",
//! all checked 2026-11-21.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::meter::milliseconds;
use super::{Asked, Finished, Outgoing, Step, Translation, answered, over, unsupported};
use crate::dialect::Target;
use crate::dialect::multipart::Writer;
use crate::error::{Error, Result};
use crate::ir::Units;
use crate::percent::escaped;

/// Fields of OpenAI's form that both vendors have.
const CARRIED: [&str; 6] =
    ["model", "file", "language", "response_format", "timestamp_granularities[]", "timestamp_granularities"];
/// Most words of a subtitle.
const CUE: usize = 10;

/// What was heard.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    text: String,
    language: Option<String>,
    seconds: Option<f64>,
    words: Vec<Word>,
}

#[derive(Debug, PartialEq)]
struct Word {
    text: String,
    start: f64,
    end: f64,
}

struct Listening {
    call: Option<Outgoing>,
    read: fn(&Value) -> Option<Transcript>,
    format: String,
    words: bool,
    dropped: Vec<String>,
}

/// What both need of the form: the file's bytes, name and type.
struct File {
    content: Bytes,
    name: String,
    content_type: String,
}

fn file(asked: &Asked<'_>) -> Result<File> {
    if asked.path == "audio/translations" {
        return Err(unsupported("this provider transcribes and does not translate", "model"));
    }
    let (part, content) = asked
        .file(&["file"])
        .ok_or_else(|| Error::invalid("`file` must be given, as a part of a form").with_param("file"))?;
    let content_type = part.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
    Ok(File { content, name: part.filename.clone().unwrap_or_else(|| "audio".to_owned()), content_type })
}

fn listening(
    asked: &Asked<'_>,
    call: Outgoing,
    read: fn(&Value) -> Option<Transcript>,
) -> Result<Box<dyn Translation>> {
    let format = asked.field("response_format").unwrap_or("json").to_owned();
    if !["json", "text", "verbose_json", "srt", "vtt"].contains(&format.as_str()) {
        return Err(unsupported(
            "this provider's answers become json, text, verbose_json, srt or vtt",
            "response_format",
        ));
    }
    let granularity = |part: &super::Part| part.name.starts_with("timestamp_granularities");
    let words = asked
        .parts
        .iter()
        .filter(|part| granularity(part))
        .any(|part| asked.body.get(part.content.clone()) == Some(b"word"));
    let mut dropped: Vec<String> = asked
        .parts
        .iter()
        .map(|part| part.name.clone())
        .filter(|name| !CARRIED.contains(&name.as_str()))
        .collect();
    dropped.dedup();
    Ok(Box::new(Listening { call: Some(call), read, format, words, dropped }))
}

/// A transcript from Deepgram: the sound is the body, everything else the query.
pub(super) fn deepgram(asked: &Asked<'_>, target: &Target<'_>) -> Result<Box<dyn Translation>> {
    let file = file(asked)?;
    let language = match asked.field("language") {
        Some(language) => format!("language={}", escaped(language)),
        None => "detect_language=true".to_owned(),
    };
    let path = format!("listen?model={}&smart_format=true&{language}", escaped(target.model));
    let call = Outgoing::of(Method::POST, path, &file.content_type, file.content)?;
    listening(asked, call, from_deepgram)
}

fn from_deepgram(answer: &Value) -> Option<Transcript> {
    let channel = answer.pointer("/results/channels/0")?;
    let best = channel.pointer("/alternatives/0")?;
    let words = best.get("words").and_then(Value::as_array).into_iter().flatten();
    let word = |word: &Value| {
        let text = word.get("punctuated_word").or_else(|| word.get("word"))?.as_str()?.to_owned();
        Some(Word { text, start: word.get("start")?.as_f64()?, end: word.get("end")?.as_f64()? })
    };
    Some(Transcript {
        text: best.get("transcript")?.as_str()?.to_owned(),
        language: channel.get("detected_language").and_then(Value::as_str).map(str::to_owned),
        seconds: answer.pointer("/metadata/duration").and_then(Value::as_f64),
        words: words.filter_map(word).collect(),
    })
}

/// A transcript from ElevenLabs.
pub(super) fn elevenlabs(asked: &Asked<'_>, target: &Target<'_>) -> Result<Box<dyn Translation>> {
    let file = file(asked)?;
    let mut form = Writer::default()
        .field("model_id", target.model)
        .field("timestamps_granularity", "word")
        .field("tag_audio_events", "false");
    if let Some(language) = asked.field("language") {
        form = form.field("language_code", language);
    }
    let (content_type, body) = form.file("file", &file.name, &file.content_type, file.content).finish();
    let call = Outgoing::of(Method::POST, "speech-to-text".to_owned(), &content_type, body)?;
    listening(asked, call, from_elevenlabs)
}

fn from_elevenlabs(answer: &Value) -> Option<Transcript> {
    let words = answer.get("words").and_then(Value::as_array).into_iter().flatten();
    let spoken = words.filter(|word| word.get("type").is_none_or(|kind| kind == "word"));
    let word = |word: &Value| {
        let text = word.get("text")?.as_str()?.to_owned();
        Some(Word { text, start: word.get("start")?.as_f64()?, end: word.get("end")?.as_f64()? })
    };
    let words: Vec<Word> = spoken.filter_map(word).collect();
    let stated = answer.get("audio_duration_secs").and_then(Value::as_f64);
    Some(Transcript {
        text: answer.get("text")?.as_str()?.to_owned(),
        language: answer.get("language_code").and_then(Value::as_str).map(str::to_owned),
        // The end of the last word stands in where the length is not stated.
        seconds: stated.or_else(|| words.last().map(|word| word.end)),
        words,
    })
}

impl Translation for Listening {
    fn step(&mut self, answer: Option<Bytes>) -> Result<Step> {
        if let Some(call) = self.call.take() {
            return Ok(Step::Ask { after: Duration::ZERO, call });
        }
        let answer = answered(&answer.ok_or_else(over)?)?;
        let transcript = (self.read)(&answer)
            .ok_or_else(|| Error::bad_answer("the provider's answer holds no transcript"))?;
        let units = Units { audio_ms: transcript.seconds.map_or(0, milliseconds), ..Units::default() };
        let (content_type, body) = match self.format.as_str() {
            "text" => ("text/plain; charset=utf-8", format!("{}\n", transcript.text)),
            "srt" => ("text/plain; charset=utf-8", subtitles(&transcript, ',', "")),
            "vtt" => ("text/plain; charset=utf-8", subtitles(&transcript, '.', "WEBVTT\n\n")),
            format => {
                ("application/json", said(&transcript, format == "verbose_json", self.words).to_string())
            }
        };
        Ok(Step::Done(Finished { body: Bytes::from(body), content_type, usage: None, units }))
    }

    fn dropped(&self) -> &[String] {
        &self.dropped
    }
}

/// A transcript as JSON, OpenAI's short or verbose form.
fn said(transcript: &Transcript, verbose: bool, words: bool) -> Value {
    let usage =
        transcript.seconds.map(|seconds| json!({ "type": "duration", "seconds": seconds.ceil() as i64 }));
    if !verbose {
        return match usage {
            Some(usage) => json!({ "text": transcript.text, "usage": usage }),
            None => json!({ "text": transcript.text }),
        };
    }
    let end = transcript.seconds.unwrap_or(0.0);
    let mut body = json!({
        "task": "transcribe", "language": transcript.language, "duration": end, "text": transcript.text,
        "segments": [{ "id": 0, "start": 0.0, "end": end, "text": transcript.text }], "usage": usage,
    });
    if let Some(fields) = body.as_object_mut().filter(|_| words) {
        let words = transcript.words.iter();
        let words: Vec<Value> =
            words.map(|word| json!({ "word": word.text, "start": word.start, "end": word.end })).collect();
        fields.insert("words".to_owned(), Value::Array(words));
    }
    body
}

/// A transcript as subtitles.
fn subtitles(transcript: &Transcript, point: char, head: &str) -> String {
    let mut out = head.to_owned();
    for (at, words) in transcript.words.chunks(CUE).enumerate() {
        if head.is_empty() {
            out.push_str(&format!("{}\n", at + 1));
        }
        let (start, end) =
            (words.first().map_or(0.0, |word| word.start), words.last().map_or(0.0, |word| word.end));
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        out.push_str(&format!("{} --> {}\n{}\n\n", clock(start, point), clock(end, point), text.join(" ")));
    }
    out
}

/// `HH:MM:SS,mmm`.
fn clock(seconds: f64, point: char) -> String {
    let ms = milliseconds(seconds);
    format!("{:02}:{:02}:{:02}{point}{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;
    use crate::dialect::multipart::{Part, boundary, parts};
    use crate::ir::Endpoint;

    fn form(format: &str) -> (Bytes, Vec<Part>) {
        let file = Bytes::from_static(b"RIFF");
        let writer = Writer::default()
            .field("model", "ears")
            .field("response_format", format)
            .field("prompt", "names");
        let (content_type, body) = writer.file("file", "a.wav", "audio/wav", file).finish();
        let parts = parts(&body, &boundary(&content_type).unwrap()).unwrap();
        (body, parts)
    }

    fn run(
        build: fn(&Asked<'_>, &Target<'_>) -> Result<Box<dyn Translation>>,
        format: &str,
        answer: &'static str,
    ) -> (Outgoing, String, Units) {
        let (body, parts) = form(format);
        let asked = Asked {
            endpoint: Endpoint::Transcriptions,
            path: "audio/transcriptions",
            body: &body,
            parts: &parts,
        };
        let quirks = Quirks::default();
        let target = Target { model: "nova-3", max_output_tokens: None, quirks: &quirks };
        let mut machine = build(&asked, &target).unwrap();
        assert_eq!(machine.dropped(), ["prompt"]);
        let Step::Ask { call, .. } = machine.step(None).unwrap() else { panic!("no call") };
        let Step::Done(done) = machine.step(Some(Bytes::from_static(answer.as_bytes()))).unwrap() else {
            panic!("not done")
        };
        (call, String::from_utf8(done.body.to_vec()).unwrap(), done.units)
    }

    const DEEPGRAM: &str = r#"{"metadata":{"duration":1.5},"results":{"channels":[{"detected_language":"en","alternatives":[{"transcript":"All aboard.","words":[{"word":"all","punctuated_word":"All","start":0.1,"end":0.5},{"word":"aboard","punctuated_word":"aboard.","start":0.5,"end":1.25}]}]}]}}"#;
    const ELEVENLABS: &str = r#"{"language_code":"eng","text":"All aboard.","words":[{"text":"All","start":0.1,"end":0.5,"type":"word"},{"text":" ","start":0.5,"end":0.5,"type":"spacing"},{"text":"aboard.","start":0.5,"end":1.25,"type":"word"}]}"#;

    #[test]
    fn deepgram_hears() {
        let (call, body, units) = run(deepgram, "json", DEEPGRAM);
        assert_eq!(call.wire.path, "listen?model=nova-3&smart_format=true&detect_language=true");
        assert_eq!(
            (&call.wire.body[..], call.content_type.unwrap().to_str().unwrap()),
            (&b"RIFF"[..], "audio/wav")
        );
        assert_eq!(body, r#"{"text":"All aboard.","usage":{"type":"duration","seconds":2}}"#);
        assert_eq!(units.audio_ms, 1_500);
        let (_, body, _) = run(deepgram, "srt", DEEPGRAM);
        assert_eq!(body, "1\n00:00:00,100 --> 00:00:01,250\nAll aboard.\n\n");
    }

    #[test]
    fn elevenlabs_hears() {
        let (call, body, units) = run(elevenlabs, "text", ELEVENLABS);
        assert_eq!(
            (call.wire.path.as_str(), body.as_str(), units.audio_ms),
            ("speech-to-text", "All aboard.\n", 1_250)
        );
        let (_, body, _) = run(elevenlabs, "verbose_json", ELEVENLABS);
        assert!(body.contains(r#""language":"eng","duration":1.25"#), "{body}");
        let (_, body, _) = run(elevenlabs, "vtt", ELEVENLABS);
        assert_eq!(body, "WEBVTT\n\n00:00:00.100 --> 00:00:01.250\nAll aboard.\n\n");
    }
}
