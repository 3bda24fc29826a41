//! Parts of a Gemini content to canonical parts and back.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::emit::{Emit, object, string};
use super::fields::take;
use super::{media, work};
use crate::dialect::sound;
use crate::ir::{Dialect, Extra, Part, Thinking, ToolCall, ToolResult};

/// Begins every call id that was invented because the provider gave none.
/// Such ids are not sent back: the order of the answers pairs them.
const INVENTED: &str = "gcall-";

/// Stands in for the seal of a call that another vendor's model made; models
/// that demand a seal accept it.
/// Source: Gemini API "Thought signatures", FAQ, checked 2026-11-21.
pub(super) const NO_SEAL: &str = "skip_thought_signature_validator";

/// Marks a seal that came on an empty text part of its own.
const OWN_PART: &str = "text";

/// Invents call ids that are the same whenever the same answer is decoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids {
    prefix: String,
    next: u32,
}

impl Ids {
    /// Ids for the answer or turn that `seed` names.
    pub(super) fn of(seed: &str) -> Self {
        let plain = seed.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        Self { prefix: plain.take(24).collect(), next: 0 }
    }

    /// The next id.
    pub(super) fn next(&mut self) -> String {
        let id = format!("{INVENTED}{}-{}", self.prefix, self.next);
        self.next += 1;
        id
    }
}

/// Decodes one part; a sealed text becomes two.
pub(super) fn decode(value: Value, ids: &mut Ids, out: &mut Vec<Part>) {
    let Value::Object(mut map) = value else { return };
    let whole = map.clone();
    let thought = matches!(take(&mut map, "thought"), Some(Value::Bool(true)));
    let seal = match take(&mut map, "thoughtSignature") {
        Some(Value::String(seal)) => Some(seal),
        _ => None,
    };
    if let Some(Value::String(text)) = take(&mut map, "text") {
        decode_text(text, thought, seal, map, out);
    } else if thought {
        out.push(opaque(whole));
    } else if let Some(Value::Object(call)) = take(&mut map, "functionCall") {
        out.push(Part::ToolCall(decode_call(call, seal, map, ids)));
    } else if let Some(Value::Object(result)) = take(&mut map, "functionResponse") {
        out.push(Part::ToolResult(decode_result(result, map)));
    } else if let Some(part) = media::decode(&mut map, seal) {
        out.push(part);
    } else {
        out.push(opaque(whole));
    }
}

fn opaque(map: Map<String, Value>) -> Part {
    Part::Opaque { dialect: Dialect::Gemini, value: Arc::new(Value::Object(map)) }
}

fn decode_text(
    text: String,
    thought: bool,
    seal: Option<String>,
    rest: Map<String, Value>,
    out: &mut Vec<Part>,
) {
    let mut extra = Extra::of(rest);
    // Gemini seals what it says, not its thoughts: a sealed thought is another model's.
    if thought {
        return out.push(Part::Thinking(Thinking { text, signature: seal, extra, ..Thinking::default() }));
    }
    let Some(seal) = seal else { return out.push(Part::Text { text, extra }) };
    let seal = Thinking::seal(Dialect::Gemini, &seal);
    if text.is_empty() {
        extra.insert(OWN_PART, Value::from(""));
        out.push(Part::Thinking(Thinking { signature: Some(seal), extra, ..Thinking::default() }));
    } else {
        out.push(Part::Text { text, extra });
        out.push(Part::Thinking(Thinking { signature: Some(seal), ..Thinking::default() }));
    }
}

fn decode_call(
    mut call: Map<String, Value>,
    signature: Option<String>,
    rest: Map<String, Value>,
    ids: &mut Ids,
) -> ToolCall {
    let id = string(&mut call, "id").filter(|id| !id.is_empty()).unwrap_or_else(|| ids.next());
    let name = string(&mut call, "name").unwrap_or_default();
    let arguments = take(&mut call, "args").map_or_else(|| "{}".to_owned(), |args| args.to_string());
    ToolCall { id, name, arguments, signature, custom: false, extra: Extra::of(rest) }
}

