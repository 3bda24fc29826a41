//! Every block, item, part and event that the vendors document of answers, told
//! to every client: what is marked in the fixture (`mk-`) is read by the
//! client, or reported as untold. Never an error, never lost in silence.
//!
//! Sources: OpenAI API reference "Responses" and its streaming events, "Chat";
//! Anthropic API reference "Messages" and the tools' pages; Gemini API reference
//! "Part", "Candidate"; Amazon Bedrock API reference, ContentBlock and
//! ContentBlockDelta; Cohere API reference v2; Ollama API, checked 2026-11-21.

use pointsman::dialect::{self, ReplyFacts};
use pointsman::ir::{Dialect, Event};
use pointsman::sse::Framing;
use serde_json::{Value, json};

use crate::streamed;

/// A documented piece of an answer: what it is, the whole answer, the frames of a streamed one.
pub struct Piece {
    pub name: String,
    pub whole: Value,
    pub stream: Vec<Value>,
}

fn piece(name: &str, whole: Value, stream: Vec<Value>) -> Piece {
    Piece { name: name.to_owned(), whole, stream }
}

/// All that `dialect` documents.
pub fn pieces(dialect: Dialect) -> Vec<Piece> {
    match dialect {
        Dialect::OpenAiChat => chat(),
        Dialect::OpenAiResponses => responses(),
        Dialect::OpenAiCompletions => completions(),
        Dialect::Anthropic => anthropic(),
        Dialect::Gemini => gemini(),
        Dialect::Bedrock => bedrock(),
        Dialect::Cohere => cohere(),
        Dialect::Ollama => ollama(),
    }
}

pub fn framing(dialect: Dialect) -> Framing {
    match dialect {
        // The binary framing is tested by itself.
        Dialect::Bedrock | Dialect::Ollama => Framing::Ndjson,
        _ => Framing::Sse,
    }
}

pub fn bytes(dialect: Dialect, frames: &[Value]) -> String {
    let frame = |frame: &Value| match (framing(dialect), frame["type"].as_str()) {
        (Framing::Ndjson, _) => format!("{frame}\n"),
        (_, Some(kind)) => format!("event: {kind}\ndata: {frame}\n\n"),
        (_, None) => format!("data: {frame}\n\n"),
    };
    frames.iter().map(frame).collect()
}

// OpenAI chat completions.

