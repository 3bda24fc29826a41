//! The dialect as its documentation and those of look-alike servers show it.
//! What real servers sent is in `tests/traffic`.

use serde_json::{Value, json};

use super::CHAT;
use crate::dialect::{Inbound, Outbound, PathFacts, Quirks, ReplyFacts, Seen, Target, TokenField, ToolIds};
use crate::error::{Error, Kind, Result};
use crate::ir::{
    Dialect, Event, Finish, Message, Part, Request, Role, Thinking, ToolCall, ToolResult, Usage,
};
use crate::sse::{Framer, Framing};

fn decoded(stream: &str) -> Result<Vec<Event>> {
    let mut framer = Framer::new(Framing::Sse);
    let mut decoder = CHAT.stream_decoder();
    let mut events = Vec::new();
    framer.push(stream.as_bytes(), |frame| decoder.push(&frame, &mut events))?;
    framer.finish(|frame| decoder.push(&frame, &mut events))?;
    decoder.finish(&mut events)?;
    Ok(events)
}

/// The calls of decoded events: id, name, arguments.
fn calls(events: &[Event]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events {
        match event {
            Event::ToolCall { call, id, name, .. } => {
                assert_eq!(*call as usize, calls.len());
                calls.push((id.clone(), name.clone(), String::new()));
            }
            Event::ToolArguments { call, text, .. } => calls[*call as usize].2.push_str(text),
            _ => {}
        }
    }
    calls
}

/// A stream whose deltas carry these lists of tool calls, ended by `finish`.
fn tool_stream(deltas: &[Value], finish: &str) -> String {
    let mut stream = String::new();
    for delta in deltas {
        let chunk = json!({ "id": "c1", "choices": [{ "index": 0, "delta": { "tool_calls": delta } }] });
        stream += &format!("data: {chunk}\n\n");
    }
    let last = json!({ "id": "c1", "choices": [{ "index": 0, "delta": {}, "finish_reason": finish }] });
    stream + format!("data: {last}\n\ndata: [DONE]\n\n").as_str()
}

