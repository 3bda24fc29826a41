//! Requests: a client's generateContent body to the canonical form, the
//! canonical form to a provider's body.
//!
//! Source: Gemini API reference "models.generateContent", checked 2026-11-21.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::emit::{Emit, Names};
use super::fields::Fields;
use super::part::{self, Ids};
use super::{config, tools};
use crate::dialect::{PathFacts, Quirks, served, voice};
use crate::error::{Error, Result};
use crate::ir::{Dialect, Extra, Message, Part, Request, Role};

/// Decodes the body of generateContent, streamGenerateContent or countTokens.
pub(super) fn decode(body: &[u8], path: PathFacts<'_>) -> Result<Request> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|at| Error::invalid(format!("the body is not valid: {at}")).with_code("invalid_json"))?;
    let mut fields = Fields::of(value, "body")?;
    if let Some(inner) = fields.object("generateContentRequest")? {
        fields = inner;
    }
    let named = fields.text("model")?.unwrap_or_default();
    let model = path.model.unwrap_or_else(|| named.strip_prefix("models/").unwrap_or(&named));
    let mut request = Request::new(Dialect::Gemini, model);
    request.stream = path.stream;
    request.stream_options.include_usage = true;
    if let Some(system) = fields.take("systemInstruction") {
        request.messages.push(Arc::new(decode_system(system)?));
    }
    let contents = match fields.take("contents") {
        Some(Value::Array(list)) => list,
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err(Error::invalid("`contents` must be a list of contents").with_param("contents")),
    };
    let mut pending = VecDeque::new();
    for (at, content) in contents.into_iter().enumerate() {
        let message = decode_content(content, at, &mut pending)?;
        request.messages.push(Arc::new(message));
    }
    request.tools = tools::decode(fields.list("tools")?.unwrap_or_default())?;
    let mut kept = Map::new();
    let mut told = false;
    if let Some(config) = fields.object("toolConfig")? {
        let (choice, rest) = tools::decode_config(config)?;
        request.tool_choice = choice;
        keep(&mut kept, "toolConfig", rest);
    }
    if let Some(config) = fields.object("generationConfig")? {
        let rest = config::decode(config, &mut request)?;
        told = rest.iter().all(|(name, value)| config::is_told(name, value, &request));
        keep(&mut kept, "generationConfig", rest);
    }
    kept.extend(fields.rest().into_iter().filter(|(_, value)| !value.is_null()));
    request.extra = Extra::of(kept);
    if told {
        request.extra.tell("generationConfig");
    }
    Ok(request)
}

fn keep(kept: &mut Map<String, Value>, name: &str, rest: Map<String, Value>) {
    if !rest.is_empty() {
        kept.insert(name.to_owned(), Value::Object(rest));
    }
}

/// The system instruction: a content, a list of parts or a plain text.
fn decode_system(value: Value) -> Result<Message> {
    if let Value::String(text) = value {
        return Ok(Message::text(Role::System, text));
    }
    let role = value.get("role").filter(|role| role.as_str().is_some_and(|role| role != "user")).cloned();
    let mut message = decode_content(value, 0, &mut VecDeque::new())?;
    message.role = Role::System;
    if let Some(role) = role {
        message.extra.insert("role", role);
    }
    Ok(message)
}

/// Decodes one content. `pending` holds the calls that are not answered yet, by name.
fn decode_content(value: Value, at: usize, pending: &mut VecDeque<(String, String)>) -> Result<Message> {
    let mut fields = match value {
        Value::String(text) => return Ok(Message::text(Role::User, text)),
        Value::Array(_) => Fields::of(json!({"parts": value}), "contents")?,
        other => Fields::of(other, "contents")?,
    };
    let wire_role = fields.text("role")?;
    let mut ids = Ids::of(&format!("turn{at}"));
    let mut parts = Vec::new();
    for part in fields.list("parts")?.unwrap_or_default() {
        if !part.is_object() {
            return Err(
                Error::invalid("a part must be an object").with_param(format!("contents[{at}].parts"))
            );
        }
        part::decode(part, &mut ids, &mut parts);
    }
    for part in &mut parts {
        match part {
            Part::ToolCall(call) => pending.push_back((call.name.clone(), call.id.clone())),
            Part::ToolResult(result) => pair(result, pending),
            _ => {}
        }
    }
    let only_results = !parts.is_empty() && parts.iter().all(|part| matches!(part, Part::ToolResult(_)));
    let role = match wire_role.as_deref() {
        Some("model" | "assistant") => Role::Assistant,
        _ if only_results => Role::Tool,
        _ => Role::User,
    };
    let mut message = Message::of(role, parts);
    let mut rest = fields.rest();
    if wire_role.as_deref().is_some_and(|wire| wire != self::wire_role(role)) {
        rest.extend(wire_role.map(|wire| ("role".to_owned(), Value::from(wire))));
    }
    message.extra = Extra::of(rest);
    Ok(message)
}

/// Gives a result the id of the call that it answers: by id, else by name, else the first one open.
fn pair(result: &mut crate::ir::ToolResult, pending: &mut VecDeque<(String, String)>) {
    let found = if result.call_id.is_empty() {
        pending.iter().position(|(name, _)| *name == result.name).or((!pending.is_empty()).then_some(0))
    } else {
        pending.iter().position(|(_, id)| *id == result.call_id)
    };
    match found.and_then(|at| pending.remove(at)) {
        Some((_, id)) if result.call_id.is_empty() => result.call_id = id,
        _ => {}
    }
}

