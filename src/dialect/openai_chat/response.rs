//! A provider's whole answer, from the wire.

use serde_json::Value;

use super::fields::{Fields, as_count};
use super::usage::{decode_usage, leftover, timed};
use super::{citation, message};
use crate::dialect::refusal::{Report, hidden, says};
use crate::error::{Error, Result};
use crate::ir::{Choice, Dialect, Finish, Part, Response};

/// Decodes an answer of status 2xx.
///
/// # Errors
/// `InvalidResponse` when it is not this protocol; the provider's own error
/// when it hides in a 200.
pub(super) fn decode(body: &[u8]) -> Result<Response> {
    let value: Value = serde_json::from_slice(body.trim_ascii())
        .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
    hidden_error(&value)?;
    let mut fields = Fields::of(value);
    let id = fields.text("id").unwrap_or_default();
    let mut response = Response::new(Dialect::OpenAiChat, id, fields.text("model").unwrap_or_default());
    response.created = fields.lenient("created", as_count);
    fields.take("object");
    let choices = fields.list("choices");
    if choices.is_empty() {
        return Err(Error::no_answer("choices"));
    }
    for (at, choice) in choices.into_iter().enumerate() {
        response.choices.push(decode_choice(choice, at, &response.id)?);
    }
    if let Some(usage) = fields.get("usage").cloned() {
        response.usage = decode_usage(&usage);
        fields.take("usage");
        let rest = leftover(&usage);
        if !rest.is_empty() {
            fields.put("usage", Value::Object(rest));
        }
    } else {
        fields.take("usage");
    }
    if response.usage.is_none() {
        let groq = fields.get("x_groq").and_then(|groq| decode_usage(groq.get("usage")?));
        response.usage = groq.or_else(|| timed(fields.get("timings")?));
    }
    if let Some(first) = response.choices.first_mut() {
        first.message.citations.extend(citation::sources(&fields));
    }
    response.extra = fields.rest();
    Ok(response)
}

/// The provider's own error inside an answer of status 200.
pub(in crate::dialect) fn hidden_error(value: &Value) -> Result<()> {
    // vLLM and Mistral put the error at the top level.
    if value.get("object").is_some_and(|object| object == "error") {
        return Err(Report::of(value).error(200));
    }
    // Groq ends a stream early with an error beside the chunk's choices.
    if let Some(error) = value.pointer("/x_groq/error").filter(|error| says(error)) {
        return Err(Report::of(error).error(200));
    }
    hidden(value).map_or(Ok(()), Err)
}

/// Log probabilities in OpenAI's form; other forms stay where they are.
pub(super) fn openai_logprobs(value: &Value) -> Option<Value> {
    let known = ["content", "refusal"].iter().any(|name| value.get(name).is_some());
    known.then(|| value.clone())
}

fn decode_choice(value: Value, at: usize, response_id: &str) -> Result<Choice> {
    hidden_error(&value)?;
    let mut fields = Fields::of(value);
    let index = fields.lenient("index", as_count).unwrap_or(at as u64);
    let seed = if index == 0 { response_id.to_owned() } else { format!("{response_id}#{index}") };
    let said = fields.take("message").ok_or_else(|| Error::bad_answer("a choice has no `message`"))?;
    let mut message = message::decode_answer(said, &seed);
    let finish = fields.text("finish_reason").and_then(|name| finish_named(&name));
    if finish == Some(Finish::Length) {
        uncut(&mut message.parts);
    }
    let logprobs = fields.lenient("logprobs", openai_logprobs);
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    Ok(Choice { index, message, finish, logprobs, extra: fields.rest() })
}

/// Arguments that were cut off before their first character stay empty: `{}` would be an answer.
fn uncut(parts: &mut [Part]) {
    if let Some(Part::ToolCall(call)) = parts.last_mut()
        && call.arguments == "{}"
    {
        call.arguments.clear();
    }
}

/// Why a model stopped, by its name on the wire; `None` for the empty name.
pub(in crate::dialect) fn finish_named(name: &str) -> Option<Finish> {
    // Google's form of this dialect says `content_filter: RECITATION`.
    Some(match name.split_once(": ").map_or(name, |(filter, _)| filter) {
        "" | "null" => return None,
        // Together says `eos`, text-generation-inference `eos_token` when the model ended by itself.
        "stop" | "eos" | "eos_token" | "end_turn" | "STOP" | "COMPLETE" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(None),
        // Mistral says `model_length`, Z.ai `model_context_window_exceeded` where the window is full.
        "length" | "max_tokens" | "MAX_TOKENS" | "model_length" | "model_context_window_exceeded" => {
            Finish::Length
        }
        "tool_calls" | "function_call" | "tool_use" | "TOOL_CALL" => Finish::ToolCalls,
        // Z.ai says `sensitive`, Google's form of this dialect its own names.
        "content_filter" | "content_filtered" | "sensitive" | "SAFETY" | "RECITATION" | "BLOCKLIST"
        | "PROHIBITED_CONTENT" | "SPII" => Finish::ContentFilter,
        "refusal" => Finish::Refusal,
        _ => Finish::Other(name.to_owned()),
    })
}

/// The name on the wire of why a model stopped.
pub(in crate::dialect) fn finish_name(finish: &Finish) -> &str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::Pause => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
        Finish::Other(name) => name,
    }
}
