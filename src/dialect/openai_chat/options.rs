//! Everything of a request besides its messages: tools, sampling, form of the
//! answer, reasoning. To and from the wire.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fields::{Fields, merge, wrong};
use crate::dialect::ids;
use crate::error::Result;
use crate::ir::{Dialect, Extra, MediaSource, Params, Part, ResponseFormat, Tool, ToolChoice};

/// What is carried over and what is not, while a request is encoded.
pub(in crate::dialect) struct Carry<'a> {
    /// Whether the request came in the very dialect that it is encoded in.
    pub(in crate::dialect) own: bool,
    /// Where paths of lost fields are noted.
    pub(in crate::dialect) dropped: &'a mut Vec<String>,
}

impl Carry<'_> {
    /// Merges extra fields into `value`, or notes them as lost.
    pub(in crate::dialect) fn extra(&mut self, value: &mut Value, extra: &Extra, path: &str) {
        for (name, field) in extra.iter() {
            if self.own {
                merge(value, &Value::Object(Map::from_iter([(name.clone(), field.clone())])));
            } else if extra.is_lost(name) {
                self.lose(format!("{path}.{name}"));
            }
        }
    }

    /// Notes the name of a picture, a sound, a film or a text: only files have one on the wire.
    pub(in crate::dialect) fn nameless(&mut self, part: &Part, path: &str) {
        let named = match part {
            Part::Image(media) | Part::Audio(media) | Part::Video(media) => media.name.is_some(),
            Part::Document(media) => media.name.is_some() && matches!(media.source, MediaSource::Text(_)),
            _ => false,
        };
        if named {
            self.lose(format!("{path}.filename"));
        }
    }

    /// The user's id: of another dialect's client, in OpenAI's bounds.
    pub(in crate::dialect) fn user(&mut self, id: &str) -> String {
        let fitting = if self.own { id.into() } else { ids::user(id) };
        if fitting != id {
            self.lose("user");
        }
        fitting.into_owned()
    }

    /// Notes a lost field.
    pub(in crate::dialect) fn lose(&mut self, path: impl Into<String>) {
        self.dropped.push(path.into());
    }
}

/// Decodes a tool. Older clients leave out `type`.
pub(super) fn decode_tool(value: Value, path: &str) -> Result<Tool> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("function");
    if kind != "function" || value.get("function").is_none_or(|inner| !inner.is_object()) {
        if !value.is_object() {
            return Err(wrong(path, "an object"));
        }
        return Ok(Tool::Opaque { dialect: Dialect::OpenAiChat, value: Arc::new(value) });
    }
    let mut fields = Fields::checked(value, path)?;
    fields.take("type");
    let mut inner = fields.demand_object("function")?.unwrap_or_default();
    let name = inner.demand_text("name")?.unwrap_or_default();
    let description = inner.demand_text("description")?;
    let parameters = inner.take("parameters");
    let strict = inner.demand_flag("strict")?;
    if !inner.is_empty() {
        fields.put("function", Value::Object(inner.into_map()));
    }
    Ok(Tool::Function { name, description, parameters, strict, extra: fields.rest() })
}

/// Encodes a tool; `None` when it belongs to another dialect.
pub(super) fn encode_tool(tool: &Tool, path: &str, carry: &mut Carry<'_>) -> Option<Value> {
    match tool {
        Tool::Function { name, description, parameters, strict, extra } => {
            let mut function = Map::new();
            function.insert("name".into(), name.clone().into());
            let mut put = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    function.insert(name.to_owned(), value);
                }
            };
            put("description", description.clone().map(Value::from));
            put("parameters", parameters.clone());
            put("strict", strict.map(Value::from));
            let mut value = json!({ "type": "function", "function": function });
            carry.extra(&mut value, extra, path);
            Some(value)
        }
        Tool::Opaque { dialect: Dialect::OpenAiChat, value } => Some((**value).clone()),
        Tool::Opaque { .. } => None,
    }
}

/// Decodes `tool_choice`.
pub(super) fn decode_choice(value: Value) -> ToolChoice {
    let named = |value: &Value| value.pointer("/function/name").and_then(Value::as_str).map(str::to_owned);
    match value.as_str() {
        Some("auto") => return ToolChoice::Auto,
        Some("none") => return ToolChoice::None,
        Some("required" | "any") => return ToolChoice::Required,
        _ => {}
    }
    match value.get("type").and_then(Value::as_str) {
        Some("function") => named(&value).map(ToolChoice::Named),
        Some("allowed_tools") => allowed(&value),
        _ => None,
    }
    .unwrap_or(ToolChoice::Opaque(value))
}

