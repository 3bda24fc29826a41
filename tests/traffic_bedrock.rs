//! Recorded traffic of Amazon Bedrock: answers by Converse and by `invoke`
//! come through right, streams at any cut, errors by their headers; requests of
//! OpenAI's clients become ones that Converse takes.
//!
//! The recordings stand at `$POINTSMAN_SHARED`, else at `../shared`; without
//! them the tests say that they skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::too_many_arguments,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a test may fail loudly and at length"
)]

#[path = "shared/noted.rs"]
mod noted;
#[path = "shared/streamed.rs"]
mod streamed;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pointsman::dialect::{self, PathFacts, Quirks, Refused, Target};
use pointsman::error::{Error, Kind};
use pointsman::ir::{Dialect, Event, Finish, Part, Usage};
use pointsman::sse::Framing;
use serde_json::{Value, json};

use noted::{Case, cases};

/// What matters of an answer.
#[derive(Debug, Default, PartialEq)]
struct Gist {
    text: String,
    thinking: String,
    seals: String,
    calls: Vec<(String, String, Value)>,
    finish: Option<String>,
    input: u64,
    output: u64,
}

/// The reason of a stop in words of both dialects.
fn finish_of(reason: &Value) -> Option<String> {
    Some(
        match reason.as_str()? {
            "end_turn" => "stop",
            "stop_sequence" => "sequence",
            "max_tokens" => "length",
            "tool_use" => "tools",
            "guardrail_intervened" | "content_filtered" => "filter",
            other => other,
        }
        .to_owned(),
    )
}

fn finish_name(finish: &Finish) -> String {
    match finish {
        Finish::Stop => "stop",
        Finish::StopSequence(_) => "sequence",
        Finish::Length => "length",
        Finish::ToolCalls => "tools",
        Finish::ContentFilter => "filter",
        Finish::Refusal => "refusal",
        Finish::Pause => "pause",
        Finish::Other(name) => name,
    }
    .to_owned()
}

impl Gist {
    /// Of an answer by Converse, by Nova's body or by Anthropic's, read by the documentation alone.
    fn of(answer: &Value) -> Self {
        let mut gist = Self::default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let anthropic = answer.get("output").is_none();
        let message = if anthropic { answer } else { &answer["output"]["message"] };
        for block in message["content"].as_array().unwrap() {
            gist.text += &text(&block["text"]);
            for cited in block["citationsContent"]["content"].as_array().into_iter().flatten() {
                gist.text += &text(&cited["text"]);
            }
            let reasoning = &block["reasoningContent"];
            gist.thinking += &text(&reasoning["reasoningText"]["text"]);
            gist.seals += &text(&reasoning["reasoningText"]["signature"]);
            gist.seals += &text(&reasoning["redactedContent"]);
            let call = &block["toolUse"];
            if call.is_object() && (call["type"].is_null() || call["type"] == "tool_use") {
                gist.calls.push((text(&call["toolUseId"]), text(&call["name"]), call["input"].clone()));
            }
            if block["type"] == "tool_use" {
                gist.calls.push((text(&block["id"]), text(&block["name"]), block["input"].clone()));
            }
        }
        gist.finish = finish_of(if anthropic { &answer["stop_reason"] } else { &answer["stopReason"] });
        gist.count(&answer["usage"]);
        gist
    }

    fn count(&mut self, usage: &Value) {
        let sum = |names: &[&str]| names.iter().filter_map(|name| usage[name].as_u64()).sum();
        let cached = |camel: &str| {
            usage[camel].as_u64().or(usage[format!("{}Count", camel.trim_end_matches('s'))].as_u64())
        };
        self.input =
            sum(&["inputTokens", "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"])
                + cached("cacheReadInputTokens").unwrap_or(0)
                + cached("cacheWriteInputTokens").unwrap_or(0);
        self.output = sum(&["outputTokens", "output_tokens"]);
    }

    /// Of a recorded stream: its messages cut out by the documented layout.
    fn of_stream(bytes: &[u8]) -> Self {
        let mut gist = Self::default();
        let mut inputs: Vec<(u64, usize, String)> = Vec::new();
        let mut rest = bytes;
        while rest.len() >= 16 {
            let word = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
            let (total, headers) = (word(0), word(4));
            let head = &rest[12..12 + headers];
            let payload: Value = serde_json::from_slice(&rest[12 + headers..total - 4]).unwrap();
            let name = b":event-type\x07\x00";
            let at = head.windows(name.len()).position(|window| window == name).unwrap() + name.len();
            let event = std::str::from_utf8(&head[at + 1..at + 1 + head[at] as usize]).unwrap();
            if event == "chunk" {
                let inner = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
                let inner: Value = serde_json::from_slice(&inner).unwrap();
                match inner["type"].as_str() {
                    Some(kind) => gist.anthropic_event(kind, &inner, &mut inputs),
                    None => inner
                        .as_object()
                        .unwrap()
                        .iter()
                        .for_each(|(name, value)| gist.event(name, value, &mut inputs)),
                }
            } else {
                gist.event(event, &payload, &mut inputs);
            }
            rest = &rest[total..];
        }
        for (_, at, text) in inputs {
            gist.calls[at].2 = if text.is_empty() { json!({}) } else { serde_json::from_str(&text).unwrap() };
        }
        gist
    }

