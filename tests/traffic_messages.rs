//! Recorded traffic of Anthropic's dialect: what providers answered comes
//! through right, what clients asked loses nothing, and what clients of other
//! dialects asked becomes a request that the documented rules allow.
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

use std::collections::BTreeMap;

use pointsman::dialect::{self, PathFacts, Quirks, Refused, ReplyFacts, Seen, Target};
use pointsman::error::{Error, Kind};
use pointsman::ir::{Dialect, Event, Finish, Part, Usage};
use pointsman::sse::{Framer, Framing};
use serde_json::{Map, Value, json};

use noted::cases;

/// What matters of an answer, as an independent reader sees it.
#[derive(Debug, Default, PartialEq)]
struct Gist {
    text: String,
    thinking: String,
    seals: Vec<String>,
    calls: Vec<(String, String, Value)>,
    other: usize,
    stop: Option<String>,
    input: u64,
    output: u64,
    cached: u64,
    written: u64,
}

impl Gist {
    /// Of a `message` object, read by the documentation alone.
    fn of(message: &Value) -> Self {
        let mut gist = Self { stop: message["stop_reason"].as_str().map(str::to_owned), ..Self::default() };
        for block in message["content"].as_array().unwrap() {
            let text = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
            match block["type"].as_str().unwrap() {
                "text" => gist.text += &text("text"),
                "thinking" => {
                    gist.thinking += &text("thinking");
                    gist.seals.push(text("signature"));
                }
                "redacted_thinking" => gist.seals.push(text("data")),
                "tool_use" => gist.calls.push((text("id"), text("name"), block["input"].clone())),
                _ => gist.other += 1,
            }
        }
        let usage = |name: &str| message["usage"][name].as_u64().unwrap_or(0);
        gist.cached = usage("cache_read_input_tokens");
        gist.written = usage("cache_creation_input_tokens");
        gist.input = usage("input_tokens") + gist.cached + gist.written;
        gist.output = usage("output_tokens");
        gist
    }

    fn take_usage(&mut self, usage: &Usage) {
        self.input = usage.input;
        self.output = usage.output;
        self.cached = usage.cached_input.unwrap_or(0);
        self.written = usage.cache_write.unwrap_or(0);
    }

    fn take_part(&mut self, part: &Part) {
        match part {
            Part::Text { text, .. } => self.text += text,
            Part::Thinking(thinking) => {
                self.thinking += &thinking.text;
                self.seals.push(thinking.signature.clone().unwrap_or_default());
            }
            Part::ToolCall(call) => {
                self.calls.push((
                    call.id.clone(),
                    call.name.clone(),
                    serde_json::from_str(&call.arguments).unwrap(),
                ));
            }
            Part::Opaque { .. } => self.other += 1,
            part => panic!("an answer has no {part:?}"),
        }
    }
}

/// The name of a finish on the wire.
fn wire_name(finish: &Finish) -> String {
    match finish {
        Finish::Stop => "end_turn",
        Finish::StopSequence(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Refusal => "refusal",
        Finish::Pause => "pause_turn",
        Finish::ContentFilter => "content filter",
        Finish::Other(name) => name,
    }
    .to_owned()
}

/// The message that a stream builds, put together line by line.
fn message_of_stream(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut inputs: BTreeMap<usize, String> = BTreeMap::new();
    for line in stream.lines().filter_map(|line| line.strip_prefix("data:")) {
        let event: Value = serde_json::from_str(line.trim()).unwrap();
        let at = event["index"].as_u64().unwrap_or(0) as usize;
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert_eq!(
                    message["content"].as_array().unwrap().len(),
                    at,
                    "blocks are numbered without gaps"
                );
                message["content"].as_array_mut().unwrap().push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                let block = &mut message["content"][at];
                let mut add = |name: &str| {
                    let before = block[name].as_str().unwrap_or_default().to_owned();
                    block[name] = (before + delta[name].as_str().unwrap()).into();
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => add("text"),
                    "thinking_delta" => add("thinking"),
                    "signature_delta" => add("signature"),
                    "input_json_delta" => {
                        *inputs.entry(at).or_default() += delta["partial_json"].as_str().unwrap();
                    }
                    _ => {}
                }
            }
            "message_delta" => {
                for (name, value) in event["usage"].as_object().unwrap() {
                    message["usage"][name] = value.clone();
                }
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
            }
            _ => {}
        }
    }
    for (at, input) in inputs.iter().filter(|(_, input)| !input.is_empty()) {
        message["content"][at]["input"] = serde_json::from_str(input).unwrap();
    }
    message
}

