//! What a policy asks to be kept of the prompt, for vendors of this dialect that
//! take OpenAI's key or Anthropic's marks.
//!
//! Sources: OpenAI API reference "prompt_cache_key"; OpenRouter docs "Prompt
//! Caching"; Alibaba Cloud Model Studio "Context cache", checked 2026-11-21.

use serde_json::{Map, Value, json};

use crate::dialect::Quirks;
use crate::ir::{CacheLife, Caching};

/// OpenAI's name for the key.
pub(in crate::dialect) const KEY: &str = "prompt_cache_key";

/// Adds the key, where the client gave none.
pub(in crate::dialect) fn put_key(caching: &Caching, quirks: &Quirks, body: &mut Map<String, Value>) {
    if let Some(key) = caching.key.as_ref().filter(|_| quirks.cache_key) {
        body.entry(KEY).or_insert_with(|| key.as_str().into());
    }
}

/// Marks the ends of the system prompt and of the last message, where nothing is marked.
pub(super) fn mark(caching: &Caching, quirks: &Quirks, messages: &mut [Value]) {
    let Some(life) = caching.prefix.filter(|_| quirks.cache_marks && !messages.iter().any(is_marked)) else {
        return;
    };
    let mark = match life {
        CacheLife::Minutes => json!({ "type": "ephemeral" }),
        CacheLife::Hour => json!({ "type": "ephemeral", "ttl": life.name() }),
    };
    let system =
        messages.iter().rposition(|message| message.get("role").is_some_and(|role| role == "system"));
    for at in system.into_iter().chain(messages.len().checked_sub(1)) {
        if let Some(content) = messages.get_mut(at).and_then(|message| message.get_mut("content")) {
            mark_content(content, &mark);
        }
    }
}

fn is_marked(message: &Value) -> bool {
    let parts = message.get("content").and_then(Value::as_array);
    parts.is_some_and(|parts| parts.iter().any(|part| part.get("cache_control").is_some()))
}

fn mark_content(content: &mut Value, mark: &Value) {
    if let Value::String(text) = content
        && !text.is_empty()
    {
        *content = json!([{ "type": "text", "text": text }]);
    }
    let last = content.as_array_mut().and_then(|parts| parts.last_mut());
    if let Some(Value::Object(part)) = last {
        part.insert("cache_control".to_owned(), mark.clone());
    }
}
