//! Cache points, where a policy asks for them and the client set none: behind
//! the tools, the system prompt and the last turn, for models that take them.
//!
//! Source: Amazon Bedrock user guide, Prompt caching (Claude: tools, system,
//! messages; Nova: system, messages; five minutes, an hour for some of
//! Claude's), checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::family::Family;
use crate::ir::CacheLife;

const CACHE_POINT: &str = "cachePoint";

/// Sets the points.
pub(super) fn mark(fields: &mut Map<String, Value>, family: Family, life: CacheLife) {
    if !matches!(family, Family::Claude | Family::Nova) || fields.values().any(has_point) {
        return;
    }
    let point = match life {
        CacheLife::Hour if family == Family::Claude => json!({ "type": "default", "ttl": life.name() }),
        CacheLife::Hour | CacheLife::Minutes => json!({ "type": "default" }),
    };
    let point = json!({ CACHE_POINT: point });
    let tools = fields.get_mut("toolConfig").and_then(|config| config.get_mut("tools"));
    if let Some(Value::Array(tools)) = tools.filter(|_| family == Family::Claude) {
        tools.push(point.clone());
    }
    if let Some(Value::Array(system)) = fields.get_mut("system") {
        system.push(point.clone());
    }
    let turns = fields.get_mut("messages").and_then(Value::as_array_mut);
    if let Some(Value::Array(content)) = turns.and_then(|turns| turns.last_mut()?.get_mut("content")) {
        content.push(point);
    }
}

fn has_point(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.contains_key(CACHE_POINT) || fields.values().any(has_point),
        Value::Array(list) => list.iter().any(has_point),
        _ => false,
    }
}
