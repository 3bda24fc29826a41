//! Recorded answers.

use http::HeaderMap;
use pointsman::dialect::{Refused, ReplyFacts, Seen};
use pointsman::error::{Kind, Retry};
use pointsman::ir::Event;
use pointsman::sse::Frame;
use serde_json::Value;

use super::expect::facts;
use super::recorded::{Case, cases, frames};
use super::{client, decode_stream, encode_stream, of_events, of_response, provider, streamed};

fn answered() -> impl Iterator<Item = Case> {
    cases(&["gemini", "vertex"]).into_iter().filter(|case| case.endpoint.ends_with("generate_content"))
}

/// The recording whose arguments come in pieces is held against its whole form in `partial`.
const IN_PIECES: &str = "bca2baec";

#[test]
fn whole_answers_say_what_was_recorded() {
    for case in answered().filter(|case| case.status == 200 && !case.streamed) {
        let response =
            provider().decode_response(&case.answer).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let value: Value = serde_json::from_slice(&case.answer).unwrap();
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        let expected = facts(&list);
        assert_eq!(of_response(&response), expected, "{}", case.name);

        let scanned = provider().scan_response(&case.answer).unwrap();
        assert_eq!(scanned, response.usage, "{}", case.name);

        let again = client().encode_response(&response, &ReplyFacts::default());
        let again: Value = serde_json::from_slice(&again).unwrap();
        assert_eq!(facts(std::slice::from_ref(&again)), expected, "{}", case.name);
        let back = provider().decode_response(again.to_string().as_bytes()).unwrap();
        assert_eq!(back, response, "{}", case.name);
    }
}

#[test]
fn streams_say_what_was_recorded() {
    for case in answered().filter(|case| case.status == 200 && case.streamed) {
        let payloads = frames(&case.answer);
        let list: Vec<Value> = payloads.iter().map(|data| serde_json::from_slice(data).unwrap()).collect();
        let events = decode_stream(&payloads);
        let found = of_events(&events);
        if case.name.ends_with(IN_PIECES) {
            let recipe = &found.calls[0][0].1["recipe"];
            assert_eq!(recipe["name"], "Lasagna", "{}", case.name);
            assert_eq!(recipe["steps"].as_array().unwrap().len(), 10);
            assert!(recipe["ingredients"].as_array().unwrap().iter().all(|one| one["amount"].is_string()));
            assert_eq!(found.finish, ["ToolCalls"]);
        } else {
            assert_eq!(found, facts(&list), "{}", case.name);
        }

        let again = encode_stream(&events);
        let again: Vec<Value> = again.iter().map(|data| serde_json::from_slice(data).unwrap()).collect();
        assert_eq!(facts(&again), found, "{}", case.name);

        let mut seen = Seen::default();
        payloads.iter().for_each(|data| provider().scan_frame(&Frame { event: "", data }, &mut seen));
        assert!(seen.done && seen.error.is_none(), "{}", case.name);
        let usage = seen.usage.map(|usage| (usage.input, usage.output, usage.reasoning, usage.cached_input));
        assert_eq!(usage, found.usage, "{}", case.name);
    }
}

#[test]
fn seals_survive_translation() {
    for case in answered().filter(|case| case.status == 200) {
        let bytes = String::from_utf8_lossy(&case.answer).replace("thought_signature", "thoughtSignature");
        let expected = bytes.matches("\"thoughtSignature\"").count();
        let found = if case.streamed {
            let again = encode_stream(&decode_stream(&frames(&case.answer)));
            again
                .iter()
                .map(|data| String::from_utf8_lossy(data).matches("\"thoughtSignature\"").count())
                .sum()
        } else {
            let response = provider().decode_response(&case.answer).unwrap();
            let again = client().encode_response(&response, &ReplyFacts::default());
            String::from_utf8_lossy(&again).matches("\"thoughtSignature\"").count()
        };
        assert_eq!(found, expected, "{}", case.name);
    }
}

#[test]
fn errors_have_their_class() {
    for case in answered().filter(|case| case.status >= 400) {
        let headers = HeaderMap::new();
        let refused = Refused { status: case.status, headers: &headers, body: &case.answer, unix_seconds: 0 };
        let error = provider().decode_error(&refused);
        let text = String::from_utf8_lossy(&case.answer);
        let kind = match case.status {
            400 if text.contains("API_KEY_INVALID") => Kind::UpstreamAuth,
            400 if text.contains("input token count") => Kind::ContextTooLong,
            403 => Kind::UpstreamAuth,
            404 => Kind::NotFound,
            429 => Kind::RateLimited,
            other => panic!("{}: {other}", case.name),
        };
        assert_eq!(error.kind, kind, "{}", case.name);
        if text.contains("34.4s") {
            assert_eq!(error.retry, Retry::After(std::time::Duration::from_millis(34_400)));
        }
    }
}

#[test]
fn streams_may_be_cut_anywhere() {
    for case in answered().filter(|case| case.status == 200 && case.streamed) {
        let whole = decode_bytes(&[&case.answer]);
        assert_eq!(whole, decode_stream(&frames(&case.answer)), "{}", case.name);
        // Each byte alone covers every cut at once; two pieces cover what waits whole.
        let bytes: Vec<&[u8]> = case.answer.chunks(1).collect();
        assert_eq!(decode_bytes(&bytes), whole, "{}", case.name);
        for cut in (0..case.answer.len()).step_by(997) {
            let (head, tail) = case.answer.split_at(cut);
            assert_eq!(decode_bytes(&[head, tail]), whole, "{} at {cut}", case.name);
        }
    }
}

/// Decodes a stream whose bytes come in these pieces.
fn decode_bytes(pieces: &[&[u8]]) -> Vec<Event> {
    streamed::events(provider(), provider().framing(), pieces.iter().copied()).unwrap()
}

#[test]
fn a_stream_cut_off_is_broken() {
    for case in answered().filter(|case| case.status == 200 && case.streamed) {
        let payloads = frames(&case.answer);
        let finish = payloads.iter().position(|data| memchr::memmem::find(data, b"finishReason").is_some());
        let mut decoder = provider().stream_decoder();
        let mut events = Vec::new();
        for data in payloads.iter().take(finish.unwrap()) {
            decoder.push(&Frame { event: "", data }, &mut events).unwrap();
        }
        let error = decoder.finish(&mut events).unwrap_err();
        assert_eq!(error.kind, Kind::StreamBroken, "{}", case.name);
    }
}
