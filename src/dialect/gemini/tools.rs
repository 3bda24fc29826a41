//! `tools` and `toolConfig`.
//!
//! Source: Gemini API reference "Tool", "ToolConfig", "FunctionDeclaration", checked 2026-11-21.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::emit::Emit;
use super::fields::Fields;
use super::schema::{for_gemini, to_json_schema};
use crate::dialect::{Quirks, served};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Extra, Request, Tool, ToolChoice};

/// Reads `tools`: functions one by one, each server-side tool as it stands.
pub(super) fn decode(list: Vec<Value>) -> Result<Vec<Tool>> {
    let mut tools = Vec::new();
    for value in list {
        let mut tool = Fields::of(value, "tools")?;
        for declaration in tool.list("functionDeclarations")?.unwrap_or_default() {
            tools.push(decode_function(Fields::of(declaration, "tools.functionDeclarations")?)?);
        }
        for (name, value) in tool.rest() {
            if !value.is_null() {
                let value = Value::Object(Map::from_iter([(name, value)]));
                tools.push(Tool::Opaque { dialect: Dialect::Gemini, value: Arc::new(value) });
            }
        }
    }
    Ok(tools)
}

fn decode_function(mut function: Fields) -> Result<Tool> {
    let name = function.text("name")?.ok_or_else(|| {
        Error::invalid("a function needs a name").with_param("tools.functionDeclarations.name")
    })?;
    let description = function.text("description")?;
    let own = function.take("parameters");
    let json_schema = function.take("parametersJsonSchema");
    let parameters = json_schema.or_else(|| own.as_ref().map(to_json_schema));
    let mut rest = function.rest();
    rest.extend(own.map(|own| ("parameters".to_owned(), own)));
    let mut extra = Extra::of(rest);
    extra.tell("parameters");
    Ok(Tool::Function { name, description, parameters, strict: None, extra })
}

/// Writes `tools`; empty when there are none to send.
pub(super) fn encode(request: &Request, quirks: &Quirks, emit: &mut Emit<'_>) -> Vec<Value> {
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed(names, false)) => Some(names),
        _ => None,
    };
    let mut functions = Vec::new();
    let mut others = Vec::new();
    for (at, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { name, .. } if allowed.is_some_and(|names| !names.contains(name)) => {}
            Tool::Function { .. } => functions.push(encode_function(tool, at, emit)),
            Tool::Opaque { dialect: Dialect::Gemini, value } => others.push((**value).clone()),
            Tool::Opaque { .. } => {
                match served::translated(request, at, Dialect::Gemini, quirks, emit.dropped) {
                    Some(tool) => others.push(tool),
                    None => emit.dropped.push(format!("tools[{at}]")),
                }
            }
        }
    }
    let functions = (!functions.is_empty()).then(|| json!({"functionDeclarations": functions}));
    functions.into_iter().chain(others).collect()
}

fn encode_function(tool: &Tool, at: usize, emit: &mut Emit<'_>) -> Value {
    let Tool::Function { name, description, parameters, strict, extra } = tool else { return Value::Null };
    let mut function = Map::new();
    function.insert("name".to_owned(), Value::from(name.as_str()));
    function.extend(description.as_deref().map(|text| ("description".to_owned(), Value::from(text))));
    let own = extra.get("parameters").filter(|_| emit.same);
    match (own, parameters) {
        (Some(own), Some(schema)) if to_json_schema(own) == *schema => {
            function.insert("parameters".to_owned(), own.clone());
        }
        (_, Some(schema)) if emit.same || !takes_nothing(schema) => {
            function.insert("parametersJsonSchema".to_owned(), for_gemini(schema));
        }
        _ => {}
    }
    if *strict == Some(true) {
        emit.dropped.push(format!("tools[{at}].strict"));
    }
    let mut rest = extra.clone();
    if emit.same {
        rest.take("parameters");
    }
    emit.extra(&mut function, &rest, &format!("tools[{at}]"));
    Value::Object(function)
}

/// Whether a schema allows no parameters at all: such a function is declared without.
fn takes_nothing(schema: &Value) -> bool {
    schema.as_object().is_some_and(|fields| {
        fields.get("properties").is_none_or(|inner| inner.as_object().is_some_and(Map::is_empty))
            && !fields.contains_key("$ref")
            && !fields.contains_key("anyOf")
            && !matches!(fields.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_)))
    })
}

/// Reads `toolConfig`; what has no place is returned.
pub(super) fn decode_config(mut config: Fields) -> Result<(Option<ToolChoice>, Map<String, Value>)> {
    let Some(Value::Object(calling)) = config.take("functionCallingConfig") else {
        return Ok((None, config.rest()));
    };
    let mut inner = Fields::new(calling.clone(), "toolConfig.functionCallingConfig");
    let mode = inner.text("mode")?.map(|mode| mode.to_ascii_uppercase());
    let names = inner.list("allowedFunctionNames")?.unwrap_or_default();
    let mut names: Vec<String> =
        names.into_iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    let unknown = !inner.rest().is_empty();
    let choice = match mode.as_deref() {
        _ if unknown => ToolChoice::Opaque(Value::Object(calling)),
        None | Some("MODE_UNSPECIFIED" | "AUTO") if names.is_empty() => ToolChoice::Auto,
        Some("NONE") => ToolChoice::None,
        Some("ANY") => match (names.len(), names.pop()) {
            (1, Some(name)) => ToolChoice::Named(name),
            (_, Some(last)) => {
                names.push(last);
                ToolChoice::Allowed(names, true)
            }
            (_, None) => ToolChoice::Required,
        },
        _ => ToolChoice::Opaque(Value::Object(calling)),
    };
    Ok((Some(choice), config.rest()))
}

/// Writes `toolConfig`; empty when the request leaves the choice to the model.
pub(super) fn encode_config(request: &Request, emit: &mut Emit<'_>) -> Map<String, Value> {
    let mut config = Map::new();
    let kept = request.extra.get("toolConfig").filter(|_| emit.same).and_then(Value::as_object);
    config.extend(kept.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    let function = |tool: &Tool| matches!(tool, Tool::Function { .. });
    if !request.tools.iter().any(function) && !emit.same {
        return config;
    }
    if request.parallel_tools == Some(false) {
        emit.dropped.push("parallel_tool_calls".to_owned());
    }
    let calling = match &request.tool_choice {
        None => return config,
        Some(ToolChoice::Auto | ToolChoice::Allowed(_, false)) => json!({"mode": "AUTO"}),
        Some(ToolChoice::None) => json!({"mode": "NONE"}),
        Some(ToolChoice::Required) => json!({"mode": "ANY"}),
        Some(ToolChoice::Named(name)) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
        Some(ToolChoice::Allowed(names, true)) => json!({"mode": "ANY", "allowedFunctionNames": names}),
        Some(ToolChoice::Opaque(value)) if emit.same => value.clone(),
        Some(ToolChoice::Opaque(_)) => {
            emit.dropped.push("tool_choice".to_owned());
            return config;
        }
    };
    config.insert("functionCallingConfig".to_owned(), calling);
    config
}