/// The role on the wire.
const fn wire_role(role: Role) -> &'static str {
    match role {
        Role::Assistant => "model",
        Role::User | Role::Tool | Role::System => "user",
    }
}

/// Encodes the body for a provider; fields that it cannot carry go to `dropped`.
pub(super) fn encode(request: &Request, quirks: &Quirks, dropped: &mut Vec<String>) -> Value {
    let same = request.dialect == Dialect::Gemini;
    let names = Called { messages: &request.messages };
    let mut emit = Emit { same, names: &names, dropped };
    let mut body = Map::new();
    let (system, contents) = encode_messages(request, &mut emit);
    if let Some(system) = system {
        body.insert("systemInstruction".to_owned(), system);
    }
    body.insert("contents".to_owned(), Value::Array(contents));
    let mut tools = tools::encode(request, quirks, &mut emit);
    let search = served::searching(request, Dialect::Gemini, quirks, emit.dropped);
    let extra = search.as_ref().map(|_| served::without_search(&request.extra));
    tools.extend(search);
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    keep(&mut body, "toolConfig", tools::encode_config(request, &mut emit));
    let mut generation = config::encode(request, emit.dropped);
    let spoken = voice::for_gemini(request, emit.dropped);
    let asks_sound = spoken.is_some();
    generation.extend(spoken.into_iter().flatten());
    keep(&mut body, "generationConfig", generation);
    if request.user.is_some() {
        emit.dropped.push("user".to_owned());
    }
    if request.metadata.is_some() {
        emit.dropped.push("metadata".to_owned());
    }
    for (name, value) in extra.as_ref().unwrap_or(&request.extra).iter() {
        let carried = asks_sound && voice::OPENAI_FIELDS.contains(&name.as_str());
        if same && !body.contains_key(name) {
            body.insert(name.clone(), value.clone());
        } else if !same && !carried && request.extra.is_lost(name) {
            emit.dropped.push(name.clone());
        }
    }
    Value::Object(body)
}

/// Finds the names of called tools in a conversation.
#[derive(Debug)]
struct Called<'a> {
    messages: &'a [Arc<Message>],
}

impl Names for Called<'_> {
    fn name(&self, id: &str) -> &str {
        let calls = self.messages.iter().rev().flat_map(|message| message.tool_calls());
        calls.into_iter().find(|call| call.id == id).map_or("", |call| &call.name)
    }
}

/// The system instruction and the contents.
fn encode_messages(request: &Request, emit: &mut Emit<'_>) -> (Option<Value>, Vec<Value>) {
    let mut system = Vec::new();
    let mut system_extra = Map::new();
    let mut contents: Vec<Content> = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        if message.name.is_some() {
            emit.dropped.push(format!("{path}.name"));
        }
        let mut parts = Vec::new();
        emit.parts(&message.parts, &path, &mut parts);
        if message.role == Role::System {
            emit.extra(&mut system_extra, &message.extra, &path);
            system.append(&mut parts);
            continue;
        }
        if !emit.same {
            tidy(message.role, &mut parts);
        }
        let mut rest = Map::new();
        emit.extra(&mut rest, &message.extra, &path);
        push(&mut contents, Content { role: wire_role(message.role), parts, rest }, emit.same);
    }
    let mut contents: Vec<Value> = contents.into_iter().map(Content::value).collect();
    if system.is_empty() {
        return (None, contents);
    }
    if contents.is_empty() && !emit.same {
        contents.push(json!({"role": "user", "parts": system}));
        return (None, contents);
    }
    system_extra.insert("parts".to_owned(), Value::Array(system));
    (Some(Value::Object(system_extra)), contents)
}

/// One content on its way out.
struct Content {
    role: &'static str,
    parts: Vec<Value>,
    rest: Map<String, Value>,
}

impl Content {
    fn value(self) -> Value {
        let mut map = Map::new();
        map.insert("role".to_owned(), Value::from(self.role));
        map.insert("parts".to_owned(), Value::Array(self.parts));
        map.extend(self.rest);
        Value::Object(map)
    }
}

/// Appends a content; turns of other dialects that have one role here become one content.
fn push(contents: &mut Vec<Content>, mut content: Content, same: bool) {
    if same {
        return contents.push(content);
    }
    if content.parts.is_empty() {
        return;
    }
    match contents.last_mut() {
        Some(last) if last.role == content.role => last.parts.append(&mut content.parts),
        _ => contents.push(content),
    }
}

/// Makes the parts of another dialect's turn fit: no empty texts beside other
/// parts, and a seal on the first call where the model's turn has none.
fn tidy(role: Role, parts: &mut Vec<Value>) {
    let empty = |part: &Value| {
        part.get("text").and_then(Value::as_str) == Some("") && part.get("thoughtSignature").is_none()
    };
    if role == Role::Assistant || parts.iter().any(|part| !empty(part)) {
        parts.retain(|part| !empty(part));
    }
    let first = parts.iter_mut().find(|part| part.get("functionCall").is_some());
    if let Some(Value::Object(call)) = first
        && !call.contains_key("thoughtSignature")
    {
        call.insert("thoughtSignature".to_owned(), Value::from(part::NO_SEAL));
    }
}