#[test]
fn tool_calls_of_every_manner() {
    let check = |deltas: &[Value], finish: &str, expected: &[(&str, &str, &str)]| {
        let found = calls(&decoded(&tool_stream(deltas, finish)).unwrap());
        let found: Vec<_> =
            found.iter().map(|(id, name, text)| (id.as_str(), name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
    };
    let function = |name: &str, text: &str| json!({ "name": name, "arguments": text });
    // OpenAI: index and id first, then pieces by index.
    check(
        &[
            json!([{ "index": 0, "id": "a", "type": "function", "function": function("f", "") }]),
            json!([{ "index": 0, "function": { "arguments": "{\"x\":" } }]),
            json!([{ "index": 1, "id": "b", "type": "function", "function": function("g", "{}") }]),
            json!([{ "index": 0, "function": { "arguments": "1}" } }]),
        ],
        "tool_calls",
        &[("a", "f", "{\"x\":1}"), ("b", "g", "{}")],
    );
    // Without index: by id, and pieces without id go to the last.
    check(
        &[
            json!([{ "id": "a", "function": function("f", "{") }]),
            json!([{ "function": { "arguments": "}" } }]),
            json!([{ "id": "b", "function": function("g", "{}") }]),
        ],
        "tool_calls",
        &[("a", "f", "{}"), ("b", "g", "{}")],
    );
    // All parallel calls numbered 0.
    check(
        &[
            json!([{ "index": 0, "id": "a", "function": function("f", "{}") }]),
            json!([{ "index": 0, "id": "b", "function": function("g", "{}") }]),
        ],
        "tool_calls",
        &[("a", "f", "{}"), ("b", "g", "{}")],
    );
    // No arguments are `{}`; arguments that were cut off stay cut.
    check(
        &[json!([{ "index": 0, "id": "a", "function": { "name": "f" } }])],
        "tool_calls",
        &[("a", "f", "{}")],
    );
    check(
        &[json!([{ "index": 0, "id": "a", "function": function("f", "{\"x") }])],
        "length",
        &[("a", "f", "{\"x")],
    );
    // Arguments as an object.
    check(
        &[json!([{ "index": 0, "id": "a", "function": { "name": "f", "arguments": { "x": 1 } } }])],
        "tool_calls",
        &[("a", "f", "{\"x\":1}")],
    );
    // Empty ids are replaced by invented ones, each its own.
    let deltas = [
        json!([{ "id": "", "function": function("f", "{}") }]),
        json!([{ "id": "", "function": function("f", "{}") }]),
    ];
    let found = calls(&decoded(&tool_stream(&deltas, "stop")).unwrap());
    assert!(found.len() == 2 && !found[0].0.is_empty() && found[0].0 != found[1].0, "{found:?}");
}

#[test]
fn ends_of_streams() {
    let said = r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
    let finished = r#"data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let ends = |stream: String| decoded(&stream).map(|events| events.last().cloned());
    assert_eq!(ends(format!("{said}\n\n{finished}\n\ndata: [DONE]\n\n")).unwrap(), Some(Event::Done));
    assert_eq!(ends(format!("{said}\n\n{finished}\n\n")).unwrap(), Some(Event::Done));
    // Without blank lines between the chunks.
    let joined = decoded(&format!("{said}\n{finished}\ndata: [DONE]\n")).unwrap();
    assert!(
        joined.contains(&Event::Text { choice: 0, text: "hi".into() }) && joined.ends_with(&[Event::Done])
    );
    assert_eq!(ends(format!("{said}\n\n")).unwrap_err().kind, Kind::StreamBroken);
    assert_eq!(ends(String::new()).unwrap_err().kind, Kind::StreamBroken);
    assert_eq!(ends("data: {broken\n\n".into()).unwrap_err().kind, Kind::InvalidResponse);
    let failed =
        format!("{said}\n\nevent: error\ndata: {{\"error\":{{\"message\":\"no\",\"code\":502}}}}\n\n");
    let Some(Event::Error(error)) = ends(failed).unwrap() else { panic!("an error was not seen") };
    assert_eq!((error.kind, error.message.as_str()), (Kind::UpstreamFailed, "no"));
}

#[test]
fn content_of_every_manner() {
    let stream = concat!(
        "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n",
        ": PROCESSING\n\n",
        "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"hm\"}}]}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"so\"}]},{\"type\":\"text\",\"text\":\"Hi\"}]}}],\"obfuscation\":\"xyz\"}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"No.\"},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":0,\"total_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":0}}}\n\n",
        "data: [DONE]\n\n",
    );
    let mut events = decoded(stream).unwrap();
    events.retain(|event| !matches!(event, Event::Opaque { .. }));
    let text = |text: &str| text.to_owned();
    let usage = Usage { input: 3, cached_input: Some(0), ..Usage::default() };
    assert_eq!(
        events,
        [
            Event::Start { id: text("c"), model: text("m"), created: None },
            Event::Thinking { choice: 0, text: text("hm") },
            Event::Thinking { choice: 0, text: text("so") },
            Event::Text { choice: 0, text: text("Hi") },
            Event::Refusal { choice: 0, text: text("No.") },
            Event::Finish { choice: 0, finish: Finish::Stop },
            Event::Usage(usage),
            Event::Done,
        ]
    );
}

fn reply() -> ReplyFacts {
    ReplyFacts {
        request_id: "r".into(),
        model: "m".into(),
        created: 7,
        include_usage: true,
        ..ReplyFacts::default()
    }
}

#[test]
fn streams_are_written_as_openai_sends_them() {
    let mut encoder = CHAT.stream_encoder(&reply());
    let mut out = Vec::new();
    encoder.push(&Event::Text { choice: 0, text: "a\"b".into() }, &mut out);
    encoder.push(&Event::Finish { choice: 0, finish: Finish::Stop }, &mut out);
    encoder.push(&Event::Usage(Usage { input: 1, output: 2, ..Usage::default() }), &mut out);
    encoder.finish(&mut out);
    let text = String::from_utf8(out).unwrap();
    let mut frames = text.split_terminator("\n\n").map(|frame| frame.strip_prefix("data: ").unwrap());
    let mut next = || serde_json::from_str::<Value>(frames.next().unwrap()).unwrap();
    let first = next();
    assert_eq!(
        (&first["id"], &first["model"], &first["created"]),
        (&json!("chatcmpl-r"), &json!("m"), &json!(7))
    );
    assert_eq!(first["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    assert_eq!(next()["choices"][0]["delta"], json!({ "content": "a\"b" }));
    assert_eq!(next()["choices"][0]["finish_reason"], "stop");
    let usage = next();
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(3)));
    assert_eq!(frames.next(), Some("[DONE]"));
}

