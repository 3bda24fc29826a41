//! What servers that speak the dialect do otherwise than its owner.
//! Sources: Moonshot, Groq, Google (OpenAI compatibility), Mistral, GitHub Copilot,
//! OpenRouter, Snowflake and Together API references, checked 2026-11-21.

use serde_json::{Value, json};

use super::CHAT;
use crate::dialect::{Inbound, Outbound, ReplyFacts, Seen, untold, untold_event};
use crate::error::Kind;
use crate::ir::{Dialect, Event, Finish, Part};
use crate::sse::Frame;

fn streamed(frames: &[Value]) -> (Vec<Event>, Seen) {
    let (mut decoder, mut seen) = (CHAT.stream_decoder(), Seen::default());
    let mut events = Vec::new();
    let frames = frames.iter().map(Value::to_string).chain(["[DONE]".to_owned()]);
    for data in frames {
        let frame = Frame { event: "", data: data.as_bytes() };
        CHAT.scan_frame(&frame, &mut seen);
        decoder.push(&frame, &mut events).unwrap();
    }
    decoder.finish(&mut events).unwrap();
    (events, seen)
}

fn chunk(delta: Value, beside: Value) -> Value {
    let mut choice = json!({ "index": 0, "delta": delta });
    choice.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    json!({ "id": "c", "model": "m", "choices": [choice] })
}

fn whole(message: Value, beside: Value) -> Value {
    let mut choice = json!({ "index": 0, "message": message });
    choice.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    json!({ "id": "c", "model": "m", "choices": [choice] })
}

fn decoded(body: &Value) -> crate::ir::Response {
    CHAT.decode_response(body.to_string().as_bytes()).unwrap()
}

fn reply() -> ReplyFacts {
    ReplyFacts {
        request_id: "r".into(),
        model: "m".into(),
        created: 1,
        include_usage: true,
        estimated_input: 1,
    }
}

/// The first choice as a client of the same dialect reads it.
fn told(body: &Value) -> Value {
    let told: Value = serde_json::from_slice(&CHAT.encode_response(&decoded(body), &reply())).unwrap();
    told["choices"][0].clone()
}

#[test]
fn usage_that_stands_in_the_choice() {
    let usage = json!({ "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "cached_tokens": 2 });
    let (events, seen) =
        streamed(&[chunk(json!({ "content": "x" }), json!({ "finish_reason": "stop", "usage": usage }))]);
    let found =
        events.iter().find_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None });
    let found = found.unwrap();
    assert_eq!((found.input, found.output, found.cached_input), (9, 4, Some(2)));
    assert_eq!(seen.usage, Some(found));
}

#[test]
fn an_error_beside_the_choices_ends_a_stream() {
    let mut frame = chunk(json!({}), json!({ "finish_reason": null }));
    frame["x_groq"] = json!({ "id": "req", "error": "over_capacity" });
    let (events, seen) = streamed(&[chunk(json!({ "content": "x" }), json!({})), frame]);
    let Some(Event::Error(error)) = events.last() else { panic!("{events:?}") };
    assert_eq!(error.kind, Kind::Overloaded);
    assert_eq!(seen.error.map(|error| error.kind), Some(Kind::Overloaded));
}

#[test]
fn why_servers_say_they_stopped() {
    for (name, expected) in [
        ("content_filter: RECITATION", Finish::ContentFilter),
        ("PROHIBITED_CONTENT", Finish::ContentFilter),
        (
            "function_call_filter: MALFORMED_FUNCTION_CALL",
            Finish::Other("function_call_filter: MALFORMED_FUNCTION_CALL".into()),
        ),
        ("refusal", Finish::Refusal),
        ("COMPLETE", Finish::Stop),
        ("abort", Finish::Other("abort".into())),
    ] {
        let beside = json!({ "finish_reason": name });
        assert_eq!(
            decoded(&whole(json!({ "content": "x" }), beside.clone())).choices[0].finish,
            Some(expected.clone())
        );
        let (events, _) = streamed(&[chunk(json!({ "content": "x" }), beside)]);
        assert!(events.contains(&Event::Finish { choice: 0, finish: expected }), "{events:?}");
    }
}

