//! The dialect against what its documentation says.

#![expect(clippy::too_many_lines, reason = "tables of cases are long")]

use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

use super::Anthropic;
use crate::dialect::{Inbound, Outbound, PathFacts, Quirks, Refused, ReplyFacts, Seen, Target, Wire};
use crate::error::{Error, Kind, Origin, Retry};
use crate::ir::{
    Citation, Dialect, Effort, Event, Finish, Media, MediaSource, Message, Part, Reasoning, Request,
    Response, ResponseFormat, Role, Thinking, Tool, ToolCall, ToolChoice, ToolResult, Usage,
};
use crate::sse::{Frame, Framer, Framing};

fn encode_for(model: &str, request: &Request) -> (Value, Wire) {
    let quirks = Quirks::default();
    let target = Target { model, max_output_tokens: None, quirks: &quirks };
    let wire = Anthropic.encode_request(request, &target).unwrap();
    (serde_json::from_slice(&wire.body).unwrap(), wire)
}

fn decode(body: &Value) -> Request {
    Anthropic.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap()
}

/// A request in OpenAI's dialect of these messages.
fn chat(messages: Vec<Message>) -> Request {
    let mut request = Request::new(Dialect::OpenAiChat, "m");
    request.messages = messages.into_iter().map(Into::into).collect();
    request
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        ..ToolCall::default()
    })
}

fn result(id: &str, text: &str) -> Message {
    let parts = vec![Part::text(text)];
    let result = ToolResult {
        call_id: id.into(),
        name: String::new(),
        parts,
        is_error: false,
        extra: crate::ir::Extra::NONE,
    };
    Message::of(Role::Tool, vec![Part::ToolResult(result)])
}

#[test]
fn what_came_in_this_dialect_goes_back_as_it_was() {
    let body = json!({
        "model": "claude-opus-4-6",
        "max_tokens": 2048,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "eHh4"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": false, "content": [
                    {"type": "text", "text": "one"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
                ]},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "two", "is_error": true},
                {"type": "text", "text": "and?", "cache_control": {"type": "ephemeral"}},
                {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "title": "t", "citations": {"enabled": true}},
                {"type": "document", "source": {"type": "content", "content": "x"}}
            ]},
            {"role": "system", "content": "Mid-way."}
        ],
        "tools": [
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}, "defer_loading": true},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "temperature": 1.0,
        "stop_sequences": ["END"],
        "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
        "output_config": {"effort": "max", "format": {"type": "json_schema", "schema": {"type": "object"}}, "task_budget": {"total": 1}},
        "stream": true,
        "metadata": {"user_id": "u"},
        "mcp_servers": [{"type": "url", "url": "https://example.com", "name": "x"}],
        "context_management": {"edits": []},
        "service_tier": "auto"
    });
    let (back, wire) = encode_for("claude-opus-4-6", &decode(&body));
    assert_eq!(back, body);
    assert_eq!(wire.dropped, Vec::<String>::new());
    assert_eq!(wire.path, "messages");
    let header = |name: &str| {
        wire.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_str().unwrap())
    };
    assert_eq!(header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(header("anthropic-beta"), Some("files-api-2025-04-14"));
}

#[test]
fn thinking_takes_the_form_that_the_model_knows() {
    let check = |model: &str, asked: Value, thinking: Value, config: Value, dropped: &[&str]| {
        let mut body =
            json!({"model": "m", "max_tokens": 8000, "messages": [{"role": "user", "content": "x"}]});
        body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let (back, wire) = encode_for(model, &decode(&body));
        assert_eq!(back.get("thinking").cloned().unwrap_or_default(), thinking, "{model} {asked}");
        assert_eq!(back.get("output_config").cloned().unwrap_or_default(), config, "{model} {asked}");
        assert_eq!(wire.dropped, dropped, "{model} {asked}");
    };
    let adaptive = json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}});
    let budget = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
    check("claude-opus-4-7", adaptive.clone(), json!({"type": "adaptive"}), json!({"effort": "medium"}), &[]);
    check(
        "claude-haiku-4-5",
        adaptive,
        json!({"type": "enabled", "budget_tokens": 4000}),
        Value::Null,
        &["thinking"],
    );
    check(
        "claude-haiku-4-5",
        budget.clone(),
        json!({"type": "enabled", "budget_tokens": 2000}),
        Value::Null,
        &[],
    );
    check("glm-4.7", budget.clone(), json!({"type": "enabled", "budget_tokens": 2000}), Value::Null, &[]);
    check(
        "claude-opus-4-8",
        budget,
        json!({"type": "adaptive", "display": "summarized"}),
        json!({"effort": "low"}),
        &["thinking"],
    );
    check(
        "claude-opus-4-6",
        json!({"output_config": {"effort": "xhigh"}}),
        Value::Null,
        json!({"effort": "high"}),
        &["output_config.effort"],
    );
}

