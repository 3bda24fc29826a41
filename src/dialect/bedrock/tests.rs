//! The dialect against what its documentation says.

#![expect(clippy::too_many_lines, reason = "tables of cases are long")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

use super::Bedrock;
use crate::dialect::{Outbound, PathFacts, Quirks, Refused, Target, Wire, inbound};
use crate::error::{Kind, Result};
use crate::ir::{
    Citation, Dialect, Effort, Event, Extra, Finish, Media, MediaSource, Message, Part, Reasoning, Request,
    ResponseFormat, Role, Thinking, Tool, ToolCall, ToolChoice, ToolResult, Usage,
};
use crate::sse::Frame;

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn encode_for(model: &str, request: &Request) -> (Value, Wire) {
    let quirks = Quirks::default();
    let target = Target { model, max_output_tokens: None, quirks: &quirks };
    let wire = Bedrock.encode_request(request, &target).unwrap();
    (serde_json::from_slice(&wire.body).unwrap(), wire)
}

fn chat(messages: Vec<Message>) -> Request {
    let mut request = Request::new(Dialect::OpenAiChat, "m");
    request.messages = messages.into_iter().map(Into::into).collect();
    request
}

fn marked() -> Extra {
    let mut extra = Extra::NONE;
    extra.insert("cache_control", json!({"type": "ephemeral", "ttl": "1h"}));
    extra
}

