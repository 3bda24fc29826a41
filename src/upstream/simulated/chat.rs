//! The simulated provider's conversations, in OpenAI's chat dialect: what is
//! read of a request, and what is answered, whole or streamed.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::StatusCode;
use serde_json::{Value, json};

use super::marks::seconds;
use super::{Actor, headers};
use crate::error::{Error, Result};
use crate::provider::Answer;
use crate::upstream::reply::{Body, Reply};

/// What a request asks for, as far as the simulation cares.
pub(super) struct Asked {
    prompt: String,
    prompt_tokens: u64,
    max_tokens: usize,
    pub(super) stream: bool,
    include_usage: bool,
    tool: Option<String>,
}

/// What it will answer.
pub(super) struct Script {
    id: String,
    created: u64,
    model: String,
    words: Vec<String>,
    tool: Option<String>,
    finish: &'static str,
    usage: Value,
    include_usage: bool,
    pause: Duration,
}

/// Reads what matters of a chat request.
pub(super) fn read(body: &[u8]) -> Result<Asked> {
    let request: Value =
        serde_json::from_slice(body).map_err(|at| Error::invalid(format!("the body is not valid: {at}")))?;
    let empty = Vec::new();
    let messages = request.get("messages").and_then(Value::as_array).unwrap_or(&empty);
    let prompt = messages
        .iter()
        .rev()
        .find(|message| message.get("role").and_then(Value::as_str) == Some("user"))
        .and_then(|message| message.get("content"))
        .map(text_of)
        .unwrap_or_default();
    let characters: usize = messages.iter().filter_map(|m| m.get("content")).map(|c| text_of(c).len()).sum();
    let limit = ["max_completion_tokens", "max_tokens"].iter().find_map(|key| request.get(*key)?.as_u64());
    let answered = messages.last().and_then(|m| m.get("role")).and_then(Value::as_str) == Some("tool");
    let forced = request.get("tool_choice").is_some_and(|choice| choice != "auto" && choice != "none");
    let tool = request.pointer("/tools/0/function/name").and_then(Value::as_str).map(str::to_owned);
    Ok(Asked {
        prompt,
        prompt_tokens: tokens(characters) + 3 * messages.len() as u64,
        max_tokens: limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX),
        stream: request.get("stream").and_then(Value::as_bool).unwrap_or(false),
        include_usage: request.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
        tool: tool.filter(|_| forced && !answered),
    })
}

/// The text of a message's content, string or parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    }
}

/// Tokens of so many characters, as the simulation counts them.
fn tokens(characters: usize) -> u64 {
    (characters as u64).div_ceil(4)
}

/// What `actor` answers in its `turn`.
pub(super) fn write(actor: &Actor<'_>, asked: &Asked, turn: u64) -> Script {
    let behaviour = actor.behaviour;
    let text = match &behaviour.answer {
        Answer::Canned => format!(
            "{} here: I read {} tokens and answer by simulation, without a network.",
            actor.name, asked.prompt_tokens
        ),
        Answer::Echo => asked.prompt.clone(),
        Answer::Scripted(lines) => {
            let place = usize::try_from(turn % (lines.len().max(1) as u64)).unwrap_or(0);
            lines.get(place).cloned().unwrap_or_default()
        }
    };
    let mut words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let cut = words.len() > asked.max_tokens;
    words.truncate(asked.max_tokens);
    let output = if asked.tool.is_some() { 8 } else { words.len() as u64 };
    let finish = match (&asked.tool, cut) {
        (Some(_), _) => "tool_calls",
        (None, true) => "length",
        (None, false) => "stop",
    };
    let pause = if behaviour.tokens_per_second > 0.0 {
        Duration::try_from_secs_f64(1.0 / behaviour.tokens_per_second).unwrap_or_default()
    } else {
        Duration::ZERO
    };
    Script {
        id: format!("chatcmpl-sim-{}-{turn}", actor.name),
        created: seconds(),
        model: actor.upstream.to_owned(),
        words,
        tool: asked.tool.clone(),
        finish,
        usage: json!({
            "prompt_tokens": asked.prompt_tokens,
            "completion_tokens": output,
            "total_tokens": asked.prompt_tokens + output,
            "prompt_tokens_details": { "cached_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0 },
        }),
        include_usage: asked.include_usage,
        pause,
    }
}

/// How long it takes to say all of it.
pub(super) fn duration(script: &Script) -> Duration {
    script.pause.saturating_mul(u32::try_from(script.words.len()).unwrap_or(u32::MAX))
}

/// The whole answer.
pub(super) fn whole(script: &Script) -> Value {
    let message = match &script.tool {
        Some(name) => {
            json!({ "role": "assistant", "content": null, "tool_calls": [tool_call(script, name)] })
        }
        None => json!({ "role": "assistant", "content": script.words.concat() }),
    };
    json!({
        "id": script.id, "object": "chat.completion", "created": script.created, "model": script.model,
        "choices": [{ "index": 0, "message": message, "finish_reason": script.finish }],
        "usage": script.usage,
    })
}

fn tool_call(script: &Script, name: &str) -> Value {
    json!({ "id": format!("call_{}", script.id), "type": "function", "function": { "name": name, "arguments": "{}" } })
}

/// The answer word by word.
pub(super) fn streamed(script: &Script) -> Reply {
    let frame = |delta: Value, finish: Value| {
        let chunk = json!({
            "id": script.id, "object": "chat.completion.chunk", "created": script.created, "model": script.model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        });
        format!("data: {chunk}\n\n")
    };
    let mut frames =
        vec![(Duration::ZERO, frame(json!({ "role": "assistant", "content": "" }), Value::Null))];
    if let Some(name) = &script.tool {
        let mut call = tool_call(script, name);
        if let Some(fields) = call.as_object_mut() {
            fields.insert("index".to_owned(), Value::from(0));
        }
        frames.push((script.pause, frame(json!({ "tool_calls": [call] }), Value::Null)));
    } else {
        frames.extend(
            script.words.iter().map(|word| (script.pause, frame(json!({ "content": word }), Value::Null))),
        );
    }
    frames.push((Duration::ZERO, frame(json!({}), Value::from(script.finish))));
    if script.include_usage {
        let chunk = json!({
            "id": script.id, "object": "chat.completion.chunk", "created": script.created, "model": script.model,
            "choices": [], "usage": script.usage,
        });
        frames.push((Duration::ZERO, format!("data: {chunk}\n\n")));
    }
    frames.push((Duration::ZERO, "data: [DONE]\n\n".to_owned()));
    let body = stream::iter(frames).then(|(pause, frame)| async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(Bytes::from(frame))
    });
    Reply {
        status: StatusCode::OK,
        headers: headers("text/event-stream"),
        body: Body::in_process(body.boxed()),
    }
}
