//! Chat completions as an independent reader sees them, by the documentation alone.

use serde_json::{Value, json};

use crate::Wire;
use crate::gist::{Gist, Tokens, arguments};
use pointsman::ir::Dialect;

pub const CHAT: Wire =
    Wire { dialect: Dialect::OpenAiChat, endpoints: &["chat"], whole, streamed, same_request };

pub fn tokens(usage: &Value) -> Option<Tokens> {
    let at = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    let input = at("/prompt_tokens")?;
    let (mut output, reasoning) = (
        at("/completion_tokens").unwrap_or(0),
        at("/completion_tokens_details/reasoning_tokens").unwrap_or(0),
    );
    // xAI counts reasoning apart.
    if reasoning > 0 && at("/total_tokens") == Some(input + output + reasoning) {
        output += reasoning;
    }
    let cached = at("/prompt_tokens_details/cached_tokens")
        .or(at("/prompt_cache_hit_tokens"))
        .or(at("/cached_tokens"))
        .or(at("/num_cached_tokens").filter(|cached| *cached <= input))
        .unwrap_or(0);
    Some(Tokens { input, output, cached, reasoning })
}

pub fn finish(value: &Value) -> Option<String> {
    let name = match value.as_str()? {
        "" => return None,
        "eos" => "stop",
        "function_call" => "tool_calls",
        name => name,
    };
    Some(name.to_owned())
}

/// Text and thoughts of content that is text or a list of parts.
fn content(value: &Value, text: &mut String, thoughts: &mut String) {
    match value {
        Value::String(said) => text.push_str(said),
        Value::Array(parts) => {
            for part in parts {
                text.push_str(part["text"].as_str().unwrap_or_default());
                for thought in part["thinking"].as_array().into_iter().flatten() {
                    thoughts.push_str(thought["text"].as_str().unwrap_or_default());
                }
            }
        }
        _ => {}
    }
}

/// Thoughts beside the content: under one of two names, else in details.
fn beside(message: &Value) -> String {
    for name in ["reasoning_content", "reasoning"] {
        if let Some(text) = message[name].as_str().filter(|text| !text.is_empty()) {
            return text.to_owned();
        }
    }
    let details = message["reasoning_details"].as_array().into_iter().flatten();
    details.filter_map(|detail| detail["text"].as_str().or(detail["summary"].as_str())).collect()
}

fn raw_arguments(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn whole(answer: &Value) -> Gist {
    let usage = tokens(&answer["usage"]).or_else(|| tokens(&answer["x_groq"]["usage"]));
    let mut gist = Gist { usage, ..Gist::default() };
    for (at, choice) in answer["choices"].as_array().expect("choices").iter().enumerate() {
        let said = gist.choices.entry(choice["index"].as_u64().unwrap_or(at as u64)).or_default();
        let message = &choice["message"];
        said.thoughts = beside(message);
        content(&message["content"], &mut said.text, &mut said.thoughts);
        said.refusal = message["refusal"].as_str().unwrap_or_default().to_owned();
        said.finish = finish(&choice["finish_reason"]);
        let cut = said.finish.as_deref() == Some("length");
        let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| &call["function"]);
        for call in calls.chain(
            message
                .get("function_call")
                .filter(|call| call["name"].as_str().is_some_and(|name| !name.is_empty())),
        ) {
            let name = call["name"].as_str().unwrap_or_default().to_owned();
            said.calls.push((name, arguments(&raw_arguments(&call["arguments"]), cut)));
        }
    }
    gist
}

fn streamed(frames: &[Value]) -> Gist {
    let mut gist = Gist::default();
    let mut calls: Vec<(u64, Value, String, String, String)> = Vec::new();
    for frame in frames {
        gist.usage = tokens(&frame["usage"]).or_else(|| tokens(&frame["x_groq"]["usage"])).or(gist.usage);
        for choice in frame["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().unwrap_or(0);
            let said = gist.choices.entry(index).or_default();
            let delta = &choice["delta"];
            said.thoughts.push_str(&beside(delta));
            content(&delta["content"], &mut said.text, &mut said.thoughts);
            said.refusal.push_str(delta["refusal"].as_str().unwrap_or_default());
            said.finish = finish(&choice["finish_reason"]).or(said.finish.take());
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let id = call["id"].as_str().unwrap_or_default();
                let name = call["function"]["name"].as_str().unwrap_or_default();
                let known = calls.iter().rposition(|(choice, number, known, ..)| {
                    *choice == index
                        && if call["index"].is_null() {
                            id == known || id.is_empty()
                        } else {
                            call["index"] == *number
                        }
                });
                let at = known.filter(|_| !(call["index"].is_null() && id.is_empty() && !name.is_empty()));
                let at = at.unwrap_or_else(|| {
                    calls.push((index, call["index"].clone(), id.to_owned(), name.to_owned(), String::new()));
                    calls.len() - 1
                });
                calls[at].4.push_str(&raw_arguments(&call["function"]["arguments"]));
            }
        }
    }
    for (choice, _, _, name, text) in calls {
        let said = gist.choices.get_mut(&choice).unwrap();
        let cut = said.finish.as_deref() == Some("length");
        said.calls.push((name, arguments(&text, cut)));
    }
    gist
}

/// A request with what may differ made equal: the normalisations that the
/// dialect documents.
fn same_request(request: &mut Value) {
    let Value::Object(fields) = request else { return };
    if let Some(stop) = fields.get_mut("stop").filter(|stop| stop.is_string()) {
        *stop = json!([stop]);
    }
    if fields.get("tool_choice").is_some_and(|choice| choice == "any") {
        fields.insert("tool_choice".into(), "required".into());
    }
    if fields.get("stream") == Some(&json!(false)) {
        fields.remove("stream");
    }
    if fields.get("tools").is_some_and(|tools| tools == &json!([])) {
        fields.remove("tools");
    }
    if fields.contains_key("stream") {
        fields.entry("stream_options").or_insert_with(|| json!({}))["include_usage"] = true.into();
    }
    for tool in fields.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        if tool.get("function").is_some() {
            tool["type"] = "function".into();
        }
    }
    for message in fields.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten() {
        for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
            call["type"] = "function".into();
            if call["function"]["arguments"].as_str().is_none_or(|text| matches!(text.trim(), "" | "null")) {
                call["function"]["arguments"] = "{}".into();
            }
        }
    }
}
