//! What servers that speak the dialect do otherwise than its owner.
//! Sources: Moonshot, Groq, Google (OpenAI compatibility), Mistral, GitHub Copilot,
//! OpenRouter, Snowflake, Together and MiniMax API references, llama.cpp server
//! README, checked 2026-11-21.

use serde_json::{Value, json};

use super::CHAT;
use crate::dialect::{Inbound, Outbound, ReplyFacts, Seen, untold, untold_event};
use crate::error::Kind;
use crate::ir::{Dialect, Event, Finish, Part, Usage};
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

/// What the scan and the decoder of a stream of these frames say, where they fail.
fn failed(frames: &[Value]) -> [Option<Kind>; 2] {
    let (mut decoder, mut seen) = (CHAT.stream_decoder(), Seen::default());
    let mut events = Vec::new();
    let frames = frames.iter().map(Value::to_string).chain(["[DONE]".to_owned()]);
    let mut broken = None;
    for data in frames {
        let frame = Frame { event: "", data: data.as_bytes() };
        CHAT.scan_frame(&frame, &mut seen);
        broken = broken.or(decoder.push(&frame, &mut events).err());
    }
    broken = broken.or(decoder.finish(&mut events).err());
    let told = events.iter().find_map(|event| match event {
        Event::Error(error) => Some(error.kind),
        _ => None,
    });
    [seen.error.map(|error| error.kind), broken.map(|error| error.kind).or(told)]
}