fn decode_result(mut result: Map<String, Value>, mut rest: Map<String, Value>) -> ToolResult {
    let call_id = string(&mut result, "id").unwrap_or_default();
    let name = string(&mut result, "name").unwrap_or_default();
    let response = take(&mut result, "response").unwrap_or_else(|| json!({}));
    let media = take(&mut result, "parts");
    let (text, is_error) = result_text(&response);
    let mut parts = vec![Part::text(text)];
    if let Some(Value::Array(list)) = media {
        let mut ids = Ids::default();
        list.into_iter().for_each(|part| decode(part, &mut ids, &mut parts));
    }
    rest.extend(result);
    ToolResult { call_id, name, parts, is_error, extra: Extra::of(rest) }
}

/// The text of a function's answer: what stands alone under `output` or
/// `error`, else the object as JSON. Undone by [`result_object`].
fn result_text(response: &Value) -> (String, bool) {
    if let Some(fields) = response.as_object().filter(|fields| fields.len() == 1) {
        for (name, is_error) in [("output", false), ("error", true)] {
            if let Some(Value::String(text)) = fields.get(name)
                && result_object(text, is_error) == *response
            {
                return (text.clone(), is_error);
            }
        }
    }
    (response.to_string(), false)
}

/// A function's answer as the object that Gemini wants.
/// Source: Gemini API reference "FunctionResponse", checked 2026-11-21.
fn result_object(text: &str, is_error: bool) -> Value {
    if is_error {
        return json!({"error": text});
    }
    if text.trim_start().starts_with('{')
        && let Ok(object @ Value::Object(_)) = serde_json::from_str(text)
    {
        return object;
    }
    json!({"output": text})
}

