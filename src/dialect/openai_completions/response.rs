//! A provider's whole answer, from the wire.

use serde_json::Value;

use super::logprobs;
use crate::dialect::openai_chat::fields::{Fields, as_count};
use crate::dialect::openai_chat::response::{finish_named, hidden_error};
use crate::dialect::openai_chat::usage::decode_usage;
use crate::error::{Error, Result};
use crate::ir::{Choice, Dialect, Message, Part, Response, Role};

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
    let mut response =
        Response::new(Dialect::OpenAiCompletions, id, fields.text("model").unwrap_or_default());
    response.created = fields.lenient("created", as_count);
    fields.take("object");
    let choices = fields.list("choices");
    if choices.is_empty() {
        return Err(Error::no_answer("choices"));
    }
    for (at, choice) in choices.into_iter().enumerate() {
        let mut choice = Fields::of(choice);
        let index = choice.lenient("index", as_count).unwrap_or(at as u64);
        let text = choice.text("text").unwrap_or_default();
        let mut message = Message::of(Role::Assistant, Vec::new());
        message.plain = true;
        if !text.is_empty() {
            message.parts.push(Part::text(text));
        }
        let finish = choice.text("finish_reason").and_then(|name| finish_named(&name));
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let logprobs = choice.get("logprobs").and_then(logprobs::decode);
        // The own form stays among the extra fields: it says where the prompt ends.
        let mut extra = choice.rest();
        if logprobs.is_some() {
            extra.tell("logprobs");
        }
        response.choices.push(Choice { index, message, finish, logprobs, extra });
    }
    response.usage = fields.take("usage").as_ref().and_then(decode_usage);
    response.extra = fields.rest();
    Ok(response)
}
