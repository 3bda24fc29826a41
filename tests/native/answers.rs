//! Answers written from the API references: they run where no recordings are.

use pointsman::dialect::Outbound;
use pointsman::error::Kind;
use pointsman::ir::{Event, Usage};
use serde_json::{Value, json};

use super::{Facts, cohere, of_events, of_response, ollama, streamed};

fn stream(dialect: &dyn Outbound, text: &str) -> Result<Vec<Event>, Kind> {
    streamed::events(dialect, dialect.framing(), text.as_bytes().chunks(1)).map_err(|error| error.kind)
}

fn whole(dialect: &dyn Outbound, answer: &Value) -> Facts {
    of_response(&dialect.decode_response(answer.to_string().as_bytes()).unwrap())
}

fn facts(text: &str, thoughts: &str, calls: &[(&str, Value)], finish: &str, usage: (u64, u64)) -> Facts {
    Facts {
        text: text.to_owned(),
        thoughts: thoughts.to_owned(),
        calls: calls.iter().map(|(name, args)| ((*name).to_owned(), args.clone())).collect(),
        finish: finish.to_owned(),
        usage: Some(usage),
    }
}

#[test]
fn cohere_whole() {
    let usage = json!({
        "billed_units": {"input_tokens": 3, "output_tokens": 2},
        "tokens": {"input_tokens": 90, "output_tokens": 5},
        "cached_tokens": 64,
    });
    let plan = json!({"id": "a", "finish_reason": "TOOL_CALL", "usage": usage, "message": {
        "role": "assistant",
        "tool_plan": "I look it up.",
        "tool_calls": [
            {"id": "now_1", "type": "function", "function": {"name": "now", "arguments": "null"}},
            {"id": "go_2", "type": "function", "function": {"name": "go", "arguments": "{\"to\":\"Bern\"}"}},
        ],
    }});
    let calls = [("now", json!({})), ("go", json!({"to": "Bern"}))];
    assert_eq!(whole(cohere(), &plan), facts("", "I look it up.", &calls, "ToolCalls", (90, 5)));
    let response = cohere().decode_response(plan.to_string().as_bytes()).unwrap();
    let expected =
        Usage { input: 90, output: 5, cached_input: Some(64), billed: Some((3, 2)), ..Usage::default() };
    assert_eq!(response.usage, Some(expected));
    for (name, finish) in [("COMPLETE", "Stop"), ("MAX_TOKENS", "Length"), ("ERROR_TOXIC", "ContentFilter")] {
        let answer = json!({"id": "a", "finish_reason": name, "usage": usage, "message": {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Rösti"}],
        }});
        assert_eq!(whole(cohere(), &answer), facts("Rösti", "hm", &[], finish, (90, 5)));
    }
    for (answer, kind) in [
        (json!({"id": "x", "message": "too many tokens: maximum context length"}), Kind::ContextTooLong),
        (json!({"answer": 42}), Kind::InvalidResponse),
    ] {
        assert_eq!(cohere().decode_response(answer.to_string().as_bytes()).unwrap_err().kind, kind);
    }
}

#[test]
fn cohere_streamed() {
    let event = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let message = |kind: &str, message: Value| event(json!({"type": kind, "delta": {"message": message}}));
    let text = [
        event(json!({"type": "message-start", "id": "a", "delta": {"message": {"role": "assistant"}}})),
        message("tool-plan-delta", json!({"tool_plan": "Plan."})),
        message(
            "tool-call-start",
            json!({"tool_calls": {"id": "n", "function": {"name": "now", "arguments": ""}}}),
        ),
        event(json!({"type": "tool-call-end", "index": 0})),
        message(
            "tool-call-start",
            json!({"tool_calls": {"id": "g", "function": {"name": "go", "arguments": ""}}}),
        ),
        message("tool-call-delta", json!({"tool_calls": {"function": {"arguments": "{\"to\":"}}})),
        message("tool-call-delta", json!({"tool_calls": {"function": {"arguments": "\"Bern\"}"}}})),
        event(json!({"type": "tool-call-end", "index": 1})),
        event(json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {
            "tokens": {"input_tokens": 9, "output_tokens": 4},
        }}})),
        "data: [DONE]\n\n".to_owned(),
    ];
    let calls = [("now", json!({})), ("go", json!({"to": "Bern"}))];
    let found = of_events(&stream(cohere(), &text.concat()).unwrap());
    assert_eq!(found, facts("", "Plan.", &calls, "ToolCalls", (9, 4)));
    assert_eq!(stream(cohere(), &text[..4].concat()), Err(Kind::StreamBroken));
    assert_eq!(stream(cohere(), "data: {oops\n\n"), Err(Kind::InvalidResponse));
}

#[test]
fn ollama_whole_and_streamed() {
    let line = |message: Value, more: Value| {
        let mut line =
            json!({"model": "m", "created_at": "2026-01-02T03:04:05.6Z", "message": message, "done": false});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{line}\n")
    };
    let end = json!({"done": true, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3, "total_duration": 5});
    let call = json!({"role": "assistant", "content": "", "tool_calls": [
        {"function": {"name": "go", "arguments": {"to": "Bern"}}},
    ]});
    let calls = [("go", json!({"to": "Bern"}))];
    let text = [
        line(json!({"role": "assistant", "content": "", "thinking": "hm"}), json!({})),
        line(json!({"role": "assistant", "content": "Grüezi"}), json!({})),
        line(call.clone(), json!({})),
    ]
    .concat();
    let last = line(json!({"role": "assistant", "content": ""}), end.clone());
    let closed = format!("{text}{last}");
    let events = stream(ollama(), &closed).unwrap();
    assert_eq!(of_events(&events), facts("Grüezi", "hm", &calls, "ToolCalls", (7, 3)));
    assert_eq!(stream(ollama(), &text), Err(Kind::StreamBroken));

    let answer: Value = serde_json::from_str(&line(call, end)).unwrap();
    assert_eq!(whole(ollama(), &answer), facts("", "", &calls, "ToolCalls", (7, 3)));

    let events = stream(ollama(), &(closed + "{\"error\":\"model runner has stopped\"}\n")).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Error(_))));
    let error = ollama().decode_response(br#"{"error":"model \"x\" not found"}"#).unwrap_err();
    assert_ne!(error.kind, Kind::InvalidResponse);
}
