//! Every recorded answer, whole or streamed, told to a client of every dialect
//! says the same as the provider said: words, thoughts, calls, end, tokens.
//! Decoders are held against independent readers elsewhere; here they are the reader.

use std::collections::BTreeMap;

use pointsman::dialect;
use pointsman::error::Error;
use pointsman::ir::{Dialect, Event, Response};
use pointsman::sse::Framing;

use crate::cases::{self, Case};
use crate::gist::{self, Gist, Said};
use crate::reply;
use crate::streamed::events;

/// Endpoints of conversations, and the dialect in which each was recorded.
pub const CONVERSATIONS: [(&str, Dialect); 11] = [
    ("chat", Dialect::OpenAiChat),
    ("responses", Dialect::OpenAiResponses),
    ("completions", Dialect::OpenAiCompletions),
    ("messages", Dialect::Anthropic),
    ("vertex_raw", Dialect::Anthropic),
    ("generate_content", Dialect::Gemini),
    ("stream_generate_content", Dialect::Gemini),
    ("converse", Dialect::Bedrock),
    ("converse_stream", Dialect::Bedrock),
    ("invoke", Dialect::Bedrock),
    ("invoke_stream", Dialect::Bedrock),
];

/// The dialect in which a case was recorded; `None`: no conversation that is served.
pub fn dialect_of(case: &Case) -> Option<Dialect> {
    match (case.endpoint.as_str(), case.provider.as_str()) {
        ("native_chat", "cohere") => Some(Dialect::Cohere),
        ("native_chat", "ollama") => Some(Dialect::Ollama),
        ("native_chat", _) => Some(Dialect::OpenAiChat),
        (endpoint, _) => {
            CONVERSATIONS.iter().find(|(name, _)| *name == endpoint).map(|(_, dialect)| *dialect)
        }
    }
}

/// A recorded answer: its bytes, and whether it is a stream.
pub fn answer(case: &Case) -> Option<(Vec<u8>, Option<Framing>)> {
    let sse = case.read("response.sse").map(|body| (body, Some(Framing::Sse)));
    let lines = || case.read("response.ndjson").map(|body| (body, Some(Framing::Ndjson)));
    let binary = || case.read("response.bin").map(|body| (body, Some(Framing::AwsEventStream)));
    sse.or_else(lines)
        .or_else(binary)
        .or_else(|| case.read("response.json").map(|body| (body, None)))
        .or_else(|| case.read("response.txt").map(|body| (body, None)))
}

/// What a client of `to` reads of a whole answer.
fn whole_for(to: Dialect, response: &Response) -> Result<Gist, Error> {
    let told = dialect::inbound(to).unwrap().encode_response(response, &reply());
    dialect::outbound(to).unwrap().decode_response(&told).map(|read| gist::of_response(&read))
}

/// What a client of `to` reads of a streamed answer.
fn stream_for(to: Dialect, told: &[Event]) -> Result<Gist, Error> {
    let mut encoder = dialect::inbound(to).unwrap().stream_encoder(&reply());
    let mut out = Vec::new();
    told.iter().filter(|event| **event != Event::Done).for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    events(dialect::outbound(to).unwrap(), Framing::Sse, [out.as_slice()])
        .map(|events| gist::of_events(&events))
}

