//! Pinecone: `POST /query` of an index, and `POST /records/namespaces/{name}/search`
//! where the index makes vectors itself.
//! Source: Pinecone API reference 2025-04, "Query", "Search with text", checked 2026-11-21.

use serde_json::{Value, json};

use super::{Asked, Passage, Query, Settings, passage, setting, wrong};
use crate::error::Result;

const HEADERS: &[(&str, &str)] = &[("x-pinecone-api-version", "2025-04")];

pub(super) fn request(settings: &Settings, query: &Query) -> Result<Asked> {
    let namespace = setting(settings, "namespace");
    if let Some(filter) = query.filter.as_ref().filter(|filter| !filter.is_object()) {
        return Err(wrong(format!("`filter` of a search is a map, not {filter}")));
    }
    if let (None, Some(text)) = (&query.vector, &query.text) {
        let namespace = namespace.unwrap_or("__default__");
        if namespace.contains(['/', '?', '#', '%']) {
            return Err(wrong(format!("`{namespace}` is no name of a namespace")));
        }
        let mut inner = json!({ "inputs": { "text": text }, "top_k": query.limit });
        insert(&mut inner, "filter", query.filter.clone());
        let path = format!("records/namespaces/{namespace}/search");
        return Ok(Asked { path, body: json!({ "query": inner }), headers: HEADERS });
    }
    let mut body = json!({ "vector": query.needs_vector()?, "topK": query.limit, "includeMetadata": true });
    insert(&mut body, "namespace", namespace.map(Value::from));
    insert(&mut body, "filter", query.filter.clone());
    Ok(Asked { path: "query".to_owned(), body, headers: HEADERS })
}

fn insert(body: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(fields), Some(value)) = (body.as_object_mut(), value) {
        fields.insert(name.to_owned(), value);
    }
}

/// `matches` of a query, `result.hits` of a search by text.
pub(super) fn response(settings: &Settings, json: &Value) -> Option<Vec<Passage>> {
    if let Some(matches) = json.get("matches") {
        let one = |hit: &Value| {
            let metadata = hit.get("metadata").and_then(Value::as_object);
            Some(passage(settings, hit.get("id"), hit.get("score")?.as_f64()?, metadata))
        };
        return matches.as_array()?.iter().map(one).collect();
    }
    let one = |hit: &Value| {
        let fields = hit.get("fields").and_then(Value::as_object);
        Some(passage(settings, hit.get("_id"), hit.get("_score")?.as_f64()?, fields))
    };
    json.pointer("/result/hits")?.as_array()?.iter().map(one).collect()
}