    fn event(&mut self, name: &str, value: &Value, inputs: &mut Vec<(u64, usize, String)>) {
        let index = value["contentBlockIndex"].as_u64().unwrap_or(0);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match name {
            "contentBlockStart" => {
                let call = &value["start"]["toolUse"];
                if call.is_object() && (call["type"].is_null() || call["type"] == "tool_use") {
                    inputs.push((index, self.calls.len(), String::new()));
                    self.calls.push((text(&call["toolUseId"]), text(&call["name"]), Value::Null));
                }
            }
            "contentBlockDelta" => {
                let delta = &value["delta"];
                self.text += &text(&delta["text"]);
                self.thinking += &text(&delta["reasoningContent"]["text"]);
                self.seals += &text(&delta["reasoningContent"]["signature"]);
                if let Some((_, _, input)) = inputs.iter_mut().find(|(open, ..)| *open == index) {
                    *input += &text(&delta["toolUse"]["input"]);
                }
            }
            "messageStop" => self.finish = finish_of(&value["stopReason"]),
            "metadata" => self.count(&value["usage"]),
            _ => {}
        }
    }

    fn anthropic_event(&mut self, kind: &str, value: &Value, inputs: &mut Vec<(u64, usize, String)>) {
        let index = value["index"].as_u64().unwrap_or(0);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match kind {
            "message_start" => self.count(&value["message"]["usage"]),
            "content_block_start" if value["content_block"]["type"] == "tool_use" => {
                let call = &value["content_block"];
                inputs.push((index, self.calls.len(), String::new()));
                self.calls.push((text(&call["id"]), text(&call["name"]), Value::Null));
            }
            "content_block_delta" => {
                self.text += &text(&value["delta"]["text"]);
                if let Some((_, _, input)) = inputs.iter_mut().find(|(open, ..)| *open == index) {
                    *input += &text(&value["delta"]["partial_json"]);
                }
            }
            "message_delta" => {
                self.finish = finish_of(&value["delta"]["stop_reason"]);
                self.output = value["usage"]["output_tokens"].as_u64().unwrap();
            }
            _ => {}
        }
    }

    fn take_usage(&mut self, usage: &Usage) {
        (self.input, self.output) = (usage.input, usage.output);
    }
}

fn events<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, Error> {
    streamed::events(dialect::outbound(Dialect::Bedrock).unwrap(), framing, pieces)
}

fn gist_of_events(events: &[Event]) -> Gist {
    let mut gist = Gist::default();
    let mut arguments: Vec<String> = Vec::new();
    for event in events {
        match event {
            Event::Text { text, .. } => gist.text += text,
            Event::Thinking { text, .. } => gist.thinking += text,
            Event::ThinkingSealed { thinking, .. } => {
                gist.seals += thinking.signature.as_deref().unwrap_or_default();
            }
            Event::ToolCall { id, name, .. } => {
                gist.calls.push((id.clone(), name.clone(), Value::Null));
                arguments.push(String::new());
            }
            Event::ToolArguments { call, text, .. } => arguments[*call as usize] += text,
            Event::Finish { finish, .. } => gist.finish = Some(finish_name(finish)),
            Event::Usage(usage) => gist.take_usage(usage),
            Event::Start { .. }
            | Event::Beside { .. }
            | Event::Citation { .. }
            | Event::Opaque { .. }
            | Event::Ping
            | Event::Done => {}
            event => panic!("unexpected {event:?}"),
        }
    }
    for (call, text) in gist.calls.iter_mut().zip(arguments) {
        call.2 = serde_json::from_str(&text).unwrap();
    }
    gist
}

/// Models whose own bodies are neither Anthropic's nor Converse's: not spoken by `invoke`.
fn is_foreign(case: &Case) -> bool {
    let path = case.meta["path"].as_str().unwrap();
    let invoked = case.meta["endpoint"].as_str().unwrap().starts_with("invoke");
    invoked && !path.contains("anthropic.") && !path.contains("amazon.nova")
}

