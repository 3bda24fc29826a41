//! Reads Gemini answers without the crate's decoders.

use serde_json::Value;

use super::Facts;

/// What answers say, read from their JSON.
pub(crate) fn facts(answers: &[Value]) -> Facts {
    let mut facts = Facts::default();
    for answer in answers {
        for (at, candidate) in answer["candidates"].as_array().into_iter().flatten().enumerate() {
            let index = candidate["index"].as_u64().map_or(at, |index| index as usize);
            while facts.text.len() <= index {
                facts.text.push(String::new());
                facts.thoughts.push(String::new());
                facts.calls.push(Vec::new());
                facts.finish.push(String::new());
            }
            for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                let text = part["text"].as_str().unwrap_or_default();
                let said = if part["thought"] == true { &mut facts.thoughts } else { &mut facts.text };
                said[index].push_str(text);
                let call = &part["functionCall"];
                if let Some(name) = call["name"].as_str() {
                    let args =
                        if call["args"].is_null() { serde_json::json!({}) } else { call["args"].clone() };
                    facts.calls[index].push((name.to_owned(), args));
                }
            }
            let calls = !facts.calls[index].is_empty();
            let finish = match &candidate["finishReason"] {
                Value::String(name) => name.clone(),
                Value::Number(number) => {
                    ["", "STOP", "MAX_TOKENS"][number.as_u64().unwrap() as usize].to_owned()
                }
                _ => continue,
            };
            facts.finish[index] = match finish.as_str() {
                "STOP" if calls => "ToolCalls".to_owned(),
                "STOP" => "Stop".to_owned(),
                "MAX_TOKENS" => "Length".to_owned(),
                "SAFETY" => "ContentFilter".to_owned(),
                other => other.to_owned(),
            };
        }
        let usage = &answer["usageMetadata"];
        let count = |name: &str| usage[name].as_u64();
        if let Some(input) = count("promptTokenCount") {
            let thoughts = count("thoughtsTokenCount");
            facts.usage = Some((
                input + count("toolUsePromptTokenCount").unwrap_or(0),
                count("candidatesTokenCount").unwrap_or(0) + thoughts.unwrap_or(0),
                thoughts,
                count("cachedContentTokenCount"),
            ));
        }
    }
    facts
}
