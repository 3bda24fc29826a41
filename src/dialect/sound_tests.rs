//! Sound that a model answers with, told to clients of every dialect.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::dialect::{PathFacts, Quirks, ReplyFacts, Target, inbound, outbound, untold, untold_event};
use crate::ir::{Dialect, Event};
use crate::sse::Frame;

const CLIENTS: [Dialect; 5] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::OpenAiCompletions,
    Dialect::Anthropic,
    Dialect::Gemini,
];

fn reply() -> ReplyFacts {
    ReplyFacts {
        request_id: "r".into(),
        model: "m".into(),
        created: 1,
        bare_sound: true,
        ..ReplyFacts::default()
    }
}

/// What a client of `to` gets of a whole answer, and whether the sound is reported.
fn whole(from: Dialect, to: Dialect, body: &Value) -> (String, bool) {
    let response = outbound(from).unwrap().decode_response(body.to_string().as_bytes()).unwrap();
    let told = inbound(to).unwrap().encode_response(&response, &reply());
    let reported = untold(&response, to).contains(&"response.audio".to_owned());
    (String::from_utf8(told.to_vec()).unwrap(), reported)
}

/// The same of a stream.
fn streamed(from: Dialect, to: Dialect, frames: &[Value]) -> (String, bool) {
    let mut decoder = outbound(from).unwrap().stream_decoder();
    let mut events = Vec::new();
    for frame in frames {
        let data = frame.to_string();
        decoder.push(&Frame { event: "", data: data.as_bytes() }, &mut events).unwrap();
    }
    decoder.finish(&mut events).unwrap();
    told(to, &events)
}

fn told(to: Dialect, events: &[Event]) -> (String, bool) {
    let mut encoder = inbound(to).unwrap().stream_encoder(&reply());
    let mut out = Vec::new();
    for event in events.iter().filter(|event| **event != Event::Done) {
        encoder.push(event, &mut out);
    }
    encoder.finish(&mut out);
    let reported = events.iter().any(|event| untold_event(event, to).contains(&"response.audio".to_owned()));
    (String::from_utf8(out).unwrap(), reported)
}

/// All values under `name` within the JSON of `text`, joined.
fn under(name: &str, text: &str) -> String {
    fn walk(name: &str, value: &Value, found: &mut String) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Value::String(text) if key == name => found.push_str(text),
                        value => walk(name, value, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| walk(name, value, found)),
            _ => {}
        }
    }
    let mut found = String::new();
    let lines = text.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
    for value in lines.filter_map(|line| serde_json::from_str(line.trim()).ok()) {
        walk(name, &value, &mut found);
    }
    found
}

fn chunk(audio: Value, finish: Value) -> Value {
    json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": { "audio": audio }, "finish_reason": finish }] })
}

