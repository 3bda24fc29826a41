//! Recorded traffic of real providers: what they answered comes through right,
//! what clients asked loses nothing. One table entry a wire format; each brings
//! an independent reader of its own, which shares no code with the product.

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

mod across;
mod cases;
mod chat;
mod completions;
#[path = "../journey/gateway.rs"]
mod gateway;
mod gist;
mod matrix;
mod replay;
mod responses;
mod served;
#[path = "../shared/streamed.rs"]
mod streamed;

use std::collections::BTreeMap;

use cases::Case;
use gist::Gist;
use http::HeaderMap;
use pointsman::dialect::{self, Inbound, Outbound, PathFacts, Quirks, Refused, ReplyFacts, Seen, Target};
use pointsman::error::{Error, Kind};
use pointsman::ir::{Dialect, Event};
use pointsman::sse::{Framer, Framing};
use serde_json::{Map, Value};

/// A wire format under test.
pub struct Wire {
    pub dialect: Dialect,
    /// The recordings that speak it.
    pub endpoints: &'static [&'static str],
    /// Reads a whole answer.
    pub whole: fn(&Value) -> Gist,
    /// Reads the payloads of a stream.
    pub streamed: fn(&[Value]) -> Gist,
    /// Applies the documented normalisations to a request.
    pub same_request: fn(&mut Value),
}

impl Wire {
    fn inbound(&self) -> &'static dyn Inbound {
        dialect::inbound(self.dialect).unwrap()
    }

    fn outbound(&self) -> &'static dyn Outbound {
        dialect::outbound(self.dialect).unwrap()
    }
}

const WIRES: &[Wire] = &[chat::CHAT, responses::RESPONSES, completions::COMPLETIONS];

/// Counts and failures of one run.
#[derive(Default)]
struct Tally {
    right: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    fn note(&mut self, case: &Case, found: Result<(), String>) {
        match found {
            Ok(()) => *self.right.entry(case.provider.clone()).or_default() += 1,
            Err(why) => self.wrong.push(format!("{}: {why}", case.label())),
        }
    }

    fn settle(self, what: &str) {
        let total: usize = self.right.values().sum();
        println!("{what}: {total} right {:?}, {} wrong", self.right, self.wrong.len());
        assert!(self.wrong.is_empty(), "{what}:\n{}", self.wrong.join("\n"));
    }
}

/// Runs `test` on every case of every wire format.
fn each(what: &str, test: impl Fn(&Wire, &Case) -> Option<Result<(), String>>) {
    for wire in WIRES {
        let mut tally = Tally::default();
        for case in cases::of(wire.endpoints) {
            if let Some(found) = test(wire, &case) {
                tally.note(&case, found);
            }
        }
        tally.settle(&format!("{} {what}", wire.dialect.name()));
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T, what: &str) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}\n  found    {found:?}\n  expected {expected:?}"))
    }
}

/// The frames of a stream, cut at `cuts`.
fn frames(stream: &[u8], cuts: &[usize]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut framer = Framer::new(Framing::Sse);
    let mut frames = Vec::new();
    let mut each = |frame: pointsman::sse::Frame<'_>| {
        frames.push((frame.event.to_owned(), frame.data.to_vec()));
        Ok(())
    };
    let mut from = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        framer.push(&stream[from..cut], &mut each)?;
        from = cut;
    }
    framer.finish(&mut each)?;
    Ok(frames)
}

