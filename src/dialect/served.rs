//! Tools that a provider runs itself: code and searches of the web. Three
//! dialects have both, and ask for them in words of their own.
//!
//! Sources: Anthropic, Tool reference, Code execution tool, Web search tool;
//! Gemini API reference "Tool"; OpenAI, Python SDK, `WebSearchToolParam`,
//! `CodeInterpreter`; OpenAI API reference "Create chat completion",
//! `web_search_options`, checked 2026-11-22.

use serde_json::{Map, Value, json};

use super::Quirks;
use crate::ir::{Dialect, Extra, Request, Tool};

/// A tool that another provider has as well.
#[derive(Debug, Clone, PartialEq)]
enum Served {
    Code,
    Search {
        /// Only pages of these are searched.
        domains: Option<Value>,
        /// Where the user is, in the form that OpenAI and Anthropic share.
        location: Option<Value>,
    },
}

/// Takes fields out of a tool; what is left at the end cannot be carried.
fn fields(value: &Value) -> Map<String, Value> {
    let mut fields = value.as_object().cloned().unwrap_or_default();
    fields.retain(|_, value| !value.is_null() && *value != json!({}));
    fields
}

/// The tool that `value` of `dialect` asks for, and the names of what else it says.
fn read(dialect: Dialect, value: &Value) -> Option<(Served, Vec<String>)> {
    let mut left = fields(value);
    let kind = left.shift_remove("type");
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    let served = match dialect {
        Dialect::Anthropic if kind.starts_with("code_execution_") => Served::Code,
        Dialect::Anthropic if kind.starts_with("web_search_") => {
            let domains = left.shift_remove("allowed_domains");
            Served::Search { domains, location: left.shift_remove("user_location") }
        }
        Dialect::OpenAiResponses if kind == "code_interpreter" => {
            let kept =
                left.shift_remove("container").filter(|container| *container != json!({ "type": "auto" }));
            left.extend(kept.map(|container| ("container".to_owned(), container)));
            Served::Code
        }
        Dialect::OpenAiResponses if kind.starts_with("web_search") => {
            let filters = left.shift_remove("filters");
            let domains = filters.and_then(|filters| filters.get("allowed_domains").cloned());
            Served::Search { domains, location: left.shift_remove("user_location") }
        }
        Dialect::Gemini => {
            let (name, inner) = value.as_object()?.iter().next()?;
            left = fields(inner);
            match name.as_str() {
                "codeExecution" | "code_execution" => Served::Code,
                "googleSearch" | "google_search" => Served::Search { domains: None, location: None },
                _ => return None,
            }
        }
        _ => return None,
    };
    left.shift_remove("name");
    Some((served, left.into_iter().map(|(name, _)| name).collect()))
}

/// `tool` as `dialect` asks for it.
fn write(dialect: Dialect, tool: Served, lost: &mut Vec<String>) -> Option<Value> {
    let mut put = Map::new();
    let (fixed, narrowed) = match (dialect, tool) {
        (Dialect::Anthropic, Served::Code) => {
            (json!({ "type": "code_execution_20250825", "name": "code_execution" }), [None, None])
        }
        (Dialect::Gemini, Served::Code) => (json!({ "codeExecution": {} }), [None, None]),
        (Dialect::OpenAiResponses, Served::Code) => {
            (json!({ "type": "code_interpreter", "container": { "type": "auto" } }), [None, None])
        }
        (Dialect::Anthropic, Served::Search { domains, location }) => (
            json!({ "type": "web_search_20250305", "name": "web_search" }),
            [domains.map(|domains| ("allowed_domains", domains)), location.map(|at| ("user_location", at))],
        ),
        (Dialect::OpenAiResponses, Served::Search { domains, location }) => {
            let filters = domains.map(|domains| ("filters", json!({ "allowed_domains": domains })));
            (json!({ "type": "web_search" }), [filters, location.map(|at| ("user_location", at))])
        }
        (Dialect::Gemini, Served::Search { domains, location }) => {
            lost.extend(domains.map(|_| "allowed_domains".to_owned()));
            lost.extend(location.map(|_| "user_location".to_owned()));
            (json!({ "googleSearch": {} }), [None, None])
        }
        _ => return None,
    };
    if let Value::Object(fixed) = fixed {
        put.extend(fixed);
    }
    put.extend(narrowed.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)));
    Some(Value::Object(put))
}