fn chat() -> Vec<Piece> {
    let one = |name: &str, fields: Value, finish: &str| {
        let mut message = json!({ "role": "assistant", "content": "mk-text" });
        let (beside, said) = if name == "logprobs" { (fields, json!({})) } else { (json!({}), fields) };
        message.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let mut choice = json!({ "index": 0, "message": message, "finish_reason": finish });
        choice.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        let whole = json!({ "id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice] });
        let chunk = |delta: Value, finish: Value| json!({ "id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        let mut special = chunk(said, Value::Null);
        special["choices"][0].as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        let stream = vec![
            chunk(json!({ "role": "assistant", "content": "mk-text" }), Value::Null),
            special,
            chunk(json!({}), finish.into()),
        ];
        piece(name, whole, stream)
    };
    let token = |text: &str| json!({ "token": text, "logprob": -0.5, "bytes": [1], "top_logprobs": [{ "token": text, "logprob": -0.5, "bytes": [1] }] });
    vec![
        one(
            "url_citation",
            json!({ "annotations": [{ "type": "url_citation", "url_citation": { "start_index": 0, "end_index": 7, "title": "mk-title", "url": "https://a.example/mk-url" } }] }),
            "stop",
        ),
        one(
            "file_annotation",
            json!({ "annotations": [{ "type": "file", "file": { "hash": "mk-hash", "name": "mk-name" } }] }),
            "stop",
        ),
        one("refusal", json!({ "content": null, "refusal": "mk-refusal" }), "stop"),
        one(
            "audio",
            json!({ "content": null, "audio": { "id": "audio_1", "data": "mk-audio", "transcript": "mk-said", "expires_at": 9 } }),
            "stop",
        ),
        one(
            "images",
            json!({ "images": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,mk-picture" } }] }),
            "stop",
        ),
        one(
            "function_call",
            json!({ "content": null, "function_call": { "name": "mk-name", "arguments": "{\"a\":\"mk-argument\"}" } }),
            "function_call",
        ),
        one(
            "custom tool",
            json!({ "content": null, "tool_calls": [{ "index": 0, "id": "call_1", "type": "custom", "custom": { "name": "mk-name", "input": "mk-input" } }] }),
            "tool_calls",
        ),
        one("reasoning_content", json!({ "reasoning_content": "mk-thought" }), "stop"),
        one(
            "reasoning_details",
            json!({ "reasoning_details": [{ "type": "reasoning.text", "text": "mk-thought", "signature": "mk-seal", "index": 0 }] }),
            "stop",
        ),
        one(
            "reference part",
            json!({ "content": [{ "type": "text", "text": "mk-text" }, { "type": "reference", "reference_ids": ["mk-reference"] }] }),
            "stop",
        ),
        one("logprobs", json!({ "logprobs": { "content": [token("mk-token")], "refusal": null } }), "stop"),
        one("made up", json!({ "made_up": "mk-unknown" }), "stop"),
    ]
}

fn completions() -> Vec<Piece> {
    let choice = |text: &str, finish: Value| json!({ "index": 0, "text": text, "finish_reason": finish, "logprobs": { "tokens": ["mk-token"], "token_logprobs": [-0.5], "top_logprobs": [{ "mk-token": -0.5 }], "text_offset": [0] } });
    let answer = |choice: Value| json!({ "id": "a", "object": "text_completion", "created": 1, "model": "m", "choices": [choice] });
    let end = json!({ "index": 0, "text": "", "finish_reason": "stop", "logprobs": null });
    vec![piece(
        "logprobs",
        answer(choice("mk-text", "stop".into())),
        vec![answer(choice("mk-text", Value::Null)), answer(end)],
    )]
}

// OpenAI responses.

fn responses() -> Vec<Piece> {
    let mut pieces: Vec<Piece> =
        response_items().into_iter().map(|(item, progress)| response_item(item, progress)).collect();
    for annotation in [
        json!({ "type": "url_citation", "start_index": 0, "end_index": 7, "url": "https://a.example/mk-url", "title": "mk-title" }),
        json!({ "type": "file_citation", "file_id": "mk-file", "filename": "mk-name", "index": 7 }),
        json!({ "type": "container_file_citation", "container_id": "mk-container", "file_id": "mk-file", "filename": "mk-name", "start_index": 0, "end_index": 7 }),
        json!({ "type": "file_path", "file_id": "mk-file", "index": 7 }),
    ] {
        let name = annotation["type"].as_str().unwrap().to_owned();
        let part =
            json!({ "type": "output_text", "text": "mk-text", "annotations": [annotation], "logprobs": [] });
        let added = json!({ "type": "response.output_text.annotation.added", "item_id": "msg_1", "output_index": 0, "content_index": 0, "annotation_index": 0, "annotation": annotation });
        pieces.push(spoken(&name, part, vec![text_delta(), added]));
    }
    let token = json!({ "token": "mk-token", "logprob": -0.5, "bytes": [1], "top_logprobs": [] });
    let part = json!({ "type": "output_text", "text": "mk-text", "annotations": [], "logprobs": [token] });
    let mut delta = text_delta();
    delta["logprobs"] = json!([token]);
    pieces.push(spoken("logprobs", part, vec![delta]));
    let refusal = json!({ "type": "response.refusal.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "mk-refusal" });
    pieces.push(spoken("refusal", json!({ "type": "refusal", "refusal": "mk-refusal" }), vec![refusal]));
    pieces
}

fn text_delta() -> Value {
    json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "mk-text", "logprobs": [] })
}

fn response(output: Value, status: &str) -> Value {
    json!({ "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status, "error": null, "incomplete_details": null, "output": output })
}

/// A message of one part.
fn spoken(name: &str, part: Value, deltas: Vec<Value>) -> Piece {
    let item = json!({ "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part] });
    let mut begun = item.clone();
    begun["content"] = json!([]);
    let mut stream = vec![
        json!({ "type": "response.created", "response": response(json!([]), "in_progress") }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": begun }),
    ];
    stream.extend(deltas);
    stream.push(json!({ "type": "response.output_item.done", "output_index": 0, "item": item }));
    let whole = response(json!([item]), "completed");
    stream.push(json!({ "type": "response.completed", "response": whole }));
    piece(name, whole, stream)
}

/// An item before a message, with the events of its progress.
fn response_item(item: Value, progress: Vec<&str>) -> Piece {
    let part = json!({ "type": "output_text", "text": "mk-text", "annotations": [], "logprobs": [] });
    let mut whole = spoken("", part, vec![text_delta()]);
    let kind = item["type"].as_str().unwrap().to_owned();
    let mut events: Vec<Value> = vec![
        json!({ "type": "response.output_item.added", "output_index": 1, "item": { "type": kind, "id": item["id"], "call_id": item["call_id"], "name": item["name"], "status": "in_progress" } }),
    ];
    events.extend(progress.into_iter().map(|event| {
        let (event, field) = event.split_once(' ').unwrap_or((event, "nothing"));
        json!({ "type": event, "output_index": 1, "item_id": item["id"], field: item.pointer(&format!("/{}", if field == "delta" { "input" } else { "result" })) })
    }));
    events.push(json!({ "type": "response.output_item.done", "output_index": 1, "item": item }));
    let end = whole.stream.len() - 1;
    whole.stream.splice(end..end, events);
    for place in [
        &mut whole.whole["output"],
        whole.stream.last_mut().unwrap().pointer_mut("/response/output").unwrap(),
    ] {
        place.as_array_mut().unwrap().push(item.clone());
    }
    Piece { name: kind, ..whole }
}

fn response_items() -> Vec<(Value, Vec<&'static str>)> {
    vec![
        (
            json!({ "type": "web_search_call", "id": "ws_1", "status": "completed", "action": { "type": "search", "query": "mk-query", "sources": [{ "type": "url", "url": "https://mk-source" }] } }),
            vec![
                "response.web_search_call.in_progress",
                "response.web_search_call.searching",
                "response.web_search_call.completed",
            ],
        ),
        (
            json!({ "type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["mk-query"], "results": [{ "file_id": "f", "text": "mk-found" }] }),
            vec![
                "response.file_search_call.in_progress",
                "response.file_search_call.searching",
                "response.file_search_call.completed",
            ],
        ),
        (
            json!({ "type": "computer_call", "id": "cu_1", "call_id": "call_1", "status": "completed", "action": { "type": "type", "text": "mk-typed" }, "pending_safety_checks": [] }),
            vec![],
        ),
        (
            json!({ "type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": "mk-code", "container_id": "c", "outputs": [{ "type": "logs", "logs": "mk-logs" }] }),
            vec![
                "response.code_interpreter_call.in_progress",
                "response.code_interpreter_call_code.delta",
                "response.code_interpreter_call_code.done",
                "response.code_interpreter_call.interpreting",
                "response.code_interpreter_call.completed",
            ],
        ),
        (
            json!({ "type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "mk-picture", "output_format": "png" }),
            vec![
                "response.image_generation_call.in_progress",
                "response.image_generation_call.generating",
                "response.image_generation_call.partial_image",
                "response.image_generation_call.completed",
            ],
        ),
        (
            json!({ "type": "local_shell_call", "id": "ls_1", "call_id": "call_1", "status": "completed", "action": { "type": "exec", "command": ["mk-command"] } }),
            vec![],
        ),
        (
            json!({ "type": "shell_call", "id": "sh_1", "call_id": "call_1", "status": "completed", "action": { "commands": ["mk-command"] } }),
            vec![],
        ),
        (
            json!({ "type": "shell_call_output", "id": "so_1", "call_id": "call_1", "output": [{ "stdout": "mk-out", "stderr": "" }] }),
            vec![],
        ),
        (
            json!({ "type": "apply_patch_call", "id": "ap_1", "call_id": "call_1", "status": "completed", "operation": { "type": "update_file", "path": "a", "diff": "mk-diff" } }),
            vec![],
        ),
        (
            json!({ "type": "mcp_list_tools", "id": "ml_1", "server_label": "mk-server", "tools": [{ "name": "mk-tool" }] }),
            vec!["response.mcp_list_tools.in_progress", "response.mcp_list_tools.completed"],
        ),
        (
            json!({ "type": "mcp_call", "id": "mc_1", "server_label": "s", "name": "mk-tool", "arguments": "{\"a\":\"mk-argument\"}", "output": "mk-output" }),
            vec![
                "response.mcp_call.in_progress",
                "response.mcp_call_arguments.delta",
                "response.mcp_call_arguments.done",
                "response.mcp_call.completed",
            ],
        ),
        (
            json!({ "type": "mcp_approval_request", "id": "ma_1", "server_label": "s", "name": "mk-tool", "arguments": "{}" }),
            vec![],
        ),
        (
            json!({ "type": "custom_tool_call", "id": "ct_1", "call_id": "call_1", "name": "mk-tool", "input": "mk-input", "status": "completed" }),
            vec!["response.custom_tool_call_input.delta delta", "response.custom_tool_call_input.done"],
        ),
        (
            json!({ "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "mk-tool", "arguments": "{\"a\":\"mk-argument\"}", "status": "completed" }),
            vec![],
        ),
        (
            json!({ "type": "tool_search_call", "id": "ts_1", "call_id": "call_1", "arguments": { "query": "mk-query" }, "status": "completed" }),
            vec![],
        ),
        (
            json!({ "type": "tool_search_output", "id": "to_1", "call_id": "call_1", "tools": [{ "name": "mk-tool" }], "status": "completed" }),
            vec![],
        ),
        (json!({ "type": "compaction", "id": "cm_1", "encrypted_content": "mk-sealed" }), vec![]),
        (
            json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "mk-summary" }], "content": [{ "type": "reasoning_text", "text": "mk-thought" }], "encrypted_content": "mk-seal" }),
            vec![],
        ),
        (
            json!({ "type": "made_up_call", "id": "mu_1", "value": "mk-unknown" }),
            vec!["response.made_up_call.in_progress"],
        ),
    ]
}

// Anthropic messages.

fn anthropic() -> Vec<Piece> {
    let blocks = [
        json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": { "query": "mk-query" } }),
        json!({ "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{ "type": "web_search_result", "title": "mk-title", "url": "https://mk-url", "encrypted_content": "mk-sealed", "page_age": null }] }),
        json!({ "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "web_search_tool_result_error", "error_code": "mk-unavailable" } }),
        json!({ "type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "web_fetch_result", "url": "https://mk-url" } }),
        json!({ "type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "code_execution_result", "stdout": "mk-out", "return_code": 0 } }),
        json!({ "type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "bash_code_execution_result", "stdout": "mk-out" } }),
        json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": { "code": "mk-code" } }),
        json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": { "command": "mk-code" } }),
        json!({ "type": "server_tool_use", "id": "srvtoolu_1", "name": "text_editor_code_execution", "input": { "command": "view", "path": "mk-path" } }),
        json!({ "type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "code_execution_result", "stdout": "mk-out", "stderr": "mk-err", "return_code": 1, "content": [{ "type": "code_execution_output", "file_id": "mk-made" }] } }),
        json!({ "type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "encrypted_code_execution_result", "encrypted_stdout": "mk-hidden", "stderr": "", "return_code": 0, "content": [] } }),
        json!({ "type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "code_execution_tool_result_error", "error_code": "mk-unavailable" } }),
        json!({ "type": "text_editor_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "text_editor_code_execution_view_result", "content": "mk-view" } }),
        json!({ "type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1", "content": { "type": "tool_search_tool_search_result", "tool_references": [{ "type": "tool_reference", "tool_name": "mk-tool" }] } }),
        json!({ "type": "mcp_tool_use", "id": "mcptoolu_1", "name": "mk-tool", "server_name": "mk-server", "input": {} }),
        json!({ "type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": false, "content": [{ "type": "text", "text": "mk-result" }] }),
        json!({ "type": "container_upload", "file_id": "mk-file" }),
        json!({ "type": "redacted_thinking", "data": "mk-sealed" }),
        json!({ "type": "thinking", "thinking": "mk-thought", "signature": "mk-seal" }),
        json!({ "type": "tool_use", "id": "toolu_1", "name": "mk-tool", "input": { "a": "mk-argument" } }),
        json!({ "type": "compaction", "content": "mk-summary" }),
        json!({ "type": "made_up", "value": "mk-unknown" }),
    ];
    let mut pieces: Vec<Piece> =
        blocks.into_iter().map(|block| anthropic_piece(block.clone(), vec![block], Vec::new())).collect();
    for citation in [
        json!({ "type": "char_location", "cited_text": "mk-quote", "document_index": 0, "document_title": "mk-title", "start_char_index": 0, "end_char_index": 5, "file_id": null }),
        json!({ "type": "page_location", "cited_text": "mk-quote", "document_index": 0, "document_title": "mk-title", "start_page_number": 1, "end_page_number": 2 }),
        json!({ "type": "content_block_location", "cited_text": "mk-quote", "document_index": 0, "document_title": "mk-title", "start_block_index": 0, "end_block_index": 1 }),
        json!({ "type": "web_search_result_location", "cited_text": "mk-quote", "url": "https://a.example/mk-url", "title": "mk-title", "encrypted_index": "mk-index" }),
        json!({ "type": "search_result_location", "cited_text": "mk-quote", "source": "https://a.example/mk-url", "title": "mk-title", "search_result_index": 0, "start_block_index": 0, "end_block_index": 1 }),
    ] {
        let block = json!({ "type": "text", "text": "mk-text", "citations": [citation] });
        let deltas = vec![
            json!({ "type": "citations_delta", "citation": citation }),
            json!({ "type": "text_delta", "text": "mk-text" }),
        ];
        let mut piece =
            anthropic_piece(block, vec![json!({ "type": "text", "text": "", "citations": [] })], deltas);
        piece.name = citation["type"].as_str().unwrap().to_owned();
        pieces.push(piece);
    }
    pieces
}

fn anthropic_piece(block: Value, begun: Vec<Value>, deltas: Vec<Value>) -> Piece {
    let kind = block["type"].as_str().unwrap().to_owned();
    let message = |content: Value, stop: Value| json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": stop, "stop_sequence": null, "usage": { "input_tokens": 1, "output_tokens": 1 } });
    let stop = if kind == "tool_use" { "tool_use" } else { "end_turn" };
    let mut stream = vec![json!({ "type": "message_start", "message": message(json!([]), Value::Null) })];
    for block in begun {
        stream.push(json!({ "type": "content_block_start", "index": 0, "content_block": block }));
        stream.extend(
            deltas.iter().map(|delta| json!({ "type": "content_block_delta", "index": 0, "delta": delta })),
        );
        stream.push(json!({ "type": "content_block_stop", "index": 0 }));
    }
    stream.push(json!({ "type": "message_delta", "delta": { "stop_reason": stop, "stop_sequence": null }, "usage": { "output_tokens": 1 } }));
    stream.push(json!({ "type": "message_stop" }));
    piece(&kind, message(json!([block]), stop.into()), stream)
}

// Gemini.

fn gemini() -> Vec<Piece> {
    let answer = |parts: Value, beside: Value| {
        let mut candidate =
            json!({ "content": { "role": "model", "parts": parts }, "finishReason": "STOP", "index": 0 });
        candidate.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        json!({ "candidates": [candidate], "modelVersion": "m", "responseId": "r" })
    };
    let parts = [
        json!({ "executableCode": { "language": "PYTHON", "code": "mk-code" } }),
        json!({ "codeExecutionResult": { "outcome": "OUTCOME_OK", "output": "mk-output" } }),
        json!({ "inlineData": { "mimeType": "image/png", "data": "mk-picture" } }),
        json!({ "inlineData": { "mimeType": "audio/wav", "data": "mk-sound" } }),
        json!({ "inlineData": { "mimeType": "video/mp4", "data": "mk-film" } }),
        json!({ "fileData": { "mimeType": "application/pdf", "fileUri": "https://mk-file" } }),
        json!({ "functionCall": { "id": "mk-id", "name": "mk-tool", "args": { "a": "mk-argument" } }, "thoughtSignature": "mk-seal" }),
        json!({ "text": "mk-thought", "thought": true }),
        json!({ "text": "mk-said", "thoughtSignature": "mk-seal" }),
        json!({ "toolCall": { "id": "mk-id", "toolType": "GOOGLE_SEARCH_WEB", "args": {} } }),
        json!({ "toolResponse": { "id": "mk-id", "response": { "a": "mk-answer" } } }),
        json!({ "madeUp": { "value": "mk-unknown" } }),
    ];
    let mut pieces: Vec<Piece> = parts
        .into_iter()
        .map(|part| {
            let name = part.as_object().unwrap().keys().next().unwrap().clone();
            let whole = answer(json!([part]), json!({}));
            piece(&name, whole.clone(), vec![whole])
        })
        .collect();
    for beside in [
        json!({ "groundingMetadata": { "webSearchQueries": ["mk-query"], "groundingChunks": [{ "web": { "uri": "https://a.example/mk-url", "title": "mk-title" } }], "groundingSupports": [{ "segment": { "startIndex": 0, "endIndex": 7, "text": "mk-text" }, "groundingChunkIndices": [0] }] } }),
        json!({ "groundingMetadata": { "groundingChunks": [{ "retrievedContext": { "title": "mk-title", "text": "mk-quote" } }] } }),
        json!({ "groundingMetadata": { "groundingChunks": [{ "maps": { "uri": "https://a.example/mk-url", "title": "mk-title" } }] } }),
        json!({ "citationMetadata": { "citationSources": [{ "startIndex": 0, "endIndex": 7, "uri": "https://a.example/mk-url" }] } }),
        json!({ "citationMetadata": { "citations": [{ "startIndex": 0, "endIndex": 7, "uri": "https://a.example/mk-url", "title": "mk-title" }] } }),
        json!({ "urlContextMetadata": { "urlMetadata": [{ "retrievedUrl": "https://mk-url", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS" }] } }),
        json!({ "finishMessage": "mk-message" }),
        json!({ "logprobsResult": { "chosenCandidates": [{ "token": "mk-token", "logProbability": -0.5 }], "topCandidates": [{ "candidates": [{ "token": "mk-token", "logProbability": -0.5 }] }] } }),
    ] {
        let name = beside.as_object().unwrap().keys().next().unwrap().clone();
        let whole = answer(json!([{ "text": "mk-text" }]), beside);
        pieces.push(piece(&name, whole.clone(), vec![whole]));
    }
    pieces
}

// Bedrock converse.

fn bedrock() -> Vec<Piece> {
    let one = |name: &str, block: Value, start: Option<Value>, deltas: Vec<Value>| {
        let whole = json!({ "output": { "message": { "role": "assistant", "content": [block] } }, "stopReason": "end_turn", "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 } });
        let mut stream = vec![json!({ "messageStart": { "role": "assistant" } })];
        stream.extend(
            start.map(|start| json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": start } })),
        );
        stream.extend(
            deltas
                .into_iter()
                .map(|delta| json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": delta } })),
        );
        stream.push(json!({ "contentBlockStop": { "contentBlockIndex": 0 } }));
        stream.push(json!({ "messageStop": { "stopReason": "end_turn" } }));
        stream.push(
            json!({ "metadata": { "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 } } }),
        );
        piece(name, whole, stream)
    };
    let cited = |citation: Value| {
        one(
            "citationsContent",
            json!({ "citationsContent": { "content": [{ "text": "mk-text" }], "citations": [citation] } }),
            None,
            vec![json!({ "text": "mk-text" }), json!({ "citation": citation })],
        )
    };
    vec![
        cited(
            json!({ "title": "mk-title", "sourceContent": [{ "text": "mk-quote" }], "location": { "web": { "url": "https://a.example/mk-url", "domain": "a.example" } } }),
        ),
        cited(
            json!({ "title": "mk-title", "sourceContent": [{ "text": "mk-quote" }], "location": { "documentChar": { "documentIndex": 0, "start": 0, "end": 5 } } }),
        ),
        cited(
            json!({ "source": "https://a.example/mk-url", "location": { "searchResultLocation": { "searchResultIndex": 0, "start": 0, "end": 1 } } }),
        ),
        one(
            "image",
            json!({ "image": { "format": "png", "source": { "bytes": "mk-picture" } } }),
            Some(json!({ "image": { "format": "png" } })),
            vec![json!({ "image": { "source": { "bytes": "mk-picture" } } })],
        ),
        one(
            "server toolUse",
            json!({ "toolUse": { "toolUseId": "t", "name": "mk-tool", "type": "server_tool_use", "input": { "a": "mk-argument" } } }),
            Some(json!({ "toolUse": { "toolUseId": "t", "name": "mk-tool", "type": "server_tool_use" } })),
            vec![json!({ "toolUse": { "input": "{\"a\":\"mk-argument\"}" } })],
        ),
        one(
            "toolResult",
            json!({ "toolResult": { "toolUseId": "t", "content": [{ "text": "mk-result" }] } }),
            Some(json!({ "toolResult": { "toolUseId": "t" } })),
            vec![json!({ "toolResult": [{ "text": "mk-result" }] })],
        ),
        one(
            "reasoningText",
            json!({ "reasoningContent": { "reasoningText": { "text": "mk-thought", "signature": "mk-seal" } } }),
            None,
            vec![
                json!({ "reasoningContent": { "text": "mk-thought" } }),
                json!({ "reasoningContent": { "signature": "mk-seal" } }),
            ],
        ),
        one(
            "redactedContent",
            json!({ "reasoningContent": { "redactedContent": "mk-sealed" } }),
            None,
            vec![json!({ "reasoningContent": { "redactedContent": "mk-sealed" } })],
        ),
        one(
            "toolUse",
            json!({ "toolUse": { "toolUseId": "t", "name": "mk-tool", "input": { "a": "mk-argument" } } }),
            Some(json!({ "toolUse": { "toolUseId": "t", "name": "mk-tool" } })),
            vec![json!({ "toolUse": { "input": "{\"a\":\"mk-argument\"}" } })],
        ),
    ]
}

// Cohere.

fn cohere() -> Vec<Piece> {
    let one = |name: &str, said: Value, beside: Value, events: Vec<Value>| {
        let mut message = json!({ "role": "assistant", "content": [{ "type": "text", "text": "mk-text" }] });
        message.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let mut whole = json!({ "id": "c", "finish_reason": "COMPLETE", "message": message, "usage": { "tokens": { "input_tokens": 1, "output_tokens": 1 } } });
        whole.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        let mut stream = vec![
            json!({ "type": "message-start", "id": "c", "delta": { "message": { "role": "assistant" } } }),
            json!({ "type": "content-start", "index": 0, "delta": { "message": { "content": { "type": "text", "text": "" } } } }),
            json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": "mk-text" } } } }),
        ];
        stream.extend(events);
        stream.push(json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE", "usage": { "tokens": { "input_tokens": 1, "output_tokens": 1 } } } }));
        piece(name, whole, stream)
    };
    let cited = |source: Value| {
        let citation = json!({ "start": 0, "end": 7, "text": "mk-text", "sources": [source], "type": "TEXT_CONTENT", "content_index": 0 });
        let event = json!({ "type": "citation-start", "index": 0, "delta": { "message": { "citations": citation } } });
        one("citations", json!({ "citations": [citation] }), json!({}), vec![event])
    };
    let logprob = json!({ "text": "mk-token", "token_ids": [1], "logprobs": [-0.5] });
    vec![
        cited(
            json!({ "type": "document", "id": "doc-0", "document": { "title": "mk-title", "url": "https://a.example/mk-url", "snippet": "mk-quote" } }),
        ),
        cited(
            json!({ "type": "tool", "id": "tool:0", "tool_output": { "title": "mk-title", "content": "mk-quote" } }),
        ),
        cited(json!({ "type": "document", "id": "mk-file", "document": { "text": "mk-quote" } })),
        one(
            "tool_plan",
            json!({ "tool_plan": "mk-plan" }),
            json!({}),
            vec![json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": "mk-plan" } } })],
        ),
        one(
            "thinking",
            json!({ "content": [{ "type": "thinking", "thinking": "mk-thought" }, { "type": "text", "text": "mk-text" }] }),
            json!({}),
            vec![
                json!({ "type": "content-delta", "index": 1, "delta": { "message": { "content": { "thinking": "mk-thought" } } } }),
            ],
        ),
        one(
            "logprobs",
            json!({}),
            json!({ "logprobs": [logprob] }),
            vec![
                json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": "mk-more" } } }, "logprobs": logprob }),
            ],
        ),
    ]
}

// Ollama.

fn ollama() -> Vec<Piece> {
    let line = |message: Value, done: bool, beside: Value| {
        let mut line =
            json!({ "model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done });
        if done {
            line.as_object_mut().unwrap().extend(
                json!({ "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 1 })
                    .as_object()
                    .unwrap()
                    .clone(),
            );
        }
        line.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        line
    };
    let one = |name: &str, message: Value, beside: Value| {
        let whole = line(message.clone(), true, beside.clone());
        let end = line(json!({ "role": "assistant", "content": "" }), true, json!({}));
        piece(name, whole, vec![line(message, false, beside), end])
    };
    vec![
        one(
            "images",
            json!({ "role": "assistant", "content": "mk-text", "images": ["mk-picture"] }),
            json!({}),
        ),
        one(
            "thinking",
            json!({ "role": "assistant", "content": "mk-text", "thinking": "mk-thought" }),
            json!({}),
        ),
        one(
            "tool_calls",
            json!({ "role": "assistant", "content": "", "tool_calls": [{ "function": { "index": 0, "name": "mk-tool", "arguments": { "a": "mk-argument" } } }] }),
            json!({}),
        ),
        one(
            "logprobs",
            json!({ "role": "assistant", "content": "mk-text" }),
            json!({ "logprobs": [{ "token": "mk-token", "logprob": -0.5, "top_logprobs": [] }] }),
        ),
    ]
}

// The tests.

fn marks(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for at in text.match_indices("mk-").map(|(at, _)| at) {
                let mark = text[at..].split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-').next();
                found.push(mark.unwrap().to_owned());
            }
        }
        Value::Array(list) => list.iter().for_each(|value| marks(value, found)),
        Value::Object(fields) => fields.iter().for_each(|(_, value)| marks(value, found)),
        _ => {}
    }
}

pub fn events(dialect: Dialect, framing: Framing, bytes: &[u8]) -> Vec<Event> {
    streamed::events(dialect::outbound(dialect).unwrap(), framing, [bytes]).unwrap()
}

pub fn reply() -> ReplyFacts {
    ReplyFacts { request_id: "r1".into(), model: "m".into(), include_usage: true, ..ReplyFacts::default() }
}

/// A stream told to a client of `to`.
pub fn told(to: Dialect, events: &[Event]) -> String {
    let mut encoder = dialect::inbound(to).unwrap().stream_encoder(&reply());
    let mut out = Vec::new();
    events.iter().filter(|event| **event != Event::Done).for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn everything_documented_is_told_or_reported() {
    let (mut cells, mut wrong) = (0, Vec::new());
    for from in Dialect::ALL {
        for piece in pieces(from) {
            let mut expected = Vec::new();
            marks(&piece.whole, &mut expected);
            assert!(!expected.is_empty(), "{}", piece.name);
            let outbound = dialect::outbound(from).unwrap();
            let response = outbound.decode_response(piece.whole.to_string().as_bytes());
            let response =
                response.unwrap_or_else(|error| panic!("{} {}: {error:?}", from.name(), piece.name));
            let stream = events(from, framing(from), bytes(from, &piece.stream).as_bytes());
            for to in Dialect::ALL.into_iter().filter(|to| dialect::inbound(*to).is_some()) {
                let whole = dialect::inbound(to).unwrap().encode_response(&response, &reply());
                let untold = dialect::untold(&response, to);
                let passing = stream.iter().flat_map(|event| dialect::untold_event(event, to));
                let ways = [
                    ("whole", String::from_utf8(whole.to_vec()).unwrap(), untold.clone()),
                    ("streamed", told(to, &stream), passing.collect()),
                    ("recited", told(to, &response.recite()), untold),
                ];
                for (way, told, untold) in ways {
                    cells += 1;
                    // A call's arguments are text in one dialect and JSON in another; pieces may cut them nowhere here.
                    let lost: Vec<&String> = expected.iter().filter(|mark| !told.contains(*mark)).collect();
                    let name = format!("{} of {} for {}, {way}", piece.name, from.name(), to.name());
                    let quotes = lost.iter().all(|mark| QUOTES.contains(&mark.as_str()));
                    if !lost.is_empty() && untold.is_empty() && (from == to || !quotes) {
                        wrong.push(format!("{name}: lost {lost:?} in silence: {told:.300}"));
                    }
                    if from == to && (!lost.is_empty() || !untold.is_empty()) {
                        wrong.push(format!("{name}: lost {lost:?}, untold {untold:?}: {told:.300}"));
                    }
                    if lost.is_empty() && !untold.is_empty() && from != to {
                        wrong.push(format!("{name}: reported {untold:?} of what is told: {told:.300}"));
                    }
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The words of a source, its file and its place in the provider's index belong to
/// a citation that is told by its address or title.
const QUOTES: [&str; 6] = ["mk-quote", "mk-index", "mk-file", "mk-container", "mk-seal", "mk-sealed"];

/// No client reads fields of another dialect's parts: SDKs that check answers refuse them.
#[test]
fn parts_for_gemini_hold_nothing_of_other_dialects() {
    const KNOWN: [&str; 10] = [
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "functionResponse",
        "inlineData",
        "fileData",
        "executableCode",
        "codeExecutionResult",
        "videoMetadata",
    ];
    let inbound = dialect::inbound(Dialect::Gemini).unwrap();
    for from in Dialect::ALL.into_iter().filter(|from| *from != Dialect::Gemini) {
        for piece in pieces(from) {
            let response =
                dialect::outbound(from).unwrap().decode_response(piece.whole.to_string().as_bytes()).unwrap();
            let told: Value = serde_json::from_slice(&inbound.encode_response(&response, &reply())).unwrap();
            for part in told["candidates"][0]["content"]["parts"].as_array().unwrap() {
                for name in part.as_object().unwrap().keys() {
                    assert!(KNOWN.contains(&name.as_str()), "{} of {}: {part}", piece.name, from.name());
                }
            }
        }
    }
}

/// Log probabilities are the same tokens wherever a dialect has a place for them.
#[test]
fn log_probabilities_reach_every_client_that_has_a_place_for_them() {
    let tokens = |logprobs: &Value| -> Vec<(String, f64)> {
        let list = logprobs["content"].as_array().into_iter().flatten();
        list.map(|one| (one["token"].as_str().unwrap().to_owned(), one["logprob"].as_f64().unwrap()))
            .collect()
    };
    let expected = [("mk-token".to_owned(), -0.5)];
    let mut cells = 0;
    for from in Dialect::ALL.into_iter().filter(|from| *from != Dialect::OpenAiCompletions) {
        for piece in pieces(from).iter().filter(|piece| piece.name.starts_with("logprobs")) {
            let response =
                dialect::outbound(from).unwrap().decode_response(piece.whole.to_string().as_bytes()).unwrap();
            let stream = events(from, framing(from), bytes(from, &piece.stream).as_bytes());
            for to in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Gemini] {
                let reader = dialect::outbound(to).unwrap();
                let whole = dialect::inbound(to).unwrap().encode_response(&response, &reply());
                let whole =
                    reader.decode_response(&whole).unwrap().choices[0].logprobs.clone().unwrap_or_default();
                assert_eq!(tokens(&whole), expected, "{} for {}", from.name(), to.name());
                let told = events(to, Framing::Sse, told(to, &stream).as_bytes());
                let streamed: Vec<_> = told
                    .iter()
                    .filter_map(|event| match event {
                        Event::Logprobs { logprobs, .. } => Some(tokens(logprobs)),
                        _ => None,
                    })
                    .flatten()
                    .collect();
                assert_eq!(streamed, expected, "{} for {}, streamed", from.name(), to.name());
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 15);
}