/// What matters of a stream's events.
fn gist_of_events(events: &[Event]) -> Gist {
    let mut gist = Gist::default();
    let mut arguments: Vec<(String, String, String)> = Vec::new();
    for event in events {
        match event {
            Event::Text { text, .. } => gist.text += text,
            Event::Thinking { text, .. } => gist.thinking += text,
            Event::ThinkingSealed { thinking, .. } => {
                gist.seals.push(thinking.signature.clone().unwrap_or_default());
            }
            Event::ToolCall { id, name, .. } => arguments.push((id.clone(), name.clone(), String::new())),
            Event::ToolArguments { call, text, .. } => arguments[*call as usize].2 += text,
            Event::Opaque { value, .. } => gist.other += usize::from(value["type"].is_string()),
            Event::Finish { finish, .. } => gist.stop = Some(wire_name(finish)),
            Event::Usage(usage) => gist.take_usage(usage),
            Event::Start { .. } | Event::Beside { .. } | Event::Ping | Event::Done => {}
            Event::Citation { citation, .. } => assert!(citation.raw.is_some() && citation.label().is_some()),
            event => panic!("unexpected {event:?}"),
        }
    }
    gist.calls = arguments
        .into_iter()
        .map(|(id, name, text)| (id, name, serde_json::from_str(&text).unwrap()))
        .collect();
    gist
}

/// Decodes a stream that arrives in `pieces`.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, Error> {
    streamed::events(dialect::outbound(Dialect::Anthropic).unwrap(), Framing::Sse, pieces)
}

#[test]
fn whole_answers_come_through() {
    let outbound = dialect::outbound(Dialect::Anthropic).unwrap();
    let inbound = dialect::inbound(Dialect::Anthropic).unwrap();
    let mut count = 0;
    for case in cases(&[], &["messages", "vertex_raw"]) {
        let Some(body) = case.read("response.json").filter(|_| case.status() == 200) else { continue };
        let expected: Value = serde_json::from_slice(&body).unwrap();
        let response = outbound.decode_response(&body).unwrap_or_else(|at| panic!("{}: {at}", case.name));
        let mut gist = Gist::default();
        response.choices[0].message.parts.iter().for_each(|part| gist.take_part(part));
        gist.stop = response.choices[0].finish.as_ref().map(wire_name);
        gist.take_usage(&response.usage.unwrap());
        assert_eq!(gist, Gist::of(&expected), "{}", case.name);
        assert_eq!(outbound.scan_response(&body).unwrap(), response.usage, "{}", case.name);
        let back: Value =
            serde_json::from_slice(&inbound.encode_response(&response, &ReplyFacts::default())).unwrap();
        for (name, value) in expected.as_object().unwrap().iter().filter(|(name, _)| *name != "usage") {
            assert_eq!(back[name], *value, "{}: {name}", case.name);
        }
        for (name, value) in expected["usage"].as_object().unwrap() {
            let (back, absent) = (&back["usage"][name], value.is_null());
            assert!(back == value || absent, "{}: usage.{name}: {back} instead of {value}", case.name);
        }
        count += 1;
    }
    println!("{count} whole answers");
    assert!(count == 0 || count >= 50, "recordings are missing");
}