#[test]
fn wishes_of_other_dialects_are_translated() {
    let check = |model: &str, edit: &dyn Fn(&mut Request), expected: Value, dropped: &[&str]| {
        let mut request = chat(vec![Message::text(Role::User, "x")]);
        request.params.max_tokens = Some(8192);
        edit(&mut request);
        let (body, wire) = encode_for(model, &request);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(body.get(name).cloned().unwrap_or_default(), *value, "{model} {name}");
        }
        assert_eq!(wire.dropped, dropped, "{model} {expected}");
    };
    let effort = |effort| {
        move |request: &mut Request| {
            request.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
        }
    };
    check(
        "claude-sonnet-4-5",
        &effort(Effort::High),
        json!({"thinking": {"type": "enabled", "budget_tokens": 4096}, "max_tokens": 8192}),
        &[],
    );
    check("claude-sonnet-4-5", &effort(Effort::None), json!({"thinking": null}), &[]);
    check(
        "claude-opus-4-7",
        &effort(Effort::XHigh),
        json!({"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "xhigh"}}),
        &[],
    );
    let small = |request: &mut Request| {
        effort(Effort::Low)(request);
        request.params.max_tokens = Some(500);
    };
    check("claude-sonnet-4-5", &small, json!({"thinking": null, "max_tokens": 500}), &["reasoning"]);
    let open = |request: &mut Request| {
        effort(Effort::High)(request);
        request.params.max_tokens = None;
    };
    check(
        "claude-sonnet-4-5",
        &open,
        json!({"thinking": {"type": "enabled", "budget_tokens": 16384}, "max_tokens": 32768}),
        &[],
    );
    let hot = |request: &mut Request| request.params.temperature = Some(1.5);
    check("claude-sonnet-4-5", &hot, json!({"temperature": 1.0}), &["temperature"]);
    check("claude-opus-4-7", &hot, json!({"temperature": null}), &["temperature"]);
    let both = |request: &mut Request| {
        request.params.temperature = Some(0.5);
        request.params.top_p = Some(0.9);
        request.params.seed = Some(1);
    };
    check("claude-sonnet-4-5", &both, json!({"temperature": 0.5, "top_p": null}), &["top_p", "seed"]);
    check("claude-3-5-haiku-20241022", &both, json!({"temperature": 0.5, "top_p": 0.9}), &["seed"]);
    let schema = |request: &mut Request| {
        request.format = Some(ResponseFormat::JsonSchema {
            name: "n".into(),
            description: Some("d".into()),
            schema: json!({"type": "object", "properties": {"a": {"type": "string"}}}),
            strict: None,
        });
    };
    let closed = json!({"format": {"type": "json_schema", "schema":
        {"type": "object", "properties": {"a": {"type": "string"}}, "description": "d", "additionalProperties": false}}});
    check("claude-sonnet-4-5", &schema, json!({"output_config": closed, "system": null}), &[]);
    check("claude-sonnet-4-20250514", &schema, json!({"output_config": null}), &["response_format"]);
}

#[test]
fn turns_of_other_dialects_become_turns_that_the_api_takes() {
    let mut developer = Message::text(Role::System, "Later rule");
    developer.developer = true;
    let request = chat(vec![
        Message::text(Role::System, "A"),
        Message::text(Role::System, "B"),
        Message::text(Role::User, "q"),
        Message::of(Role::Assistant, vec![Part::text(""), call("c:1", "{\"x\":1}"), call("c.2", "")]),
        result("c:1", "one"),
        result("c.2", "two"),
        Message::text(Role::User, "go on"),
        developer,
        Message::text(Role::User, "!"),
        Message::of(
            Role::Assistant,
            vec![
                Part::Thinking(Thinking { text: "unsealed".into(), ..Thinking::default() }),
                call("c3", "{\"cut"),
            ],
        ),
        Message::text(Role::Assistant, "So: "),
    ]);
    let (body, wire) = encode_for("claude-sonnet-4-5", &request);
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "A"}, {"type": "text", "text": "B"}, {"type": "text", "text": "Later rule"}])
    );
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c_1", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "c_2", "name": "f", "input": {}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c_1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "c_2", "content": "two"},
                {"type": "text", "text": "go on"},
                {"type": "text", "text": "!"}
            ]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c3", "name": "f", "input": {"INVALID_JSON": "{\"cut"}},
                {"type": "text", "text": "So:"}
            ]}
        ])
    );
    assert_eq!(body["max_tokens"], 4096);
    assert_eq!(
        wire.dropped,
        ["messages[7].role", "messages[9].content[0]", "messages[9].content[1].arguments"]
    );
}

