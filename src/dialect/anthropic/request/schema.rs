//! JSON Schemas as Anthropic's constrained decoding takes them: a subset. What
//! it refuses moves into the description, where the model still reads it.
//!
//! Source: Anthropic, Structured outputs, "JSON Schema limitations", checked 2026-11-21.

use serde_json::{Map, Value};

/// Keywords that are refused.
const REFUSED: [&str; 16] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "patternProperties",
    "not",
];

/// Deepest nesting that is looked into; a request's body is no deeper.
const MAX_DEPTH: u8 = 64;

/// Makes `schema` one that is accepted; says whether anything that binds was lost.
pub(in crate::dialect) fn restrict(schema: &mut Value) -> bool {
    visit(schema, MAX_DEPTH)
}

fn visit(schema: &mut Value, depth: u8) -> bool {
    let (Value::Object(fields), Some(depth)) = (schema, depth.checked_sub(1)) else { return false };
    let mut changed = soften(fields);
    if is_object(fields) {
        let closed = fields.insert("additionalProperties".to_owned(), Value::Bool(false));
        changed |= closed.is_some_and(|before| before != Value::Bool(false));
    }
    if let Some(branches) = fields.shift_remove("oneOf") {
        fields.insert("anyOf".to_owned(), branches);
    }
    for name in ["items", "additionalProperties"] {
        changed |= fields.get_mut(name).is_some_and(|inner| visit(inner, depth));
    }
    for name in ["properties", "$defs", "definitions"] {
        if let Some(Value::Object(members)) = fields.get_mut(name) {
            for member in members.values_mut() {
                changed |= visit(member, depth);
            }
        }
    }
    for name in ["anyOf", "allOf", "prefixItems"] {
        if let Some(Value::Array(members)) = fields.get_mut(name) {
            for member in members {
                changed |= visit(member, depth);
            }
        }
    }
    changed
}

/// Whether `schema` refers to itself, which constrained decoding does not take.
pub(in crate::dialect) fn is_recursive(schema: &Value) -> bool {
    recurs(schema, schema, &mut Vec::new())
}

fn recurs<'a>(root: &'a Value, value: &'a Value, open: &mut Vec<&'a str>) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| recurs(root, item, open)),
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                let Some(pointer) = target.strip_prefix('#').filter(|pointer| !pointer.is_empty()) else {
                    return target == "#";
                };
                if open.contains(&pointer) {
                    return true;
                }
                open.push(pointer);
                let found = root.pointer(pointer).is_some_and(|inner| recurs(root, inner, open));
                open.pop();
                return found;
            }
            let inner = fields.iter().filter(|(name, _)| *name != "$defs" && *name != "definitions");
            inner.map(|(_, inner)| inner).any(|inner| recurs(root, inner, open))
        }
        _ => false,
    }
}

/// Moves refused keywords into the description.
fn soften(fields: &mut Map<String, Value>) -> bool {
    let mut said = Vec::new();
    for name in REFUSED {
        said.extend(fields.shift_remove(name).map(|value| format!("{name}: {value}")));
    }
    // Zero and one are the only lower bounds of lists that are taken.
    if fields.get("minItems").and_then(Value::as_u64).is_some_and(|least| least > 1) {
        said.extend(fields.shift_remove("minItems").map(|value| format!("minItems: {value}")));
    }
    if said.is_empty() {
        return false;
    }
    let bounds = format!("{{{}}}", said.join(", "));
    let text = match fields.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text}\n\n{bounds}"),
        None => bounds,
    };
    fields.insert("description".to_owned(), text.into());
    true
}

/// Whether the schema is of an object.
fn is_object(fields: &Map<String, Value>) -> bool {
    match fields.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => fields.contains_key("properties"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn recursion_is_seen_through_references() {
        for (schema, expected) in [
            (json!({"$defs":{"n":{"properties":{"next":{"$ref":"#/$defs/n"}}}},"$ref":"#/$defs/n"}), true),
            (json!({"properties":{"self":{"$ref":"#"}}}), true),
            (
                json!({"$defs":{"a":{"type":"string"}},"properties":{"x":{"$ref":"#/$defs/a"},"y":{"$ref":"#/$defs/a"}}}),
                false,
            ),
            (json!({"$defs":{"unused":{"$ref":"#/$defs/unused"}},"type":"object"}), false),
        ] {
            assert_eq!(is_recursive(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn schemas_shrink_to_the_subset() {
        for (schema, expected, lossy) in [
            (
                json!({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}),
                json!({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}),
                false,
            ),
            (
                json!({"type":"integer","minimum":3,"description":"Age"}),
                json!({"type":"integer","description":"Age\n\n{minimum: 3}"}),
                true,
            ),
            (
                json!({"type":"object","additionalProperties":{"type":"string"}}),
                json!({"type":"object","additionalProperties":false}),
                true,
            ),
            (
                json!({"oneOf":[{"type":"array","minItems":2,"items":{"type":"object"}},{"type":"null"}]}),
                json!({"anyOf":[{"type":"array","items":{"type":"object","additionalProperties":false},"description":"{minItems: 2}"},{"type":"null"}]}),
                true,
            ),
        ] {
            let mut actual = schema.clone();
            assert_eq!(restrict(&mut actual), lossy, "{schema}");
            assert_eq!(actual, expected, "{schema}");
        }
    }
}
