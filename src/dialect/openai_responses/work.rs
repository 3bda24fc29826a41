//! Code that ran at OpenAI and searches that it made: each an item with its outcome in it.
//!
//! Source: OpenAI, Python SDK, `ResponseCodeInterpreterToolCall`,
//! `ResponseFunctionWebSearch`; API reference "Responses", `include`, checked 2026-11-22.

use serde_json::{Map, Value, json};

use super::answer::put;
use crate::dialect::work::{Call, Language, Outcome, Work};

const CODE: &str = "code_interpreter_call";
const SEARCH: &str = "web_search_call";

/// What an item, or the event that it is complete, says was done.
pub(in crate::dialect) fn read(value: &Value) -> Option<Work> {
    let kind = |value: &Value| value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let item = match kind(value).as_str() {
        "response.output_item.done" => value.get("item")?,
        _ => value,
    };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned();
    let id = text(item, "id").unwrap_or_default();
    match kind(item).as_str() {
        CODE => {
            let outputs = list(item, "outputs");
            let logs = |output: &Value| text(output, "logs");
            let other = outputs.iter().flatten().any(|output| logs(output).is_none());
            let failed = text(item, "status").as_deref() == Some("failed");
            let printed = outputs.map(|all| all.iter().filter_map(logs).collect::<String>());
            Some(Work {
                id,
                call: text(item, "code").map(|code| Call::Code(Language::Python, code)),
                outcome: printed.map(|words| Outcome::Printed(words, failed)),
                beside: other.then_some("code_interpreter_call.outputs"),
            })
        }
        SEARCH => {
            let action = item.get("action").filter(|action| kind(action) == "search")?;
            let queries = list(action, "queries").filter(|queries| !queries.is_empty());
            let queries = match queries {
                Some(queries) => {
                    queries.iter().filter_map(|query| query.as_str().map(str::to_owned)).collect()
                }
                None => vec![text(action, "query")?],
            };
            let pages = list(action, "sources").map(|sources| {
                let pages = sources.iter().filter_map(|source| Some((text(source, "url")?, String::new())));
                Outcome::Found(pages.collect())
            });
            Some(Work { id, call: Some(Call::Search(queries)), outcome: pages, beside: None })
        }
        _ => None,
    }
}

/// Whether an item is one that [`begun`] made of another provider's work: it ran in no container of OpenAI's.
pub(super) fn is_foreign(item: &Value) -> bool {
    item.get("container_id").is_some_and(|id| id == "")
}

/// The item of a call of another provider's that begins; `id` where it has none.
pub(super) fn begun(work: &Work, id: &str) -> Value {
    let known = |kind: &str| if work.id.is_empty() { id.to_owned() } else { format!("{kind}_{}", work.id) };
    match &work.call {
        Some(Call::Search(queries)) => {
            let mut action = json!({ "type": "search", "query": queries.first() });
            if queries.len() > 1 {
                put(&mut action, json!({ "queries": queries }));
            }
            json!({ "type": SEARCH, "id": known("ws"), "status": "in_progress", "action": action })
        }
        None if matches!(work.outcome, Some(Outcome::Found(_))) => {
            let action = json!({ "type": "search", "query": "" });
            json!({ "type": SEARCH, "id": known("ws"), "status": "in_progress", "action": action })
        }
        call => {
            let code = call.as_ref().and_then(|call| match call {
                Call::Code(_, code) => Some(code.as_str()),
                Call::Search(_) => None,
            });
            json!({
                "type": CODE, "id": known("ci"), "status": "in_progress", "code": code,
                "container_id": "", "outputs": null,
            })
        }
    }
}

/// Whether an item is one of [`begun`] whose outcome is not told.
pub(super) fn is_open(item: &Value) -> bool {
    let ours = item.get("type").is_some_and(|kind| kind == CODE || kind == SEARCH);
    ours && item.get("status").is_some_and(|status| status == "in_progress")
}

/// Adds another provider's work to an answer's items: the outcome of an earlier
/// call to that call's. `id` names it where it has no name.
pub(super) fn add(work: &Work, id: &str, output: &mut Vec<Value>) {
    let known = output.iter().rposition(|item| work.call.is_none() && is_of(item, work));
    let at = known.unwrap_or_else(|| {
        output.push(begun(work, id));
        output.len() - 1
    });
    if let (Some(item), Some(outcome)) = (output.get_mut(at), &work.outcome) {
        end(item, Some(outcome));
    }
}

/// Whether the outcome in `work` is that of `item`.
pub(super) fn is_of(item: &Value, work: &Work) -> bool {
    let open = is_open(item);
    let named = item.get("id").and_then(Value::as_str).unwrap_or_default();
    let kind = match work.outcome {
        Some(Outcome::Found(_)) => SEARCH,
        _ => CODE,
    };
    let named =
        work.id.is_empty() || named.strip_suffix(work.id.as_str()).is_some_and(|head| head.ends_with('_'));
    open && named && item.get("type").is_some_and(|of| of == kind)
}

/// Says in `item` what came of it, where that is known; else that it was done.
pub(super) fn end(item: &mut Value, outcome: Option<&Outcome>) {
    let mut status = "completed";
    match outcome {
        Some(Outcome::Printed(words, failed)) => {
            if *failed {
                status = "failed";
            }
            put(item, json!({ "outputs": [{ "type": "logs", "logs": words }] }));
        }
        Some(Outcome::Found(pages)) => {
            let sources = pages.iter().map(|(url, _)| json!({ "type": "url", "url": url }));
            let sources: Vec<Value> = sources.collect();
            if let Some(action) = item.get_mut("action") {
                put(action, json!({ "sources": sources }));
            }
        }
        None => {}
    }
    put(item, Value::Object(Map::from_iter([("status".to_owned(), status.into())])));
}

/// Steps of a call that begins, and of one that ends.
pub(super) const BEGINS: &[&str] = &["in_progress", "delta", "done", "interpreting", "searching"];
pub(super) const ENDS: &[&str] = &["completed"];

/// The events of those among `steps` that `item` takes, each with its fields.
pub(super) fn events(item: &Value, steps: &[&str]) -> Vec<(String, Value)> {
    let search = item.get("type").is_some_and(|kind| kind == SEARCH);
    let code = item.get("code").filter(|code| !code.is_null());
    let step = |step: &&str| match *step {
        "delta" => code.map(|code| (format!("response.{CODE}_code.delta"), json!({ "delta": code }))),
        "done" => code.map(|code| (format!("response.{CODE}_code.done"), json!({ "code": code }))),
        "interpreting" if search => None,
        "searching" if !search => None,
        step => Some((format!("response.{}.{step}", if search { SEARCH } else { CODE }), json!({}))),
    };
    steps.iter().filter_map(step).collect()
}
