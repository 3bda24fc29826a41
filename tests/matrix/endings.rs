//! Every documented reason for which a model stops, told to every client: a
//! proper end stays one, and none that is not one is told as if it were.
//!
//! Sources: OpenAI API reference "Chat", "Responses"; DeepSeek, Mistral, Z.ai,
//! Together and text-generation-inference API references; Anthropic, Handling
//! stop reasons; Gemini API reference and Vertex AI reference "FinishReason";
//! Amazon Bedrock API reference, Converse "stopReason"; Cohere API reference v2;
//! Ollama API, checked 2026-11-21.

use pointsman::dialect;
use pointsman::ir::{Dialect, Finish};
use serde_json::{Value, json};

use crate::documented::{bytes, events, framing, reply, told};

/// What a client must read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Read {
    Stop,
    Length,
    Filter,
    /// Anything but a proper end.
    Odd,
    /// An error.
    Error,
}

fn endings(dialect: Dialect) -> Vec<(&'static str, Read)> {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => vec![
            ("stop", Read::Stop),
            ("length", Read::Length),
            ("content_filter", Read::Filter),
            ("insufficient_system_resource", Read::Odd),
            ("model_length", Read::Length),
            ("error", Read::Odd),
            ("sensitive", Read::Filter),
            ("network_error", Read::Odd),
            ("eos", Read::Stop),
            ("eos_token", Read::Stop),
            ("stop_sequence", Read::Stop),
        ],
        Dialect::OpenAiResponses => vec![
            ("completed", Read::Stop),
            ("max_output_tokens", Read::Length),
            ("content_filter", Read::Filter),
            ("something_new", Read::Odd),
            ("cancelled", Read::Odd),
        ],
        Dialect::Anthropic => vec![
            ("end_turn", Read::Stop),
            ("stop_sequence", Read::Stop),
            ("max_tokens", Read::Length),
            ("refusal", Read::Filter),
            ("model_context_window_exceeded", Read::Length),
            ("something_new", Read::Odd),
        ],
        Dialect::Gemini => vec![
            ("STOP", Read::Stop),
            ("MAX_TOKENS", Read::Length),
            ("SAFETY", Read::Filter),
            ("RECITATION", Read::Filter),
            ("LANGUAGE", Read::Odd),
            ("OTHER", Read::Odd),
            ("BLOCKLIST", Read::Filter),
            ("PROHIBITED_CONTENT", Read::Filter),
            ("SPII", Read::Filter),
            ("MODEL_ARMOR", Read::Filter),
            ("MALFORMED_FUNCTION_CALL", Read::Odd),
            ("IMAGE_SAFETY", Read::Filter),
            ("IMAGE_PROHIBITED_CONTENT", Read::Filter),
            ("IMAGE_RECITATION", Read::Filter),
            ("IMAGE_OTHER", Read::Odd),
            ("NO_IMAGE", Read::Odd),
            ("UNEXPECTED_TOOL_CALL", Read::Odd),
            ("TOO_MANY_TOOL_CALLS", Read::Odd),
            ("MISSING_THOUGHT_SIGNATURE", Read::Odd),
            ("MALFORMED_RESPONSE", Read::Odd),
        ],
        Dialect::Bedrock => vec![
            ("end_turn", Read::Stop),
            ("stop_sequence", Read::Stop),
            ("max_tokens", Read::Length),
            ("guardrail_intervened", Read::Filter),
            ("content_filtered", Read::Filter),
            ("malformed_model_output", Read::Odd),
            ("malformed_tool_use", Read::Odd),
            ("model_context_window_exceeded", Read::Length),
        ],
        Dialect::Cohere => vec![
            ("COMPLETE", Read::Stop),
            ("STOP_SEQUENCE", Read::Stop),
            ("MAX_TOKENS", Read::Length),
            ("ERROR", Read::Error),
            ("TIMEOUT", Read::Error),
        ],
        Dialect::Ollama => {
            vec![("stop", Read::Stop), ("length", Read::Length), ("load", Read::Odd), ("unload", Read::Odd)]
        }
    }
}

