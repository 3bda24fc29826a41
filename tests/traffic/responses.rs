//! Responses as an independent reader sees them, by the documentation alone.

use pointsman::ir::Dialect;
use serde_json::{Value, json};

use crate::Wire;
use crate::gist::{Gist, Tokens, arguments};

pub const RESPONSES: Wire =
    Wire { dialect: Dialect::OpenAiResponses, endpoints: &["responses"], whole, streamed, same_request };

fn tokens(usage: &Value) -> Option<Tokens> {
    let at = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    let (input, output) = (at("/input_tokens")?, at("/output_tokens")?);
    let cached = at("/input_tokens_details/cached_tokens").unwrap_or(0);
    let reasoning = at("/output_tokens_details/reasoning_tokens").unwrap_or(0);
    Some(Tokens { input, output, cached, reasoning })
}

fn whole(response: &Value) -> Gist {
    let mut gist = Gist { usage: tokens(&response["usage"]), ..Gist::default() };
    let said = gist.choices.entry(0).or_default();
    let cut = response["status"] == "incomplete";
    for item in response["output"].as_array().expect("output") {
        let texts = |name: &str| -> String {
            let list = item[name].as_array().into_iter().flatten();
            list.filter_map(|part| part["text"].as_str()).collect()
        };
        match item["type"].as_str().unwrap() {
            "message" => {
                said.text += &texts("content");
                let list = item["content"].as_array().into_iter().flatten();
                said.refusal += &list
                    .filter_map(|part| part["refusal"].as_str().filter(|_| part["type"] == "refusal"))
                    .collect::<String>();
            }
            "reasoning" => said.thoughts += &[texts("summary"), texts("content")].concat(),
            "function_call" => {
                let name = item["name"].as_str().unwrap().to_owned();
                said.calls.push((name, arguments(item["arguments"].as_str().unwrap_or_default(), cut)));
            }
            _ => {}
        }
    }
    said.finish = match response["status"].as_str() {
        Some("completed") if said.calls.is_empty() => Some("stop".into()),
        Some("completed") => Some("tool_calls".into()),
        Some("incomplete") => Some(match response["incomplete_details"]["reason"].as_str() {
            Some("max_output_tokens") => "length".into(),
            other => other.unwrap_or("incomplete").to_owned(),
        }),
        _ => None,
    };
    gist
}

/// A stream says the same as its deltas and its finished items.
fn streamed(events: &[Value]) -> Gist {
    let last = events
        .iter()
        .rev()
        .find(|event| matches!(event["type"].as_str(), Some("response.completed" | "response.incomplete")));
    let mut response = last.map(|event| event["response"].clone()).unwrap_or_else(|| json!({ "output": [] }));
    // The Codex backend leaves the items out of the last event.
    if response["output"].as_array().is_none_or(Vec::is_empty) {
        let done = events.iter().filter(|event| event["type"] == "response.output_item.done");
        response["output"] = done.map(|event| event["item"].clone()).collect();
    }
    whole(&response)
}

/// A request with what may differ made equal: the normalisations that the
/// dialect documents.
fn same_request(request: &mut Value) {
    let Value::Object(fields) = request else { return };
    if let Some(Value::String(text)) = fields.get("input").cloned() {
        fields.insert("input".into(), json!([{ "role": "user", "content": text }]));
    }
    if fields.get("stream") == Some(&json!(false)) {
        fields.remove("stream");
    }
    for item in fields.get_mut("input").and_then(Value::as_array_mut).into_iter().flatten() {
        let kind = item["type"].as_str().unwrap_or("message").to_owned();
        if kind == "message" {
            item["type"] = "message".into();
            let text = if item["role"] == "assistant" { "output_text" } else { "input_text" };
            if let Value::String(said) = item["content"].clone() {
                item["content"] = json!([{ "type": text, "text": said }]);
            }
        }
        if kind == "function_call" && item["arguments"].as_str().is_none_or(|text| text.trim().is_empty()) {
            item["arguments"] = "{}".into();
        }
    }
}