#[test]
fn whole_answers_come_through() {
    let outbound = dialect::outbound(Dialect::Bedrock).unwrap();
    let mut count = 0;
    for case in cases(&["bedrock"], &["converse", "invoke"]) {
        let Some(body) = case.read("response.json").filter(|_| case.status() == 200 && !is_foreign(&case))
        else {
            continue;
        };
        let expected: Value = serde_json::from_slice(&body).unwrap();
        let response = outbound.decode_response(&body).unwrap_or_else(|at| panic!("{}: {at}", case.name));
        let mut gist = Gist::default();
        for part in &response.choices[0].message.parts {
            match part {
                Part::Text { text, .. } => gist.text += text,
                Part::Thinking(thinking) => {
                    gist.thinking += &thinking.text;
                    gist.seals += thinking.signature.as_deref().unwrap_or_default();
                }
                Part::ToolCall(call) => {
                    let input = serde_json::from_str(&call.arguments).unwrap();
                    gist.calls.push((call.id.clone(), call.name.clone(), input));
                }
                Part::Opaque { .. } => {}
                part => panic!("an answer has no {part:?}"),
            }
        }
        gist.finish = response.choices[0].finish.as_ref().map(finish_name);
        let usage = response.usage.unwrap();
        gist.take_usage(&usage);
        assert_eq!(gist, Gist::of(&expected), "{}", case.name);
        if let Some(total) = expected["usage"]["totalTokens"].as_u64() {
            assert_eq!(usage.total(), total, "{}", case.name);
        }
        assert_eq!(outbound.scan_response(&body).unwrap(), response.usage, "{}", case.name);
        count += 1;
    }
    println!("{count} whole answers");
    assert!(count == 0 || count >= 45, "recordings are missing");
}

#[test]
fn streams_come_through_at_any_cut() {
    let mut count = 0;
    for case in cases(&["bedrock"], &["converse_stream", "invoke_stream"]) {
        let Some(stream) = case.read("response.bin").filter(|_| case.status() == 200 && !is_foreign(&case))
        else {
            continue;
        };
        let framing = Framing::AwsEventStream;
        let expected = Gist::of_stream(&stream);
        let whole = events(framing, std::iter::once(stream.as_slice()))
            .unwrap_or_else(|at| panic!("{}: {at}", case.name));
        assert_eq!(gist_of_events(&whole), expected, "{}", case.name);
        assert_eq!(whole.last(), Some(&Event::Done), "{}", case.name);
        assert_eq!(events(framing, stream.chunks(1)).unwrap(), whole, "{}: byte by byte", case.name);
        let fine = if stream.len() < 6_000 { 1 } else { 101 };
        for cut in (0..stream.len()).step_by(fine) {
            let (before, after) = stream.split_at(cut);
            assert_eq!(
                events(framing, [before, after].into_iter()).unwrap(),
                whole,
                "{}: cut at {cut}",
                case.name
            );
            if cut < stream.len() / 2 {
                let early = events(framing, std::iter::once(before)).unwrap_err();
                assert_eq!(early.kind, Kind::StreamBroken, "{}: ends at {cut}", case.name);
            }
        }
        count += 1;
    }
    for case in cases(&["bedrock"], &["converse_stream"]) {
        let Some(lines) = case.read("response.ndjson") else { continue };
        let mut expected = Gist::default();
        let mut inputs = Vec::new();
        for line in String::from_utf8(lines.clone()).unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            event
                .as_object()
                .unwrap()
                .iter()
                .for_each(|(name, value)| expected.event(name, value, &mut inputs));
        }
        for (_, at, text) in inputs {
            expected.calls[at].2 = serde_json::from_str(&text).unwrap();
        }
        let whole = events(Framing::Ndjson, std::iter::once(lines.as_slice())).unwrap();
        assert_eq!(gist_of_events(&whole), expected, "{}", case.name);
        count += 1;
    }
    println!("{count} streams");
    assert!(count == 0 || count >= 18, "recordings are missing");
}

#[test]
fn errors_come_through() {
    let outbound = dialect::outbound(Dialect::Bedrock).unwrap();
    for case in
        cases(&["bedrock"], &["converse", "converse_stream", "invoke", "invoke_stream", "count_tokens"])
    {
        if case.status() < 400 {
            continue;
        }
        let body =
            ["response.json", "response.txt"].iter().find_map(|file| case.read(file)).unwrap_or_default();
        let mut headers = http::HeaderMap::new();
        for (name, value) in case.meta["response_headers"].as_object().into_iter().flatten() {
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.as_str().unwrap_or_default().parse().unwrap());
        }
        let error = outbound.decode_error(&Refused {
            status: case.status(),
            headers: &headers,
            body: &body,
            unix_seconds: 0,
        });
        let kinds: &[Kind] = match case.status() {
            403 => &[Kind::UpstreamAuth, Kind::NotFound],
            404 => &[Kind::NotFound],
            _ => &[Kind::InvalidRequest, Kind::NotFound, Kind::Unsupported],
        };
        assert!(kinds.contains(&error.kind), "{}: {:?} {}", case.name, error.kind, error.message);
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(message) = said["message"].as_str().or(said["Message"].as_str()) {
            assert_eq!(error.message, message, "{}", case.name);
        }
    }
}