#[test]
fn a_conversation_in_converse() {
    let call =
        ToolCall { id: "c:1".into(), name: "f".into(), arguments: "{\"x\":1}".into(), ..ToolCall::default() };
    let result = ToolResult {
        call_id: "c:1".into(),
        name: String::new(),
        parts: vec![Part::text("one")],
        is_error: true,
        extra: Extra::NONE,
    };
    let thinking = Thinking { text: "hm".into(), signature: Some("s".into()), ..Thinking::default() };
    let pdf = Media {
        name: Some("Q3 report_final.pdf".into()),
        ..Media::of(MediaSource::Base64("JVBE".into()), Some("application/pdf".into()))
    };
    let mut request = chat(vec![
        Message::of(Role::System, vec![Part::Text { text: "Be brief.".into(), extra: marked() }]),
        Message::of(Role::User, vec![Part::text("look"), Part::Document(pdf)]),
        Message::of(Role::Assistant, vec![Part::Thinking(thinking), Part::text(" "), Part::ToolCall(call)]),
        Message::of(Role::Tool, vec![Part::ToolResult(result)]),
        Message::text(Role::User, "and?"),
    ]);
    request.params.max_tokens = Some(100);
    request.params.temperature = Some(2.0);
    request.params.stop = vec!["END".into()];
    request.params.seed = Some(1);
    request.parallel_tools = Some(false);
    request.tool_choice = Some(ToolChoice::Required);
    request.tools = vec![Tool::Function {
        name: "f".into(),
        description: Some("d".into()),
        parameters: Some(json!({"type": "object"})),
        strict: None,
        extra: marked(),
    }];
    request.extra.insert("guardrailConfig", json!({"guardrailIdentifier": "g", "guardrailVersion": "1"}));
    let (body, wire) = encode_for("us.amazon.nova-pro-v1:0", &request);
    let point = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    assert_eq!(
        body,
        json!({
            "system": [{"text": "Be brief."}, point],
            "messages": [
                {"role": "user", "content": [
                    {"text": "look"},
                    {"document": {"format": "pdf", "name": "Q3 report final pdf", "source": {"bytes": "JVBE"}}}
                ]},
                {"role": "assistant", "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                    {"toolUse": {"toolUseId": "c_1", "name": "f", "input": {"x": 1}}}
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "c_1", "content": [{"text": "one"}], "status": "error"}},
                    {"text": "and?"}
                ]}
            ],
            "inferenceConfig": {"maxTokens": 100, "temperature": 1.0, "stopSequences": ["END"]},
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object"}}}}, point],
                "toolChoice": {"any": {}}
            },
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}
        })
    );
    assert_eq!(wire.path, "model/us.amazon.nova-pro-v1%3A0/converse");
    assert!(
        ["temperature", "seed", "parallel_tool_calls"]
            .iter()
            .all(|name| wire.dropped.iter().any(|path| path == name)),
        "{:?}",
        wire.dropped
    );
    request.stream = true;
    request.tools.clear();
    request.tool_choice = None;
    let (body, wire) = encode_for("converse/us.amazon.nova-pro-v1:0", &request);
    assert_eq!(wire.path, "model/us.amazon.nova-pro-v1%3A0/converse-stream");
    assert_eq!(
        body["toolConfig"],
        json!({"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]})
    );
}

#[test]
fn what_models_take_beside() {
    let check = |model: &str,
                 edit: &dyn Fn(&mut Request),
                 fields: Value,
                 inference: Value,
                 dropped: &[&str]| {
        let mut request = chat(vec![Message::text(Role::User, "x")]);
        edit(&mut request);
        let (body, wire) = encode_for(model, &request);
        assert_eq!(body.get("additionalModelRequestFields").cloned().unwrap_or_default(), fields, "{model}");
        assert_eq!(body.get("inferenceConfig").cloned().unwrap_or_default(), inference, "{model}");
        assert_eq!(wire.dropped, dropped, "{model}");
    };
    let think = |request: &mut Request| {
        request.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
        request.params.temperature = Some(0.5);
        request.params.top_k = Some(5);
    };
    let none = Value::Null;
    check(
        CLAUDE,
        &think,
        json!({"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        json!({"maxTokens": 32768}),
        &["temperature", "top_k"],
    );
    check(
        "us.anthropic.claude-opus-4-7",
        &think,
        json!({"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}}),
        json!({"maxTokens": 4096}),
        &["temperature", "top_k"],
    );
    check(
        "us.amazon.nova-2-lite-v1:0",
        &think,
        json!({"inferenceConfig": {"topK": 5}, "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        none.clone(),
        &["inferenceConfig.temperature"],
    );
    check(
        "openai.gpt-oss-120b-1:0",
        &think,
        json!({"reasoning_effort": "high"}),
        json!({"temperature": 0.5}),
        &["top_k"],
    );
    check(
        "meta.llama3-1-70b-instruct-v1:0",
        &think,
        none.clone(),
        json!({"temperature": 0.5}),
        &["top_k", "reasoning"],
    );
    let own = |request: &mut Request| {
        request.extra.insert("additionalModelRequestFields", json!({"x": 1}));
        request.extra.insert("store", json!(true));
    };
    check("zai.glm-4.7-flash", &own, json!({"x": 1}), none, &["store"]);
}

#[test]
fn structured_output_and_media() {
    let image = Part::Image(Media::of(MediaSource::Url("s3://b/a.webp".into()), None));
    let mut request = chat(vec![Message::of(Role::User, vec![Part::text("x"), image])]);
    request.format = Some(ResponseFormat::JsonSchema {
        name: "n".into(),
        description: None,
        schema: json!({"type": "object", "properties": {}}),
        strict: Some(true),
    });
    let (body, _) = encode_for(CLAUDE, &request);
    assert_eq!(
        body["messages"][0]["content"][1],
        json!({"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/a.webp"}}}})
    );
    let schema = r#"{"type":"object","properties":{},"additionalProperties":false}"#;
    assert_eq!(
        body["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "schema": schema}}}})
    );
    for part in [
        Part::Image(Media::of(MediaSource::Url("https://example.com/a.png".into()), None)),
        Part::Audio(Media::of(MediaSource::Base64("AA".into()), None)),
        Part::Document(Media::of(MediaSource::FileId("f".into()), None)),
        Part::Document(Media::of(MediaSource::Base64("AA".into()), Some("application/zip".into()))),
    ] {
        let quirks = Quirks::default();
        let target = Target { model: CLAUDE, max_output_tokens: None, quirks: &quirks };
        let request = chat(vec![Message::of(Role::User, vec![part.clone()])]);
        let error = Bedrock.encode_request(&request, &target).unwrap_err();
        assert_eq!(
            (error.kind, error.param.as_deref()),
            (Kind::Unsupported, Some("messages[0].content[0]")),
            "{part:?}"
        );
    }
}

#[test]
fn claude_by_invoke_keeps_all_of_its_own_dialect() {
    let body = json!({
        "model": "m", "max_tokens": 5, "stream": true, "betas": ["context-1m-2025-08-07"],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}],
        "tools": [{"type": "bash_20250124", "name": "bash"}]
    });
    let decode = |body: &Value| {
        let client = inbound(Dialect::Anthropic).unwrap();
        client.decode_request(body.to_string().as_bytes(), PathFacts::default()).unwrap()
    };
    let (sent, wire) = encode_for(CLAUDE, &decode(&body));
    assert_eq!(wire.path, "model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream");
    assert_eq!(
        sent,
        json!({
            "anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": body["messages"],
            "tools": body["tools"], "anthropic_beta": ["context-1m-2025-08-07"]
        })
    );
    for (model, dialect, verb) in [
        ("anthropic.claude-v2", Dialect::OpenAiChat, "anthropic.claude-v2/converse"),
        ("invoke/anthropic.claude-v2", Dialect::OpenAiChat, "anthropic.claude-v2/invoke"),
        ("converse/anthropic.claude-v2", Dialect::Anthropic, "anthropic.claude-v2/converse"),
        ("amazon.nova-lite-v1:0", Dialect::Anthropic, "amazon.nova-lite-v1%3A0/converse"),
    ] {
        let mut request = chat(vec![Message::text(Role::User, "x")]);
        request.dialect = dialect;
        assert_eq!(encode_for(model, &request).1.path, format!("model/{verb}"));
    }
}

#[test]
fn whole_answers() {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "eHg="}},
            {"text": "a"},
            {"citationsContent": {"content": [{"text": "b"}, {"text": "c"}], "citations": [{"title": "t"}]}},
            {"toolUse": {"toolUseId": "t", "name": "f", "input": {}}},
            {"toolUse": {"toolUseId": "s", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}}
        ]}},
        "stopReason": "guardrail_intervened",
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 12, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 3,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 2}, {"ttl": "5m", "inputTokens": 1}]},
        "metrics": {"latencyMs": 1}
    });
    let response = Bedrock.decode_response(body.to_string().as_bytes()).unwrap();
    assert_eq!(
        (response.text().as_str(), response.choices[0].finish.clone()),
        ("abc", Some(Finish::ContentFilter))
    );
    let message = &response.choices[0].message;
    assert_eq!((message.tool_calls().count(), message.parts.len()), (1, 6));
    let usage = Usage {
        input: 10,
        cached_input: Some(4),
        cache_write: Some(3),
        cache_write_1h: Some(2),
        output: 2,
        ..Usage::default()
    };
    assert_eq!(response.usage, Some(usage));
    let invoked = br#"{"id":"m","type":"message","model":"c","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
    assert_eq!(Bedrock.decode_response(invoked).unwrap().text(), "hi");
    for wrong in ["{}", "[]", "x", r#"{"output":1}"#] {
        assert_eq!(
            Bedrock.decode_response(wrong.as_bytes()).unwrap_err().kind,
            Kind::InvalidResponse,
            "{wrong}"
        );
    }
}

