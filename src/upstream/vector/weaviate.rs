//! Weaviate: GraphQL `Get` at `POST /v1/graphql`.
//! Source: Weaviate documentation, "GraphQL API: Get" and "Search operators", checked 2026-11-21.

use serde_json::{Map, Value, json};

use super::{Asked, Passage, Query, Settings, passage, said, setting, store_error, wrong};
use crate::error::{Kind, Result};

pub(super) fn request(settings: &Settings, query: &Query) -> Result<Asked> {
    let class = name(setting(settings, "class").unwrap_or_default())?;
    let mut arguments = vec![format!("limit: {}", query.limit)];
    let target = match setting(settings, "vector") {
        Some(vector) => format!(", targetVectors: [{}]", text(vector)),
        None => String::new(),
    };
    match (&query.vector, &query.text) {
        (Some(vector), _) => {
            arguments.push(format!("nearVector: {{vector: {}{target}}}", json!(vector)));
        }
        (None, Some(words)) => {
            arguments.push(format!("nearText: {{concepts: [{}]{target}}}", text(words)));
        }
        (None, None) => return Err(wrong("a search needs a text or a vector".to_owned())),
    }
    if let Some(filter) = &query.filter {
        arguments.push(format!("where: {}", filter_of(filter)?));
    }
    let properties = properties(settings)?;
    let arguments = arguments.join(", ");
    let graphql =
        format!("{{ Get {{ {class}({arguments}) {{ {properties} _additional {{ id distance }} }} }} }}");
    Ok(Asked { path: "v1/graphql".to_owned(), body: json!({ "query": graphql }), headers: &[] })
}

/// The properties to return: those of the settings and the text field.
fn properties(settings: &Settings) -> Result<String> {
    let listed =
        settings.get("properties").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut all = vec![name(setting(settings, "text_field").unwrap_or("text"))?];
    for property in listed {
        let property = name(property)?;
        if !all.contains(&property) {
            all.push(property);
        }
    }
    Ok(all.join(" "))
}

/// A name of GraphQL's: nothing else may stand in a query unquoted.
fn name(text: &str) -> Result<&str> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain && begins { Ok(text) } else { Err(wrong(format!("`{text}` is no name that Weaviate knows"))) }
}

/// A text as GraphQL quotes it, which is JSON's way.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// Weaviate's own filter (it has an `operator`), or fields and values that must be equal.
fn filter_of(filter: &Value) -> Result<String> {
    let fields = filter.as_object().ok_or_else(|| wrong("`filter` of a search is a map".to_owned()))?;
    if fields.contains_key("operator") {
        return graphql(filter);
    }
    let operands: Result<Vec<String>> = fields.iter().map(|(field, value)| equal(field, value)).collect();
    let operands = operands?;
    Ok(match operands.as_slice() {
        [one] => one.clone(),
        many => format!("{{operator: And, operands: [{}]}}", many.join(", ")),
    })
}

fn equal(field: &str, value: &Value) -> Result<String> {
    let kind = match value {
        Value::String(_) => "valueText",
        Value::Bool(_) => "valueBoolean",
        Value::Number(number) if number.is_f64() => "valueNumber",
        Value::Number(_) => "valueInt",
        _ => return Err(wrong(format!("`{field}` of a filter is a text, a number, or true or false"))),
    };
    Ok(format!("{{path: [{}], operator: Equal, {kind}: {value}}}", text(field)))
}

/// JSON as GraphQL writes it: names without quotes, operators as words.
fn graphql(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Object(fields) => {
            let one = |(field, value): (&String, &Value)| {
                let value = match value {
                    Value::String(word) if field == "operator" => name(word)?.to_owned(),
                    other => graphql(other)?,
                };
                Ok(format!("{}: {value}", name(field)?))
            };
            let fields: Result<Vec<String>> = fields.iter().map(one).collect();
            format!("{{{}}}", fields?.join(", "))
        }
        Value::Array(items) => {
            let items: Result<Vec<String>> = items.iter().map(graphql).collect();
            format!("[{}]", items?.join(", "))
        }
        plain => plain.to_string(),
    })
}

/// GraphQL reports errors with status 200.
pub(super) fn response(settings: &Settings, json: &Value) -> Result<Option<Vec<Passage>>> {
    if json.get("errors").is_some_and(|errors| !errors.is_null()) {
        let text = format!("the vector store refused: {}", said(json).unwrap_or_default());
        return Err(store_error(Kind::UpstreamFailed, text));
    }
    let classes = json.pointer("/data/Get").and_then(Value::as_object);
    let list = classes.and_then(|classes| classes.values().next()).and_then(Value::as_array);
    Ok(list.map(|list| list.iter().map(|item| found(settings, item)).collect()))
}

fn found(settings: &Settings, item: &Value) -> Passage {
    let additional = item.get("_additional");
    let figure = |name: &str| additional.and_then(|a| a.get(name)).and_then(Value::as_f64);
    let score = figure("distance").map_or_else(|| figure("certainty").unwrap_or_default(), |far| 1.0 - far);
    let mut fields: Map<String, Value> = item.as_object().cloned().unwrap_or_default();
    fields.shift_remove("_additional");
    passage(settings, additional.and_then(|a| a.get("id")), score, Some(&fields))
}