/// `allowed_tools`, when all of them are functions.
fn allowed(value: &Value) -> Option<ToolChoice> {
    let inner = value.get("allowed_tools")?;
    let tools = inner.get("tools")?.as_array()?;
    let names: Option<Vec<String>> =
        tools.iter().map(|tool| Some(tool.pointer("/function/name")?.as_str()?.to_owned())).collect();
    let must = inner.get("mode").and_then(Value::as_str) == Some("required");
    Some(ToolChoice::Allowed(names?, must))
}

/// Encodes `tool_choice`; `None` when it is a form of another dialect.
pub(super) fn encode_choice(choice: &ToolChoice, own: bool) -> Option<Value> {
    Some(match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
        ToolChoice::Allowed(names, must) => {
            let tools: Vec<Value> = names
                .iter()
                .map(|name| json!({ "type": "function", "function": { "name": name } }))
                .collect();
            let mode = if *must { "required" } else { "auto" };
            json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } })
        }
        ToolChoice::Opaque(value) if own => value.clone(),
        ToolChoice::Opaque(_) => return None,
    })
}

/// Decodes `response_format`; a form that is not known stays in `fields`.
pub(super) fn decode_format(fields: &mut Fields) -> Result<Option<ResponseFormat>> {
    let Some(value) = fields.take("response_format") else { return Ok(None) };
    let Some(kind) = value.get("type").and_then(Value::as_str) else {
        return Err(wrong(&fields.path("response_format"), "an object with a `type`"));
    };
    let only_type = value.as_object().is_some_and(|object| object.len() == 1);
    match kind {
        "text" if only_type => Ok(Some(ResponseFormat::Text)),
        "json_object" if only_type => Ok(Some(ResponseFormat::JsonObject)),
        "json_schema" => {
            let format = value.get("json_schema").and_then(schema);
            if format.is_none() {
                fields.put("response_format", value);
            }
            Ok(format)
        }
        _ => {
            fields.put("response_format", value);
            Ok(None)
        }
    }
}

/// The inner object of a `json_schema` format; `None` when it has fields beyond the known.
fn schema(value: &Value) -> Option<ResponseFormat> {
    let mut inner = Fields::of(value.clone());
    let format = ResponseFormat::JsonSchema {
        name: inner.text("name")?,
        description: inner.text("description"),
        schema: inner.take("schema")?,
        strict: inner.lenient("strict", Value::as_bool),
    };
    inner.into_map().values().all(Value::is_null).then_some(format)
}

/// Encodes `response_format`.
pub(super) fn encode_format(format: &ResponseFormat) -> Value {
    match format {
        ResponseFormat::Text => json!({ "type": "text" }),
        ResponseFormat::JsonObject => json!({ "type": "json_object" }),
        ResponseFormat::JsonSchema { name, description, schema, strict } => {
            let mut inner = json!({ "name": name, "schema": schema });
            if let Some(text) = description {
                merge(&mut inner, &json!({ "description": text }));
            }
            if let Some(strict) = strict {
                merge(&mut inner, &json!({ "strict": strict }));
            }
            json!({ "type": "json_schema", "json_schema": inner })
        }
    }
}

/// Takes sampling and limits.
pub(super) fn decode_params(fields: &mut Fields) -> Result<Params> {
    let small = |count: Option<u64>| count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let mut params = Params {
        max_tokens: fields.demand_count("max_completion_tokens")?,
        temperature: fields.demand_number("temperature")?,
        top_p: fields.demand_number("top_p")?,
        top_k: fields.demand_count("top_k")?,
        stop: decode_stop(fields)?,
        seed: fields.demand("seed", "a whole number", |value| value.as_i64())?,
        presence_penalty: fields.demand_number("presence_penalty")?,
        frequency_penalty: fields.demand_number("frequency_penalty")?,
        n: small(fields.demand_count("n")?),
        logprobs: fields.demand_flag("logprobs")?,
        top_logprobs: small(fields.demand_count("top_logprobs")?),
        logit_bias: fields.demand_object("logit_bias")?.map(Fields::into_map),
        ..Params::default()
    };
    if params.max_tokens.is_none() {
        params.max_tokens = fields.demand_count("max_tokens")?;
        params.older_limit_field = params.max_tokens.is_some();
    }
    Ok(params)
}

/// Takes `stop`: a text or a list of texts.
pub(in crate::dialect) fn decode_stop(fields: &mut Fields) -> Result<Vec<String>> {
    let expected = "a string or a list of strings";
    let texts = fields.demand("stop", expected, |value| match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(list) => list
            .into_iter()
            .map(|item| if let Value::String(text) = item { Some(text) } else { None })
            .collect(),
        _ => None,
    })?;
    Ok(texts.unwrap_or_default())
}