#[test]
fn streams_come_through_at_any_cut() {
    let outbound = dialect::outbound(Dialect::Anthropic).unwrap();
    let inbound = dialect::inbound(Dialect::Anthropic).unwrap();
    let mut count = 0;
    for case in cases(&[], &["messages", "vertex_raw"]) {
        let Some(stream) = case.read("response.sse").filter(|_| case.status() == 200) else { continue };
        let text = String::from_utf8(stream.clone()).unwrap();
        let expected = Gist::of(&message_of_stream(&text));
        let whole =
            events(std::iter::once(stream.as_slice())).unwrap_or_else(|at| panic!("{}: {at}", case.name));
        assert_eq!(gist_of_events(&whole), expected, "{}", case.name);
        assert_eq!(whole.last(), Some(&Event::Done), "{}", case.name);
        assert_eq!(events(stream.chunks(1)).unwrap(), whole, "{}: byte by byte", case.name);
        if stream.len() < 6_000 {
            for cut in 0..stream.len() {
                let (before, after) = stream.split_at(cut);
                assert_eq!(
                    events([before, after].into_iter()).unwrap(),
                    whole,
                    "{}: cut at {cut}",
                    case.name
                );
            }
        }
        // What ends early is never a success.
        let end = text.rfind("event: message_stop").unwrap();
        let cut = events(std::iter::once(&stream[..end])).unwrap_err();
        assert_eq!(cut.kind, Kind::StreamBroken, "{}", case.name);

        let mut seen = Seen::default();
        let mut framer = Framer::new(Framing::Sse);
        framer
            .push(&stream, |frame| {
                outbound.scan_frame(&frame, &mut seen);
                Ok(())
            })
            .unwrap();
        let usage = seen.usage.unwrap();
        assert_eq!(
            (usage.input, usage.output, seen.done),
            (expected.input, expected.output, true),
            "{}",
            case.name
        );

        let mut encoder = inbound.stream_encoder(&ReplyFacts::default());
        let mut out = Vec::new();
        whole.iter().for_each(|event| encoder.push(event, &mut out));
        encoder.finish(&mut out);
        let back = Gist::of(&message_of_stream(std::str::from_utf8(&out).unwrap()));
        assert_eq!(back, expected, "{}: encoded again", case.name);
        count += 1;
    }
    println!("{count} streams");
    assert!(count == 0 || count >= 30, "recordings are missing");
}

#[test]
fn errors_come_through() {
    let outbound = dialect::outbound(Dialect::Anthropic).unwrap();
    for case in cases(&[], &["messages"]) {
        if case.status() < 400 {
            continue;
        }
        let body = ["response.json", "response.sse", "response.txt"]
            .iter()
            .find_map(|file| case.read(file))
            .unwrap();
        let mut headers = http::HeaderMap::new();
        for (name, value) in case.meta["response_headers"].as_object().into_iter().flatten() {
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.as_str().unwrap_or_default().parse().unwrap());
        }
        let status = case.status();
        let error =
            outbound.decode_error(&Refused { status, headers: &headers, body: &body, unix_seconds: 0 });
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let kinds: &[Kind] = match status {
            401 => &[Kind::UpstreamAuth],
            404 => &[Kind::NotFound],
            _ => &[Kind::InvalidRequest, Kind::Unsupported],
        };
        assert!(kinds.contains(&error.kind), "{}: {:?}", case.name, error.kind);
        assert_eq!(error.upstream_status, Some(status), "{}", case.name);
        if let Some(message) = said["error"]["message"].as_str() {
            assert_eq!(error.message, message, "{}", case.name);
        }
    }
}

/// A request in one spelling: texts as lists of blocks, turns of a role in one,
/// no nulls and no defaults, the old name of structured output under the new.
fn normal(mut body: Map<String, Value>) -> Value {
    body.retain(|name, value| !value.is_null() && (name != "stream" || *value != json!(false)));
    for name in ["temperature", "top_p"] {
        body.entry(name).and_modify(|value| *value = value.as_f64().into());
    }
    if let Some(format) = body.shift_remove("output_format") {
        body.entry("output_config").or_insert_with(|| json!({}))["format"] = format;
    }
    let listed = |content: Value| match content {
        Value::String(text) => json!([{ "type": "text", "text": text }]),
        other => other,
    };
    if let Some(system) = body.get_mut("system") {
        *system = listed(system.take());
    }
    let mut turns: Vec<Value> = Vec::new();
    for mut turn in body["messages"].as_array().unwrap().clone() {
        turn["content"] = listed(turn["content"].take());
        for block in turn["content"].as_array_mut().unwrap() {
            if block["type"] == "tool_result" && block.get("content").is_some() {
                block["content"] = listed(block["content"].take());
            }
        }
        match turns.last_mut() {
            Some(last) if last["role"] == turn["role"] => {
                let more = turn["content"].as_array().unwrap().clone();
                last["content"].as_array_mut().unwrap().extend(more);
            }
            _ => turns.push(turn),
        }
    }
    body.insert("messages".into(), turns.into());
    Value::Object(body)
}

