//! A whole answer to a client, onto the wire.

use bytes::Bytes;
use serde_json::{Value, json};

use super::logprobs;
use crate::dialect::openai_chat::fields::merge;
use crate::dialect::openai_chat::response::finish_name;
use crate::dialect::openai_chat::usage::usage_value;
use crate::dialect::{ReplyFacts, sound};
use crate::ir::{Choice, Dialect, Finish, Part, Response};

/// Encodes an answer. Thoughts and tool calls have no place here.
pub(super) fn encode(response: &Response, reply: &ReplyFacts) -> Bytes {
    let own = response.dialect == Dialect::OpenAiCompletions;
    let choices: Vec<Value> = response.choices.iter().map(|choice| choice_value(choice, own)).collect();
    let mut value = json!({
        "id": id_of(&response.id, reply),
        "object": "text_completion",
        "created": response.created.unwrap_or(reply.created),
        "model": if response.model.is_empty() { &reply.model } else { &response.model },
        "choices": choices,
    });
    if let Some(usage) = &response.usage {
        merge(&mut value, &json!({ "usage": usage_value(usage, None) }));
    }
    for (name, field) in response.extra.iter().filter(|_| own) {
        merge(&mut value, &json!({ name.as_str(): field }));
    }
    Bytes::from(value.to_string())
}

/// The provider's id, else one made of our request's.
pub(super) fn id_of(id: &str, reply: &ReplyFacts) -> String {
    if id.is_empty() { format!("cmpl-{}", reply.request_id) } else { id.to_owned() }
}

/// The reasons that this dialect knows: a tool call ends a text as well.
pub(super) fn reason(finish: &Finish) -> &str {
    if *finish == Finish::ToolCalls { "stop" } else { finish_name(finish) }
}

fn choice_value(choice: &Choice, own: bool) -> Value {
    let said = choice.message.parts.iter().filter_map(|part| match part {
        Part::Refusal(text) => Some(text.as_str()),
        part => part.as_text().or_else(|| sound::words(part)),
    });
    let mut value = json!({ "index": choice.index, "text": said.collect::<String>() });
    for (name, field) in choice.extra.iter().filter(|_| own) {
        merge(&mut value, &json!({ name.as_str(): field }));
    }
    let finish = choice.finish.as_ref().map_or("stop", reason);
    let weighed = choice.logprobs.as_ref().and_then(|all| logprobs::encode(all, 0));
    merge(&mut value, &json!({ "logprobs": weighed, "finish_reason": finish }));
    value
}
