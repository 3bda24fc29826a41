//! Cohere's and Ollama's own chat, embeddings and reranking against recorded
//! traffic, by an extractor that reads the wire on its own. Without recordings these tests say that
//! they skipped.

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

mod answers;
#[path = "../shared/recorded.rs"]
mod recorded;
mod requests;
#[path = "../shared/streamed.rs"]
mod streamed;
mod vectors;

use pointsman::dialect::{Outbound, Quirks, Target, outbound};
use pointsman::ir::{Dialect, Event, Finish, Part, Request, Response, Usage};
use serde_json::{Value, json};

use recorded::{Case, cases};

fn cohere() -> &'static dyn Outbound {
    outbound(Dialect::Cohere).expect("registered")
}

fn ollama() -> &'static dyn Outbound {
    outbound(Dialect::Ollama).expect("registered")
}

/// What a reader of an answer wants to know.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    text: String,
    thoughts: String,
    calls: Vec<(String, Value)>,
    finish: String,
    usage: Option<(u64, u64)>,
}

fn of_response(response: &Response) -> Facts {
    let choice = &response.choices[0];
    let thoughts = choice.message.parts.iter().filter_map(|part| match part {
        Part::Thinking(thinking) => Some(thinking.text.as_str()),
        _ => None,
    });
    let calls = choice.message.tool_calls();
    Facts {
        text: choice.message.joined_text(),
        thoughts: thoughts.collect(),
        calls: calls.map(|call| (call.name.clone(), arguments(&call.arguments))).collect(),
        finish: choice.finish.as_ref().map(name).unwrap_or_default(),
        usage: response.usage.as_ref().map(figures),
    }
}

fn of_events(events: &[Event]) -> Facts {
    let mut facts = Facts::default();
    let mut texts: Vec<String> = Vec::new();
    for event in events {
        match event {
            Event::Text { text, .. } => facts.text.push_str(text),
            Event::Thinking { text, .. } => facts.thoughts.push_str(text),
            Event::ToolCall { call, name, id, .. } => {
                assert_eq!(*call as usize, texts.len());
                assert!(!id.is_empty());
                facts.calls.push((name.clone(), Value::Null));
                texts.push(String::new());
            }
            Event::ToolArguments { call, text, .. } => texts[*call as usize].push_str(text),
            Event::Finish { finish, .. } => facts.finish = name(finish),
            Event::Usage(usage) => facts.usage = Some(figures(usage)),
            _ => {}
        }
    }
    for (call, text) in facts.calls.iter_mut().zip(&texts) {
        call.1 = arguments(text);
    }
    facts
}

fn arguments(text: &str) -> Value {
    serde_json::from_str(text).expect("arguments are JSON")
}

fn figures(usage: &Usage) -> (u64, u64) {
    (usage.input, usage.output)
}

fn name(finish: &Finish) -> String {
    format!("{finish:?}")
}

/// Decodes a stream byte by byte.
fn decode(dialect: &dyn Outbound, case: &Case) -> Vec<Event> {
    let run = |pieces: Vec<&[u8]>| streamed::events(dialect, dialect.framing(), pieces).unwrap();
    let whole = run(vec![&case.answer]);
    assert_eq!(run(case.answer.chunks(1).collect()), whole, "{}", case.name);
    assert_eq!(whole.last(), Some(&Event::Done), "{}", case.name);
    whole
}

fn native(provider: &str) -> impl Iterator<Item = Case> {
    cases(&[provider]).into_iter().filter(|case| case.endpoint == "native_chat" && case.status == 200)
}

#[test]
fn cohere_says_what_was_recorded() {
    for case in native("cohere") {
        let found = if case.streamed {
            of_events(&decode(cohere(), &case))
        } else {
            of_response(&cohere().decode_response(&case.answer).unwrap())
        };
        assert_eq!(found, cohere_facts(&case), "{}", case.name);
    }
}

