//! Every kind of answer of every provider, whole and streamed, told to every
//! client; errors likewise. Wire forms are written from the vendors' API
//! references, not by the product's encoders.

use http::HeaderMap;
use pointsman::dialect::{self, Refused};
use pointsman::error::Kind as ErrorKind;
use pointsman::ir::{Dialect, Event, Finish, Part, Response, Usage};
use pointsman::sse::Framing;
use serde_json::{Value, json};

use crate::documented::{self, reply};
use crate::said::{End, Kind, Said, said};

/// Whether a dialect has words for a kind of answer.
pub fn can_say(dialect: Dialect, said: &Said) -> bool {
    match dialect {
        Dialect::OpenAiCompletions => said.calls.is_empty() && said.thought.is_empty(),
        _ => true,
    }
}

fn data(frames: &[Value]) -> String {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
}

fn events(frames: &[Value]) -> String {
    frames
        .iter()
        .map(|frame| format!("event: {}\ndata: {frame}\n\n", frame["type"].as_str().unwrap()))
        .collect()
}

/// A text in pieces, cut where letters end.
fn pieces(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(3).map(|piece| piece.iter().collect()).collect()
}

/// A whole answer as `dialect` has it.
pub fn whole(dialect: Dialect, said: &Said) -> Value {
    match dialect {
        Dialect::OpenAiChat => chat_whole(said),
        Dialect::OpenAiResponses => responses_whole(said),
        Dialect::OpenAiCompletions => json!({
            "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "usage": chat_usage(said),
            "choices": [{ "index": 0, "text": said.text, "logprobs": null, "finish_reason": chat_finish(said) }],
        }),
        Dialect::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": anthropic_blocks(said),
            "stop_reason": anthropic_stop(said), "stop_sequence": null, "usage": anthropic_usage(said),
        }),
        Dialect::Gemini => json!({
            "candidates": [gemini_candidate(said, gemini_parts(said))], "usageMetadata": gemini_usage(said),
            "modelVersion": "m", "responseId": "r1",
        }),
        Dialect::Bedrock => json!({
            "output": { "message": { "role": "assistant", "content": bedrock_blocks(said) } },
            "stopReason": bedrock_stop(said), "usage": bedrock_usage(said), "metrics": { "latencyMs": 1 },
        }),
        Dialect::Cohere => cohere_whole(said),
        Dialect::Ollama => ollama_line(said, true),
    }
}

/// The same answer streamed.
pub fn streamed(dialect: Dialect, said: &Said) -> (Framing, String) {
    match dialect {
        Dialect::OpenAiChat => (Framing::Sse, chat_stream(said)),
        Dialect::OpenAiResponses => (Framing::Sse, responses_stream(said)),
        Dialect::OpenAiCompletions => (Framing::Sse, completions_stream(said)),
        Dialect::Anthropic => (Framing::Sse, anthropic_stream(said)),
        Dialect::Gemini => (Framing::Sse, gemini_stream(said)),
        // The binary framing is tested by itself: here its payloads, one a line.
        Dialect::Bedrock => (Framing::Ndjson, bedrock_stream(said)),
        Dialect::Cohere => (Framing::Sse, cohere_stream(said)),
        Dialect::Ollama => (Framing::Ndjson, ollama_stream(said)),
    }
}

// OpenAI chat completions.

fn chat_finish(said: &Said) -> &'static str {
    match said.end {
        End::Stop | End::Sequence => "stop",
        End::Length => "length",
        End::Tools => "tool_calls",
        End::Filter => "content_filter",
    }
}

fn chat_usage(said: &Said) -> Value {
    let (input, cached, output, reasoning) = said.usage;
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": { "cached_tokens": cached }, "completion_tokens_details": { "reasoning_tokens": reasoning },
    })
}

fn chat_calls(said: &Said, pieces: bool) -> Vec<Value> {
    let calls = said.calls.iter().enumerate();
    calls
        .map(|(at, (name, arguments))| {
            let text = if pieces { String::new() } else { arguments.to_string() };
            json!({ "index": at, "id": format!("call_{at}"), "type": "function", "function": { "name": name, "arguments": text } })
        })
        .collect()
}