#[test]
fn requests_lose_nothing() {
    let (inbound, outbound) =
        (dialect::inbound(Dialect::Anthropic).unwrap(), dialect::outbound(Dialect::Anthropic).unwrap());
    let mut count = 0;
    for case in cases(&[], &["messages", "count_tokens"]) {
        if case.meta["provider"] != "anthropic" {
            continue;
        }
        let Some(body) = case.read("request.json") else { continue };
        let expected: Value = serde_json::from_slice(&body).unwrap();
        let request = inbound
            .decode_request(&body, PathFacts::default())
            .unwrap_or_else(|at| panic!("{}: {at}", case.name));
        let quirks = Quirks::default();
        let target = Target { model: &request.model, max_output_tokens: None, quirks: &quirks };
        let wire =
            outbound.encode_request(&request, &target).unwrap_or_else(|at| panic!("{}: {at}", case.name));
        let mut back: Map<String, Value> = serde_json::from_slice(&wire.body).unwrap();
        if expected.get("max_tokens").is_none() {
            back.shift_remove("max_tokens");
        }
        // Refused by the provider: an effort that the model has not.
        let lost: &[&str] = match case.name.rsplit("--").next().unwrap() {
            "0f862f39" => &["output_config.effort"],
            _ => &[],
        };
        assert_eq!(wire.dropped, lost, "{}", case.name);
        if lost.is_empty() {
            assert_eq!(normal(back), normal(expected.as_object().unwrap().clone()), "{}", case.name);
        }
        count += 1;
    }
    println!("{count} requests");
    assert!(count == 0 || count >= 80, "recordings are missing");
}

