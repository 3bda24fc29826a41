//! Tools of a request, and which of them the model must or may call.

use serde_json::{Map, Value, json};

use super::include;
use crate::dialect::openai_chat::fields::merge;
use crate::dialect::openai_chat::options::Carry;
use crate::dialect::{Quirks, served};
use crate::ir::{Dialect, Request, Tool, ToolChoice};

/// Puts the tools, and which of them the model must call, into `body`.
pub(super) fn put(request: &Request, quirks: &Quirks, body: &mut Map<String, Value>, carry: &mut Carry<'_>) {
    let mut tools = Vec::new();
    for (at, tool) in request.tools.iter().enumerate() {
        let path = format!("tools[{at}]");
        match tool {
            Tool::Function { name, description, parameters, strict, extra } => {
                let mut value = json!({ "type": "function", "name": name });
                let fields = [
                    ("description", description.clone().map(Value::from)),
                    ("parameters", parameters.clone()),
                    // Here the default is strict, everywhere else it is not.
                    ("strict", strict.or((!carry.own).then_some(false)).map(Value::from)),
                ];
                for (name, field) in fields {
                    if let Some(field) = field {
                        merge(&mut value, &json!({ name: field }));
                    }
                }
                carry.extra(&mut value, extra, &path);
                tools.push(value);
            }
            Tool::Opaque { dialect: Dialect::OpenAiResponses, value } => tools.push((**value).clone()),
            Tool::Opaque { .. } => {
                match served::translated(request, at, Dialect::OpenAiResponses, quirks, carry.dropped) {
                    Some(tool) => tools.push(tool),
                    None => carry.lose(path),
                }
            }
        }
    }
    tools.extend(served::searching(request, Dialect::OpenAiResponses, quirks, carry.dropped));
    if !carry.own {
        include::of_tools(&tools, body);
    }
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
    }
    let function = |name: &String| json!({ "type": "function", "name": name });
    let choice = match &request.tool_choice {
        None => return,
        Some(ToolChoice::Auto) => "auto".into(),
        Some(ToolChoice::None) => "none".into(),
        Some(ToolChoice::Required) => "required".into(),
        Some(ToolChoice::Named(name)) => function(name),
        Some(ToolChoice::Allowed(names, must)) => {
            let mode = if *must { "required" } else { "auto" };
            json!({ "type": "allowed_tools", "mode": mode, "tools": names.iter().map(function).collect::<Vec<_>>() })
        }
        Some(ToolChoice::Opaque(value)) if carry.own => value.clone(),
        Some(ToolChoice::Opaque(_)) => return carry.lose("tool_choice"),
    };
    body.insert("tool_choice".into(), choice);
}