/// The JSON payloads of a stream, split line by line: independent of the framer.
fn payloads(stream: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n");
    let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
    lines.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

fn in_stream_error(payloads: &[Value]) -> bool {
    payloads.iter().any(|payload| payload.get("error").is_some_and(|error| !error.is_null()))
}

fn reply() -> ReplyFacts {
    ReplyFacts { request_id: "r1".into(), model: "m".into(), include_usage: true, ..ReplyFacts::default() }
}

#[test]
fn whole_answers() {
    each("whole answers", |wire, case| {
        let body = case.read("response.json").filter(|_| case.status < 400)?;
        Some(whole_answer(wire, &body))
    });
}

fn whole_answer(wire: &Wire, body: &[u8]) -> Result<(), String> {
    let raw: Value = serde_json::from_slice(body.trim_ascii()).map_err(|at| at.to_string())?;
    let decoded = wire.outbound().decode_response(body);
    let scanned = wire.outbound().scan_response(body);
    if raw.get("error").is_some_and(|error| !error.is_null()) {
        equal(
            &decoded.map(drop).map_err(|error| error.kind),
            &scanned.map(drop).map_err(|error| error.kind),
            "scan",
        )?;
        return wire.outbound().decode_response(body).err().map(drop).ok_or("an error was not seen".into());
    }
    let (decoded, scanned) =
        (decoded.map_err(|error| format!("{error:?}"))?, scanned.map_err(|error| format!("{error:?}"))?);
    let expected = (wire.whole)(&raw);
    equal(&gist::of_response(&decoded), &expected, "decoded")?;
    equal(&scanned, &decoded.usage, "scanned usage")?;
    let encoded = wire.inbound().encode_response(&decoded, &reply());
    let encoded: Value = serde_json::from_slice(&encoded).map_err(|at| at.to_string())?;
    let mut again = (wire.whole)(&encoded);
    for (index, said) in &mut again.choices {
        // An answer must name a reason; the provider need not.
        if expected.choices.get(index).is_some_and(|expected| expected.finish.is_none()) {
            said.finish = None;
        }
    }
    equal(&again, &expected, "encoded for a client of the same dialect")
}

/// Up to this size a stream is cut at every byte; a larger one at about as many.
const EVERY_BYTE: usize = 4 * 1024;

#[test]
fn streams() {
    each("streams", |wire, case| Some(stream(wire, &case.read("response.sse")?)));
}

fn stream(wire: &Wire, stream: &[u8]) -> Result<(), String> {
    let payloads = payloads(stream);
    let events =
        streamed::events(wire.outbound(), Framing::Sse, [stream]).map_err(|error| format!("{error:?}"))?;
    let mut seen = Seen::default();
    let whole = frames(stream, &[]).map_err(|error| format!("{error:?}"))?;
    for (event, data) in &whole {
        wire.outbound().scan_frame(&pointsman::sse::Frame { event, data }, &mut seen);
    }
    if in_stream_error(&payloads) {
        let raised = matches!(events.last(), Some(Event::Error(_)));
        return equal(&(raised, seen.error.is_some()), &(true, true), "an error inside the stream");
    }
    let expected = (wire.streamed)(&payloads);
    equal(&gist::of_events(&events), &expected, "decoded")?;
    equal(&events.last(), &Some(&Event::Done), "the end")?;
    let said = expected.choices.values().any(|said| {
        !(said.text.is_empty()
            && said.thoughts.is_empty()
            && said.refusal.is_empty()
            && said.calls.is_empty())
    });
    // What a built-in tool made is content too.
    let made = events.iter().any(|event| match event {
        Event::Opaque { value, .. } => value["type"] == "response.output_item.done",
        _ => false,
    });
    equal(&seen.content, &(said || made), "scanned content")?;
    equal(&seen.usage.as_ref().map(gist::Tokens::from), &expected.usage, "scanned usage")?;
    equal(&(seen.done, seen.error.is_some()), &(true, false), "scanned end")?;
    encoded_stream(wire, &events, &expected)?;
    for cut in (0..stream.len()).step_by(stream.len() / EVERY_BYTE + 1) {
        if frames(stream, &[cut]).as_ref() != Ok(&whole) {
            return Err(format!("cut at {cut}"));
        }
    }
    let all: Vec<usize> = (0..stream.len()).collect();
    equal(&frames(stream, &all), &Ok(whole), "byte by byte")
}

/// Events encoded for a client of the same dialect say the same.
fn encoded_stream(wire: &Wire, events: &[Event], expected: &Gist) -> Result<(), String> {
    let mut encoder = wire.inbound().stream_encoder(&reply());
    let mut out = Vec::new();
    for event in events {
        encoder.push(event, &mut out);
    }
    encoder.finish(&mut out);
    equal(&(wire.streamed)(&self::payloads(&out)), expected, "encoded for a client of the same dialect")
}

#[test]
fn requests() {
    each("requests", |wire, case| {
        let body = case.read("request.json")?;
        let raw: Value = serde_json::from_slice(&body).unwrap();
        if case.status >= 400 && wire.inbound().decode_request(&body, PathFacts::default()).is_err() {
            return Some(Ok(()));
        }
        raw.is_object().then(|| request(wire, &body, raw))
    });
}

fn request(wire: &Wire, body: &[u8], mut raw: Value) -> Result<(), String> {
    let request =
        wire.inbound().decode_request(body, PathFacts::default()).map_err(|error| format!("{error:?}"))?;
    let quirks = Quirks::default();
    let target = Target { model: &request.model, max_output_tokens: None, quirks: &quirks };
    let encoded = wire.outbound().encode_request(&request, &target).map_err(|error| format!("{error:?}"))?;
    equal(&encoded.dropped, &Vec::new(), "dropped")?;
    let mut encoded: Value = serde_json::from_slice(&encoded.body).map_err(|at| at.to_string())?;
    for value in [&mut raw, &mut encoded] {
        (wire.same_request)(value);
        *value = settled(value);
    }
    if raw.get("model").is_none() {
        raw["model"] = encoded["model"].clone();
    }
    difference(&encoded, &raw, "").map_or(Ok(()), Err)
}

/// The value without `null` and empty fields and with numbers as floats.
fn settled(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept =
                fields.iter().filter(|(_, value)| !value.is_null() && **value != Value::Array(Vec::new()));
            Value::Object(kept.map(|(name, value)| (name.clone(), settled(value))).collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().map(settled).collect(),
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        other => other.clone(),
    }
}

/// Where two values differ.
fn difference(found: &Value, expected: &Value, path: &str) -> Option<String> {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names.into_iter().find_map(|name| match (a.get(name), b.get(name)) {
                (Some(a), Some(b)) => difference(a, b, &format!("{path}.{name}")),
                (a, b) => Some(format!("{path}.{name}: found {a:?}, expected {b:?}")),
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(at, (a, b))| difference(a, b, &format!("{path}[{at}]")))
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path}: found {a}, expected {b}")),
    }
}

