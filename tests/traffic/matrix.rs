//! Every inbound dialect against every outbound one: a request that uses what
//! all share must arrive with nothing of it lost, and random damage to what
//! comes in must never bring anything down.

use pointsman::dialect::{self, PathFacts, Quirks, ReplyFacts, Seen, Target};
use pointsman::ir::{Dialect, Message, Request, Role};
use pointsman::sse::Frame;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A request in each dialect that clients speak: system, two turns, a limit.
/// A dialect without an entry must be one that clients do not speak.
fn fixture(dialect: Dialect) -> Option<Value> {
    let turns = json!([
        { "role": "user", "content": "What is a pointsman?" },
        { "role": "assistant", "content": "He works the switches." },
        { "role": "user", "content": "Of what?" },
    ]);
    Some(match dialect {
        Dialect::OpenAiChat => {
            let mut messages = vec![json!({ "role": "system", "content": "Be brief." })];
            messages.extend(turns.as_array().unwrap().clone());
            json!({ "model": "m", "messages": messages, "max_completion_tokens": 64, "temperature": 0.5 })
        }
        Dialect::OpenAiResponses => json!({
            "model": "m", "instructions": "Be brief.", "input": turns, "max_output_tokens": 64, "temperature": 0.5,
        }),
        Dialect::OpenAiCompletions => {
            json!({ "model": "m", "prompt": "Be brief. Of what?", "max_tokens": 64, "temperature": 0.5 })
        }
        Dialect::Anthropic => json!({
            "model": "m", "system": "Be brief.", "messages": turns, "max_tokens": 64, "temperature": 0.5,
        }),
        Dialect::Gemini => json!({
            "systemInstruction": { "parts": [{ "text": "Be brief." }] },
            "contents": [
                { "role": "user", "parts": [{ "text": "What is a pointsman?" }] },
                { "role": "model", "parts": [{ "text": "He works the switches." }] },
                { "role": "user", "parts": [{ "text": "Of what?" }] },
            ],
            "generationConfig": { "maxOutputTokens": 64, "temperature": 0.5 },
        }),
        Dialect::Bedrock | Dialect::Cohere | Dialect::Ollama => return None,
    })
}

fn decoded(dialect: Dialect, body: &Value) -> Request {
    let path = PathFacts { model: Some("m"), stream: false };
    dialect::inbound(dialect).unwrap().decode_request(body.to_string().as_bytes(), path).unwrap()
}

#[test]
fn no_dialect_is_left_out() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect::inbound(dialect).is_some(), fixture(dialect).is_some(), "{}", dialect.name());
        assert!(dialect::outbound(dialect).is_some(), "{}", dialect.name());
    }
}

#[test]
fn every_dialect_reaches_every_other() {
    for from in Dialect::ALL {
        let Some(body) = fixture(from) else { continue };
        let request = decoded(from, &body);
        for to in Dialect::ALL {
            let quirks = Quirks::default();
            let target = Target { model: "m", max_output_tokens: Some(1000), quirks: &quirks };
            let wire = dialect::outbound(to).unwrap().encode_request(&request, &target).unwrap();
            let text = String::from_utf8(wire.body.to_vec()).unwrap();
            let pair = format!("{} to {}: {text}", from.name(), to.name());
            for said in request.messages.iter().map(|message| message.joined_text()) {
                assert!(text.contains(&said), "{pair} lost {said:?}");
            }
            assert!(text.contains("64") && text.contains("0.5"), "{pair}");
            assert!(wire.dropped.is_empty(), "{pair} dropped {:?}", wire.dropped);
        }
    }
}

#[test]
fn what_is_lost_is_said() {
    let mut request = decoded(Dialect::OpenAiChat, &fixture(Dialect::OpenAiChat).unwrap());
    request.extra.insert("made_up", json!(1));
    for to in Dialect::ALL {
        let quirks = Quirks::default();
        let target = Target { model: "m", max_output_tokens: Some(1000), quirks: &quirks };
        let wire = dialect::outbound(to).unwrap().encode_request(&request, &target).unwrap();
        let carried = String::from_utf8_lossy(&wire.body).contains("made_up");
        let told = wire.dropped.iter().any(|path| path == "made_up");
        assert_eq!((carried, told), (to == Dialect::OpenAiChat, to != Dialect::OpenAiChat), "{}", to.name());
    }
}