/// Breaks a rule with these words.
macro_rules! rule {
    ($holds:expr, $($words:tt)+) => {
        if !$holds { return Err(format!($($words)+)); }
    };
}

/// The documented rules of a Converse request.
fn holds(body: &Value) -> Result<(), String> {
    const FIELDS: [&str; 7] = [
        "system",
        "messages",
        "inferenceConfig",
        "toolConfig",
        "outputConfig",
        "additionalModelRequestFields",
        "serviceTier",
    ];
    for name in body.as_object().unwrap().keys() {
        rule!(FIELDS.contains(&name.as_str()), "unknown field {name}");
    }
    let plain = |id: &Value| {
        id.as_str().is_some_and(|id| {
            !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        })
    };
    let mut role = &Value::Null;
    let mut due: Vec<&Value> = Vec::new();
    let mut uses_tools = false;
    let turns = body["messages"].as_array().ok_or("no messages")?;
    rule!(!turns.is_empty(), "no turn");
    for turn in turns {
        rule!(
            turn["role"] != *role && (turn["role"] == "user" || turn["role"] == "assistant"),
            "role {}",
            turn["role"]
        );
        role = &turn["role"];
        let blocks = turn["content"].as_array().ok_or("content")?;
        rule!(!blocks.is_empty(), "an empty turn");
        let mut others = false;
        for block in blocks {
            let (member, value) = block
                .as_object()
                .filter(|block| block.len() == 1)
                .and_then(|block| block.iter().next())
                .ok_or("no union")?;
            match member.as_str() {
                "text" => rule!(value.as_str().is_some_and(|text| !text.trim().is_empty()), "a blank text"),
                "image" | "video" | "document" => {
                    rule!(value["format"].is_string() && value["source"].is_object(), "{value}");
                }
                "toolUse" => rule!(
                    plain(&value["toolUseId"]) && value["input"].is_object() && *role == "assistant",
                    "{value}"
                ),
                "toolResult" => {
                    rule!(!others && *role == "user" && value["content"].is_array(), "{value}");
                    let at = due
                        .iter()
                        .position(|due| **due == value["toolUseId"])
                        .ok_or("a result without a call")?;
                    due.swap_remove(at);
                }
                "reasoningContent" | "cachePoint" => {}
                other => return Err(format!("a block of {other}")),
            }
            others |= member != "toolResult" && member != "cachePoint";
            uses_tools |= member.starts_with("tool");
        }
        rule!(due.is_empty(), "calls without results");
        due = blocks.iter().filter_map(|block| block.get("toolUse")).map(|call| &call["toolUseId"]).collect();
    }
    rule!(
        !uses_tools || body["toolConfig"]["tools"].as_array().is_some_and(|tools| !tools.is_empty()),
        "no toolConfig"
    );
    for tool in body["toolConfig"]["tools"].as_array().into_iter().flatten() {
        let spec = &tool["toolSpec"];
        rule!(
            tool.get("cachePoint").is_some()
                || (plain(&spec["name"]) && spec["inputSchema"]["json"]["type"] == "object"),
            "{tool}"
        );
        rule!(spec["description"].as_str().is_none_or(|text| !text.is_empty()), "an empty description");
    }
    let config = &body["inferenceConfig"];
    rule!(config["temperature"].as_f64().is_none_or(|value| (0.0..=1.0).contains(&value)), "temperature");
    Ok(())
}

#[test]
fn requests_of_openai_clients_become_valid() {
    let (inbound, outbound) =
        (dialect::inbound(Dialect::OpenAiChat).unwrap(), dialect::outbound(Dialect::Bedrock).unwrap());
    let (mut valid, mut refused) = (0, 0);
    for case in cases(
        &["openai", "azure_openai", "openai_compatible", "groq", "mistral", "deepseek", "xai", "openrouter"],
        &["chat"],
    ) {
        let Some(body) = case.read("request.json").filter(|_| case.status() == 200) else { continue };
        let Ok(request) = inbound.decode_request(&body, PathFacts::default()) else { continue };
        for model in [
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.amazon.nova-2-lite-v1:0",
            "openai.gpt-oss-120b-1:0",
        ] {
            let quirks = Quirks::default();
            let target = Target { model, max_output_tokens: Some(32_000), quirks: &quirks };
            match outbound.encode_request(&request, &target) {
                Ok(wire) => {
                    let body = serde_json::from_slice(&wire.body).unwrap();
                    holds(&body)
                        .unwrap_or_else(|broken| panic!("{} for {model}: {broken}\n{body:#}", case.name));
                    valid += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind, Kind::Unsupported, "{}: {error}", case.name);
                    refused += 1;
                }
            }
        }
    }
    println!("{valid} valid, {refused} refused");
}