/// The tool of `request` at `at`, which only its client's dialect knows, as
/// `to` asks for it; `None`: not at all. What it cannot say is added to `lost`.
///
/// Gemini takes its own tools beside functions only in models of the third
/// generation and under a flag, which then tell of every call: not so here.
/// Source: Gemini API docs "Combine built-in tools and function calling", checked 2026-11-22.
pub(super) fn translated(
    request: &Request,
    at: usize,
    to: Dialect,
    quirks: &Quirks,
    lost: &mut Vec<String>,
) -> Option<Value> {
    let Some(Tool::Opaque { dialect, value }) = request.tools.get(at).filter(|_| quirks.serves_tools) else {
        return None;
    };
    let functions = || {
        request.tools.iter().filter_map(|tool| match tool {
            Tool::Function { name, .. } => Some(name.as_str()),
            Tool::Opaque { .. } => None,
        })
    };
    if to == Dialect::Gemini && functions().next().is_some() {
        return None;
    }
    let (served, left) = read(*dialect, value)?;
    let mut beside: Vec<String> = Vec::new();
    let value = write(to, served, &mut beside)?;
    // Two tools of one name are refused.
    let name = value.get("name").and_then(Value::as_str);
    if name.is_some_and(|name| functions().any(|known| known == name)) {
        return None;
    }
    lost.extend(left.into_iter().chain(beside).map(|name| format!("tools[{at}].{name}")));
    Some(value)
}

/// The search that a client of OpenAI's chat asks for beside its tools, as `to`
/// asks for it, and under which name it stood.
pub(super) fn searching(
    request: &Request,
    to: Dialect,
    quirks: &Quirks,
    lost: &mut Vec<String>,
) -> Option<Value> {
    let options = request.extra.get(SEARCHING).filter(|_| asks_search(request, SEARCHING, quirks))?;
    if to == Dialect::Gemini && !request.tools.is_empty() {
        return None;
    }
    let mut left = fields(options);
    let location = left.shift_remove("user_location").map(|at| {
        let mut location = fields(at.get("approximate").unwrap_or(&Value::Null));
        location.insert("type".to_owned(), "approximate".into());
        Value::Object(location)
    });
    let mut beside: Vec<String> = left.into_iter().map(|(name, _)| name).collect();
    let value = write(to, Served::Search { domains: None, location }, &mut beside)?;
    lost.extend(beside.into_iter().map(|name| format!("{SEARCHING}.{name}")));
    Some(value)
}

/// Whether the field `name` of `request` asks for a search that [`searching`] reads.
pub(super) fn asks_search(request: &Request, name: &str, quirks: &Quirks) -> bool {
    quirks.serves_tools && request.dialect == Dialect::OpenAiChat && name == SEARCHING
}

/// Extra fields of a request whose search is asked for among its tools.
pub(super) fn without_search(extra: &Extra) -> Extra {
    let mut rest = extra.clone();
    rest.take(SEARCHING);
    rest
}

/// The field of OpenAI's chat that asks for a search.
const SEARCHING: &str = "web_search_options";

/// Whether the provider of `request` is asked to run code for it, and does.
pub(super) fn runs_code(request: &Request, quirks: &Quirks) -> bool {
    quirks.serves_tools
        && request.tools.iter().any(|tool| match tool {
            Tool::Opaque { dialect, value } => matches!(read(*dialect, value), Some((Served::Code, _))),
            Tool::Function { .. } => false,
        })
}