impl Emit<'_> {
    /// Appends the wire form of `parts` to `out`; `path` names their message in reports.
    pub(super) fn parts(&mut self, parts: &[Part], path: &str, out: &mut Vec<Value>) {
        for part in parts {
            self.part(part, path, out);
        }
    }

    fn part(&mut self, part: &Part, path: &str, out: &mut Vec<Value>) {
        let value = match part {
            Part::Text { text, extra } => {
                let mut map = object([("text", Value::from(text.as_str()))]);
                self.extra(&mut map, extra, path);
                Value::Object(map)
            }
            Part::Refusal(text) => json!({"text": text}),
            Part::Thinking(thinking) => return self.thinking(thinking, path, out),
            Part::ToolCall(call) => self.call(call, path),
            Part::ToolResult(result) => return self.result(result, path, out),
            Part::Opaque { dialect: Dialect::Gemini, value } => (**value).clone(),
            Part::Opaque { dialect, value } => {
                let before = out.len();
                if let Some(done) = crate::dialect::work::read(*dialect, value) {
                    self.dropped.extend(done.beside.map(|name| format!("{path}.{name}")));
                    work::parts(&done, out);
                }
                if out.len() == before {
                    self.dropped.push(format!("{path}.{}", dialect.name()));
                }
                return;
            }
            Part::Image(media) => return self.media(media, "image/jpeg", path, out),
            Part::Audio(media) => {
                out.extend(sound::words(part).map(|words| json!({ "text": words })));
                if sound::data(part) == Some("") {
                    return;
                }
                return self.media(media, "audio/wav", path, out);
            }
            Part::Video(media) => return self.media(media, "video/mp4", path, out),
            Part::Document(media) => return self.media(media, "application/pdf", path, out),
        };
        out.push(value);
    }

    fn thinking(&mut self, thinking: &Thinking, path: &str, out: &mut Vec<Value>) {
        if thinking.redacted {
            return self.dropped.push(format!("{path}.redacted_thinking"));
        }
        match thinking.seal_of(Dialect::Gemini) {
            Some(seal) if thinking.text.is_empty() => self.seal(seal, &thinking.extra, path, out),
            _ => self.thought(thinking, path, out),
        }
    }

    /// A seal of Gemini's: on the text that stands before it, or on an empty part of its own.
    fn seal(&mut self, seal: &str, extra: &Extra, path: &str, out: &mut Vec<Value>) {
        let on_text = out.last_mut().and_then(Value::as_object_mut).filter(|last| {
            extra.get(OWN_PART).is_none()
                && last.contains_key("text")
                && !last.contains_key("thought")
                && !last.contains_key("thoughtSignature")
        });
        if let Some(last) = on_text {
            last.insert("thoughtSignature".to_owned(), Value::from(seal));
        } else {
            let mut map = object([("text", Value::from("")), ("thoughtSignature", Value::from(seal))]);
            self.extra(&mut map, extra, path);
            out.push(Value::Object(map));
        }
    }

    /// A thought in words, with its seal towards clients: it goes back to the model that made it.
    fn thought(&mut self, thinking: &Thinking, path: &str, out: &mut Vec<Value>) {
        let seal = thinking.seal_of(Dialect::Anthropic).filter(|_| self.same);
        if thinking.text.is_empty() && seal.is_none() {
            return self.dropped.push(format!("{path}.thinking"));
        }
        let mut map = object([("text", Value::from(thinking.text.as_str())), ("thought", Value::from(true))]);
        if self.same {
            self.extra(&mut map, &thinking.extra, path);
        } else if thinking.signature.is_some() {
            self.dropped.push(format!("{path}.signature"));
        }
        map.extend(seal.map(|seal| ("thoughtSignature".to_owned(), Value::from(seal))));
        out.push(Value::Object(map));
    }

    fn call(&mut self, call: &ToolCall, path: &str) -> Value {
        let mut inner = Map::new();
        if !call.id.starts_with(INVENTED) {
            inner.insert("id".to_owned(), Value::from(call.id.as_str()));
        }
        inner.insert("name".to_owned(), Value::from(call.name.as_str()));
        inner.insert("args".to_owned(), self.arguments(call, path));
        let mut map = object([("functionCall", Value::Object(inner))]);
        if let Some(seal) = &call.signature {
            map.insert("thoughtSignature".to_owned(), Value::from(seal.as_str()));
        }
        self.extra(&mut map, &call.extra, path);
        Value::Object(map)
    }

    /// Arguments must be an object; text that is none goes under `input`.
    fn arguments(&mut self, call: &ToolCall, path: &str) -> Value {
        match serde_json::from_str(&call.arguments) {
            Ok(args @ Value::Object(_)) => args,
            _ if call.arguments.trim().is_empty() => json!({}),
            _ => {
                if !call.custom {
                    self.dropped.push(format!("{path}.tool_calls.arguments"));
                }
                json!({"input": call.arguments})
            }
        }
    }

    /// The function's answer; media that came with it follow as parts of their own.
    fn result(&mut self, result: &ToolResult, path: &str, out: &mut Vec<Value>) {
        let mut text: String = result.parts.iter().filter_map(Part::as_text).collect();
        let mut media = Vec::new();
        for part in result.parts.iter().filter(|part| part.as_text().is_none()) {
            self.part(part, path, &mut media);
        }
        // Documents of text are part of what the function says.
        media.retain(|part: &Value| {
            part.get("text").and_then(Value::as_str).map(|more| text.push_str(more)).is_none()
        });
        let called = self.names.name(&result.call_id);
        let known = [result.name.as_str(), called, &result.call_id];
        let name = known.into_iter().find(|name| !name.is_empty()).unwrap_or("function");
        let mut inner = Map::new();
        if !result.call_id.is_empty() && !result.call_id.starts_with(INVENTED) {
            inner.insert("id".to_owned(), Value::from(result.call_id.as_str()));
        }
        inner.insert("name".to_owned(), Value::from(name));
        inner.insert("response".to_owned(), result_object(&text, result.is_error));
        if self.same && !media.is_empty() {
            inner.insert("parts".to_owned(), Value::Array(std::mem::take(&mut media)));
        }
        let mut map = object([("functionResponse", Value::Object(inner))]);
        self.extra(&mut map, &result.extra, path);
        out.push(Value::Object(map));
        out.append(&mut media);
    }
}