fn chat_whole(said: &Said) -> Value {
    let text = if said.text.is_empty() && !said.calls.is_empty() { Value::Null } else { said.text.into() };
    let mut message = json!({ "role": "assistant", "content": text, "refusal": null });
    if !said.calls.is_empty() {
        message["tool_calls"] = chat_calls(said, false).into();
    }
    if !said.thought.is_empty() {
        // OpenRouter's form: the only one of this dialect that carries a seal.
        message["reasoning"] = said.thought.into();
        message["reasoning_details"] =
            json!([{ "type": "reasoning.text", "text": said.thought, "signature": said.seal, "index": 0 }]);
    }
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "usage": chat_usage(said),
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": chat_finish(said) }],
    })
}

fn chat_stream(said: &Said) -> String {
    let chunk = |delta: Value, finish: Value| {
        json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }], "usage": null })
    };
    let mut frames = vec![chunk(json!({ "role": "assistant", "content": "" }), Value::Null)];
    for piece in pieces(said.thought) {
        frames.push(chunk(json!({ "reasoning": piece, "reasoning_details": [{ "type": "reasoning.text", "text": piece, "index": 0 }] }), Value::Null));
    }
    if !said.seal.is_empty() {
        frames.push(chunk(json!({ "reasoning_details": [{ "type": "reasoning.text", "signature": said.seal, "index": 0 }] }), Value::Null));
    }
    frames.extend(pieces(said.text).into_iter().map(|piece| chunk(json!({ "content": piece }), Value::Null)));
    for call in chat_calls(said, true) {
        frames.push(chunk(json!({ "tool_calls": [call] }), Value::Null));
    }
    // Pieces of all calls by turns.
    let texts: Vec<Vec<String>> =
        said.calls.iter().map(|(_, arguments)| pieces(&arguments.to_string())).collect();
    for turn in 0..texts.iter().map(Vec::len).max().unwrap_or(0) {
        for (at, pieces) in texts.iter().enumerate() {
            if let Some(piece) = pieces.get(turn) {
                frames.push(chunk(
                    json!({ "tool_calls": [{ "index": at, "function": { "arguments": piece } }] }),
                    Value::Null,
                ));
            }
        }
    }
    frames.push(chunk(json!({}), chat_finish(said).into()));
    frames.push(json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": chat_usage(said) }));
    data(&frames) + "data: [DONE]\n\n"
}