/// Whole answers and chunks of the dialects, to damage.
const ANSWERS: [&str; 6] = [
    r#"{"id":"a","choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#,
    r#"{"id":"a","choices":[{"index":0,"delta":{"content":"hi","reasoning":"x","tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]},"finish_reason":null}],"usage":null}"#,
    r#"{"id":"r","object":"response","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"hi"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}],"usage":{"input_tokens":1,"output_tokens":2}}"#,
    r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"t"}]}}"#,
    r#"{"id":"a","type":"message","role":"assistant","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}"#,
];

/// The value with the leaf or branch at step `at` replaced by `with`.
fn damaged(value: &mut Value, at: &mut usize, with: &Value) -> bool {
    if *at == 0 {
        *value = with.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::Object(fields) => fields.values_mut().any(|inner| damaged(inner, at, with)),
        Value::Array(list) => list.iter_mut().any(|inner| damaged(inner, at, with)),
        _ => false,
    }
}

fn junk() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "type": "x" }),
        json!([[]]),
        json!({ "content": [{}] }),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_answers_never_panic(which in 0..ANSWERS.len(), at in 0usize..40, with in junk(), cut in 0usize..400) {
        let mut value: Value = serde_json::from_str(ANSWERS[which]).unwrap();
        damaged(&mut value, &mut at.clone(), &with);
        let whole = value.to_string();
        for body in [whole.as_bytes(), &whole.as_bytes()[..cut.min(whole.len())]] {
            for to in Dialect::ALL {
                let outbound = dialect::outbound(to).unwrap();
                let mut events = Vec::new();
                let mut decoder = outbound.stream_decoder();
                let frame = Frame { event: "", data: body };
                let pushed = decoder.push(&frame, &mut events);
                let finished = decoder.finish(&mut events);
                prop_assert!(pushed.is_err() || finished.is_err() || !events.is_empty() || finished.is_ok());
                outbound.scan_frame(&frame, &mut Seen::default());
                let scanned = outbound.scan_response(body);
                if let Ok(response) = outbound.decode_response(body) {
                    let strict = !to.name().starts_with("openai");
                    prop_assert!(strict || scanned.is_ok(), "{}: decoded but not scanned: {scanned:?}", to.name());
                    for from in Dialect::ALL.into_iter().filter_map(dialect::inbound) {
                        prop_assert!(!from.encode_response(&response, &ReplyFacts::default()).is_empty());
                    }
                }
                for from in Dialect::ALL.into_iter().filter_map(dialect::inbound) {
                    let mut encoder = from.stream_encoder(&ReplyFacts::default());
                    let mut out = Vec::new();
                    events.iter().for_each(|event| encoder.push(event, &mut out));
                    encoder.finish(&mut out);
                    prop_assert!(std::str::from_utf8(&out).is_ok());
                }
            }
        }
    }

    #[test]
    fn damaged_requests_never_panic(at in 0usize..30, with in junk()) {
        for from in Dialect::ALL {
            let Some(mut body) = fixture(from) else { continue };
            damaged(&mut body, &mut at.clone(), &with);
            let path = PathFacts { model: Some("m"), stream: true };
            let Ok(request) = dialect::inbound(from).unwrap().decode_request(body.to_string().as_bytes(), path) else {
                continue;
            };
            for to in Dialect::ALL {
                let quirks = Quirks::default();
                let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
                if let Ok(wire) = dialect::outbound(to).unwrap().encode_request(&request, &target) {
                    prop_assert!(serde_json::from_slice::<Value>(&wire.body).is_ok());
                }
            }
        }
    }
}

/// An edited conversation of any shape encodes everywhere.
#[test]
fn a_built_request_reaches_every_dialect() {
    let mut request = Request::new(Dialect::OpenAiChat, "m");
    request.messages.push(Message::text(Role::User, "Hello").into());
    for to in Dialect::ALL {
        let quirks = Quirks::default();
        let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
        let wire = dialect::outbound(to).unwrap().encode_request(&request, &target).unwrap();
        assert!(String::from_utf8_lossy(&wire.body).contains("Hello"), "{}", to.name());
    }
}