#[test]
fn media_and_tools() {
    let image = |source, mime: Option<&str>| Part::Image(Media::of(source, mime.map(str::to_owned)));
    let document = |source, mime: &str| Part::Document(Media::of(source, Some(mime.to_owned())));
    let parts = vec![
        image(MediaSource::Base64("/9j/4AAQ".into()), None),
        image(MediaSource::Url("https://example.com/a.png".into()), None),
        document(MediaSource::Base64("aGk=".into()), "text/markdown"),
        document(MediaSource::Base64("JVBE".into()), "application/pdf"),
    ];
    let mut request = chat(vec![Message::of(Role::User, parts)]);
    let tool = |name: &str, strict| Tool::Function {
        name: name.into(),
        description: None,
        parameters: Some(json!({"properties": {"n": {"type": "integer", "minimum": 1}}})),
        strict,
        extra: crate::ir::Extra::NONE,
    };
    request.tools = vec![tool("a", Some(true)), tool("b", None), tool("c", None)];
    request.tool_choice = Some(ToolChoice::Allowed(vec!["a".into(), "b".into()], true));
    request.parallel_tools = Some(false);
    let (body, wire) = encode_for("claude-haiku-4-5", &request);
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}
        ])
    );
    assert_eq!(
        body["tools"],
        json!([
            {"name": "a", "input_schema": {"properties": {"n": {"type": "integer", "description": "{minimum: 1}"}}, "type": "object", "additionalProperties": false}, "strict": true},
            {"name": "b", "input_schema": {"properties": {"n": {"type": "integer", "minimum": 1}}, "type": "object"}}
        ])
    );
    assert_eq!(body["tool_choice"], json!({"type": "any", "disable_parallel_tool_use": true}));
    assert_eq!(wire.dropped, ["tools[0].parameters"]);

    let audio = Part::Audio(Media::of(MediaSource::Base64("AAAA".into()), None));
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    let refused =
        Anthropic.encode_request(&chat(vec![Message::of(Role::User, vec![audio])]), &target).unwrap_err();
    assert_eq!((refused.kind, refused.param.as_deref()), (Kind::Unsupported, Some("messages[0].content[0]")));
}

#[test]
fn wrong_requests_name_the_field() {
    for (body, param) in [
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": [1]}), "messages[0]"),
        (json!({"model": "m", "messages": [{"role": "robot", "content": "x"}]}), "messages[0].role"),
        (json!({"model": "m", "messages": [{"role": "user", "content": 1}]}), "messages[0].content"),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"text": "x"}]}]}),
            "messages[0].content[0].type",
        ),
        (json!({"model": "m", "messages": [], "max_tokens": "many"}), "max_tokens"),
        (json!({"model": "m", "messages": [], "stop_sequences": [1]}), "stop_sequences"),
        (json!({"model": "m", "messages": [], "thinking": {"type": "deep"}}), "thinking.type"),
        (json!({"model": "m", "messages": [], "tools": [{"input_schema": {}}]}), "tools[0].name"),
    ] {
        let error = Anthropic.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap_err();
        assert_eq!((error.kind, error.param.as_deref()), (Kind::InvalidRequest, Some(param)), "{body}");
    }
}

fn reply() -> ReplyFacts {
    ReplyFacts {
        request_id: "req_1".into(),
        model: "ours".into(),
        estimated_input: 7,
        ..ReplyFacts::default()
    }
}

/// Encodes `events` as a stream and reads its frames: names and payloads.
fn streamed(events: &[Event]) -> Vec<(String, Value)> {
    let mut encoder = Anthropic.stream_encoder(&reply());
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    frames(&out)
}

fn frames(bytes: &[u8]) -> Vec<(String, Value)> {
    let mut frames = Vec::new();
    let mut framer = Framer::new(Framing::Sse);
    framer
        .push(bytes, |frame| {
            frames.push((frame.event.to_owned(), serde_json::from_slice(frame.data).unwrap()));
            Ok(())
        })
        .unwrap();
    frames
}

fn tool_call(number: u32) -> Event {
    Event::ToolCall {
        choice: 0,
        call: number,
        id: format!("t{number}"),
        name: "f".into(),
        signature: None,
        custom: false,
    }
}