fn completions_stream(said: &Said) -> String {
    let chunk = |text: &str, finish: Value| {
        json!({ "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "text": text, "logprobs": null, "finish_reason": finish }] })
    };
    let mut frames: Vec<Value> = pieces(said.text).iter().map(|piece| chunk(piece, Value::Null)).collect();
    frames.push(chunk("", chat_finish(said).into()));
    frames.push(json!({ "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [], "usage": chat_usage(said) }));
    data(&frames) + "data: [DONE]\n\n"
}

// OpenAI responses.

fn responses_items(said: &Said) -> Vec<Value> {
    let mut items = Vec::new();
    if !said.thought.is_empty() {
        items.push(json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": said.thought }], "encrypted_content": said.seal }));
    }
    if !said.text.is_empty() {
        let part = json!({ "type": "output_text", "text": said.text, "annotations": [], "logprobs": [] });
        items.push(json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part] }));
    }
    for (at, (name, arguments)) in said.calls.iter().enumerate() {
        items.push(json!({ "type": "function_call", "id": format!("fc_{at}"), "call_id": format!("call_{at}"), "name": name, "arguments": arguments.to_string(), "status": "completed" }));
    }
    items
}

fn responses_whole(said: &Said) -> Value {
    let (input, cached, output, reasoning) = said.usage;
    let reason = match said.end {
        End::Length => Some("max_output_tokens"),
        End::Filter => Some("content_filter"),
        End::Stop | End::Sequence | End::Tools => None,
    };
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": responses_items(said), "error": null,
        "status": if reason.is_some() { "incomplete" } else { "completed" },
        "incomplete_details": reason.map(|reason| json!({ "reason": reason })),
        "usage": {
            "input_tokens": input, "input_tokens_details": { "cached_tokens": cached },
            "output_tokens": output, "output_tokens_details": { "reasoning_tokens": reasoning }, "total_tokens": input + output,
        },
    })
}

fn responses_stream(said: &Said) -> String {
    let mut response = responses_whole(said);
    let end = format!("response.{}", response["status"].as_str().unwrap());
    let last = response.clone();
    for (name, value) in [
        ("status", json!("in_progress")),
        ("output", json!([])),
        ("usage", Value::Null),
        ("incomplete_details", Value::Null),
    ] {
        response[name] = value;
    }
    let mut frames = vec![json!({ "type": "response.created", "response": response })];
    for (at, item) in responses_items(said).into_iter().enumerate() {
        let id = item["id"].clone();
        let mut begun = item.clone();
        let mut deltas = Vec::new();
        let kind = item["type"].as_str().unwrap();
        let (name, text) = match kind {
            "reasoning" => {
                begun["summary"] = json!([]);
                ("response.reasoning_summary_text.delta", said.thought.to_owned())
            }
            "message" => {
                begun["content"] = json!([]);
                ("response.output_text.delta", said.text.to_owned())
            }
            _ => {
                begun["arguments"] = "".into();
                ("response.function_call_arguments.delta", item["arguments"].as_str().unwrap().to_owned())
            }
        };
        for piece in pieces(&text) {
            deltas.push(json!({ "type": name, "item_id": id, "output_index": at, "content_index": 0, "summary_index": 0, "delta": piece }));
        }
        frames.push(json!({ "type": "response.output_item.added", "output_index": at, "item": begun }));
        frames.extend(deltas);
        frames.push(json!({ "type": "response.output_item.done", "output_index": at, "item": item }));
    }
    frames.push(json!({ "type": end, "response": last }));
    events(&frames)
}

// Anthropic messages.

fn anthropic_stop(said: &Said) -> &'static str {
    match said.end {
        End::Stop => "end_turn",
        End::Sequence => "stop_sequence",
        End::Length => "max_tokens",
        End::Tools => "tool_use",
        End::Filter => "refusal",
    }
}

fn anthropic_usage(said: &Said) -> Value {
    let (input, cached, output, reasoning) = said.usage;
    json!({ "input_tokens": input - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0,
        "output_tokens": output, "output_tokens_details": { "thinking_tokens": reasoning } })
}

fn anthropic_blocks(said: &Said) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !said.thought.is_empty() {
        blocks.push(json!({ "type": "thinking", "thinking": said.thought, "signature": said.seal }));
    }
    if !said.text.is_empty() {
        blocks.push(json!({ "type": "text", "text": said.text }));
    }
    for (at, (name, input)) in said.calls.iter().enumerate() {
        blocks.push(json!({ "type": "tool_use", "id": format!("toolu_{at}"), "name": name, "input": input }));
    }
    blocks
}

fn anthropic_stream(said: &Said) -> String {
    let mut usage = anthropic_usage(said);
    usage["output_tokens"] = 1.into();
    let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage });
    let mut frames = vec![json!({ "type": "message_start", "message": message }), json!({ "type": "ping" })];
    for (at, block) in anthropic_blocks(said).into_iter().enumerate() {
        let (begun, mut deltas): (Value, Vec<Value>) = match block["type"].as_str().unwrap() {
            "thinking" => (
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                pieces(said.thought)
                    .into_iter()
                    .map(|piece| json!({ "type": "thinking_delta", "thinking": piece }))
                    .collect(),
            ),
            "text" => (
                json!({ "type": "text", "text": "" }),
                pieces(said.text)
                    .into_iter()
                    .map(|piece| json!({ "type": "text_delta", "text": piece }))
                    .collect(),
            ),
            _ => {
                let input =
                    if block["input"] == json!({}) { String::new() } else { block["input"].to_string() };
                let mut deltas = vec![json!({ "type": "input_json_delta", "partial_json": "" })];
                deltas.extend(
                    pieces(&input)
                        .into_iter()
                        .map(|piece| json!({ "type": "input_json_delta", "partial_json": piece })),
                );
                (json!({ "type": "tool_use", "id": block["id"], "name": block["name"], "input": {} }), deltas)
            }
        };
        if block["type"] == "thinking" {
            deltas.push(json!({ "type": "signature_delta", "signature": said.seal }));
        }
        frames.push(json!({ "type": "content_block_start", "index": at, "content_block": begun }));
        for delta in deltas {
            frames.push(json!({ "type": "content_block_delta", "index": at, "delta": delta }));
            frames.push(json!({ "type": "ping" }));
        }
        frames.push(json!({ "type": "content_block_stop", "index": at }));
    }
    frames.push(json!({ "type": "message_delta", "delta": { "stop_reason": anthropic_stop(said), "stop_sequence": null }, "usage": anthropic_usage(said) }));
    frames.push(json!({ "type": "message_stop" }));
    events(&frames)
}