/// Decodes a stream of these named events.
fn decoded(events: &[(&str, Value)]) -> (Vec<Event>, Result<()>) {
    let mut decoder = Bedrock.stream_decoder();
    let mut out = Vec::new();
    for (event, payload) in events {
        decoder.push(&Frame { event, data: payload.to_string().as_bytes() }, &mut out).unwrap();
    }
    let end = decoder.finish(&mut out);
    (out, end)
}

#[test]
fn streams_of_converse() {
    let delta = |index: u64, delta: Value| {
        ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}))
    };
    let start =
        |index: u64, start: Value| ("contentBlockStart", json!({"contentBlockIndex": index, "start": start}));
    let stop = |index: u64| ("contentBlockStop", json!({"contentBlockIndex": index}));
    let (events, end) = decoded(&[
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "hm"}})),
        delta(0, json!({"reasoningContent": {"signature": "s"}})),
        stop(0),
        delta(1, json!({"text": "hi"})),
        delta(1, json!({"citation": {"title": "t"}})),
        stop(1),
        start(2, json!({"toolUse": {"toolUseId": "t", "name": "f"}})),
        delta(2, json!({"toolUse": {"input": "{\"x\":"}})),
        delta(2, json!({"toolUse": {"input": "1}"}})),
        stop(2),
        start(3, json!({"toolUse": {"toolUseId": "u", "name": "g"}})),
        stop(3),
        start(4, json!({"toolUse": {"toolUseId": "v", "name": "nova_grounding", "type": "server_tool_use"}})),
        delta(4, json!({"toolUse": {"input": "{\"q\":1}"}})),
        stop(4),
        start(5, json!({"toolResult": {"toolUseId": "v", "status": "success"}})),
        delta(5, json!({"toolResult": [{"text": "r"}]})),
        stop(5),
        ("messageStop", json!({"stopReason": "tool_use"})),
        ("metadata", json!({"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}})),
    ]);
    let call = |number: u32, id: &str, name: &str| Event::ToolCall {
        choice: 0,
        call: number,
        id: id.into(),
        name: name.into(),
        signature: None,
        custom: false,
    };
    let arguments = |call: u32, text: &str| Event::ToolArguments { choice: 0, call, text: text.into() };
    let opaque = |value: Value| Event::Opaque { dialect: Dialect::Bedrock, choice: 0, value: value.into() };
    let sealed = Thinking { signature: Some("s".into()), ..Thinking::default() };
    assert_eq!(
        events,
        [
            Event::Start { id: String::new(), model: String::new(), created: None },
            Event::Thinking { choice: 0, text: "hm".into() },
            Event::ThinkingSealed { choice: 0, thinking: sealed },
            Event::Text { choice: 0, text: "hi".into() },
            Event::Citation {
                choice: 0,
                citation: Arc::new(Citation {
                    range: Some((0, 2)),
                    title: Some("t".into()),
                    ..Citation::of(Dialect::Bedrock)
                }),
            },
            call(0, "t", "f"),
            arguments(0, "{\"x\":"),
            arguments(0, "1}"),
            call(1, "u", "g"),
            arguments(1, "{}"),
            opaque(
                json!({"toolUse": {"toolUseId": "v", "name": "nova_grounding", "type": "server_tool_use", "input": {"q": 1}}})
            ),
            opaque(
                json!({"toolResult": {"toolUseId": "v", "status": "success", "content": [{"text": "r"}]}})
            ),
            Event::Finish { choice: 0, finish: Finish::ToolCalls },
            Event::Usage(Usage { input: 5, output: 2, ..Usage::default() }),
            Event::Done,
        ]
    );
    assert_eq!(end, Ok(()));
    let (_, cut) = decoded(&[("messageStart", json!({"role": "assistant"}))]);
    assert_eq!(cut.unwrap_err().kind, Kind::StreamBroken);
}