fn arguments(number: u32, text: &str) -> Event {
    Event::ToolArguments { choice: 0, call: number, text: text.into() }
}

#[test]
fn a_client_reads_blocks_one_after_the_other() {
    let sealed = Thinking { signature: Some("sig".into()), ..Thinking::default() };
    let redacted = Thinking { signature: Some("data".into()), redacted: true, ..Thinking::default() };
    let events = [
        Event::Start { id: String::new(), model: String::new(), created: None },
        Event::Ping,
        Event::Thinking { choice: 0, text: "hm".into() },
        Event::ThinkingSealed { choice: 0, thinking: sealed },
        Event::ThinkingSealed { choice: 0, thinking: redacted },
        Event::Text { choice: 0, text: "a".into() },
        Event::Text { choice: 0, text: "b".into() },
        tool_call(0),
        tool_call(1),
        arguments(1, "{}"),
        arguments(0, "{\"x\""),
        arguments(0, ":1}"),
        Event::Finish { choice: 0, finish: Finish::ToolCalls },
        Event::Usage(Usage { input: 10, cached_input: Some(4), output: 3, ..Usage::default() }),
        Event::Done,
    ];
    let frames = streamed(&events);
    let start = |index: u64, block: Value| {
        (
            "content_block_start".to_owned(),
            json!({"type": "content_block_start", "index": index, "content_block": block}),
        )
    };
    let delta = |index: u64, delta: Value| {
        (
            "content_block_delta".to_owned(),
            json!({"type": "content_block_delta", "index": index, "delta": delta}),
        )
    };
    let stop =
        |index: u64| ("content_block_stop".to_owned(), json!({"type": "content_block_stop", "index": index}));
    let usage = |input: u64, cached: u64, output: u64| {
        json!({
            "input_tokens": input, "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}, "output_tokens": output,
        })
    };
    let expected = vec![
        (
            "message_start".to_owned(),
            json!({"type": "message_start", "message": {
            "id": "msg_req_1", "type": "message", "role": "assistant", "model": "ours", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage(7, 0, 0)}}),
        ),
        ("ping".to_owned(), json!({"type": "ping"})),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "sig"})),
        stop(0),
        start(1, json!({"type": "redacted_thinking", "data": "data"})),
        stop(1),
        start(2, json!({"type": "text", "text": ""})),
        delta(2, json!({"type": "text_delta", "text": "a"})),
        delta(2, json!({"type": "text_delta", "text": "b"})),
        stop(2),
        start(3, json!({"type": "tool_use", "id": "t0", "name": "f", "input": {}})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{\"x\""})),
        delta(3, json!({"type": "input_json_delta", "partial_json": ":1}"})),
        stop(3),
        start(4, json!({"type": "tool_use", "id": "t1", "name": "f", "input": {}})),
        delta(4, json!({"type": "input_json_delta", "partial_json": "{}"})),
        stop(4),
        (
            "message_delta".to_owned(),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": usage(6, 4, 3)}),
        ),
        ("message_stop".to_owned(), json!({"type": "message_stop"})),
    ];
    assert_eq!(frames, expected);
}

#[test]
fn stop_reasons_for_a_client() {
    for (finish, text, expected) in [
        (Finish::Stop, Some(true), "end_turn"),
        (Finish::StopSequence(None), Some(true), "stop_sequence"),
        (Finish::Length, Some(true), "max_tokens"),
        (Finish::ContentFilter, Some(true), "refusal"),
        (Finish::Stop, Some(false), "refusal"),
        (Finish::Pause, None, "pause_turn"),
        (Finish::Other("OTHER".into()), None, "OTHER"),
    ] {
        let said = text.map(|said| match said {
            true => Event::Text { choice: 0, text: "x".into() },
            false => Event::Refusal { choice: 0, text: "no".into() },
        });
        let events: Vec<_> =
            said.into_iter().chain([Event::Finish { choice: 0, finish: finish.clone() }]).collect();
        let frames = streamed(&events);
        assert_eq!(frames[frames.len() - 2].1["delta"]["stop_reason"], expected, "{finish:?}");
    }
    let forced =
        streamed(&[tool_call(0), arguments(0, "{}"), Event::Finish { choice: 0, finish: Finish::Stop }]);
    assert_eq!(forced[forced.len() - 2].1["delta"]["stop_reason"], "tool_use");
}