#[test]
fn an_end_without_a_reason() {
    let calls = json!([{ "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "{}" } }]);
    for (said, expected, name) in [
        (json!({ "content": "x" }), Finish::Stop, "stop"),
        (json!({ "tool_calls": calls }), Finish::ToolCalls, "tool_calls"),
    ] {
        for reason in [Value::Null, "".into(), "null".into()] {
            let beside = json!({ "finish_reason": reason });
            let (events, _) = streamed(&[chunk(said.clone(), beside.clone())]);
            assert!(events.contains(&Event::Finish { choice: 0, finish: expected.clone() }), "{events:?}");
            assert_eq!(told(&whole(said.clone(), beside))["finish_reason"], name);
        }
    }
}

#[test]
fn thoughts_beside_seals_and_under_other_names() {
    let seal = json!([{ "type": "reasoning.encrypted", "data": "sealed", "index": 0 }]);
    for message in [
        json!({ "content": "x", "reasoning": "hm", "reasoning_details": seal }),
        json!({ "content": "x", "reasoning_text": "hm" }),
    ] {
        let body = whole(message.clone(), json!({ "finish_reason": "stop" }));
        let response = decoded(&body);
        let words = |part: &Part| {
            if let Part::Thinking(thought) = part { thought.text.clone() } else { String::new() }
        };
        let found: String = response.choices[0].message.parts.iter().map(words).collect();
        assert_eq!(found, "hm");
        assert!(untold(&response, Dialect::Anthropic).is_empty());
        let told = told(&body)["message"].clone();
        for (name, value) in message.as_object().unwrap() {
            assert_eq!(&told[name], value, "{name}");
        }
        assert!(told.get("reasoning_content").is_none());
        let (events, _) = streamed(&[chunk(message, json!({ "finish_reason": "stop" }))]);
        assert!(events.contains(&Event::Thinking { choice: 0, text: "hm".into() }), "{events:?}");
    }
}

#[test]
fn log_probabilities_of_another_form_are_kept_and_reported() {
    let other = json!({ "tokens": ["x"], "token_logprobs": [-0.5] });
    for (logprobs, reported) in
        [(other.clone(), true), (json!({}), false), (json!({ "content": null, "refusal": null }), false)]
    {
        let beside = json!({ "finish_reason": "stop", "logprobs": logprobs });
        let body = whole(json!({ "content": "x" }), beside.clone());
        let names = untold(&decoded(&body), Dialect::OpenAiResponses);
        assert_eq!(names.contains(&"response.logprobs".to_owned()), reported, "{logprobs}");
        let (events, _) = streamed(&[chunk(json!({ "content": "x" }), beside)]);
        let names: Vec<String> =
            events.iter().flat_map(|event| untold_event(event, Dialect::OpenAiResponses)).collect();
        assert_eq!(names.contains(&"response.logprobs".to_owned()), reported, "{logprobs}");
    }
    let body = whole(json!({ "content": "x" }), json!({ "finish_reason": "stop", "logprobs": other }));
    assert_eq!(told(&body)["logprobs"], other);
}

#[test]
fn odd_forms_of_text_and_calls() {
    let call = |id: &str| json!([{ "id": id, "function": { "name": "f", "arguments": { "x": 1 } } }]);
    let said = json!({ "content": ["a", { "type": "text", "text": "b" }], "tool_calls": call("null") });
    let response = decoded(&whole(said.clone(), json!({ "finish_reason": "tool_calls" })));
    assert_eq!(response.text(), "ab");
    let called = response.choices[0].message.tool_calls().next().unwrap();
    assert!(called.id.starts_with("call_") && called.arguments == "{\"x\":1}", "{called:?}");
    // One call without a list around it.
    let lone = json!({ "tool_calls": call("a")[0] });
    let response = decoded(&whole(lone.clone(), json!({ "finish_reason": "tool_calls" })));
    assert_eq!(response.choices[0].message.tool_calls().count(), 1);
    let (events, _) = streamed(&[chunk(lone, json!({ "finish_reason": "eos_token" }))]);
    assert!(
        events.iter().any(|event| matches!(event, Event::ToolCall { id, .. } if id == "a")),
        "{events:?}"
    );
    let empty = chunk(json!({ "tool_calls": [{}] }), json!({}));
    let (events, _) =
        streamed(&[empty.clone(), chunk(said, json!({ "finish_reason": "tool_calls" })), empty]);
    let begun: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::ToolCall { .. })).collect();
    let [Event::ToolCall { id, call: 0, .. }] = begun.as_slice() else { panic!("{begun:?}") };
    assert!(id.starts_with("call_"), "{id}");
}
