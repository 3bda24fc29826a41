//! What an answer is asked to hold besides what it holds anyway: `include`.
//!
//! Source: OpenAI, Python SDK, `ResponseIncludable`, checked 2026-11-22.

use serde_json::{Map, Value, json};

use crate::dialect::openai_chat::fields::Fields;
use crate::ir::Extra;

/// Log probabilities of what is said.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";

/// What comes of the provider's own tools, by their types.
const OF_TOOLS: [(&str, &str); 2] =
    [("code_interpreter", "code_interpreter_call.outputs"), ("web_search", "web_search_call.action.sources")];

/// What other dialects tell unasked: seals of thoughts, and what comes of the provider's own tools.
const UNASKED: [&str; 3] =
    ["reasoning.encrypted_content", "code_interpreter_call.outputs", "web_search_call.action.sources"];

/// Says of a list that asks for nothing else that nobody misses it.
pub(super) fn tell(extra: &mut Extra) {
    let known = |what: &Value| what.as_str().is_some_and(|what| UNASKED.contains(&what));
    if extra.get("include").and_then(Value::as_array).is_some_and(|list| list.iter().all(known)) {
        extra.tell("include");
    }
}

/// Adds to what the answer is asked to hold.
pub(super) fn add(body: &mut Map<String, Value>, what: &str) {
    if let Value::Array(list) = body.entry("include").or_insert_with(|| json!([]))
        && !list.iter().any(|known| known == what)
    {
        list.push(what.into());
    }
}

/// Asks to be told what comes of the provider's own tools, as other dialects tell it unasked.
pub(super) fn of_tools(tools: &[Value], body: &mut Map<String, Value>) {
    let known = |kind: &str| tools.iter().any(|tool| tool.get("type").is_some_and(|of| of == kind));
    OF_TOOLS.iter().filter(|(kind, _)| known(kind)).for_each(|(_, what)| add(body, what));
}

/// Takes the wish for log probabilities out; what else stands there stays. Whether it was there.
pub(super) fn take_logprobs(fields: &mut Fields) -> bool {
    let Some(Value::Array(list)) = fields.get("include") else { return false };
    let (wish, rest): (Vec<Value>, Vec<Value>) = list.iter().cloned().partition(|what| *what == LOGPROBS);
    if wish.is_empty() {
        return false;
    }
    fields.take("include");
    if !rest.is_empty() {
        fields.put("include", rest.into());
    }
    true
}