#[test]
fn a_failed_stream_ends_with_an_error_and_nothing_else() {
    let mut encoder = Anthropic.stream_encoder(&reply());
    let mut out = Vec::new();
    encoder.push(&Event::Text { choice: 0, text: "x".into() }, &mut out);
    encoder.fail(&Error::new(Kind::Overloaded, Origin::Upstream, "busy"), &mut out);
    let frames = frames(&out);
    let expected = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}, "request_id": "req_1"});
    assert_eq!(frames.last().unwrap(), &("error".to_owned(), expected));
    assert!(frames.iter().all(|(name, _)| name != "message_stop"));
}

/// Decodes a stream of these payloads.
fn decoded(payloads: &[Value]) -> (Vec<Event>, crate::error::Result<()>) {
    let mut decoder = Anthropic.stream_decoder();
    let mut events = Vec::new();
    for payload in payloads {
        let data = payload.to_string();
        decoder.push(&Frame { event: "", data: data.as_bytes() }, &mut events).unwrap();
    }
    let end = decoder.finish(&mut events);
    (events, end)
}

#[test]
fn streams_of_the_documentation() {
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage":
        {"input_tokens": 5, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 3,
         "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2}, "output_tokens": 1}}});
    let block = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta =
        |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let (mut events, end) = decoded(&[
        start,
        json!({"type": "ping"}),
        block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
        delta(0, json!({"type": "input_json_delta", "partial_json": ""})),
        stop(0),
        json!({"type": "never_heard_of"}),
        block(1, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        delta(1, json!({"type": "input_json_delta", "partial_json": "{\"q\":"})),
        delta(1, json!({"type": "input_json_delta", "partial_json": "1}"})),
        stop(1),
        block(2, json!({"type": "compaction", "content": ""})),
        delta(2, json!({"type": "compaction_delta", "content": "sum"})),
        stop(2),
        block(3, json!({"type": "text", "text": ""})),
        delta(3, json!({"type": "citations_delta", "citation": {"cited_text": "c"}})),
        delta(3, json!({"type": "text_delta", "text": "hi"})),
        stop(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "pause_turn", "stop_sequence": null}, "usage": {"input_tokens": 5, "output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]);
    let usage = Usage {
        input: 10,
        cached_input: Some(2),
        cache_write: Some(3),
        cache_write_1h: Some(2),
        output: 1,
        ..Usage::default()
    };
    let opaque = |value: Value| Event::Opaque { dialect: Dialect::Anthropic, choice: 0, value: value.into() };
    let call = Event::ToolCall {
        choice: 0,
        call: 0,
        id: "t".into(),
        name: "f".into(),
        signature: None,
        custom: false,
    };
    assert!(
        matches!(events.remove(0), Event::Beside { of: crate::ir::Of::Answer, .. }),
        "the counts as they stand"
    );
    assert_eq!(
        events,
        [
            Event::Start { id: "msg_1".into(), model: "claude".into(), created: None },
            Event::Usage(usage),
            Event::Ping,
            call,
            arguments(0, "{}"),
            opaque(json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}})),
            opaque(json!({"type": "compaction", "content": "sum"})),
            Event::Text { choice: 0, text: "hi".into() },
            Event::Citation {
                choice: 0,
                citation: Arc::new(Citation {
                    range: Some((0, 2)),
                    quote: Some("c".into()),
                    raw: Some(json!({"cited_text": "c"}).into()),
                    ..Citation::of(Dialect::Anthropic)
                }),
            },
            Event::Finish { choice: 0, finish: Finish::Pause },
            Event::Usage(Usage { output: 9, ..usage }),
            Event::Done,
        ]
    );
    assert_eq!(end, Ok(()));
    let (_, cut) = decoded(&[json!({"type": "ping"})]);
    assert_eq!(cut.unwrap_err().kind, Kind::StreamBroken);
    let (events, _) =
        decoded(&[json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})]);
    assert!(matches!(&events[..], [Event::Error(error)] if error.kind == Kind::Overloaded), "{events:?}");
}

