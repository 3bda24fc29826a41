//! Own fixtures, written from the API reference: they run where no recordings are.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::recorded::frames;
use super::{Facts, client, decode_request, decode_stream, encode_stream, of_events, of_response, provider};
use pointsman::dialect::{Quirks, ReplyFacts, Target};
use pointsman::ir::{Message, Part, Role};

fn fixtures(ending: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gemini");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(ending) {
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
    assert!(!found.is_empty());
    found
}

/// The facts in the form of the fixtures.
fn plain(facts: &Facts) -> Value {
    json!({
        "text": facts.text,
        "thoughts": facts.thoughts,
        "calls": facts.calls,
        "finish": facts.finish,
        "usage": facts.usage,
    })
}

#[test]
fn answers() {
    for (name, bytes) in fixtures(".json") {
        let fixture: Value = serde_json::from_slice(&bytes).unwrap();
        let Some(answer) = fixture.get("answer") else { continue };
        let response = provider().decode_response(answer.to_string().as_bytes()).unwrap();
        assert_eq!(plain(&of_response(&response)), fixture["expect"], "{name}");
        let again = client().encode_response(&response, &ReplyFacts::default());
        assert_eq!(provider().decode_response(&again).unwrap(), response, "{name}");
    }
}

#[test]
fn streams() {
    for (name, bytes) in fixtures(".sse") {
        let expected = name.replace(".sse", ".expect.json");
        let expected = fixtures(&expected).remove(0).1;
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let events = decode_stream(&frames(&bytes));
        assert_eq!(plain(&of_events(&events)), expected, "{name}");
        let again = decode_stream(&encode_stream(&events));
        assert_eq!(plain(&of_events(&again)), expected, "{name}");
    }
}

/// `value` with every field's name in snake_case, but for what belongs to the client.
fn snake(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let own = ["args", "response", "parameters", "parametersJsonSchema", "responseSchema"];
            let fields = map.iter().map(|(name, value)| {
                let value = if own.contains(&name.as_str()) { value.clone() } else { snake(value) };
                let mut to = String::new();
                for letter in name.chars() {
                    if letter.is_uppercase() {
                        to.push('_');
                    }
                    to.extend(letter.to_lowercase());
                }
                (to, value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(snake).collect()),
        other => other.clone(),
    }
}

#[test]
fn requests_in_either_spelling() {
    let (_, body) = fixtures("request_camel.json").remove(0);
    let camel: Value = serde_json::from_slice(&body).unwrap();
    let request = decode_request(&body);
    let quirks = Quirks::default();
    let target = Target { model: "gemini-2.5-flash", max_output_tokens: None, quirks: &quirks };
    let wire = provider().encode_request(&request, &target).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&wire.body).unwrap(), camel);
    assert!(wire.dropped.is_empty(), "{:?}", wire.dropped);

    let again = decode_request(snake(&camel).to_string().as_bytes());
    let texts = |messages: &[std::sync::Arc<Message>]| -> Vec<(Role, Vec<Part>)> {
        let parts = |message: &Message| {
            message.parts.iter().filter(|part| !matches!(part, Part::Video(_))).cloned().collect()
        };
        messages.iter().map(|message| (message.role, parts(message))).collect()
    };
    assert_eq!(texts(&again.messages), texts(&request.messages));
    assert_eq!(
        (again.params, again.reasoning, again.format),
        (request.params, request.reasoning, request.format)
    );
    assert_eq!((again.tool_choice, again.tools.len()), (request.tool_choice, request.tools.len()));
}
