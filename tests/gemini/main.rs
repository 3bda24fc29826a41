//! Gemini's dialect against recorded traffic of Gemini and Vertex, by an
//! extractor that reads the wire on its own.
//!
//! The recordings stand in `../shared/traffic` or below `$POINTSMAN_SHARED`;
//! without them these tests say that they skipped.

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

mod expect;
mod fixtures;
mod foreign;
mod outward;
#[path = "../shared/recorded.rs"]
mod recorded;
mod recordings;
mod requests;
#[path = "../shared/streamed.rs"]
mod streamed;

use pointsman::dialect::{Inbound, Outbound, PathFacts, ReplyFacts, inbound, outbound};
use pointsman::ir::{Dialect, Event, Finish, Part, Response, Usage};
use pointsman::sse::Frame;

/// The provider's side.
pub(crate) fn provider() -> &'static dyn Outbound {
    outbound(Dialect::Gemini).expect("registered")
}

/// The client's side.
pub(crate) fn client() -> &'static dyn Inbound {
    inbound(Dialect::Gemini).expect("registered")
}

/// What a reader of an answer wants to know.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) text: Vec<String>,
    pub(crate) thoughts: Vec<String>,
    /// Name and arguments of each call, by choice.
    pub(crate) calls: Vec<Vec<(String, serde_json::Value)>>,
    pub(crate) finish: Vec<String>,
    pub(crate) usage: Option<(u64, u64, Option<u64>, Option<u64>)>,
}

/// The facts of a decoded answer.
pub(crate) fn of_response(response: &Response) -> Facts {
    let mut facts = Facts::default();
    for choice in &response.choices {
        facts.text.push(choice.message.joined_text());
        let thoughts = choice.message.parts.iter().filter_map(|part| match part {
            Part::Thinking(thinking) => Some(thinking.text.as_str()),
            _ => None,
        });
        facts.thoughts.push(thoughts.collect());
        let calls = choice.message.tool_calls();
        facts.calls.push(calls.map(|call| (call.name.clone(), json(&call.arguments))).collect());
        facts.finish.push(choice.finish.as_ref().map(finish_name).unwrap_or_default());
    }
    facts.usage = response.usage.as_ref().map(figures);
    facts
}

/// The facts of decoded events.
pub(crate) fn of_events(events: &[Event]) -> Facts {
    let mut facts = Facts::default();
    let mut arguments: Vec<Vec<(String, String)>> = Vec::new();
    for event in events {
        let index = match event {
            Event::Text { choice, .. }
            | Event::Thinking { choice, .. }
            | Event::ToolCall { choice, .. }
            | Event::ToolArguments { choice, .. }
            | Event::Finish { choice, .. } => *choice as usize,
            _ => 0,
        };
        if !matches!(event, Event::Start { .. } | Event::Usage(_) | Event::Done | Event::Opaque { .. }) {
            let size = facts.text.len().max(index + 1);
            facts.text.resize(size, String::new());
            facts.thoughts.resize(size, String::new());
            facts.finish.resize(size, String::new());
            arguments.resize(size, Vec::new());
        }
        match event {
            Event::Text { text, .. } => facts.text[index].push_str(text),
            Event::Thinking { text, .. } => facts.thoughts[index].push_str(text),
            Event::ToolCall { name, call, .. } => {
                assert_eq!(*call as usize, arguments[index].len(), "calls are numbered without gaps");
                arguments[index].push((name.clone(), String::new()));
            }
            Event::ToolArguments { call, text, .. } => arguments[index][*call as usize].1.push_str(text),
            Event::Finish { finish, .. } => facts.finish[index] = finish_name(finish),
            Event::Usage(usage) => facts.usage = Some(figures(usage)),
            _ => {}
        }
    }
    facts.calls = arguments
        .into_iter()
        .map(|calls| calls.into_iter().map(|(name, text)| (name, json(&text))).collect())
        .collect();
    facts
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("arguments are JSON")
}

fn figures(usage: &Usage) -> (u64, u64, Option<u64>, Option<u64>) {
    (usage.input, usage.output, usage.reasoning, usage.cached_input)
}

fn finish_name(finish: &Finish) -> String {
    match finish {
        Finish::Other(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

/// Decodes a stream, given as its frames' payloads.
pub(crate) fn decode_stream(frames: &[Vec<u8>]) -> Vec<Event> {
    let mut decoder = provider().stream_decoder();
    let mut events = Vec::new();
    for data in frames {
        decoder.push(&Frame { event: "", data }, &mut events).expect("a frame of the protocol");
    }
    decoder.finish(&mut events).expect("a whole stream");
    events
}

/// Encodes events for a client and splits what comes into frames again.
pub(crate) fn encode_stream(events: &[Event]) -> Vec<Vec<u8>> {
    let mut encoder = client().stream_encoder(&ReplyFacts::default());
    let mut bytes = Vec::new();
    events.iter().for_each(|event| encoder.push(event, &mut bytes));
    encoder.finish(&mut bytes);
    recorded::frames(&bytes)
}

/// Decodes a request as it came.
pub(crate) fn decode_request(body: &[u8]) -> pointsman::ir::Request {
    let path = PathFacts { model: Some("gemini-2.5-flash"), stream: false };
    client().decode_request(body, path).expect("a request of the protocol")
}