#[test]
fn whole_answers_both_ways() {
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-7",
        "content": [
            {"type": "thinking", "thinking": "", "signature": "s"},
            {"type": "text", "text": "hi", "citations": null},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
        ],
        "stop_reason": "tool_use", "stop_sequence": null, "stop_details": null,
        "usage": {
            "input_tokens": 5, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 2,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
            "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}, "service_tier": "standard"
        },
        "container": {"id": "c"}
    });
    let response = Anthropic.decode_response(body.to_string().as_bytes()).unwrap();
    assert_eq!(response.text(), "hi");
    assert_eq!(response.choices[0].finish, Some(Finish::ToolCalls));
    assert_eq!(response.usage.unwrap().input, 10);
    let back: Value = serde_json::from_slice(&Anthropic.encode_response(&response, &reply())).unwrap();
    assert_eq!(back, body);
    assert_eq!(Anthropic.scan_response(body.to_string().as_bytes()).unwrap(), response.usage);

    let empty = json!({"id": "m", "type": "message", "model": "c", "content": [], "stop_reason": "refusal", "usage": {"input_tokens": 1, "output_tokens": 0}});
    let response = Anthropic.decode_response(empty.to_string().as_bytes()).unwrap();
    assert_eq!((response.text(), response.choices[0].finish.clone()), (String::new(), Some(Finish::Refusal)));
    for wrong in ["", "<html>", "{}", "[]", r#"{"content": 1}"#] {
        assert_eq!(
            Anthropic.decode_response(wrong.as_bytes()).unwrap_err().kind,
            Kind::InvalidResponse,
            "{wrong}"
        );
    }
    let hidden = br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#;
    assert_eq!(Anthropic.decode_response(hidden).unwrap_err().kind, Kind::RateLimited);
    assert_eq!(Anthropic.scan_response(hidden).unwrap_err().kind, Kind::RateLimited);
    let foreign = Response::new(Dialect::OpenAiChat, "", "");
    let back: Value = serde_json::from_slice(&Anthropic.encode_response(&foreign, &reply())).unwrap();
    assert_eq!(
        (&back["id"], &back["model"], &back["stop_reason"]),
        (&json!("msg_req_1"), &json!("ours"), &json!("end_turn"))
    );
}