fn cohere_facts(case: &Case) -> Facts {
    let mut facts = Facts::default();
    let values: Vec<Value> = if case.streamed {
        let frames = recorded::frames(&case.answer);
        frames.iter().filter_map(|data| serde_json::from_slice(data).ok()).collect()
    } else {
        vec![serde_json::from_slice(&case.answer).unwrap()]
    };
    let push = |place: &mut String, value: &Value| place.push_str(value.as_str().unwrap_or_default());
    let mut texts = Vec::new();
    for value in &values {
        let delta = if case.streamed { &value["delta"] } else { value };
        let message = &delta["message"];
        push(&mut facts.thoughts, &message["tool_plan"]);
        let content = &message["content"];
        let pieces = content.as_array().cloned().unwrap_or_else(|| vec![content.clone()]);
        for piece in &pieces {
            push(&mut facts.text, &piece["text"]);
            push(&mut facts.thoughts, &piece["thinking"]);
        }
        let calls = &message["tool_calls"];
        for call in calls.as_array().cloned().unwrap_or_else(|| vec![calls.clone()]) {
            let function = &call["function"];
            if let Some(name) = function["name"].as_str() {
                facts.calls.push((name.to_owned(), Value::Null));
                texts.push(String::new());
            }
            if let (Some(text), Some(more)) = (texts.last_mut(), function["arguments"].as_str()) {
                text.push_str(more);
            }
        }
        if let Some(name) = delta["finish_reason"].as_str() {
            let names = [("COMPLETE", "Stop"), ("MAX_TOKENS", "Length"), ("TOOL_CALL", "ToolCalls")];
            let named = names.iter().find(|(wire, _)| *wire == name).map(|(_, ours)| (*ours).to_owned());
            facts.finish = named.unwrap_or_else(|| format!("StopSequence({:?})", None::<String>));
            let tokens = &delta["usage"]["tokens"];
            let count = |name: &str| tokens[name].as_f64().unwrap() as u64;
            facts.usage = Some((count("input_tokens"), count("output_tokens")));
        }
    }
    for (call, text) in facts.calls.iter_mut().zip(&texts) {
        let args: Value = serde_json::from_str(text).unwrap_or_default();
        call.1 = if args.is_null() { json!({}) } else { args };
    }
    facts
}

#[test]
fn ollama_says_what_was_recorded() {
    for case in native("ollama") {
        let lines: Vec<Value> = case
            .answer
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        let found = if lines.len() > 1 {
            of_events(&decode(ollama(), &case))
        } else {
            of_response(&ollama().decode_response(&case.answer).unwrap())
        };
        // A recording that holds several answers one after another is none that a provider sends.
        if lines.iter().filter(|line| line["done"] == true).count() == 1 {
            assert_eq!(found, ollama_facts(&lines), "{}", case.name);
        }
    }
}

fn ollama_facts(lines: &[Value]) -> Facts {
    let mut facts = Facts::default();
    for line in lines {
        let message = &line["message"];
        facts.text.push_str(message["content"].as_str().unwrap_or_default());
        facts.thoughts.push_str(message["thinking"].as_str().unwrap_or_default());
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            facts.calls.push((function["name"].as_str().unwrap().to_owned(), function["arguments"].clone()));
        }
        if line["done"] == true {
            facts.usage = line["eval_count"]
                .as_u64()
                .map(|output| (line["prompt_eval_count"].as_u64().unwrap_or(0), output));
            facts.finish = match line["done_reason"].as_str().unwrap() {
                "stop" if facts.calls.is_empty() => "Stop",
                "stop" => "ToolCalls",
                "length" => "Length",
                other => other,
            }
            .to_owned();
        }
    }
    facts
}

#[test]
fn writer_speaks_openais_form_on_a_path_of_its_own() {
    let chat = outbound(Dialect::OpenAiChat).expect("registered");
    for case in native("writer") {
        let values: Vec<Value> = if case.streamed {
            let frames = recorded::frames(&case.answer);
            frames.iter().filter_map(|data| serde_json::from_slice(data).ok()).collect()
        } else {
            vec![serde_json::from_slice(&case.answer).unwrap()]
        };
        let name = if case.streamed { "delta" } else { "message" };
        let mut text = String::new();
        let mut called = String::new();
        let mut usage = None;
        for value in &values {
            for choice in
                value["choices"].as_array().into_iter().flatten().filter(|choice| choice["index"] == 0)
            {
                text.push_str(choice[name]["content"].as_str().unwrap_or_default());
                for call in choice[name]["tool_calls"].as_array().into_iter().flatten() {
                    called.push_str(call["function"]["name"].as_str().unwrap_or_default());
                }
            }
            let count = |name: &str| value["usage"][name].as_u64();
            usage = count("prompt_tokens").zip(count("completion_tokens")).or(usage);
        }
        let found = if case.streamed {
            let events = decode(chat, &case);
            let first = |event: &&Event| !matches!(event, Event::Text { choice, .. } | Event::Finish { choice, .. } if *choice != 0);
            of_events(&events.iter().filter(first).cloned().collect::<Vec<_>>())
        } else {
            of_response(&chat.decode_response(&case.answer).unwrap())
        };
        assert_eq!(found.text, text, "{}", case.name);
        assert_eq!(
            found.calls.first().map(|(name, _)| name.clone()).unwrap_or_default(),
            called,
            "{}",
            case.name
        );
        assert_eq!(found.usage, usage, "{}", case.name);
    }
    let quirks = Quirks { chat_path: Some("chat"), ..Quirks::default() };
    let target = Target { model: "palmyra", max_output_tokens: None, quirks: &quirks };
    let wire = chat.encode_request(&Request::new(Dialect::OpenAiChat, "m"), &target).unwrap();
    assert_eq!(wire.path, "chat");
}