// Gemini.

fn gemini_usage(said: &Said) -> Value {
    let (input, cached, output, reasoning) = said.usage;
    json!({ "promptTokenCount": input, "cachedContentTokenCount": cached, "candidatesTokenCount": output - reasoning,
        "thoughtsTokenCount": reasoning, "totalTokenCount": input + output })
}

fn gemini_candidate(said: &Said, parts: Vec<Value>) -> Value {
    let finish = match said.end {
        End::Stop | End::Sequence | End::Tools => "STOP",
        End::Length => "MAX_TOKENS",
        End::Filter => "SAFETY",
    };
    json!({ "index": 0, "content": { "role": "model", "parts": parts }, "finishReason": finish })
}

fn gemini_parts(said: &Said) -> Vec<Value> {
    let mut parts = Vec::new();
    if !said.thought.is_empty() {
        parts.push(json!({ "text": said.thought, "thought": true }));
    }
    if !said.text.is_empty() {
        parts.push(json!({ "text": said.text }));
    }
    if let Some(last) = parts.last_mut().filter(|_| !said.seal.is_empty()) {
        last["thoughtSignature"] = said.seal.into();
    }
    parts.extend(
        said.calls.iter().map(|(name, args)| json!({ "functionCall": { "name": name, "args": args } })),
    );
    parts
}

fn gemini_stream(said: &Said) -> String {
    let mut frames: Vec<Value> = gemini_parts(said)
        .into_iter()
        .map(|part| json!({ "candidates": [{ "index": 0, "content": { "role": "model", "parts": [part] } }], "modelVersion": "m", "responseId": "r1", "usageMetadata": gemini_usage(said) }))
        .collect();
    frames.push(json!({ "candidates": [gemini_candidate(said, Vec::new())], "modelVersion": "m", "responseId": "r1", "usageMetadata": gemini_usage(said) }));
    data(&frames).replace('\n', "\r\n")
}

// Bedrock converse.

fn bedrock_stop(said: &Said) -> &'static str {
    match said.end {
        End::Filter => "guardrail_intervened",
        _ => anthropic_stop(said),
    }
}

fn bedrock_usage(said: &Said) -> Value {
    let (input, cached, output, _) = said.usage;
    json!({ "inputTokens": input - cached, "cacheReadInputTokens": cached, "outputTokens": output, "totalTokens": input + output })
}

fn bedrock_blocks(said: &Said) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !said.thought.is_empty() {
        blocks.push(json!({ "reasoningContent": { "reasoningText": { "text": said.thought, "signature": said.seal } } }));
    }
    if !said.text.is_empty() {
        blocks.push(json!({ "text": said.text }));
    }
    for (at, (name, input)) in said.calls.iter().enumerate() {
        blocks.push(
            json!({ "toolUse": { "toolUseId": format!("tooluse_{at}"), "name": name, "input": input } }),
        );
    }
    blocks
}

