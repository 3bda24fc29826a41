//! Recorded requests.

use pointsman::dialect::{Quirks, Target};
use serde_json::{Map, Value};

use super::recorded::cases;
use super::{decode_request, provider};

/// The body that goes out for `body`, and what was dropped.
fn again(body: &[u8]) -> (Value, Vec<String>) {
    let request = decode_request(body);
    let quirks = Quirks::default();
    let target = Target { model: "gemini-2.5-flash", max_output_tokens: None, quirks: &quirks };
    let wire = provider().encode_request(&request, &target).unwrap();
    assert_eq!(wire.path, "models/gemini-2.5-flash:generateContent");
    (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
}

#[test]
fn nothing_is_lost_on_the_way_through() {
    for case in cases(&["gemini", "vertex"]) {
        let Some(body) = case.request.filter(|_| case.endpoint.ends_with("generate_content")) else {
            continue;
        };
        let (sent, dropped) = again(&body);
        assert!(dropped.is_empty(), "{}: {dropped:?}", case.name);
        let mut original: Value = serde_json::from_slice(&body).unwrap();
        // The path names the model.
        original.as_object_mut().unwrap().remove("model");
        let original = tidy(original);
        assert_eq!(sort(tidy(sent)), sort(original), "{}", case.name);
    }
}

/// What means the same is written the same: camelCase, no nulls, no empty
/// objects, no `thought: false`, one list of functions.
fn tidy(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut out = Map::new();
            for (name, value) in map {
                let opaque = [
                    "args",
                    "response",
                    "parameters",
                    "parametersJsonSchema",
                    "responseSchema",
                    "responseJsonSchema",
                    "labels",
                ];
                let name = camel(&name);
                let value = if opaque.contains(&name.as_str()) { value } else { tidy(value) };
                let idle = match &value {
                    Value::Null => true,
                    Value::Bool(on) => name == "thought" && !on,
                    Value::Object(inner) => {
                        inner.is_empty() && ["toolConfig", "generationConfig"].contains(&name.as_str())
                    }
                    Value::Array(list) => list.is_empty() && name != "parts",
                    Value::Number(_) => false,
                    Value::String(text) => {
                        name == "role" && text == "user" || name == "thinkingLevel" && text.is_empty()
                    }
                };
                if !idle {
                    out.insert(name, value);
                }
            }
            for level in ["thinkingLevel", "mode"] {
                if let Some(Value::String(text)) = out.get_mut(level) {
                    text.make_ascii_uppercase();
                }
            }
            if let Some(Value::Array(tools)) = out.get_mut("tools") {
                split(tools);
            }
            Value::Object(out)
        }
        Value::Array(list) => Value::Array(list.into_iter().map(tidy).collect()),
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        other => other,
    }
}

/// One entry a tool.
fn split(tools: &mut Vec<Value>) {
    let mut functions = Vec::new();
    let mut others = Vec::new();
    for tool in tools.drain(..) {
        for (name, value) in tool.as_object().cloned().unwrap_or_default() {
            if name == "functionDeclarations" {
                functions.extend(value.as_array().cloned().unwrap_or_default());
            } else {
                others.push(Value::Object(Map::from_iter([(name, value)])));
            }
        }
    }
    tools.extend(functions);
    tools.extend(others);
}

fn camel(name: &str) -> String {
    let mut out = String::new();
    let mut up = false;
    for letter in name.chars() {
        if letter == '_' {
            up = true;
        } else {
            out.push(if up { letter.to_ascii_uppercase() } else { letter });
            up = false;
        }
    }
    out
}

fn sort(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut list: Vec<_> = map.into_iter().map(|(name, value)| (name, sort(value))).collect();
            list.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(list.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sort).collect()),
        other => other,
    }
}
