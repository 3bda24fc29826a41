//! A whole answer of `/v2/chat`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::citation;
use crate::dialect::lenient::{lenient, nullable};
use crate::dialect::refusal::Report;
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{
    Choice, Dialect, Extra, Finish, Logprobs, Message, Part, Response, Role, Thinking, ToolCall, Usage,
};

/// The answer on the wire.
#[derive(Deserialize)]
struct Answer {
    #[serde(default, deserialize_with = "lenient")]
    id: String,
    message: Said,
    finish_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<Counted>,
    #[serde(default, deserialize_with = "lenient")]
    logprobs: Option<Vec<Logprob>>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Value,
    #[serde(default, deserialize_with = "nullable")]
    tool_calls: Vec<Call>,
    tool_plan: Option<String>,
    citations: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Call {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) function: Function,
}

#[derive(Default, Deserialize)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

/// `usage`: the tokens that the model saw and wrote, and the fewer tokens that are billed.
#[derive(Debug, Deserialize)]
pub(super) struct Counted {
    tokens: Option<Tokens>,
    billed_units: Option<Tokens>,
    cached_tokens: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    reasoning_tokens: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Logprob {
    text: Option<String>,
    #[serde(default)]
    logprobs: Vec<f64>,
}

impl Counted {
    /// Canonical usage.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "token counts sent as floats"
    )]
    pub(super) fn usage(&self) -> Option<Usage> {
        let tokens = self.tokens.as_ref().or(self.billed_units.as_ref())?;
        let count = |value: Option<f64>| value.map(|value| value.max(0.0) as u64);
        Some(Usage {
            input: count(tokens.input_tokens).unwrap_or(0),
            output: count(tokens.output_tokens).unwrap_or(0),
            reasoning: count(tokens.reasoning_tokens),
            cached_input: count(self.cached_tokens),
            billed: self.billed_units.as_ref().map(|units| {
                (count(units.input_tokens).unwrap_or(0), count(units.output_tokens).unwrap_or(0))
            }),
            ..Usage::default()
        })
    }
}

/// The canonical finish of a `finish_reason`.
pub(super) fn finish(name: &str) -> Finish {
    match name {
        "COMPLETE" => Finish::Stop,
        "STOP_SEQUENCE" => Finish::StopSequence(None),
        "MAX_TOKENS" => Finish::Length,
        "TOOL_CALL" => Finish::ToolCalls,
        "ERROR_TOXIC" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    }
}

/// The error that a `finish_reason` means: what was said until then is no answer.
/// Source: Cohere API reference v2, "finish_reason", checked 2026-11-21.
pub(super) fn failure(name: &str) -> Option<Error> {
    let (kind, why) = match name {
        "ERROR" => (Kind::UpstreamFailed, "the provider's generation failed"),
        "TIMEOUT" => (Kind::TimedOut, "the provider's generation timed out"),
        _ => return None,
    };
    Some(Error::new(kind, Origin::Upstream, why))
}

/// Arguments as JSON text; Cohere writes none as nothing or `null`.
pub(super) fn arguments(text: Option<String>) -> String {
    text.filter(|text| !text.trim().is_empty() && text.trim() != "null").unwrap_or_else(|| "{}".to_owned())
}

/// The id of the `at`th call of `answer`, invented where it has none.
pub(super) fn call_id(id: String, answer: &str, at: usize) -> String {
    if id.is_empty() { format!("call_{answer}_{at}") } else { id }
}

/// Decodes a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Response> {
    let bad = |at| Error::bad_answer(format!("the provider's answer is not a chat answer: {at}"));
    let value: Value = serde_json::from_slice(body).map_err(bad)?;
    if value.get("message").is_some_and(Value::is_string) || value.get("error").is_some() {
        return Err(Report::of(&value).error(200));
    }
    let answer = Answer::deserialize(value).map_err(bad)?;
    if let Some(error) = answer.finish_reason.as_deref().and_then(failure) {
        return Err(error);
    }
    let mut response = Response::new(Dialect::Cohere, answer.id, "");
    response.usage = answer.usage.as_ref().and_then(Counted::usage);
    response.choices.push(Choice {
        index: 0,
        finish: answer.finish_reason.as_deref().map(finish),
        logprobs: answer.logprobs.as_deref().map(logprobs),
        message: said(answer.message, &response.id),
        extra: Extra::NONE,
    });
    Ok(response)
}

fn said(said: Said, answer: &str) -> Message {
    let mut parts = Vec::new();
    // The plan before tool calls is reasoning in words.
    if let Some(text) = said.tool_plan.filter(|plan| !plan.is_empty()) {
        parts.push(Part::Thinking(Thinking { text, ..Thinking::default() }));
    }
    match said.content {
        Value::Array(pieces) => parts.extend(pieces.into_iter().map(piece)),
        Value::String(text) => parts.push(Part::text(text)),
        _ => {}
    }
    for (at, call) in said.tool_calls.into_iter().enumerate() {
        let id = call_id(call.id, answer, at);
        let name = call.function.name.unwrap_or_default();
        let arguments = arguments(call.function.arguments);
        parts.push(Part::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() }));
    }
    let mut message = Message::of(Role::Assistant, parts);
    message.citations = said.citations.as_ref().map(citation::decode).unwrap_or_default();
    message
}

/// One piece of the content: its type tells which field holds it.
fn piece(value: Value) -> Part {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(text) = text("thinking") {
        Part::Thinking(Thinking { text, ..Thinking::default() })
    } else if let Some(text) = text("text") {
        Part::text(text)
    } else {
        Part::Opaque { dialect: Dialect::Cohere, value: Arc::new(value) }
    }
}

/// OpenAI's form of Cohere's log probabilities.
pub(super) fn logprobs(list: &[Logprob]) -> Logprobs {
    let content = list.iter().map(|one| {
        let text = one.text.as_deref().unwrap_or_default();
        json!({
            "token": text,
            "logprob": one.logprobs.iter().sum::<f64>(),
            "bytes": text.as_bytes(),
            "top_logprobs": [],
        })
    });
    json!({"content": content.collect::<Vec<_>>(), "refusal": null})
}