/// Spoken by a model of OpenAI's: whole, and in pieces.
#[test]
fn what_openai_speaks_is_heard_or_read() {
    let audio = json!({ "id": "audio_1", "data": "UklGRg==", "expires_at": 9, "transcript": "mk-said" });
    let message = json!({ "role": "assistant", "content": null, "refusal": null, "audio": audio });
    let body = json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }] });
    let frames = [
        chunk(json!({ "id": "audio_1" }), json!(null)),
        chunk(json!({ "transcript": "mk-" }), json!(null)),
        chunk(json!({ "data": "AAAA" }), json!(null)),
        chunk(json!({ "transcript": "said" }), json!(null)),
        chunk(json!({ "data": "BBBB" }), json!(null)),
        chunk(json!({ "expires_at": 9 }), json!("stop")),
    ];
    let response =
        outbound(Dialect::OpenAiChat).unwrap().decode_response(body.to_string().as_bytes()).unwrap();
    for to in CLIENTS {
        let heard = matches!(to, Dialect::OpenAiChat | Dialect::Gemini);
        let (text, reported) = whole(Dialect::OpenAiChat, to, &body);
        assert_eq!(reported, !heard, "{to:?}: {text}");
        assert_eq!(text.matches("mk-said").count(), 1, "{to:?}: {text}");
        assert_eq!(text.contains("UklGRg=="), heard, "{to:?}: {text}");
        // The same answer recited for a client that wants a stream.
        let (text, reported) = told(to, &response.recite());
        assert_eq!(reported, !heard, "{to:?}: {text}");
        assert!(text.contains("mk-said") && text.contains("UklGRg==") == heard, "{to:?}: {text}");
        let (text, reported) = streamed(Dialect::OpenAiChat, to, &frames);
        assert_eq!(reported, !heard, "{to:?}: {text}");
        match to {
            Dialect::OpenAiChat => {
                assert_eq!(
                    (under("transcript", &text), under("data", &text)),
                    ("mk-said".into(), "AAAABBBB".into())
                );
                assert_eq!(under("content", &text), "", "{text}");
            }
            Dialect::Gemini => {
                assert_eq!(
                    (under("text", &text), under("data", &text)),
                    ("mk-said".into(), "AAAABBBB".into())
                );
                assert!(text.contains("audio/pcm;rate=24000"), "{text}");
            }
            Dialect::OpenAiResponses => assert!(text.contains(r#""text":"mk-said""#), "{text}"),
            _ => assert_eq!(under("text", &text), "mk-said", "{to:?}: {text}"),
        }
    }
    // Nothing of another dialect's form stands in what Gemini's clients read.
    assert_eq!(under("transcript", &whole(Dialect::OpenAiChat, Dialect::Gemini, &body).0), "");
    let (text, _) = whole(Dialect::OpenAiChat, Dialect::OpenAiChat, &body);
    let again: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(again["choices"][0]["message"]["audio"], audio);
}

/// Spoken by a model of Google's.
#[test]
fn what_gemini_speaks_is_heard_where_clients_hear() {
    let mime = "audio/L16;codec=pcm;rate=24000";
    let answer = |data: &str, finish: Value| {
        let part = json!({ "inlineData": { "mimeType": mime, "data": data } });
        json!({ "candidates": [{ "index": 0, "content": { "role": "model", "parts": [part] }, "finishReason": finish }], "responseId": "r" })
    };
    for to in CLIENTS {
        let heard = matches!(to, Dialect::OpenAiChat | Dialect::Gemini);
        let (text, reported) = whole(Dialect::Gemini, to, &answer("AAAA", json!("STOP")));
        assert_eq!((reported, text.contains("AAAA")), (!heard, heard), "{to:?}: {text}");
        if to == Dialect::OpenAiChat {
            let whole: Value = serde_json::from_str(&text).unwrap();
            let audio = &whole["choices"][0]["message"]["audio"];
            assert_eq!((&audio["data"], &audio["transcript"]), (&json!("AAAA"), &json!("")), "{audio}");
            assert!(audio["id"].is_string() && audio["expires_at"].is_u64(), "{audio}");
        }
        let frames = [answer("AAAA", json!(null)), answer("BBBB", json!("STOP"))];
        let (text, reported) = streamed(Dialect::Gemini, to, &frames);
        assert_eq!(reported, !heard, "{to:?}: {text}");
        assert_eq!(under("data", &text), if heard { "AAAABBBB" } else { "" }, "{to:?}: {text}");
    }
}

/// Spoken by a server of OpenAI's responses.
#[test]
fn what_responses_speak_is_heard_or_read() {
    let part = json!({ "type": "output_audio", "data": "AAAA", "transcript": "mk-said" });
    let item = json!({ "type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part] });
    let body = json!({ "id": "r", "status": "completed", "output": [item] });
    let frames = [
        json!({ "type": "response.created", "response": { "id": "r" } }),
        json!({ "type": "response.audio.delta", "delta": "AAAA" }),
        json!({ "type": "response.audio.transcript.delta", "delta": "mk-said" }),
        json!({ "type": "response.audio.done" }),
        json!({ "type": "response.audio.transcript.done" }),
        json!({ "type": "response.completed", "response": { "id": "r", "status": "completed", "output": [] } }),
    ];
    for to in CLIENTS {
        let heard = matches!(to, Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini);
        for (text, reported) in
            [whole(Dialect::OpenAiResponses, to, &body), streamed(Dialect::OpenAiResponses, to, &frames)]
        {
            assert_eq!((text.contains("AAAA"), reported), (heard, !heard), "{to:?}: {text}");
            assert_eq!(text.matches("mk-said").count(), 1, "{to:?}: {text}");
        }
    }
}

/// Samples of Gemini's become `wav` for clients that do not ask for `pcm16`, and where the rate is not OpenAI's.
#[test]
fn samples_get_the_head_that_clients_want() {
    let answer = |rate: u32, data: &str, finish: Value| {
        let part =
            json!({ "inlineData": { "mimeType": format!("audio/L16;codec=pcm;rate={rate}"), "data": data } });
        json!({ "candidates": [{ "content": { "parts": [part] }, "finishReason": finish }], "responseId": "r" })
    };
    let head = |rate: u32, bytes: u32, all: u32| {
        let mut head = b"RIFF".to_vec();
        head.extend(all.to_le_bytes());
        head.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        head.extend(rate.to_le_bytes());
        head.extend((2 * rate).to_le_bytes());
        head.extend(b"\x02\0\x10\0data");
        head.extend(bytes.to_le_bytes());
        head
    };
    for (bare_sound, rate, headed) in
        [(true, 24_000, false), (false, 24_000, true), (true, 16_000, true), (false, 48_000, true)]
    {
        let reply = ReplyFacts { bare_sound, ..reply() };
        let body = answer(rate, "AAECAw==", json!("STOP")).to_string();
        let response = outbound(Dialect::Gemini).unwrap().decode_response(body.as_bytes()).unwrap();
        let told = inbound(Dialect::OpenAiChat).unwrap().encode_response(&response, &reply);
        let told: Value = serde_json::from_slice(&told).unwrap();
        let data = STANDARD.decode(told["choices"][0]["message"]["audio"]["data"].as_str().unwrap()).unwrap();
        let expected = if headed { head(rate, 4, 40) } else { Vec::new() };
        assert_eq!(data, [expected, vec![0, 1, 2, 3]].concat(), "{bare_sound} {rate}");

        let mut decoder = outbound(Dialect::Gemini).unwrap().stream_decoder();
        let mut encoder = inbound(Dialect::OpenAiChat).unwrap().stream_encoder(&reply);
        let (mut events, mut out) = (Vec::new(), Vec::new());
        for (data, finish) in [("AAECAw==", json!(null)), ("BAUGBw==", json!("STOP"))] {
            let data = answer(rate, data, finish).to_string();
            decoder.push(&Frame { event: "", data: data.as_bytes() }, &mut events).unwrap();
        }
        events.iter().for_each(|event| encoder.push(event, &mut out));
        let mut pieces = Vec::new();
        for line in String::from_utf8(out).unwrap().lines().filter_map(|line| line.strip_prefix("data: ")) {
            let value: Value = serde_json::from_str(line).unwrap();
            let data = value["choices"][0]["delta"]["audio"]["data"].as_str().unwrap_or_default();
            pieces.extend(STANDARD.decode(data).unwrap());
        }
        // How much follows is not known where it begins.
        let expected = if headed { head(rate, u32::MAX, u32::MAX) } else { Vec::new() };
        assert_eq!(pieces, [expected, (0..8).collect()].concat(), "{bare_sound} {rate}");
    }
}

/// What `to` is asked where a client of `from` says `asked`, and what is reported.
fn asked_as(from: Dialect, to: Dialect, asked: &Value) -> (Value, Vec<String>) {
    let mut body = match from {
        Dialect::Gemini => json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] }),
        _ => json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] }),
    };
    body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
    let path = PathFacts { model: Some("m"), stream: false };
    let request = inbound(from).unwrap().decode_request(body.to_string().as_bytes(), path).unwrap();
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    let wire = outbound(to).unwrap().encode_request(&request, &target).unwrap();
    (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
}