/// The usage that holds after these events.
fn used(events: &[Event]) -> Option<Usage> {
    events.iter().rev().find_map(|event| if let Event::Usage(usage) = event { Some(*usage) } else { None })
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
        bare_sound: false,
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

#[test]
fn errors_that_are_numbered_under_status_200() {
    for (code, expected) in [
        (1000, Kind::UpstreamFailed),
        (1001, Kind::TimedOut),
        (1002, Kind::RateLimited),
        (1004, Kind::UpstreamAuth),
        (1008, Kind::QuotaExceeded),
        (1026, Kind::ContentRefused),
        (1027, Kind::ContentRefused),
        (1039, Kind::RateLimited),
        (2013, Kind::InvalidRequest),
        (2049, Kind::UpstreamAuth),
    ] {
        let base = json!({ "status_code": code, "status_msg": "as it is said" });
        for body in [
            json!({ "base_resp": base }),
            json!({ "id": "c", "choices": null, "base_resp": base }),
            json!({ "id": "c", "choices": [{ "index": 0, "message": { "content": "x" } }], "base_resp": base }),
        ] {
            let text = body.to_string();
            let whole = CHAT.decode_response(text.as_bytes()).unwrap_err();
            assert_eq!((whole.kind, whole.message.as_str()), (expected, "as it is said"), "{body}");
            let scanned = CHAT.scan_response(text.as_bytes()).unwrap_err();
            assert_eq!(scanned, whole, "{body}");
            assert_eq!(failed(std::slice::from_ref(&body)), [Some(expected); 2], "{body}");
            let said = chunk(json!({ "content": "x" }), json!({}));
            assert_eq!(failed(&[said, body.clone()]), [Some(expected); 2], "{body}");
        }
    }
    let mut fine = whole(json!({ "content": "x" }), json!({ "finish_reason": "stop" }));
    fine["base_resp"] = json!({ "status_code": 0, "status_msg": "" });
    assert_eq!(decoded(&fine).text(), "x");
    assert!(CHAT.scan_response(fine.to_string().as_bytes()).is_ok());
    assert_eq!(failed(&[fine]), [None; 2]);
}

#[test]
fn an_answer_without_a_choice_is_none() {
    for body in
        [json!({ "id": "c", "choices": [] }), json!({ "id": "c", "choices": null }), json!({ "id": "c" })]
    {
        for usage in [json!(null), json!({ "prompt_tokens": 9, "completion_tokens": 0 })] {
            let mut body = body.clone();
            body["usage"] = usage;
            let text = body.to_string();
            for error in [
                CHAT.decode_response(text.as_bytes()).unwrap_err(),
                CHAT.scan_response(text.as_bytes()).unwrap_err(),
            ] {
                assert!(
                    error.kind == Kind::InvalidResponse && error.kind.may_fall_back(),
                    "{body}: {error:?}"
                );
            }
            assert_eq!(failed(std::slice::from_ref(&body)), [Some(Kind::InvalidResponse); 2], "{body}");
        }
    }
    // A choice that says nothing is an answer: the model's own.
    let silent = chunk(json!({ "role": "assistant" }), json!({ "finish_reason": "stop" }));
    assert_eq!(failed(&[silent]), [None; 2]);
    assert_eq!(decoded(&whole(json!({ "content": null }), json!({ "finish_reason": "stop" }))).text(), "");
}

#[test]
fn usage_out_of_timings_where_nothing_else_states_it() {
    let timings =
        json!({ "cache_n": 236, "prompt_n": 1, "prompt_ms": 30.9, "predicted_n": 35, "predicted_ms": 661.0 });
    let counted = Usage { input: 237, cached_input: Some(236), output: 35, ..Usage::default() };
    let stated = json!({ "prompt_tokens": 240, "completion_tokens": 36, "total_tokens": 276 });
    let other = Usage { input: 240, output: 36, ..Usage::default() };
    for (timings, usage, expected) in [
        (timings.clone(), json!(null), Some(counted)),
        (timings.clone(), json!({}), Some(counted)),
        (timings.clone(), stated.clone(), Some(other)),
        (
            json!({ "prompt_n": 7, "predicted_n": 3 }),
            json!(null),
            Some(Usage { input: 7, output: 3, ..Usage::default() }),
        ),
        (json!({ "prompt_ms": 7.5 }), json!(null), None),
        (json!("fast"), json!(null), None),
    ] {
        let beside = |mut body: Value| {
            body["timings"] = timings.clone();
            body["usage"] = usage.clone();
            body
        };
        let body = beside(whole(json!({ "content": "x" }), json!({ "finish_reason": "stop" })));
        assert_eq!(decoded(&body).usage, expected, "{body}");
        assert_eq!(CHAT.scan_response(body.to_string().as_bytes()).unwrap(), expected, "{body}");
        let last = beside(chunk(json!({}), json!({ "finish_reason": "stop" })));
        let (events, seen) = streamed(&[chunk(json!({ "content": "x" }), json!({})), last.clone()]);
        assert_eq!((used(&events), seen.usage), (expected, expected), "{last}");
    }
    // What is counted on the way grows; what is stated holds, whichever comes last.
    let running = |count: u64| {
        let mut body = chunk(json!({ "content": "x" }), json!({}));
        body["timings"] = json!({ "prompt_n": 7, "predicted_n": count });
        body
    };
    let end = json!({ "id": "c", "choices": [], "usage": stated });
    for (frames, expected) in [
        ([running(1), running(2)], Usage { input: 7, output: 2, ..Usage::default() }),
        ([running(1), end.clone()], other),
        ([end.clone(), running(2)], other),
    ] {
        let (events, seen) = streamed(&frames);
        assert_eq!((used(&events), seen.usage), (Some(expected), Some(expected)), "{frames:?}");
    }
}

/// MiniMax ends a stream with the whole answer, in the form of one that is not streamed.
#[test]
fn the_whole_at_the_end_of_a_stream_is_not_said_again() {
    let said = chunk(json!({ "role": "assistant", "content": "x", "reasoning_content": "hm" }), json!({}));
    let last =
        whole(json!({ "content": "x", "reasoning_content": "hm" }), json!({ "finish_reason": "stop" }));
    for (frames, expected) in [
        (vec![said.clone(), last.clone()], "x"),
        (vec![last.clone()], "x"),
        (vec![said.clone(), said, last], "xx"),
    ] {
        let (events, seen) = streamed(&frames);
        let text =
            |event: &Event| if let Event::Text { text, .. } = event { text.clone() } else { String::new() };
        assert_eq!(events.iter().map(text).collect::<String>(), expected, "{frames:?}");
        assert!(
            events.contains(&Event::Finish { choice: 0, finish: Finish::Stop }) && seen.done,
            "{events:?}"
        );
    }
}