#[test]
fn errors() {
    each("errors", |wire, case| {
        let files = ["response.json", "response.txt", "response.sse"];
        let body = files.iter().find_map(|file| case.read(file)).filter(|_| case.status >= 400)?;
        let headers = HeaderMap::new();
        let refused = Refused { status: case.status, headers: &headers, body: &body, unix_seconds: 0 };
        let error = wire.outbound().decode_error(&refused);
        let text = String::from_utf8_lossy(&body).to_lowercase();
        let kinds = expected_kinds(case.status, &text);
        let found = if kinds.contains(&error.kind) { Ok(()) } else { Err(format!("{error:?} for {text}")) };
        Some(found)
    });
}

/// The classes that a status and a body may mean, by a reader's judgement.
fn expected_kinds(status: u16, text: &str) -> &'static [Kind] {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match status {
        401 | 403 => &[Kind::UpstreamAuth],
        429 => &[Kind::RateLimited, Kind::QuotaExceeded],
        404 => &[Kind::NotFound],
        500 | 501 => &[Kind::UpstreamFailed, Kind::Unsupported],
        400 if says(&["context length", "context size", "too long", "context_length"]) => {
            &[Kind::ContextTooLong]
        }
        400 if says(&["api key"]) => &[Kind::UpstreamAuth],
        400 if says(&["previous_response_not_found"]) => &[Kind::InvalidRequest, Kind::NotFound],
        400 if says(&["model_not_found", "model names are", "model does not exist", "deprecated"]) => {
            &[Kind::NotFound]
        }
        400 if says(&["does not support", "not supported", "unsupported"]) => {
            &[Kind::Unsupported, Kind::InvalidRequest]
        }
        _ => &[Kind::InvalidRequest],
    }
}
