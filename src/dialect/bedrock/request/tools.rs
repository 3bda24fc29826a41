//! `toolConfig`.

use serde_json::{Map, Value, json};

use super::block::{self, Encoder};
use super::conversation::Conversation;
use super::family::Family;
use crate::dialect::anthropic::{self, object};
use crate::dialect::fields::Path;
use crate::ir::{Dialect, Request, Tool, ToolChoice};

/// The tools and the choice among them; `None` when there is nothing to say.
///
/// A conversation that has calls or results demands the field, so that without
/// tools the called ones are named anew.
pub(super) fn encode(
    request: &Request,
    family: Family,
    conversation: &Conversation,
    encoder: &mut Encoder,
) -> Option<Value> {
    let mut tools = Vec::new();
    let excluded = |name: &str| match &request.tool_choice {
        Some(ToolChoice::Allowed(names, _)) => !names.iter().any(|allowed| allowed == name),
        _ => false,
    };
    let at = Path::Root.field("tools");
    for (index, tool) in request.tools.iter().enumerate() {
        let at = at.index(index);
        match tool {
            Tool::Function { name, .. } if excluded(name) => {}
            Tool::Function { .. } => tools.extend(function(tool, family, encoder, at)),
            Tool::Opaque { dialect: Dialect::Bedrock, value } => tools.push(value.as_ref().clone()),
            Tool::Opaque { .. } => encoder.drop(at),
        }
    }
    if request.tool_choice == Some(ToolChoice::None) && conversation.called().is_empty() {
        return None;
    }
    if tools.is_empty() {
        tools.extend(conversation.called().iter().map(
            |name| json!({ "toolSpec": { "name": name, "inputSchema": { "json": { "type": "object" } } } }),
        ));
    }
    if tools.is_empty() {
        return None;
    }
    let mut config = object(json!({ "tools": tools }));
    config.extend(choice(request, encoder).map(|choice| ("toolChoice".to_owned(), choice)));
    Some(Value::Object(config))
}

/// A function, and the cache point behind it.
fn function(tool: &Tool, family: Family, encoder: &mut Encoder, at: Path<'_>) -> Vec<Value> {
    let Tool::Function { name, description, parameters, strict, extra } = tool else { return Vec::new() };
    let mut schema = parameters.clone().unwrap_or_else(|| json!({ "type": "object", "properties": {} }));
    if let Value::Object(fields) = &mut schema {
        fields.entry("type").or_insert_with(|| "object".into());
    }
    let mut spec = object(json!({ "name": name }));
    // An empty description is refused.
    let description = description.as_ref().filter(|text| !text.is_empty());
    spec.extend(description.map(|text| ("description".to_owned(), text.as_str().into())));
    if *strict == Some(true) {
        if family == Family::Claude && !anthropic::is_recursive(&schema) {
            if anthropic::restrict(&mut schema) {
                encoder.drop(at.field("parameters"));
            }
            spec.insert("strict".to_owned(), true.into());
        } else {
            encoder.drop(at.field("strict"));
        }
    }
    spec.insert("inputSchema".to_owned(), json!({ "json": schema }));
    let mut out = vec![Value::Object(Map::from_iter([("toolSpec".to_owned(), Value::Object(spec))]))];
    out.extend(block::cache_point(extra));
    encoder.extra(extra, at);
    out
}

/// `toolChoice`; whether several tools may be called at once has no place here.
fn choice(request: &Request, encoder: &mut Encoder) -> Option<Value> {
    if request.parallel_tools == Some(false) {
        encoder.drop(Path::Root.field("parallel_tool_calls"));
    }
    match &request.tool_choice {
        None => None,
        Some(ToolChoice::Auto | ToolChoice::Allowed(_, false)) => Some(json!({ "auto": {} })),
        Some(ToolChoice::Required | ToolChoice::Allowed(_, true)) => Some(json!({ "any": {} })),
        Some(ToolChoice::Named(name)) => Some(json!({ "tool": { "name": name } })),
        Some(ToolChoice::None | ToolChoice::Opaque(_)) => {
            encoder.drop(Path::Root.field("tool_choice"));
            None
        }
    }
}