#[test]
fn requests_of_openai_clients_become_valid() {
    let outbound = dialect::outbound(Dialect::Anthropic).unwrap();
    let Some(inbound) = dialect::inbound(Dialect::OpenAiChat) else {
        println!("skipped: no inbound side of OpenAI chat");
        return;
    };
    let (mut valid, mut refused) = (0, 0);
    for case in cases(&[], &["chat"]) {
        let Some(body) = case.read("request.json").filter(|_| case.status() == 200) else { continue };
        let Ok(request) = inbound.decode_request(&body, PathFacts::default()) else { continue };
        for model in ["claude-sonnet-4-20250514", "claude-haiku-4-5", "claude-opus-4-6", "claude-opus-4-8"] {
            let quirks = Quirks::default();
            let target = Target { model, max_output_tokens: Some(32_000), quirks: &quirks };
            match outbound.encode_request(&request, &target) {
                Ok(wire) => {
                    let body = serde_json::from_slice(&wire.body).unwrap();
                    Rules { model, body: &body }
                        .hold()
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

/// The documented rules of a request, checked without the code under test.
struct Rules<'a> {
    model: &'a str,
    body: &'a Value,
}

/// Breaks a rule with these words.
macro_rules! rule {
    ($holds:expr, $($words:tt)+) => {
        if !$holds { return Err(format!($($words)+)); }
    };
}

impl Rules<'_> {
    const FIELDS: [&'static str; 16] = [
        "model",
        "max_tokens",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "thinking",
        "output_config",
        "metadata",
        "service_tier",
        "cache_control",
    ];

    fn hold(&self) -> Result<(), String> {
        let body = self.body.as_object().ok_or("not an object")?;
        for name in body.keys() {
            rule!(Self::FIELDS.contains(&name.as_str()), "unknown field {name}");
        }
        rule!(body["model"] == self.model, "another model");
        rule!(body["max_tokens"].as_u64().is_some_and(|most| (1..=64_000).contains(&most)), "max_tokens");
        self.system()?;
        self.turns()?;
        self.tools()?;
        self.sampling()?;
        self.output()
    }

    fn system(&self) -> Result<(), String> {
        match &self.body["system"] {
            Value::Null => Ok(()),
            Value::String(text) => {
                rule!(!text.is_empty(), "empty system");
                Ok(())
            }
            Value::Array(blocks) => blocks.iter().try_for_each(|block| {
                rule!(block["type"] == "text", "system of {block}");
                Self::block(block)
            }),
            other => Err(format!("system is {other}")),
        }
    }

    fn turns(&self) -> Result<(), String> {
        let turns = self.body["messages"].as_array().ok_or("no messages")?;
        rule!(!turns.is_empty(), "no turn");
        let mut role = &Value::Null;
        let mut due: Vec<&str> = Vec::new();
        for turn in turns {
            rule!(turn["role"] == "user" || turn["role"] == "assistant", "role {}", turn["role"]);
            rule!(turn["role"] != *role, "two turns of one role");
            rule!(turn.as_object().is_some_and(|turn| turn.len() == 2), "a turn with more fields");
            role = &turn["role"];
            let text = [json!({"type": "text", "text": turn["content"]})];
            let blocks = turn["content"].as_array().map_or(&text[..], Vec::as_slice);
            rule!(!blocks.is_empty(), "an empty turn");
            let mut others = false;
            for block in blocks {
                Self::block(block)?;
                if block["type"] == "tool_result" {
                    rule!(*role == "user" && !others, "a tool result after other blocks");
                    let id = block["tool_use_id"].as_str().unwrap_or_default();
                    let at = due
                        .iter()
                        .position(|due| *due == id)
                        .ok_or(format!("a result without a call: {id}"))?;
                    due.swap_remove(at);
                } else {
                    others = true;
                }
            }
            rule!(due.is_empty(), "calls without results: {due:?}");
            due = turn["content"]
                .as_array()
                .map_or(&[][..], Vec::as_slice)
                .iter()
                .filter(|block| block["type"] == "tool_use")
                .filter_map(|block| block["id"].as_str())
                .collect();
            rule!(due.is_empty() || *role == "assistant", "a call by the user");
        }
        let last = turns.last().map(|turn| &turn["content"]);
        let last = last
            .and_then(|content| content.as_str().or_else(|| content.as_array()?.last()?["text"].as_str()));
        rule!(*role == "user" || last.is_none_or(|text| text == text.trim_end()), "ends in white space");
        Ok(())
    }

    fn block(block: &Value) -> Result<(), String> {
        let text = |name: &str| block[name].as_str().is_some_and(|text| !text.trim().is_empty());
        let plain = |id: &Value| {
            id.as_str().is_some_and(|id| {
                !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            })
        };
        let fields: &[&str] = match block["type"].as_str().unwrap_or_default() {
            "text" => {
                rule!(text("text"), "an empty text");
                &["type", "text", "cache_control", "citations"]
            }
            "image" => {
                let source = &block["source"];
                rule!(
                    match source["type"].as_str().unwrap_or_default() {
                        "base64" =>
                            ["image/png", "image/jpeg", "image/gif", "image/webp"]
                                .iter()
                                .any(|mime| source["media_type"] == *mime)
                                && source["data"].is_string(),
                        "url" => source["url"].as_str().is_some_and(|url| url.starts_with("http")),
                        "file" => source["file_id"].is_string(),
                        _ => false,
                    },
                    "image source {source}"
                );
                &["type", "source", "cache_control"]
            }
            "document" => &["type", "source", "title", "context", "citations", "cache_control"],
            "tool_use" => {
                rule!(plain(&block["id"]) && text("name") && block["input"].is_object(), "tool_use {block}");
                &["type", "id", "name", "input", "cache_control"]
            }
            "tool_result" => {
                rule!(plain(&block["tool_use_id"]), "tool_result {block}");
                block["content"].as_array().into_iter().flatten().try_for_each(Self::block)?;
                &["type", "tool_use_id", "content", "is_error", "cache_control"]
            }
            "thinking" => {
                rule!(text("signature"), "unsealed thinking");
                &["type", "thinking", "signature"]
            }
            "redacted_thinking" => &["type", "data"],
            other => return Err(format!("a block of type {other}")),
        };
        for name in block.as_object().into_iter().flat_map(Map::keys) {
            rule!(fields.contains(&name.as_str()), "unknown field {name} of {block}");
        }
        Ok(())
    }

    fn tools(&self) -> Result<(), String> {
        let tools = self.body["tools"].as_array().map_or(&[][..], Vec::as_slice);
        rule!(self.body.get("tools").is_none() || !tools.is_empty(), "an empty list of tools");
        let mut names = Vec::new();
        for tool in tools {
            let name = tool["name"].as_str().ok_or("a tool without a name")?;
            rule!(
                !names.contains(&name)
                    && name.len() <= 128
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
                "tool name {name}"
            );
            names.push(name);
            rule!(tool["input_schema"]["type"] == "object", "schema of {name}");
            for field in tool.as_object().into_iter().flat_map(Map::keys) {
                rule!(
                    ["name", "description", "input_schema", "strict", "cache_control"]
                        .contains(&field.as_str()),
                    "field {field} of a tool"
                );
            }
            if tool["strict"] == true {
                rule!(self.model != "claude-sonnet-4-20250514", "a strict tool");
                closed(&tool["input_schema"])?;
            }
        }
        let Some(choice) = self.body.get("tool_choice") else { return Ok(()) };
        rule!(!tools.is_empty(), "tool_choice without tools");
        match choice["type"].as_str().unwrap_or_default() {
            "auto" | "any" | "none" => {}
            "tool" => {
                rule!(
                    choice["name"].as_str().is_some_and(|name| names.contains(&name)),
                    "choice of {choice}"
                );
            }
            other => return Err(format!("tool_choice {other}")),
        }
        Ok(())
    }

    fn sampling(&self) -> Result<(), String> {
        let number = |name: &str| self.body[name].as_f64();
        rule!(number("temperature").is_none_or(|value| (0.0..=1.0).contains(&value)), "temperature");
        rule!(number("top_p").is_none_or(|value| (0.0..=1.0).contains(&value)), "top_p");
        let sampled = ["temperature", "top_p", "top_k"].iter().any(|name| self.body.get(*name).is_some());
        rule!(self.model != "claude-opus-4-8" || !sampled, "sampling");
        let both = number("temperature").is_some() && number("top_p").is_some();
        rule!(!both || self.model == "claude-sonnet-4-20250514", "temperature and top_p");
        for text in self.body["stop_sequences"].as_array().into_iter().flatten() {
            rule!(text.as_str().is_some_and(|text| !text.trim().is_empty()), "stop sequence {text}");
        }
        Ok(())
    }

    fn output(&self) -> Result<(), String> {
        let thinking = &self.body["thinking"];
        let most = self.body["max_tokens"].as_u64().unwrap_or(0);
        match (thinking["type"].as_str(), self.model) {
            (None, _) => {}
            (Some("enabled"), "claude-opus-4-8") => return Err("a budget".into()),
            (Some("enabled"), _) => rule!(
                thinking["budget_tokens"].as_u64().is_some_and(|budget| (1024..most).contains(&budget)),
                "budget {thinking} of {most}"
            ),
            (Some("adaptive"), "claude-opus-4-6" | "claude-opus-4-8") => {}
            (Some(other), model) => return Err(format!("thinking {other} for {model}")),
        }
        if !thinking.is_null() {
            rule!(
                self.body["temperature"].as_f64().is_none_or(|value| value == 1.0),
                "temperature with thinking"
            );
            rule!(
                !["any", "tool"].iter().any(|kind| self.body["tool_choice"]["type"] == *kind),
                "a forced tool with thinking"
            );
        }
        let config = &self.body["output_config"];
        rule!(config["effort"].is_null() || self.model.contains("opus"), "effort");
        if let Some(schema) = config["format"].get("schema") {
            rule!(self.model != "claude-sonnet-4-20250514", "structured output");
            closed(schema)?;
        }
        Ok(())
    }
}

/// Every object of the schema is closed, and no keyword is one that is refused.
fn closed(schema: &Value) -> Result<(), String> {
    let Some(fields) = schema.as_object() else { return Ok(()) };
    if fields.get("type").is_some_and(|kind| kind == "object") {
        rule!(fields.get("additionalProperties") == Some(&json!(false)), "an open object: {schema}");
    }
    for name in ["minimum", "maximum", "minLength", "maxLength", "maxItems", "oneOf"] {
        rule!(!fields.contains_key(name), "{name} in {schema}");
    }
    for name in ["properties", "$defs"] {
        fields.get(name).and_then(Value::as_object).into_iter().flat_map(Map::values).try_for_each(closed)?;
    }
    fields.get("items").map_or(Ok(()), closed)?;
    fields.get("anyOf").and_then(Value::as_array).into_iter().flatten().try_for_each(closed)
}

#[test]
fn the_checker_refuses_what_the_rules_refuse() {
    let good = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(Rules { model: "m", body: &good }.hold(), Ok(()));
    for change in [
        json!({"seed": 1}),
        json!({"max_tokens": 0}),
        json!({"messages": []}),
        json!({"temperature": 1.5}),
        json!({"tool_choice": {"type": "auto"}}),
        json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}, {"role": "user", "content": "x"}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 5}}),
        json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
    ] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert!(Rules { model: "m", body: &bad }.hold().is_err(), "{change}");
    }
}