#[test]
fn a_failed_stream_says_so_and_never_done() {
    let mut encoder = CHAT.stream_encoder(&reply());
    let mut out = Vec::new();
    encoder.push(&Event::Text { choice: 0, text: "a".into() }, &mut out);
    encoder.fail(&Error::bad_answer("it broke"), &mut out);
    let text = String::from_utf8(out).unwrap();
    let last: Value = serde_json::from_str(text.trim_end().rsplit("data: ").next().unwrap()).unwrap();
    assert_eq!(last["error"]["message"], "it broke");
    assert!(!text.contains("[DONE]"));
}

fn encoded(request: &Request, quirks: &Quirks) -> (Value, Vec<String>) {
    let target = Target { model: "up", max_output_tokens: None, quirks };
    let wire = CHAT.encode_request(request, &target).unwrap();
    (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
}

fn request(body: &Value) -> Request {
    CHAT.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap()
}

#[test]
fn a_vendors_deviations_are_kept_to() {
    let body = json!({
        "model": "m", "seed": 1, "logit_bias": {}, "max_completion_tokens": 5, "stream": true,
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "call_long_id", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
            { "role": "tool", "tool_call_id": "call_long_id", "content": "1" },
        ],
    });
    let quirks = Quirks {
        token_field: TokenField::MaxTokens,
        no_developer_role: true,
        no_stream_options: true,
        tool_ids: ToolIds::Nine,
        refused: &["logit_bias"],
        renamed: &[("seed", "random_seed")],
        ..Quirks::default()
    };
    let (found, dropped) = encoded(&request(&body), &quirks);
    assert_eq!((&found["max_tokens"], &found["random_seed"]), (&json!(5), &json!(1)));
    assert_eq!((found.get("seed"), found.get("stream_options"), found.get("logit_bias")), (None, None, None));
    assert_eq!(found["messages"][0]["role"], "system");
    let id = found["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && found["messages"][2]["tool_call_id"] == id, "{id}");
    assert_eq!(dropped, ["logit_bias"]);
    let longer = Quirks { tool_ids: ToolIds::AtMost(8), ..Quirks::default() };
    let (found, _) = encoded(&request(&body), &longer);
    let id = found["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 8 && found["messages"][2]["tool_call_id"] == id, "{id}");
    let raw = bytes::Bytes::from(body.to_string());
    let target = Target { model: "up", max_output_tokens: None, quirks: &quirks };
    assert!(CHAT.pass_through(&raw, &target, true).is_none());
    let plain = Target { model: "up", max_output_tokens: None, quirks: &Quirks::default() };
    assert_eq!(CHAT.pass_through(&raw, &plain, true).unwrap().body, raw);
}

#[test]
fn turns_of_other_dialects_are_taken_apart() {
    let call = ToolCall { id: "a".into(), name: "f".into(), arguments: "{}".into(), ..ToolCall::default() };
    let result = |id: &str, is_error| {
        let parts = vec![Part::text("1")];
        Part::ToolResult(ToolResult {
            call_id: id.into(),
            name: String::new(),
            parts,
            is_error,
            extra: Default::default(),
        })
    };
    let mut from = Request::new(Dialect::Anthropic, "m");
    let thought = Thinking { text: "hm".into(), signature: Some("seal".into()), ..Thinking::default() };
    from.messages
        .push(Message::of(Role::Assistant, vec![Part::Thinking(thought), Part::ToolCall(call)]).into());
    from.messages.push(Message::of(Role::User, vec![result("a", true), Part::text("and?")]).into());
    from.extra.insert("made_up", json!(1));
    from.user = Some("u".repeat(190));
    let (found, dropped) = encoded(&from, &Quirks::default());
    assert_eq!(found["user"].as_str().map(str::len), Some(64));
    let roles: Vec<&Value> =
        found["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["assistant", "tool", "user"]);
    assert_eq!(found["messages"][2]["content"], "and?");
    assert_eq!(dropped, ["messages[0].thinking", "messages[1].is_error", "user", "made_up"]);
    let (kept, _) = encoded(&from, &Quirks { reasoning_content: true, ..Quirks::default() });
    assert_eq!(kept["messages"][0]["reasoning_content"], "hm");
}

#[test]
fn errors_of_requests_name_the_field() {
    for (body, param) in [
        (json!({ "model": "m" }), "messages"),
        (json!({ "messages": "x" }), "messages"),
        (json!({ "messages": [{ "content": "x" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "king", "content": "x" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "user", "content": [{}] }] }), "messages[0].content[0].type"),
        (json!({ "messages": [], "temperature": "hot" }), "temperature"),
        (json!({ "messages": [], "max_tokens": -1 }), "max_tokens"),
        (json!({ "messages": [], "stop": [1] }), "stop"),
        (json!({ "messages": [], "tools": [1] }), "tools[0]"),
    ] {
        let error = CHAT.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap_err();
        assert_eq!((error.kind, error.param.as_deref()), (Kind::InvalidRequest, Some(param)), "{body}");
    }
}

#[test]
fn seals_of_other_dialects_go_out_and_come_back() {
    let mut response = crate::ir::Response::new(Dialect::Anthropic, "x", "m");
    let thought = Thinking { text: "hm".into(), signature: Some("seal".into()), ..Thinking::default() };
    let call = ToolCall {
        id: "a".into(),
        name: "f".into(),
        arguments: "{}".into(),
        signature: Some("google".into()),
        ..ToolCall::default()
    };
    let message = Message::of(Role::Assistant, vec![Part::Thinking(thought), Part::ToolCall(call)]);
    let finish = Some(Finish::ToolCalls);
    response.choices.push(crate::ir::Choice {
        index: 0,
        message,
        finish,
        logprobs: None,
        extra: Default::default(),
    });
    let sent: Value = serde_json::from_slice(&CHAT.encode_response(&response, &reply())).unwrap();
    let message = sent["choices"][0]["message"].clone();
    let again = request(&json!({ "model": "m", "messages": [message] }));
    let seals: Vec<Option<&str>> = again.messages[0]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Thinking(thought) => Some(thought.signature.as_deref()),
            Part::ToolCall(call) => Some(call.signature.as_deref()),
            _ => None,
        })
        .collect();
    assert_eq!(seals, [Some("seal"), Some("google")]);
}

#[test]
fn what_a_model_says_is_never_taken_for_a_field() {
    let mut seen = Seen::default();
    let said = json!({ "choices": [{ "index": 0, "delta": { "content": "\"usage\":{\"error\":{}},\"finish_reason\":\"x\"" } }] });
    let data = said.to_string();
    CHAT.scan_frame(&crate::sse::Frame { event: "", data: data.as_bytes() }, &mut seen);
    assert!(seen.content && !seen.done && seen.usage.is_none() && seen.error.is_none());
}

#[test]
fn a_message_says_something() {
    let read = |message: serde_json::Value| {
        let body = json!({ "model": "m", "messages": [message] }).to_string();
        CHAT.decode_request(body.as_bytes(), PathFacts::default()).map(drop)
    };
    for message in [
        json!({ "role": "user" }),
        json!({ "role": "user", "content": null }),
        json!({ "role": "assistant" }),
    ] {
        let error = read(message.clone()).unwrap_err();
        assert_eq!(
            (error.kind, error.param.as_deref()),
            (Kind::InvalidRequest, Some("messages[0].content")),
            "{message}"
        );
    }
    let call = json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    for message in [
        json!({ "role": "user", "content": "" }),
        json!({ "role": "assistant", "tool_calls": [call] }),
        json!({ "role": "assistant", "content": null, "refusal": "no" }),
        json!({ "role": "assistant", "audio": { "id": "audio_1" } }),
        json!({ "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } }),
        json!({ "role": "tool", "tool_call_id": "c", "content": "" }),
    ] {
        assert_eq!(read(message.clone()), Ok(()), "{message}");
    }
}