fn check_asked(from: Dialect, to: Dialect, asked: &Value, expected: &Value, lost: &[&str]) {
    let (sent, dropped) = asked_as(from, to, asked);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&sent[name], value, "{from:?} {asked} {sent}");
    }
    assert_eq!(dropped, lost, "{from:?} {asked}");
}

fn spoken_by(voice: &str) -> Value {
    json!({ "voiceConfig": { "prebuiltVoiceConfig": { "voiceName": voice } } })
}

fn audio(voice: &Value, format: &str) -> Value {
    json!({ "modalities": ["text", "audio"], "audio": { "voice": voice, "format": format } })
}

#[test]
fn clients_of_openai_ask_gemini_for_sound() {
    let config = |config: Value| json!({ "generationConfig": config });
    let kore = config(json!({ "responseModalities": ["AUDIO"], "speechConfig": spoken_by("Kore") }));
    let anyone = config(json!({ "responseModalities": ["AUDIO"] }));
    let silent = json!({ "generationConfig": null });
    for (asked, expected, lost) in [
        (audio(&json!("Kore"), "wav"), kore, &[][..]),
        (audio(&json!("alloy"), "pcm16"), anyone.clone(), &["audio.voice"]),
        (audio(&json!({ "id": "voice_1" }), "mp3"), anyone, &["audio.voice", "audio.format"]),
        (json!({ "modalities": ["text"] }), silent, &[]),
    ] {
        check_asked(Dialect::OpenAiChat, Dialect::Gemini, &asked, &expected, lost);
    }
    let mine = audio(&json!("alloy"), "mp3");
    check_asked(Dialect::OpenAiChat, Dialect::OpenAiChat, &mine, &mine, &[]);
}

#[test]
fn clients_of_gemini_ask_openai_for_sound() {
    let config = |more: Value| {
        let mut config = json!({ "responseModalities": ["AUDIO"] });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "generationConfig": config })
    };
    let alloy = audio(&json!("alloy"), "pcm16");
    for (asked, expected, lost) in [
        (config(json!({ "speechConfig": spoken_by("alloy") })), &alloy, &[][..]),
        (config(json!({})), &alloy, &[]),
        (config(json!({ "speechConfig": spoken_by("Kore") })), &alloy, &["generationConfig.speechConfig"]),
        (config(json!({ "mediaResolution": "LOW" })), &alloy, &["generationConfig.mediaResolution"]),
        (
            config(json!({ "responseModalities": ["IMAGE"] })),
            &json!({ "modalities": null }),
            &["generationConfig"],
        ),
    ] {
        check_asked(Dialect::Gemini, Dialect::OpenAiChat, &asked, expected, lost);
    }
    let mine = config(json!({ "speechConfig": spoken_by("Kore") }));
    check_asked(Dialect::Gemini, Dialect::Gemini, &mine, &mine, &[]);
}
