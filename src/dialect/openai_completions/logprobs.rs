//! Log probabilities: parallel lists here, one list of tokens in the canonical form.
//!
//! Source: OpenAI API reference "Completions", `logprobs`, checked 2026-11-22.

use serde_json::{Map, Value, json};

use crate::ir::Logprobs;

/// The canonical form of the lists, where they are of tokens.
pub(super) fn decode(lists: &Value) -> Option<Logprobs> {
    let tokens = lists.get("tokens")?.as_array()?;
    let at = |name: &str, index: usize| lists.get(name)?.get(index).cloned();
    let entry = |(index, token): (usize, &Value)| {
        let text = token.as_str().unwrap_or_default();
        let others = at("top_logprobs", index);
        let others = others.as_ref().and_then(Value::as_object).into_iter().flatten();
        let others: Vec<Value> = others.map(|(token, logprob)| weighed(token, logprob.clone())).collect();
        let mut entry = weighed(text, at("token_logprobs", index).unwrap_or_default());
        if let Value::Object(entry) = &mut entry {
            entry.insert("top_logprobs".to_owned(), others.into());
        }
        entry
    };
    let content: Vec<Value> = tokens.iter().enumerate().map(entry).collect();
    Some(json!({ "content": content, "refusal": null }))
}

/// A token and its log probability. Bytes that are no text have a name here: what they are is not read.
fn weighed(token: &str, logprob: Value) -> Value {
    let bytes = (!token.starts_with("bytes:")).then_some(token.as_bytes());
    json!({ "token": token, "logprob": logprob, "bytes": bytes })
}

/// The lists of the canonical form; the first token begins `offset` characters into the text.
pub(super) fn encode(logprobs: &Logprobs, mut offset: usize) -> Option<Value> {
    let content = logprobs.get("content")?.as_array()?;
    let text = |entry: &Value| entry.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    let weight = |entry: &Value| entry.get("logprob").cloned().unwrap_or_default();
    let offsets: Vec<usize> = content
        .iter()
        .map(|entry| {
            let here = offset;
            offset += text(entry).chars().count();
            here
        })
        .collect();
    let others = |entry: &Value| {
        let list = entry.get("top_logprobs").and_then(Value::as_array).into_iter().flatten();
        list.map(|entry| (text(entry), weight(entry))).collect::<Map<String, Value>>()
    };
    Some(json!({
        "tokens": content.iter().map(text).collect::<Vec<_>>(),
        "token_logprobs": content.iter().map(weight).collect::<Vec<_>>(),
        "top_logprobs": content.iter().map(others).collect::<Vec<_>>(),
        "text_offset": offsets,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_tokens_and_lists_again() {
        let lists = json!({
            "tokens": ["All", " aboard"], "token_logprobs": [-0.5, -1.5],
            "top_logprobs": [{ "All": -0.5, "No": -2.5 }, { " aboard": -1.5 }], "text_offset": [4, 7],
        });
        let tokens = decode(&lists).unwrap();
        assert_eq!(
            tokens["content"][0]["top_logprobs"][1],
            json!({ "token": "No", "logprob": -2.5, "bytes": [78, 111] })
        );
        assert_eq!(encode(&tokens, 4).unwrap(), lists);
        let broken = json!({ "tokens": ["bytes:\\xe2"], "token_logprobs": [null], "top_logprobs": null });
        let entry = json!({ "token": "bytes:\\xe2", "logprob": null, "bytes": null, "top_logprobs": [] });
        assert_eq!(decode(&broken).unwrap()["content"], json!([entry]));
        assert_eq!(decode(&json!({ "content": [] })), None);
    }
}
