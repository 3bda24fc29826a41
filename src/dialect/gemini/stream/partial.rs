//! Arguments of a function call that come in pieces, each addressed by a JSON path.
//!
//! Source: Vertex AI reference "FunctionCall.PartialArg", checked 2026-11-21.

use serde_json::{Map, Value};

/// Most elements that a path may make a list grow to.
const MAX_INDEX: usize = 4096;

/// Arguments as far as they came.
#[derive(Debug, Default)]
pub(super) struct Partial {
    args: Value,
}

/// One step of a path.
#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    At(usize),
}

impl Partial {
    /// Adds one piece; a text goes after the text that stands there already.
    pub(super) fn add(&mut self, piece: &Value) {
        let path = piece.get("jsonPath").and_then(Value::as_str).unwrap_or("$");
        let value =
            [("stringValue", false), ("numberValue", false), ("boolValue", false), ("nullValue", true)]
                .into_iter()
                .find_map(|(name, null)| {
                    piece.get(name).map(|value| if null { Value::Null } else { value.clone() })
                });
        let (Some(place), Some(value)) = (self.place(path), value) else { return };
        match (place, value) {
            (Value::String(text), Value::String(more)) => text.push_str(&more),
            (place, value) => *place = value,
        }
    }

    /// Takes whole arguments, given at once.
    pub(super) fn set(&mut self, args: Value) {
        self.args = args;
    }

    /// The arguments as JSON text.
    pub(super) fn text(&self) -> String {
        if self.args.is_null() { "{}".to_owned() } else { self.args.to_string() }
    }

    fn place(&mut self, path: &str) -> Option<&mut Value> {
        let mut place = &mut self.args;
        for step in steps(path)? {
            match step {
                Step::Key(key) => {
                    if !place.is_object() {
                        *place = Value::Object(Map::new());
                    }
                    place = place.as_object_mut()?.entry(key).or_insert(Value::Null);
                }
                Step::At(at) => {
                    if !place.is_array() {
                        *place = Value::Array(Vec::new());
                    }
                    let list = place.as_array_mut()?;
                    if at >= list.len() {
                        list.resize(at + 1, Value::Null);
                    }
                    place = list.get_mut(at)?;
                }
            }
        }
        Some(place)
    }
}

/// The steps of `$.a.b[0]['c d']`.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'));
            if let Some(quote) = quote {
                let (key, after) = inner.strip_prefix(quote)?.split_once(quote)?;
                steps.push(Step::Key(key.to_owned()));
                rest = after.strip_prefix(']')?;
            } else {
                let (at, after) = inner.split_once(']')?;
                steps.push(Step::At(at.parse().ok().filter(|at| *at < MAX_INDEX)?));
                rest = after;
            }
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (key, after) = name.split_at_checked(end)?;
            if key.is_empty() {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_become_arguments() {
        let mut partial = Partial::default();
        assert_eq!(partial.text(), "{}");
        for piece in [
            json!({"jsonPath": "$.recipe.name", "stringValue": "Lasa", "willContinue": true}),
            json!({"jsonPath": "$.recipe.name", "stringValue": "gna"}),
            json!({"jsonPath": "$.recipe.steps[1].minutes", "numberValue": 5}),
            json!({"jsonPath": "$['odd key']", "boolValue": true}),
            json!({"jsonPath": "$.none", "nullValue": "NULL_VALUE"}),
            json!({"jsonPath": "$.steps[99999999]", "stringValue": "refused"}),
        ] {
            partial.add(&piece);
        }
        let expected = json!({
            "recipe": {"name": "Lasagna", "steps": [null, {"minutes": 5}]},
            "odd key": true,
            "none": null,
        });
        let mut args: Value = serde_json::from_str(&partial.text()).unwrap();
        args.as_object_mut().unwrap().remove("steps");
        assert_eq!(args, expected);
    }
}
