//! Marks for the provider's cache, where a policy asks for them and the client
//! set none: behind the tools, the system prompt and the last turn.
//!
//! Source: Anthropic, Prompt caching (at most four marks, kept for five minutes
//! or an hour), checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::super::block::CACHE_CONTROL;
use crate::ir::CacheLife;

/// Blocks that cannot be marked.
const UNMARKED: [&str; 2] = ["thinking", "redacted_thinking"];

/// Sets the marks.
pub(super) fn mark(fields: &mut Map<String, Value>, life: CacheLife) {
    if ["tools", "system", "messages"].iter().any(|name| fields.get(*name).is_some_and(is_marked)) {
        return;
    }
    let mark = match life {
        CacheLife::Minutes => json!({ "type": "ephemeral" }),
        CacheLife::Hour => json!({ "type": "ephemeral", "ttl": life.name() }),
    };
    if let Some(Value::Array(tools)) = fields.get_mut("tools") {
        mark_last(tools, &mark);
    }
    if let Some(system) = fields.get_mut("system") {
        mark_content(system, &mark);
    }
    let turns = fields.get_mut("messages").and_then(Value::as_array_mut);
    if let Some(content) = turns.and_then(|turns| turns.last_mut()?.get_mut("content")) {
        mark_content(content, &mark);
    }
}

fn is_marked(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key(CACHE_CONTROL) || fields.values().any(is_marked),
        Value::Array(list) => list.iter().any(is_marked),
        _ => false,
    }
}

/// Marks the end of content that is a text or a list of blocks.
fn mark_content(content: &mut Value, mark: &Value) {
    if let Value::String(text) = content {
        *content = json!([{ "type": "text", "text": text }]);
    }
    if let Value::Array(blocks) = content {
        mark_last(blocks, mark);
    }
}

fn mark_last(blocks: &mut [Value], mark: &Value) {
    let may = |block: &&mut Value| {
        let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
        let empty = kind == "text" && block.get("text").is_some_and(|text| text == "");
        !UNMARKED.contains(&kind) && !empty
    };
    if let Some(Value::Object(last)) = blocks.iter_mut().rev().find(may) {
        last.insert(CACHE_CONTROL.to_owned(), mark.clone());
    }
}
