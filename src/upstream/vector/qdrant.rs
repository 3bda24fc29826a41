//! Qdrant: `POST /collections/{name}/points/query`.
//! Source: Qdrant API reference, "Query points" and "Search points", checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::{Asked, Passage, Query, Settings, passage, setting, wrong};
use crate::error::Result;

/// The words of Qdrant's own filters.
const CLAUSES: [&str; 4] = ["must", "should", "must_not", "min_should"];

pub(super) fn request(settings: &Settings, query: &Query) -> Result<Asked> {
    let collection = setting(settings, "collection").unwrap_or_default();
    if collection.is_empty() || collection.contains(['/', '?', '#', '%']) {
        return Err(wrong(format!("`{collection}` is no name of a collection")));
    }
    let mut body = json!({ "query": query.needs_vector()?, "limit": query.limit, "with_payload": true });
    if let Some(name) = setting(settings, "vector") {
        insert(&mut body, "using", name.into());
    }
    if let Some(filter) = &query.filter {
        insert(&mut body, "filter", filter_of(filter)?);
    }
    Ok(Asked { path: format!("collections/{collection}/points/query"), body, headers: &[] })
}

fn insert(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Qdrant's own filter as it is; a map of fields and values as its `must`.
fn filter_of(filter: &Value) -> Result<Value> {
    let fields = filter.as_object().ok_or_else(|| wrong("`filter` of a search is a map".to_owned()))?;
    if fields.keys().any(|name| CLAUSES.contains(&name.as_str())) {
        return Ok(filter.clone());
    }
    let matches: Vec<Value> =
        fields.iter().map(|(key, value)| json!({ "key": key, "match": equal(value) })).collect();
    Ok(json!({ "must": matches }))
}

fn equal(value: &Value) -> Value {
    if value.is_array() { json!({ "any": value }) } else { json!({ "value": value }) }
}

/// `result` is a list in the answer of a search, `{ points }` in that of a query.
pub(super) fn response(settings: &Settings, json: &Value) -> Option<Vec<Passage>> {
    let result = json.get("result")?;
    let points = result.get("points").unwrap_or(result).as_array()?;
    let one = |point: &Value| {
        let payload: Option<&Map<String, Value>> = point.get("payload").and_then(Value::as_object);
        Some(passage(settings, point.get("id"), point.get("score")?.as_f64()?, payload))
    };
    points.iter().map(one).collect()
}