fn bedrock_stream(said: &Said) -> String {
    let mut lines = vec![json!({ "messageStart": { "role": "assistant" } })];
    for (at, block) in bedrock_blocks(said).into_iter().enumerate() {
        let mut delta = |delta: Value| {
            lines.push(json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": delta } }));
        };
        if let Some(call) = block.get("toolUse") {
            let input = if call["input"] == json!({}) { String::new() } else { call["input"].to_string() };
            lines.push(json!({ "contentBlockStart": { "contentBlockIndex": at, "start": { "toolUse": { "toolUseId": call["toolUseId"], "name": call["name"] } } } }));
            for piece in pieces(&input) {
                lines.push(json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": { "toolUse": { "input": piece } } } }));
            }
        } else if block.get("reasoningContent").is_some() {
            pieces(said.thought)
                .into_iter()
                .for_each(|piece| delta(json!({ "reasoningContent": { "text": piece } })));
            delta(json!({ "reasoningContent": { "signature": said.seal } }));
        } else {
            pieces(said.text).into_iter().for_each(|piece| delta(json!({ "text": piece })));
        }
        lines.push(json!({ "contentBlockStop": { "contentBlockIndex": at } }));
    }
    lines.push(json!({ "messageStop": { "stopReason": bedrock_stop(said) } }));
    lines.push(json!({ "metadata": { "usage": bedrock_usage(said), "metrics": { "latencyMs": 1 } } }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

// Cohere.

fn cohere_finish(said: &Said) -> &'static str {
    match said.end {
        End::Stop => "COMPLETE",
        End::Sequence => "STOP_SEQUENCE",
        End::Length => "MAX_TOKENS",
        End::Tools => "TOOL_CALL",
        End::Filter => "ERROR_TOXIC",
    }
}

fn cohere_usage(said: &Said) -> Value {
    let (input, cached, output, _) = said.usage;
    json!({ "billed_units": { "input_tokens": input, "output_tokens": output },
        "tokens": { "input_tokens": input, "output_tokens": output }, "cached_tokens": cached })
}

fn cohere_whole(said: &Said) -> Value {
    let mut message = json!({ "role": "assistant" });
    let mut content = Vec::new();
    if !said.thought.is_empty() {
        content.push(json!({ "type": "thinking", "thinking": said.thought }));
    }
    if !said.text.is_empty() {
        content.push(json!({ "type": "text", "text": said.text }));
    }
    if !content.is_empty() {
        message["content"] = content.into();
    }
    if !said.calls.is_empty() {
        message["tool_calls"] = said.calls.iter().enumerate().map(|(at, (name, arguments))| {
            json!({ "id": format!("{name}_{at}"), "type": "function", "function": { "name": name, "arguments": arguments.to_string() } })
        }).collect();
    }
    json!({ "id": "c1", "finish_reason": cohere_finish(said), "message": message, "usage": cohere_usage(said) })
}

fn cohere_stream(said: &Said) -> String {
    let message =
        |kind: &str, message: Value| json!({ "type": kind, "index": 0, "delta": { "message": message } });
    let mut frames =
        vec![json!({ "type": "message-start", "id": "c1", "delta": { "message": { "role": "assistant" } } })];
    frames.extend(
        pieces(said.thought)
            .iter()
            .map(|piece| message("content-delta", json!({ "content": { "thinking": piece } }))),
    );
    frames.extend(
        pieces(said.text)
            .iter()
            .map(|piece| message("content-delta", json!({ "content": { "text": piece } }))),
    );
    for (at, (name, arguments)) in said.calls.iter().enumerate() {
        frames.push(message("tool-call-start", json!({ "tool_calls": { "id": format!("{name}_{at}"), "type": "function", "function": { "name": name, "arguments": "" } } })));
        frames.extend(pieces(&arguments.to_string()).iter().map(|piece| {
            message("tool-call-delta", json!({ "tool_calls": { "function": { "arguments": piece } } }))
        }));
        frames.push(json!({ "type": "tool-call-end", "index": at }));
    }
    frames.push(json!({ "type": "message-end", "delta": { "finish_reason": cohere_finish(said), "usage": cohere_usage(said) } }));
    events(&frames)
}

// Ollama.

fn ollama_line(said: &Said, done: bool) -> Value {
    let mut message = json!({ "role": "assistant", "content": said.text });
    if !said.thought.is_empty() {
        message["thinking"] = said.thought.into();
    }
    if !said.calls.is_empty() {
        message["tool_calls"] = said
            .calls
            .iter()
            .map(|(name, arguments)| json!({ "function": { "name": name, "arguments": arguments } }))
            .collect();
    }
    let mut line =
        json!({ "model": "m", "created_at": "2026-01-02T03:04:05.6Z", "message": message, "done": done });
    if done {
        line["done_reason"] = if said.end == End::Length { "length" } else { "stop" }.into();
        line["prompt_eval_count"] = said.usage.0.into();
        line["eval_count"] = said.usage.2.into();
    }
    line
}

fn ollama_stream(said: &Said) -> String {
    let piece = |text: String| json!({ "model": "m", "created_at": "2026-01-02T03:04:05.6Z", "message": { "role": "assistant", "content": text }, "done": false });
    let mut lines: Vec<Value> = Vec::new();
    if !said.thought.is_empty() || !said.calls.is_empty() {
        lines.push(ollama_line(&Said { text: "", ..said.clone() }, false));
    }
    lines.extend(pieces(said.text).into_iter().map(piece));
    lines.push(ollama_line(&Said { text: "", thought: "", calls: Vec::new(), ..said.clone() }, true));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

// Reading.

/// What a reader finds, in words that all dialects share.
#[derive(Debug, PartialEq, Default)]
struct Read {
    text: String,
    thought: String,
    calls: Vec<(String, Value)>,
    end: String,
    tokens: Option<(u64, u64)>,
}

fn end_name(finish: Option<&Finish>) -> &'static str {
    match finish {
        Some(Finish::Length) => "length",
        Some(Finish::ToolCalls) => "tools",
        Some(Finish::ContentFilter | Finish::Refusal) => "filter",
        _ => "stop",
    }
}

fn tokens(usage: Option<&Usage>) -> Option<(u64, u64)> {
    usage.map(|usage| (usage.input, usage.output))
}

fn of_response(response: &Response) -> Read {
    let mut read = Read { tokens: tokens(response.usage.as_ref()), ..Read::default() };
    let choice = &response.choices[0];
    for part in &choice.message.parts {
        match part {
            Part::Text { text, .. } => read.text += text,
            Part::Thinking(thought) => read.thought += &thought.text,
            Part::ToolCall(call) => {
                read.calls.push((call.name.clone(), serde_json::from_str(&call.arguments).unwrap()));
            }
            _ => {}
        }
    }
    read.end = end_name(choice.finish.as_ref()).to_owned();
    read
}

fn of_events(events: &[Event]) -> Read {
    let mut read = Read::default();
    let mut texts: Vec<String> = Vec::new();
    for event in events {
        match event {
            Event::Text { text, .. } => read.text += text,
            Event::Thinking { text, .. } => read.thought += text,
            Event::ThinkingSealed { thinking, .. } => read.thought += &thinking.text,
            Event::ToolCall { name, .. } => {
                read.calls.push((name.clone(), Value::Null));
                texts.push(String::new());
            }
            Event::ToolArguments { call, text, .. } => texts[*call as usize] += text,
            Event::Finish { finish, .. } => read.end = end_name(Some(finish)).to_owned(),
            Event::Usage(usage) => read.tokens = tokens(Some(usage)),
            Event::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    for (call, text) in read.calls.iter_mut().zip(texts) {
        call.1 = serde_json::from_str(&text).unwrap_or_else(|_| panic!("arguments: {text:?}"));
    }
    read
}

/// What a client of `to` must read of `said`, from a provider of `from`.
fn expected(said: &Said, from: Dialect, to: Dialect) -> Read {
    let end = match said.end {
        End::Length => "length",
        End::Tools if to == Dialect::OpenAiCompletions => "stop",
        End::Tools => "tools",
        // Ollama has no filter.
        End::Filter if from == Dialect::Ollama => "stop",
        End::Filter => "filter",
        End::Stop | End::Sequence => "stop",
    };
    let bare = to == Dialect::OpenAiCompletions;
    Read {
        text: said.text.to_owned(),
        thought: if bare { String::new() } else { said.thought.to_owned() },
        calls: if bare {
            Vec::new()
        } else {
            said.calls.iter().map(|(name, args)| ((*name).to_owned(), args.clone())).collect()
        },
        end: end.to_owned(),
        tokens: Some((said.usage.0, said.usage.2)),
    }
}

/// The events of a stream that ends as it should.
fn decode(dialect: Dialect, framing: Framing, bytes: &[u8]) -> Vec<Event> {
    let events = documented::events(dialect, framing, bytes);
    assert_eq!(events.last(), Some(&Event::Done));
    events
}

#[test]
fn every_answer_is_read_by_every_client() {
    let (mut cells, mut wrong) = (0, Vec::new());
    for from in Dialect::ALL {
        for kind in Kind::ALL {
            let said = said(kind);
            if !can_say(from, &said) {
                continue;
            }
            let body = whole(from, &said).to_string();
            let response = dialect::outbound(from).unwrap().decode_response(body.as_bytes()).unwrap();
            let (framing, stream) = streamed(from, &said);
            let events = decode(from, framing, stream.as_bytes());
            for to in Dialect::ALL {
                let Some(inbound) = dialect::inbound(to) else { continue };
                let expected = expected(&said, from, to);
                let told = inbound.encode_response(&response, &reply());
                let mut encoder = inbound.stream_encoder(&reply());
                let mut out = Vec::new();
                events
                    .iter()
                    .filter(|event| **event != Event::Done)
                    .for_each(|event| encoder.push(event, &mut out));
                encoder.finish(&mut out);
                let outbound = dialect::outbound(to).unwrap();
                let reads = [
                    ("whole", of_response(&outbound.decode_response(&told).unwrap())),
                    ("streamed", of_events(&decode(to, Framing::Sse, &out))),
                    ("recited", {
                        let mut encoder = inbound.stream_encoder(&reply());
                        let mut out = Vec::new();
                        let told = response.recite();
                        told.iter()
                            .filter(|event| **event != Event::Done)
                            .for_each(|event| encoder.push(event, &mut out));
                        encoder.finish(&mut out);
                        of_events(&decode(to, Framing::Sse, &out))
                    }),
                ];
                for (way, read) in reads {
                    cells += 1;
                    if read != expected {
                        wrong.push(format!(
                            "{kind:?} {way} from {} for {}\n  found    {read:?}\n  expected {expected:?}",
                            from.name(),
                            to.name()
                        ));
                    }
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A provider's refusals, as each dialect's owner documents them.
fn refusals(dialect: Dialect) -> Vec<(u16, Value, ErrorKind)> {
    let openai = |kind: &str, code: Value, text: &str| json!({ "error": { "message": text, "type": kind, "param": null, "code": code } });
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompletions => vec![
            (
                401,
                openai("invalid_request_error", json!("invalid_api_key"), "Incorrect API key provided"),
                ErrorKind::UpstreamAuth,
            ),
            (
                429,
                openai("requests", json!("rate_limit_exceeded"), "Rate limit reached"),
                ErrorKind::RateLimited,
            ),
            (
                429,
                openai("insufficient_quota", json!("insufficient_quota"), "You exceeded your current quota"),
                ErrorKind::QuotaExceeded,
            ),
            (
                400,
                openai(
                    "invalid_request_error",
                    json!("context_length_exceeded"),
                    "maximum context length is 8 tokens",
                ),
                ErrorKind::ContextTooLong,
            ),
            (
                404,
                openai("invalid_request_error", json!("model_not_found"), "The model does not exist"),
                ErrorKind::NotFound,
            ),
            (500, openai("server_error", Value::Null, "The server had an error"), ErrorKind::UpstreamFailed),
        ],
        Dialect::Anthropic => {
            let error = |kind: &str, text: &str| json!({ "type": "error", "error": { "type": kind, "message": text } });
            vec![
                (401, error("authentication_error", "invalid x-api-key"), ErrorKind::UpstreamAuth),
                (429, error("rate_limit_error", "exceeded"), ErrorKind::RateLimited),
                (529, error("overloaded_error", "Overloaded"), ErrorKind::Overloaded),
                (
                    400,
                    error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
                    ErrorKind::ContextTooLong,
                ),
                (404, error("not_found_error", "model: x"), ErrorKind::NotFound),
                (500, error("api_error", "Internal server error"), ErrorKind::UpstreamFailed),
            ]
        }
        Dialect::Gemini => {
            let error = |code: u16, status: &str, text: &str| json!({ "error": { "code": code, "status": status, "message": text } });
            vec![
                (
                    429,
                    error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted"),
                    ErrorKind::RateLimited,
                ),
                (403, error(403, "PERMISSION_DENIED", "denied"), ErrorKind::UpstreamAuth),
                (404, error(404, "NOT_FOUND", "models/x is not found"), ErrorKind::NotFound),
                (503, error(503, "UNAVAILABLE", "The model is overloaded."), ErrorKind::Overloaded),
                (
                    400,
                    error(
                        400,
                        "INVALID_ARGUMENT",
                        "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                    ),
                    ErrorKind::ContextTooLong,
                ),
                (400, json!([error(400, "INVALID_ARGUMENT", "bad")]), ErrorKind::InvalidRequest),
            ]
        }
        Dialect::Bedrock => vec![
            (
                429,
                json!({ "__type": "ThrottlingException", "message": "Too many requests" }),
                ErrorKind::RateLimited,
            ),
            (403, json!({ "__type": "AccessDeniedException", "message": "denied" }), ErrorKind::UpstreamAuth),
            (
                400,
                json!({ "__type": "ValidationException", "message": "Input is too long for requested model." }),
                ErrorKind::ContextTooLong,
            ),
            (
                503,
                json!({ "__type": "ServiceUnavailableException", "message": "busy" }),
                ErrorKind::Overloaded,
            ),
        ],
        Dialect::Cohere => vec![
            (401, json!({ "id": "x", "message": "invalid api token" }), ErrorKind::UpstreamAuth),
            (
                429,
                json!({ "message": "You are using a Trial key, which is limited to 20 API calls / minute" }),
                ErrorKind::RateLimited,
            ),
            (
                400,
                json!({ "message": "too many tokens: max tokens must be less than 8" }),
                ErrorKind::ContextTooLong,
            ),
        ],
        Dialect::Ollama => vec![
            (404, json!({ "error": "model \"x\" not found, try pulling it first" }), ErrorKind::NotFound),
            (500, json!({ "error": "model runner has unexpectedly stopped" }), ErrorKind::UpstreamFailed),
        ],
    }
}

#[test]
fn every_error_is_told_to_every_client() {
    let headers = HeaderMap::new();
    for from in Dialect::ALL {
        let refusals = refusals(from);
        assert!(!refusals.is_empty(), "{}", from.name());
        for (status, body, kind) in refusals {
            let text = body.to_string();
            let refused = Refused { status, headers: &headers, body: text.as_bytes(), unix_seconds: 0 };
            let error = dialect::outbound(from).unwrap().decode_error(&refused);
            assert_eq!(error.kind, kind, "{}: {body}", from.name());
            for inbound in Dialect::ALL.into_iter().filter_map(dialect::inbound) {
                let told = inbound.encode_error(&error, "r1");
                let again =
                    Refused { status: error.http_status(), headers: &headers, body: &told, unix_seconds: 0 };
                let read = dialect::outbound(inbound.dialect()).unwrap().decode_error(&again);
                // Another party's credentials are not the client's: it reads a failure of the gateway's side.
                let as_told = if kind == ErrorKind::UpstreamAuth { ErrorKind::UpstreamFailed } else { kind };
                let same = read.kind == as_told
                    || (kind == ErrorKind::QuotaExceeded && read.kind == ErrorKind::RateLimited);
                assert!(
                    same,
                    "{kind:?} from {} for {}: read as {:?}: {}",
                    from.name(),
                    inbound.dialect().name(),
                    read.kind,
                    String::from_utf8_lossy(&told)
                );
                assert!(read.message.contains(error.message.as_str()), "{}", read.message);
            }
        }
    }
}