#[test]
fn streams_of_invoke() {
    let chunk = |event: Value| ("chunk", json!({"bytes": STANDARD.encode(event.to_string()), "p": "x"}));
    let (events, end) = decoded(&[
        chunk(
            json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        ),
        chunk(
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ),
        chunk(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
        ),
        chunk(json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}})),
    ]);
    assert!(
        events.contains(&Event::Text { choice: 0, text: "hi".into() }) && events.last() == Some(&Event::Done),
        "{events:?}"
    );
    assert_eq!(end, Ok(()));
    let (events, end) = decoded(&[
        chunk(json!({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "hi"}}})),
        chunk(json!({"messageStop": {"stopReason": "end_turn"}})),
    ]);
    assert!(events.contains(&Event::Text { choice: 0, text: "hi".into() }), "{events:?}");
    assert_eq!(end, Ok(()));
    // OpenAI's own models, and others in its form: no `[DONE]`, and Bedrock's count at the end.
    for name in ["delta", "message"] {
        let piece = |said: Value, end: Value| {
            chunk(
                json!({"id": "c", "model": "m", "choices": [{"index": 0, name: said, "finish_reason": end}]}),
            )
        };
        let (events, end) = decoded(&[
            piece(json!({"role": "assistant", "content": "hi"}), Value::Null),
            piece(json!({}), "stop".into()),
            chunk(
                json!({"choices": [], "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 1}}),
            ),
        ]);
        assert!(events.contains(&Event::Text { choice: 0, text: "hi".into() }), "{events:?}");
        assert!(
            events.contains(&Event::Usage(Usage { input: 3, output: 1, ..Usage::default() })),
            "{events:?}"
        );
        assert_eq!((end, events.last()), (Ok(()), Some(&Event::Done)));
    }
}

#[test]
fn errors_by_header_and_in_streams() {
    for (status, class, message, expected) in [
        (429, "ThrottlingException", "Too many requests", Kind::RateLimited),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            Kind::UpstreamAuth,
        ),
        (403, "AccessDeniedException", "You don't have access to the model", Kind::NotFound),
        (404, "ResourceNotFoundException", "Could not resolve the model", Kind::NotFound),
        (400, "ValidationException", "Input is too long for requested model.", Kind::ContextTooLong),
        (400, "ValidationException", "The provided model identifier is invalid.", Kind::NotFound),
        (400, "ValidationException", "messages: text is blank", Kind::InvalidRequest),
        (503, "ServiceUnavailableException", "Try again", Kind::Overloaded),
        (408, "ModelTimeoutException", "timed out", Kind::TimedOut),
        (500, "InternalServerException", "oops", Kind::UpstreamFailed),
    ] {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-amzn-errortype", format!("{class}:http://internal.amazon.com/").parse().unwrap());
        let body = json!({"message": message}).to_string();
        let error = Bedrock.decode_error(&Refused {
            status,
            headers: &headers,
            body: body.as_bytes(),
            unix_seconds: 0,
        });
        assert_eq!(error.kind, expected, "{class}: {message}");
    }
    for (name, expected) in [
        ("throttlingException", Kind::RateLimited),
        ("modelStreamErrorException", Kind::UpstreamFailed),
        ("serviceUnavailableException", Kind::Overloaded),
        ("validationException", Kind::InvalidRequest),
    ] {
        let (events, _) = decoded(&[(name, json!({"message": "m"}))]);
        let kinds: Vec<Kind> = events
            .iter()
            .filter_map(|event| if let Event::Error(error) = event { Some(error.kind) } else { None })
            .collect();
        assert_eq!(kinds, [expected], "{name}");
    }
}