/// What a client of `to` can be told of `said`: the dialect's own words for an
/// end, a refusal as text where it has no place of its own.
pub fn as_told(to: Dialect, from: Dialect, gist: &Gist) -> BTreeMap<u64, Said> {
    let one = matches!(to, Dialect::Anthropic | Dialect::OpenAiResponses);
    let mut choices = gist.choices.clone();
    choices.retain(|index, _| *index == 0 || !one);
    for (index, said) in &mut choices {
        if to != from && !matches!(to, Dialect::OpenAiChat | Dialect::OpenAiResponses) {
            let refusal = std::mem::take(&mut said.refusal);
            said.text.push_str(&refusal);
        }
        if to == Dialect::OpenAiCompletions {
            said.thoughts.clear();
            said.calls.clear();
        }
        let finish = said.finish.clone().unwrap_or_else(|| "stop".into());
        let refused = !gist.choices[index].refusal.is_empty();
        // Cut off: some dialects have no place for what is no object, and put it under a name.
        let cut = finish == "length" || said.calls.iter().any(|(_, arguments)| !arguments.is_object());
        for (_, arguments) in said.calls.iter_mut().filter(|_| cut || is_wrapped(gist)) {
            *arguments = arguments.as_object().filter(|fields| fields.len() > 1).cloned().into();
        }
        said.finish = Some(match finish.as_str() {
            "tool_calls" if to == Dialect::OpenAiCompletions => "stop".into(),
            "length" | "tool_calls" | "content_filter" => finish,
            "refusal" => "content_filter".into(),
            _ if refused && to == Dialect::Anthropic => "content_filter".into(),
            _ if !said.calls.is_empty() => "tool_calls".into(),
            _ => "stop".into(),
        });
    }
    choices
}

/// Whether arguments that were no object stand under a name.
fn is_wrapped(gist: &Gist) -> bool {
    let mut calls = gist.choices.values().flat_map(|said| &said.calls);
    calls.any(|(_, arguments)| arguments.get("INVALID_JSON").or(arguments.get("input")).is_some())
}

fn check(case: &Case, from: Dialect) -> Vec<String> {
    let outbound = dialect::outbound(from).unwrap();
    let Some((body, framing)) = answer(case) else { return vec!["no answer was recorded".into()] };
    let mut wrong = Vec::new();
    let source = match framing {
        None => outbound.decode_response(&body).map(Source::Whole),
        Some(framing) => events(outbound, framing, [body.as_slice()]).map(Source::Stream),
    };
    let source = match source {
        Ok(source) => source,
        // An error that hides in a 200, and vectors that were filed here.
        Err(_)
            if ["\"error\"", "\"embedding\""]
                .iter()
                .any(|word| String::from_utf8_lossy(&body).contains(word)) =>
        {
            return wrong;
        }
        Err(error) => return vec![format!("{}: {error:?}", case.label())],
    };
    let said = match &source {
        Source::Whole(response) => gist::of_response(response),
        Source::Stream(events) if events.iter().any(|event| matches!(event, Event::Error(_))) => {
            return wrong;
        }
        Source::Stream(events) => gist::of_events(events),
    };
    for to in Dialect::ALL.into_iter().filter(|to| dialect::inbound(*to).is_some()) {
        let read = match &source {
            Source::Whole(response) => whole_for(to, response),
            Source::Stream(events) => stream_for(to, events),
        };
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                wrong.push(format!("{} for {}: {error:?}", case.label(), to.name()));
                continue;
            }
        };
        let (found, expected) = (as_told(to, to, &read), as_told(to, from, &said));
        if found != expected {
            wrong.push(format!(
                "{} for {}\n  found    {found:?}\n  expected {expected:?}",
                case.label(),
                to.name()
            ));
        }
        let tokens = |gist: &Gist| gist.usage.map(|usage| (usage.input, usage.output));
        if said.usage.is_some() && tokens(&read) != tokens(&said) {
            wrong.push(format!(
                "{} for {}: {:?} instead of {:?}",
                case.label(),
                to.name(),
                read.usage,
                said.usage
            ));
        }
    }
    wrong
}

#[expect(clippy::large_enum_variant, reason = "a test holds a few of them")]
enum Source {
    Whole(Response),
    Stream(Vec<Event>),
}

#[test]
fn every_answer_reaches_every_client() {
    let endpoints: Vec<&str> = CONVERSATIONS.iter().map(|(name, _)| *name).chain(["native_chat"]).collect();
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases::of(&endpoints) {
        let Some(from) = dialect_of(&case).filter(|_| case.status < 400) else { continue };
        wrong.extend(check(&case, from));
        count += 1;
    }
    println!("{count} answers, each for every client; {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