/// A whole answer that ends so, and the frames of a streamed one.
fn answer(dialect: Dialect, end: &str) -> (Value, Vec<Value>) {
    match dialect {
        Dialect::OpenAiChat => {
            let of = |name: &str, said: Value, end: Value| json!({ "id": "a", "model": "m", "choices": [{ "index": 0, name: said, "finish_reason": end }] });
            let said = json!({ "role": "assistant", "content": "x" });
            (
                of("message", said.clone(), end.into()),
                vec![of("delta", said, Value::Null), of("delta", json!({}), end.into())],
            )
        }
        Dialect::OpenAiCompletions => {
            let whole = json!({ "id": "a", "model": "m", "choices": [{ "index": 0, "text": "x", "finish_reason": end }] });
            (whole.clone(), vec![whole])
        }
        Dialect::OpenAiResponses => {
            let reason = !matches!(end, "completed" | "cancelled");
            let status = if reason { "incomplete" } else { end };
            let item = json!({ "type": "message", "id": "i", "role": "assistant", "status": "completed", "content": [{ "type": "output_text", "text": "x", "annotations": [] }] });
            let details = reason.then(|| json!({ "reason": end }));
            let whole = json!({ "id": "r", "object": "response", "model": "m", "status": status, "incomplete_details": details, "output": [item] });
            let last = if status == "completed" { "response.completed" } else { "response.incomplete" };
            (whole.clone(), vec![json!({ "type": last, "response": whole })])
        }
        Dialect::Anthropic => {
            let message = |content: Value, end: Value| json!({ "id": "m", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": end, "usage": { "input_tokens": 1, "output_tokens": 1 } });
            let stream = vec![
                json!({ "type": "message_start", "message": message(json!([]), Value::Null) }),
                json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "x" } }),
                json!({ "type": "content_block_stop", "index": 0 }),
                json!({ "type": "message_delta", "delta": { "stop_reason": end }, "usage": { "output_tokens": 1 } }),
                json!({ "type": "message_stop" }),
            ];
            (message(json!([{ "type": "text", "text": "x" }]), end.into()), stream)
        }
        Dialect::Gemini => {
            let whole = json!({ "candidates": [{ "content": { "parts": [{ "text": "x" }] }, "finishReason": end }], "responseId": "r" });
            (whole.clone(), vec![whole])
        }
        Dialect::Bedrock => {
            let whole = json!({ "output": { "message": { "role": "assistant", "content": [{ "text": "x" }] } }, "stopReason": end, "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 } });
            let stream = vec![
                json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "text": "x" } } }),
                json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
                json!({ "messageStop": { "stopReason": end } }),
            ];
            (whole, stream)
        }
        Dialect::Cohere => {
            let whole = json!({ "id": "c", "finish_reason": end, "message": { "role": "assistant", "content": [{ "type": "text", "text": "x" }] } });
            let stream = vec![
                json!({ "type": "message-start", "id": "c" }),
                json!({ "type": "content-delta", "delta": { "message": { "content": { "text": "x" } } } }),
                json!({ "type": "message-end", "delta": { "finish_reason": end } }),
            ];
            (whole, stream)
        }
        Dialect::Ollama => {
            let whole = json!({ "model": "m", "created_at": "", "message": { "role": "assistant", "content": "x" }, "done": true, "done_reason": end });
            (whole.clone(), vec![whole])
        }
    }
}

fn read(finish: Option<&Finish>) -> Read {
    match finish {
        Some(Finish::Stop | Finish::StopSequence(_)) => Read::Stop,
        Some(Finish::Length) => Read::Length,
        Some(Finish::ContentFilter | Finish::Refusal) => Read::Filter,
        _ => Read::Odd,
    }
}

#[test]
fn every_ending_is_told_as_what_it_is() {
    let mut wrong = Vec::new();
    for from in Dialect::ALL {
        for (end, expected) in endings(from) {
            let (whole, frames) = answer(from, end);
            let outbound = dialect::outbound(from).unwrap();
            let response = outbound.decode_response(whole.to_string().as_bytes());
            let stream = events(from, framing(from), bytes(from, &frames).as_bytes());
            let failed = stream.iter().any(|event| matches!(event, pointsman::ir::Event::Error(_)));
            if expected == Read::Error {
                assert!(response.is_err() && failed, "{} {end}", from.name());
                continue;
            }
            let response = response.unwrap_or_else(|error| panic!("{} {end}: {error:?}", from.name()));
            assert!(!failed, "{} {end}", from.name());
            for to in Dialect::ALL.into_iter().filter(|to| dialect::inbound(*to).is_some()) {
                let reader = dialect::outbound(to).unwrap();
                let whole = dialect::inbound(to).unwrap().encode_response(&response, &reply());
                let whole = reader.decode_response(&whole).unwrap();
                let stream = events(to, pointsman::sse::Framing::Sse, told(to, &stream).as_bytes());
                let streamed = stream.iter().find_map(|event| match event {
                    pointsman::ir::Event::Finish { finish, .. } => Some(finish),
                    _ => None,
                });
                for (way, found) in [("whole", whole.choices[0].finish.as_ref()), ("streamed", streamed)] {
                    if read(found) != expected {
                        wrong.push(format!(
                            "{end} of {} for {}, {way}: {found:?} is not {expected:?}",
                            from.name(),
                            to.name()
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