#[test]
fn frames_that_pass_through_are_understood() {
    let mut seen = Seen::default();
    let mut look =
        |event: &str, data: &str| Anthropic.scan_frame(&Frame { event, data: data.as_bytes() }, &mut seen);
    look(
        "message_start",
        r#"{"type":"message_start","message":{"usage":{"input_tokens":4,"cache_read_input_tokens":6,"output_tokens":1}}}"#,
    );
    look("ping", r#"{"type": "ping"}"#);
    look("content_block_delta", "not looked at");
    look("", r#"{"type":"content_block_delta","delta":{"type":"text_delta"}}"#);
    look("message_delta", r#"{"type":"message_delta","usage":{"output_tokens":8}}"#);
    look("message_stop", r#"{"type":"message_stop"}"#);
    let usage = Usage { input: 10, cached_input: Some(6), output: 8, ..Usage::default() };
    assert_eq!((seen.usage, seen.done, seen.content, seen.content_frames), (Some(usage), true, true, 2));
    Anthropic.scan_frame(
        &Frame { event: "error", data: br#"{"type":"error","error":{"type":"api_error","message":"m"}}"# },
        &mut seen,
    );
    assert_eq!(seen.error.unwrap().kind, Kind::UpstreamFailed);
}

#[test]
fn bytes_pass_where_the_model_takes_them() {
    for (model, body, passes) in [
        ("claude-opus-4-7", r#"{"thinking":{"type":"adaptive"}}"#, true),
        ("claude-haiku-4-5", r#"{"thinking":{"type":"adaptive"}}"#, false),
        ("claude-opus-4-7", r#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#, false),
        ("claude-opus-4-6", r#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#, true),
        ("claude-haiku-4-5", r#"{"output_config":{"effort":"low"}}"#, false),
        ("qwen3", r#"{"thinking":{"type":"adaptive"}}"#, true),
    ] {
        let quirks = Quirks::default();
        let target = Target { model, max_output_tokens: None, quirks: &quirks };
        let raw = Bytes::copy_from_slice(body.as_bytes());
        let wire = Anthropic.pass_through(&raw, &target, false);
        assert_eq!(wire.map(|wire| wire.body), passes.then_some(raw), "{model} {body}");
    }
    let quirks = Quirks { vertex: true, ..Quirks::default() };
    let target = Target { model: "claude-sonnet-4-5@20250929", max_output_tokens: None, quirks: &quirks };
    assert!(Anthropic.pass_through(&Bytes::from_static(b"{}"), &target, true).is_none());
    let mut request = chat(vec![Message::text(Role::User, "x")]);
    request.stream = true;
    let wire = Anthropic.encode_request(&request, &target).unwrap();
    let body: Value = serde_json::from_slice(&wire.body).unwrap();
    assert_eq!(wire.path, "publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict");
    assert_eq!((&body["anthropic_version"], body.get("model")), (&json!("vertex-2023-10-16"), None));
}

#[test]
fn beta_features_in_headers_join_those_of_the_body() {
    let mut headers = http::HeaderMap::new();
    headers.insert("anthropic-beta", "a-1, b-2,a-1".parse().unwrap());
    let mut request = decode(&json!({"model": "m", "max_tokens": 1, "messages": [], "betas": ["c-3"]}));
    Anthropic.adopt(&mut request, &headers);
    let (body, wire) = encode_for("claude-haiku-4-5", &request);
    let sent = wire
        .headers
        .iter()
        .find(|(name, _)| name == "anthropic-beta")
        .map(|(_, value)| value.to_str().unwrap());
    assert_eq!((sent, body.get("betas")), (Some("c-3,a-1,b-2"), None));
    let known = super::keep_known(vec!["claude-code-20250219".into(), "context-1m-2025-08-07".into()]);
    assert_eq!(known, (vec!["context-1m-2025-08-07".to_owned()], true));
}

#[test]
fn errors_of_every_form() {
    for (status, kind, message, expected, retry) in [
        (529, "overloaded_error", "Overloaded", Kind::Overloaded, Retry::Backoff),
        (
            429,
            "rate_limit_error",
            "This request would exceed your rate limit",
            Kind::RateLimited,
            Retry::Backoff,
        ),
        (401, "authentication_error", "invalid x-api-key", Kind::UpstreamAuth, Retry::Never),
        (403, "permission_error", "Your account does not have access", Kind::UpstreamAuth, Retry::Never),
        (404, "not_found_error", "model: claude-9", Kind::NotFound, Retry::Never),
        (413, "request_too_large", "Request exceeds the maximum size", Kind::TooLarge, Retry::Never),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 210000 tokens > 200000 maximum",
            Kind::ContextTooLong,
            Retry::Never,
        ),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 1 + 2 > 3",
            Kind::ContextTooLong,
            Retry::Never,
        ),
        (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
            Kind::ContentRefused,
            Retry::Never,
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            Kind::QuotaExceeded,
            Retry::Never,
        ),
        (
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits.",
            Kind::QuotaExceeded,
            Retry::Never,
        ),
        (400, "invalid_request_error", "max_tokens: Field required", Kind::InvalidRequest, Retry::Never),
        (500, "api_error", "Internal server error", Kind::UpstreamFailed, Retry::Backoff),
        (504, "timeout_error", "Request timed out", Kind::TimedOut, Retry::Backoff),
    ] {
        let body =
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_x"});
        let text = body.to_string();
        let headers = http::HeaderMap::new();
        let refused = Refused { status, headers: &headers, body: text.as_bytes(), unix_seconds: 0 };
        let error = Anthropic.decode_error(&refused);
        assert_eq!(
            (error.kind, error.retry, error.upstream_status),
            (expected, retry, Some(status)),
            "{message}"
        );
        let inside = super::error::decode_value(&body);
        assert_eq!((inside.kind, inside.upstream_status), (expected, None), "in a stream: {message}");
    }
    let encoded: Value =
        serde_json::from_slice(&Anthropic.encode_error(&Error::invalid("no"), "req_1")).unwrap();
    assert_eq!(
        encoded,
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}, "request_id": "req_1"})
    );
}

#[test]
fn what_a_stream_says_besides_the_answer_comes_back_in_its_dialect() {
    let caller = json!({"type": "code_execution_20250825", "tool_id": "srvtoolu_1"});
    let edits = json!({"applied_edits": [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": 1, "cleared_input_tokens": 9}]});
    let payloads = [
        json!({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [],
            "stop_reason": null, "stop_sequence": null, "container": {"id": "c", "expires_at": "2026-11-21T11:00:00Z"},
            "usage": {
                "input_tokens": 5, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 2,
                "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
                "output_tokens": 1, "service_tier": "standard", "inference_geo": "us"}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": caller, "toolset_name": "x"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "u", "name": "g", "input": {}, "caller": {"type": "direct"}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "context_management": edits,
            "input_transformations": [{"type": "thinking_dropped"}],
            "delta": {"stop_reason": "tool_use", "stop_sequence": null, "container": {"id": "c"},
                "stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"}},
            "usage": {
                "input_tokens": 5, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 2,
                "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
                "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4},
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
                "iterations": [{"type": "message", "output_tokens": 9}]}}),
        json!({"type": "message_stop"}),
    ];
    let (events, end) = decoded(&payloads);
    assert_eq!(end, Ok(()));
    let back: Vec<Value> = streamed(&events).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(back, payloads);

    let told = |to: Dialect| -> Vec<String> {
        events.iter().flat_map(|event| crate::dialect::untold_event(event, to)).collect()
    };
    assert_eq!(told(Dialect::Anthropic), Vec::<String>::new());
    let mut names = told(Dialect::OpenAiChat);
    names.sort_unstable();
    names.dedup();
    let expected =
        ["container", "context_management", "input_transformations", "stop_details", "tool_calls.caller"];
    assert_eq!(names, expected.map(|name| format!("response.{name}")));

    // Told whole, and whole told as a stream: the same.
    let whole = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": caller}],
        "stop_reason": "tool_use", "stop_sequence": null, "context_management": edits, "container": {"id": "c"},
        "usage": {"input_tokens": 5, "output_tokens": 1, "service_tier": "priority"}});
    let response = Anthropic.decode_response(whole.to_string().as_bytes()).unwrap();
    let names = crate::dialect::untold(&response, Dialect::OpenAiChat);
    let expected = ["context_management", "container", "tool_calls.caller"];
    assert_eq!(names, expected.map(|name| format!("response.{name}")));
    let frames = streamed(&response.recite());
    let start = &frames[0].1["message"];
    assert_eq!((&start["context_management"], &start["container"]), (&edits, &json!({"id": "c"})));
    assert_eq!(start["usage"]["service_tier"], "priority");
    assert_eq!(frames[1].1["content_block"]["caller"], caller);
}

#[test]
fn thoughts_without_the_makers_seal_do_not_pass() {
    let quirks = crate::dialect::Quirks::default();
    let target = Target { model: "claude-sonnet-4-5", max_output_tokens: Some(9), quirks: &quirks };
    for (block, passes) in [
        (r#"{"type":"thinking","thinking":"a","signature":"c2VhbA=="}"#, true),
        (r#"{"type":"redacted_thinking","data":"c2VhbA=="}"#, true),
        (r#"{"type":"text","text":"\"signature\":\"\" and \"data\":\"a#b\""}"#, true),
        (r#"{"type":"thinking","thinking":"a","signature":""}"#, false),
        (r#"{"type":"thinking","thinking":"a","signature" : "" }"#, false),
        (r#"{"type":"thinking","thinking":"a","signature":"gemini#c2VhbA=="}"#, false),
        (r#"{"type":"redacted_thinking","data":"openai_responses#c2VhbA=="}"#, false),
    ] {
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":[{block},{{"type":"text","text":"b"}}]}},{{"role":"user","content":"y"}}]}}"#
        );
        let raw = Bytes::from(body);
        assert_eq!(Anthropic.pass_through(&raw, &target, false).is_some(), passes, "{block}");
        if !passes {
            let request = Anthropic.decode_request(&raw, PathFacts::default()).unwrap();
            let wire = Anthropic.encode_request(&request, &target).unwrap();
            assert!(!String::from_utf8_lossy(&wire.body).contains("thinking"), "{block}");
            assert_eq!(wire.dropped, ["messages[1].content[0]"], "{block}");
        }
    }
}

#[test]
fn fields_with_which_blocks_begin_come_back_in_their_dialect() {
    let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta =
        |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let usage = json!({"input_tokens": 1, "output_tokens": 2});
    let payloads = [
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage}}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": "", "effort": "low"})),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "s"})),
        stop(0),
        start(1, json!({"type": "text", "text": "", "provenance": {"kind": "a"}})),
        delta(1, json!({"type": "text_delta", "text": "one"})),
        stop(1),
        start(2, json!({"type": "text", "text": "", "provenance": {"kind": "b"}})),
        delta(2, json!({"type": "text_delta", "text": "two"})),
        stop(2),
        start(3, json!({"type": "text", "text": ""})),
        delta(3, json!({"type": "text_delta", "text": "three"})),
        stop(3),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ];
    let (events, end) = decoded(&payloads);
    assert_eq!(end, Ok(()));
    let back: Vec<Value> = streamed(&events).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(back[1..back.len() - 2], payloads[1..payloads.len() - 2]);
    let mut told: Vec<String> =
        events.iter().flat_map(|event| crate::dialect::untold_event(event, Dialect::OpenAiChat)).collect();
    told.dedup();
    assert_eq!(told, ["response.effort", "response.provenance"]);
    // The same blocks whole, recited for a client that wants a stream.
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "one", "provenance": {"kind": "a"}, "citations": [{"type": "char_location", "cited_text": "o"}]}], "usage": usage});
    let events = Anthropic.decode_response(body.to_string().as_bytes()).unwrap().recite();
    let back: Vec<Value> = streamed(&events).into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(back[1]["content_block"], json!({"type": "text", "text": "", "provenance": {"kind": "a"}}));
    let cited = |payload: &&Value| payload["delta"]["type"] == "citations_delta";
    assert_eq!(back.iter().filter(cited).count(), 1, "{back:#?}");
}
