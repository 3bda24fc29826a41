//! Gemini's own schema form (a subset of OpenAPI 3.0) to JSON Schema and back
//! to what Gemini reads.
//!
//! Towards Gemini schemas travel as JSON Schema (`parametersJsonSchema`,
//! `responseJsonSchema`); its own form is read for clients that send it.
//! Source: Gemini API reference "Schema" and "FunctionDeclaration", checked 2026-11-21.

use serde_json::{Map, Value, json};

/// JSON Schema for `schema` in Gemini's form: upper-case types become
/// lower-case, `nullable` becomes a type of null, numbers as strings become numbers.
pub(super) fn to_json_schema(schema: &Value) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let mut out = Map::with_capacity(fields.len());
    let mut nullable = false;
    for (name, value) in fields {
        match name.as_str() {
            "type" => {
                let name = value.as_str().map(str::to_ascii_lowercase);
                if name.as_deref() != Some("type_unspecified") {
                    out.insert("type".to_owned(), name.map_or_else(|| value.clone(), Value::from));
                }
            }
            "nullable" => nullable = value.as_bool().unwrap_or(false),
            "example" => {
                out.insert("examples".to_owned(), json!([value]));
            }
            "properties" => {
                let inner = value.as_object().into_iter().flatten();
                let inner = inner.map(|(key, schema)| (key.clone(), to_json_schema(schema)));
                out.insert(name.clone(), Value::Object(inner.collect()));
            }
            "items" => {
                out.insert(name.clone(), to_json_schema(value));
            }
            "anyOf" | "any_of" => {
                let list = value.as_array().into_iter().flatten().map(to_json_schema);
                out.insert("anyOf".to_owned(), Value::Array(list.collect()));
            }
            "maxItems" | "minItems" | "maxLength" | "minLength" | "maxProperties" | "minProperties" => {
                let number = super::fields::integer(value).map_or_else(|| value.clone(), Value::from);
                out.insert(name.clone(), number);
            }
            _ => {
                out.insert(name.clone(), value.clone());
            }
        }
    }
    if nullable {
        allow_null(&mut out);
    }
    Value::Object(out)
}

/// Adds the type of null to a schema.
fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.clone(), "null"]);
    }
    if let Some(Value::Array(options)) = schema.get_mut("enum") {
        options.push(Value::Null);
    }
    if let Some(Value::Array(options)) = schema.get_mut("anyOf") {
        options.push(json!({"type": "null"}));
    }
}

/// `schema` as Gemini understands it: `const`, which it ignores, becomes an `enum` of one.
pub(super) fn for_gemini(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut out = Map::with_capacity(fields.len());
            for (name, value) in fields {
                match name.as_str() {
                    "const" if !fields.contains_key("enum") => {
                        out.insert("enum".to_owned(), json!([value]));
                    }
                    "enum" | "default" | "examples" | "required" => {
                        out.insert(name.clone(), value.clone());
                    }
                    "properties" | "$defs" | "definitions" => {
                        out.insert(name.clone(), named(value));
                    }
                    _ => {
                        out.insert(name.clone(), for_gemini(value));
                    }
                }
            }
            Value::Object(out)
        }
        Value::Array(list) => Value::Array(list.iter().map(for_gemini).collect()),
        plain => plain.clone(),
    }
}

/// Schemas by name: the names are the author's and mean nothing.
fn named(schemas: &Value) -> Value {
    match schemas {
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, schema)| (name.clone(), for_gemini(schema))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_vendors_form() {
        for (gemini, json_schema) in [
            (
                json!({"type": "OBJECT", "properties": {"type": {"type": "STRING", "nullable": true}}}),
                json!({"type": "object", "properties": {"type": {"type": ["string", "null"]}}}),
            ),
            (
                json!({"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "minItems": "2"}),
                json!({"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 2}),
            ),
        ] {
            assert_eq!(to_json_schema(&gemini), json_schema);
        }
    }

    #[test]
    fn const_becomes_enum_but_not_as_a_property_name() {
        let schema = json!({"properties": {"const": {"const": 1}}, "default": {"const": 2}});
        let expected = json!({"properties": {"const": {"enum": [1]}}, "default": {"const": 2}});
        assert_eq!(for_gemini(&schema), expected);
    }
}
