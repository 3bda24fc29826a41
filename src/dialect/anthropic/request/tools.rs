//! Tools and which of them the model must or may call.

use serde_json::{Value, json};

use super::super::block::{Encoder, object};
use super::super::generation::Abilities;
use super::schema;
use crate::dialect::fields::Path;
use crate::dialect::{Quirks, served};
use crate::ir::{Dialect, Request, Tool, ToolChoice};

/// Most tools of a request that may be strict.
///
/// Source: Anthropic, Structured outputs, "Schema complexity limits", checked 2026-11-21.
const MOST_STRICT: usize = 20;

/// The tools of `request`; of a choice among some, only those.
pub(super) fn encode(
    request: &Request,
    quirks: &Quirks,
    abilities: Abilities,
    encoder: &mut Encoder,
) -> Vec<Value> {
    let mut tools = Vec::with_capacity(request.tools.len());
    let mut strict_left = if abilities.structured { MOST_STRICT } else { 0 };
    let at = Path::Root.field("tools");
    for (index, tool) in request.tools.iter().enumerate() {
        let at = at.index(index);
        match tool {
            Tool::Function { name, .. } if is_excluded(request, name) => {}
            Tool::Function { .. } => tools.push(function(tool, &mut strict_left, encoder, at)),
            Tool::Opaque { dialect: Dialect::Anthropic, value } => tools.push(value.as_ref().clone()),
            Tool::Opaque { .. } => {
                let lost = &mut encoder.dropped;
                let own = served::translated(request, index, Dialect::Anthropic, quirks, lost);
                match own {
                    Some(tool) => tools.push(tool),
                    None => encoder.drop(at),
                }
            }
        }
    }
    tools
}

fn function(tool: &Tool, strict_left: &mut usize, encoder: &mut Encoder, at: Path<'_>) -> Value {
    let Tool::Function { name, description, parameters, strict, extra } = tool else { return Value::Null };
    let mut fields = object(json!({ "name": name }));
    fields.extend(description.as_ref().map(|text| ("description".to_owned(), text.as_str().into())));
    let mut schema = rooted(parameters.as_ref());
    let mut strict = *strict;
    if !encoder.same() && strict == Some(true) {
        if *strict_left == 0 || schema::is_recursive(&schema) {
            encoder.drop(at.field("strict"));
            strict = None;
        } else {
            *strict_left -= 1;
            if schema::restrict(&mut schema) {
                encoder.drop(at.field("parameters"));
            }
        }
    }
    fields.insert("input_schema".to_owned(), schema);
    if let Some(strict) = strict.filter(|strict| *strict || encoder.same()) {
        fields.insert("strict".to_owned(), strict.into());
    }
    encoder.extra(&mut fields, extra, at);
    Value::Object(fields)
}

/// The schema with `type: object` at its root, which the API demands.
fn rooted(schema: Option<&Value>) -> Value {
    let mut schema = schema.cloned().unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
    if let Value::Object(fields) = &mut schema
        && !fields.contains_key("type")
    {
        fields.insert("type".to_owned(), "object".into());
    }
    schema
}

/// Whether the request's choice leaves the tool `name` out.
fn is_excluded(request: &Request, name: &str) -> bool {
    matches!(&request.tool_choice, Some(ToolChoice::Allowed(names, _)) if !names.iter().any(|allowed| allowed == name))
}

/// Whether the model must call a tool.
pub(super) fn forces(choice: Option<&ToolChoice>) -> bool {
    matches!(choice, Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed(_, true)))
}

/// `tool_choice`, which also says whether several tools may be called at once.
pub(super) fn choice(request: &Request, encoder: &mut Encoder) -> Option<Value> {
    let mut fields = match (&request.tool_choice, request.parallel_tools) {
        (None, None) => return None,
        // Parallel calls are the default.
        (None, Some(true)) if !encoder.same() => return None,
        (None | Some(ToolChoice::Auto | ToolChoice::Allowed(_, false)), _) => json!({ "type": "auto" }),
        (Some(ToolChoice::None), _) => return Some(json!({ "type": "none" })),
        (Some(ToolChoice::Required | ToolChoice::Allowed(_, true)), _) => json!({ "type": "any" }),
        (Some(ToolChoice::Named(name)), _) => json!({ "type": "tool", "name": name }),
        (Some(ToolChoice::Opaque(value)), _) if encoder.same() => value.clone(),
        (Some(ToolChoice::Opaque(_)), _) => {
            encoder.drop(Path::Root.field("tool_choice"));
            return None;
        }
    };
    if let (Some(parallel), Value::Object(fields)) = (request.parallel_tools, &mut fields)
        && (encoder.same() || !parallel)
    {
        fields.insert("disable_parallel_tool_use".to_owned(), (!parallel).into());
    }
    Some(fields)
}
