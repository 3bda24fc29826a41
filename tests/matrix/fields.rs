//! Every field that the SDKs can send, one at a time: with it, what goes to each
//! provider differs from what goes without, or it is reported, or it is refused.
//!
//! Sources: parameters of OpenAI's, Anthropic's and Google's Python SDKs
//! (`CompletionCreateParams`, `ResponseCreateParams`, `MessageCreateParams`,
//! `GenerateContentConfig`, content parts, items and tools), checked 2026-11-21.

use pointsman::error;
use pointsman::ir::Dialect;
use serde_json::{Value, json};

use crate::outward::cell;

/// A request in which one thing is changed: at this place, to this value.
type Change = (&'static str, Value);

/// Puts `value` at `pointer`, whose parent must be there; `-` appends to a list.
fn put(body: &Value, (pointer, value): &Change) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Array(list) if name == "-" => list.push(value.clone()),
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value.clone(),
        parent => drop(parent.as_object_mut().unwrap().insert(name.to_owned(), value.clone())),
    }
    body
}

const PNG: &str = "iVBORw0KGgo=";

fn chat() -> (Value, Vec<Change>) {
    let call =
        json!({ "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{\"x\":1}" } });
    let body = json!({
        "model": "m",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [
                { "type": "text", "text": "Hello" },
                { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PNG}") } },
            ] },
            { "role": "assistant", "content": "So", "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "c1", "content": "done" },
            { "role": "user", "content": "Go on" },
        ],
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object", "properties": {} } } }],
    });
    let changes = vec![
        ("/audio", json!({ "voice": "alloy", "format": "mp3" })),
        ("/modalities", json!(["text", "audio"])),
        ("/frequency_penalty", json!(0.5)),
        ("/presence_penalty", json!(0.5)),
        ("/function_call", json!({ "name": "f" })),
        ("/functions", json!([{ "name": "g", "parameters": {} }])),
        ("/logit_bias", json!({ "7": 3 })),
        ("/logprobs", json!(true)),
        ("/top_logprobs", json!(3)),
        ("/max_completion_tokens", json!(321)),
        ("/max_tokens", json!(321)),
        ("/metadata", json!({ "a": "b" })),
        ("/moderation", json!({ "model": "omni" })),
        ("/n", json!(2)),
        ("/parallel_tool_calls", json!(false)),
        ("/prediction", json!({ "type": "content", "content": "x" })),
        ("/prompt_cache_key", json!("k")),
        ("/prompt_cache_options", json!({ "ttl": "30m" })),
        ("/prompt_cache_retention", json!("24h")),
        ("/reasoning_effort", json!("low")),
        ("/response_format", json!({ "type": "json_object" })),
        ("/safety_identifier", json!("u")),
        ("/seed", json!(7)),
        ("/service_tier", json!("flex")),
        ("/stop", json!(["x"])),
        ("/store", json!(true)),
        ("/temperature", json!(0.5)),
        ("/top_p", json!(0.5)),
        ("/top_k", json!(5)),
        ("/min_p", json!(0.1)),
        ("/tool_choice", json!("required")),
        ("/tool_choice", json!("none")),
        ("/tool_choice", json!({ "type": "function", "function": { "name": "f" } })),
        ("/tool_choice", json!({ "type": "custom", "custom": { "name": "f" } })),
        (
            "/tool_choice",
            json!({ "type": "allowed_tools", "allowed_tools": { "mode": "required", "tools": [{ "type": "function", "function": { "name": "f" } }] } }),
        ),
        ("/tools/-", json!({ "type": "custom", "custom": { "name": "g" } })),
        ("/tools/0/function/strict", json!(true)),
        ("/tools/0/function/description", json!("does")),
        ("/user", json!("u")),
        ("/verbosity", json!("low")),
        ("/web_search_options", json!({ "search_context_size": "low" })),
        ("/stream_options", json!({ "include_obfuscation": false })),
        ("/messages/0/name", json!("n")),
        ("/messages/1/name", json!("n")),
        ("/messages/1/content/0/prompt_cache_breakpoint", json!({ "mode": "explicit" })),
        ("/messages/1/content/1/image_url/detail", json!("low")),
        (
            "/messages/1/content/-",
            json!({ "type": "input_audio", "input_audio": { "data": "aGk=", "format": "wav" } }),
        ),
        (
            "/messages/1/content/-",
            json!({ "type": "file", "file": { "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf" } }),
        ),
        ("/messages/1/content/-", json!({ "type": "file", "file": { "file_id": "file-1" } })),
        (
            "/messages/1/content/-",
            json!({ "type": "video_url", "video_url": { "url": "https://a.example/x.mp4" } }),
        ),
        ("/messages/2/audio", json!({ "id": "audio-1" })),
        ("/messages/2/refusal", json!("No.")),
        ("/messages/2/reasoning_content", json!("hm")),
        ("/messages/2/name", json!("n")),
        ("/messages/3/content", json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }])),
    ];
    (body, changes)
}

fn responses() -> (Value, Vec<Change>) {
    let body = json!({
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "Hello" },
                { "type": "input_image", "image_url": format!("data:image/png;base64,{PNG}") },
            ] },
            { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "So", "annotations": [] }] },
            { "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\":1}" },
            { "type": "function_call_output", "call_id": "c1", "output": "done" },
            { "type": "message", "role": "user", "content": "Go on" },
        ],
        "tools": [{ "type": "function", "name": "f", "parameters": { "type": "object", "properties": {} }, "strict": false }],
    });
    let changes = vec![
        ("/background", json!(true)),
        ("/context_management", json!([{ "type": "compaction" }])),
        ("/conversation", json!("conv_1")),
        ("/include", json!(["message.output_text.logprobs"])),
        ("/max_output_tokens", json!(321)),
        ("/max_tool_calls", json!(3)),
        ("/metadata", json!({ "a": "b" })),
        ("/moderation", json!({ "model": "omni" })),
        ("/parallel_tool_calls", json!(false)),
        ("/previous_response_id", json!("resp_1")),
        ("/prompt", json!({ "id": "pmpt_1" })),
        ("/prompt_cache_key", json!("k")),
        ("/prompt_cache_retention", json!("24h")),
        ("/reasoning", json!({ "effort": "low" })),
        ("/reasoning", json!({ "effort": "low", "summary": "auto" })),
        ("/reasoning", json!({ "effort": "low", "mode": "pro" })),
        ("/safety_identifier", json!("u")),
        ("/service_tier", json!("flex")),
        ("/store", json!(true)),
        ("/temperature", json!(0.5)),
        ("/text", json!({ "verbosity": "low" })),
        (
            "/text",
            json!({ "format": { "type": "json_schema", "name": "a", "schema": { "type": "object", "properties": {}, "additionalProperties": false } } }),
        ),
        ("/tool_choice", json!("required")),
        ("/tool_choice", json!({ "type": "function", "name": "f" })),
        ("/tool_choice", json!({ "type": "mcp", "server_label": "s" })),
        ("/tools/-", json!({ "type": "web_search" })),
        ("/tools/-", json!({ "type": "custom", "name": "g" })),
        ("/tools/-", json!({ "type": "mcp", "server_label": "s", "server_url": "https://a.example" })),
        ("/tools/0/defer_loading", json!(true)),
        ("/top_logprobs", json!(3)),
        ("/top_p", json!(0.5)),
        ("/truncation", json!("auto")),
        ("/user", json!("u")),
        ("/input/0/content/1/detail", json!("low")),
        ("/input/0/content/-", json!({ "type": "input_file", "file_url": "https://a.example/a.pdf" })),
        ("/input/0/content/-", json!({ "type": "input_file", "file_id": "file-1" })),
        (
            "/input/0/content/-",
            json!({ "type": "input_audio", "input_audio": { "data": "aGk=", "format": "wav" } }),
        ),
        ("/input/1/phase", json!("commentary")),
        ("/input/2/caller", json!({ "type": "program", "caller_id": "p" })),
        (
            "/input/3/output",
            json!([{ "type": "input_text", "text": "a" }, { "type": "input_image", "image_url": format!("data:image/png;base64,{PNG}") }]),
        ),
        ("/input/-", json!({ "type": "item_reference", "id": "x" })),
        (
            "/input/-",
            json!({ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "hm" }], "encrypted_content": "s" }),
        ),
        (
            "/input/-",
            json!({ "type": "computer_call_output", "call_id": "c", "output": { "type": "computer_screenshot", "image_url": "https://a.example/a.png" } }),
        ),
        ("/input/-", json!({ "type": "local_shell_call_output", "id": "c", "output": "o" })),
        ("/input/-", json!({ "type": "shell_call_output", "call_id": "c", "output": [] })),
        ("/input/-", json!({ "type": "apply_patch_call_output", "call_id": "c", "status": "completed" })),
        ("/input/-", json!({ "type": "mcp_approval_response", "approval_request_id": "a", "approve": true })),
        (
            "/input/-",
            json!({ "type": "web_search_call", "id": "ws", "status": "completed", "action": { "type": "search", "query": "q" } }),
        ),
        ("/input/-", json!({ "type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free" })),
        ("/input/-", json!({ "type": "compaction", "encrypted_content": "s" })),
        (
            "/input/-",
            json!({ "type": "image_generation_call", "id": "ig", "status": "completed", "result": PNG }),
        ),
    ];
    (body, changes)
}

fn messages() -> (Value, Vec<Change>) {
    let body = json!({
        "model": "m",
        "max_tokens": 4000,
        "system": [{ "type": "text", "text": "Be brief." }],
        "messages": [
            { "role": "user", "content": [
                { "type": "text", "text": "Hello" },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } },
            ] },
            { "role": "assistant", "content": [{ "type": "text", "text": "So" }, { "type": "tool_use", "id": "c1", "name": "f", "input": { "x": 1 } }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": [{ "type": "text", "text": "done" }] }] },
        ],
        "tools": [{ "name": "f", "input_schema": { "type": "object", "properties": {} } }],
    });
    let changes = vec![
        ("/cache_control", json!({ "type": "ephemeral" })),
        ("/container", json!("cont_1")),
        ("/context_management", json!({ "edits": [] })),
        ("/fallbacks", json!([{ "model": "x" }])),
        ("/inference_geo", json!("eu")),
        ("/mcp_servers", json!([{ "type": "url", "name": "s", "url": "https://a.example" }])),
        ("/metadata", json!({ "user_id": "u" })),
        ("/output_config", json!({ "effort": "low" })),
        (
            "/output_config",
            json!({ "format": { "type": "json_schema", "schema": { "type": "object", "properties": {}, "additionalProperties": false } } }),
        ),
        ("/service_tier", json!("standard_only")),
        ("/speed", json!("fast")),
        ("/stop_sequences", json!(["x"])),
        ("/temperature", json!(0.5)),
        ("/thinking", json!({ "type": "enabled", "budget_tokens": 2000 })),
        ("/tool_choice", json!({ "type": "any" })),
        ("/tool_choice", json!({ "type": "none" })),
        ("/tool_choice", json!({ "type": "auto", "disable_parallel_tool_use": true })),
        ("/tools/-", json!({ "type": "web_search_20250305", "name": "web_search" })),
        ("/tools/-", json!({ "type": "mcp_toolset", "mcp_server_name": "s" })),
        ("/tools/0/cache_control", json!({ "type": "ephemeral" })),
        ("/tools/0/allowed_callers", json!(["code_execution_20250825"])),
        ("/tools/0/defer_loading", json!(true)),
        ("/tools/0/description", json!("does")),
        ("/tools/0/eager_input_streaming", json!(true)),
        ("/tools/0/input_examples", json!([{ "x": 2 }])),
        ("/tools/0/strict", json!(true)),
        ("/top_k", json!(5)),
        ("/top_p", json!(0.5)),
        ("/system/0/cache_control", json!({ "type": "ephemeral" })),
        ("/messages/0/content/0/cache_control", json!({ "type": "ephemeral" })),
        (
            "/messages/0/content/-",
            json!({ "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "aGk=" } }),
        ),
        (
            "/messages/0/content/-",
            json!({ "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "words" }, "title": "T", "context": "C", "citations": { "enabled": true } }),
        ),
        (
            "/messages/0/content/-",
            json!({ "type": "document", "source": { "type": "content", "content": "words" } }),
        ),
        (
            "/messages/0/content/-",
            json!({ "type": "search_result", "source": "s", "title": "T", "content": [{ "type": "text", "text": "words" }] }),
        ),
        ("/messages/0/content/-", json!({ "type": "container_upload", "file_id": "f" })),
        (
            "/messages/1/content/0/citations",
            json!([{ "type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0, "end_char_index": 1 }]),
        ),
        ("/messages/1/content/-", json!({ "type": "thinking", "thinking": "hm", "signature": "s" })),
        ("/messages/1/content/-", json!({ "type": "redacted_thinking", "data": "s" })),
        (
            "/messages/1/content/-",
            json!({ "type": "server_tool_use", "id": "s1", "name": "web_search", "input": { "query": "q" } }),
        ),
        (
            "/messages/1/content/-",
            json!({ "type": "mcp_tool_use", "id": "s1", "name": "n", "server_name": "s", "input": {} }),
        ),
        ("/messages/1/content/-", json!({ "type": "compaction", "content": "c" })),
        ("/messages/2/content/0/is_error", json!(true)),
        (
            "/messages/2/content/0/content/-",
            json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } }),
        ),
        (
            "/messages/2/content/0/content/-",
            json!({ "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "aGk=" } }),
        ),
        ("/messages/2/content/0/content/-", json!({ "type": "tool_reference", "tool_name": "g" })),
        (
            "/messages/2/content/0/content/-",
            json!({ "type": "search_result", "source": "s", "title": "T", "content": [{ "type": "text", "text": "words" }] }),
        ),
    ];
    (body, changes)
}

fn gemini() -> (Value, Vec<Change>) {
    let body = json!({
        "systemInstruction": { "parts": [{ "text": "Be brief." }] },
        "contents": [
            { "role": "user", "parts": [{ "text": "Hello" }, { "inlineData": { "mimeType": "image/png", "data": PNG } }] },
            { "role": "model", "parts": [{ "text": "So" }, { "functionCall": { "id": "c1", "name": "f", "args": { "x": 1 } } }] },
            { "role": "user", "parts": [{ "functionResponse": { "id": "c1", "name": "f", "response": { "output": "done" } } }] },
        ],
        "tools": [{ "functionDeclarations": [{ "name": "f", "parameters": { "type": "OBJECT", "properties": {} } }] }],
        "generationConfig": {},
    });
    let changes = vec![
        ("/generationConfig/temperature", json!(0.5)),
        ("/generationConfig/topP", json!(0.5)),
        ("/generationConfig/topK", json!(5)),
        ("/generationConfig/candidateCount", json!(2)),
        ("/generationConfig/maxOutputTokens", json!(321)),
        ("/generationConfig/stopSequences", json!(["x"])),
        ("/generationConfig/responseLogprobs", json!(true)),
        ("/generationConfig/logprobs", json!(3)),
        ("/generationConfig/presencePenalty", json!(0.5)),
        ("/generationConfig/frequencyPenalty", json!(0.5)),
        ("/generationConfig/seed", json!(7)),
        ("/generationConfig/responseMimeType", json!("application/json")),
        ("/generationConfig/responseMimeType", json!("text/x.enum")),
        ("/generationConfig/responseSchema", json!({ "type": "OBJECT", "properties": {} })),
        ("/generationConfig/responseJsonSchema", json!({ "type": "object", "properties": {} })),
        ("/generationConfig/routingConfig", json!({ "autoMode": {} })),
        ("/generationConfig/responseModalities", json!(["IMAGE"])),
        ("/generationConfig/mediaResolution", json!("MEDIA_RESOLUTION_LOW")),
        ("/generationConfig/speechConfig", json!({ "languageCode": "de" })),
        ("/generationConfig/audioTimestamp", json!(true)),
        ("/generationConfig/thinkingConfig", json!({ "thinkingBudget": 2000 })),
        ("/generationConfig/thinkingConfig", json!({ "thinkingLevel": "low" })),
        ("/generationConfig/thinkingConfig", json!({ "includeThoughts": true, "thinkingBudget": 100 })),
        ("/generationConfig/imageConfig", json!({ "aspectRatio": "1:1" })),
        ("/safetySettings", json!([{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE" }])),
        ("/labels", json!({ "a": "b" })),
        ("/cachedContent", json!("cachedContents/1")),
        ("/modelArmorConfig", json!({ "promptTemplateName": "t" })),
        ("/serviceTier", json!("flex")),
        ("/toolConfig", json!({ "functionCallingConfig": { "mode": "ANY" } })),
        ("/toolConfig", json!({ "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["f"] } })),
        ("/toolConfig", json!({ "functionCallingConfig": { "mode": "NONE" } })),
        ("/toolConfig", json!({ "functionCallingConfig": { "mode": "VALIDATED" } })),
        ("/toolConfig", json!({ "retrievalConfig": { "languageCode": "de" } })),
        ("/tools/-", json!({ "googleSearch": {} })),
        ("/tools/-", json!({ "codeExecution": {} })),
        ("/tools/-", json!({ "urlContext": {} })),
        ("/tools/0/functionDeclarations/0/description", json!("does")),
        ("/tools/0/functionDeclarations/0/response", json!({ "type": "STRING" })),
        ("/tools/0/functionDeclarations/0/behavior", json!("NON_BLOCKING")),
        ("/contents/0/parts/0/thought", json!(true)),
        ("/contents/0/parts/1/mediaResolution", json!({ "level": "MEDIA_RESOLUTION_LOW" })),
        ("/contents/0/parts/1/inlineData/displayName", json!("n")),
        (
            "/contents/0/parts/-",
            json!({ "fileData": { "mimeType": "video/mp4", "fileUri": "https://a.example/x" }, "videoMetadata": { "fps": 1 } }),
        ),
        (
            "/contents/0/parts/-",
            json!({ "fileData": { "mimeType": "application/pdf", "fileUri": "https://a.example/x" } }),
        ),
        ("/contents/0/parts/-", json!({ "inlineData": { "mimeType": "audio/wav", "data": "aGk=" } })),
        ("/contents/1/parts/0/thoughtSignature", json!("s")),
        ("/contents/1/parts/1/thoughtSignature", json!("s")),
        ("/contents/1/parts/-", json!({ "executableCode": { "language": "PYTHON", "code": "1" } })),
        ("/contents/1/parts/-", json!({ "codeExecutionResult": { "outcome": "OUTCOME_OK", "output": "1" } })),
        (
            "/contents/1/parts/-",
            json!({ "toolCall": { "id": "t", "toolType": "GOOGLE_SEARCH", "args": {} } }),
        ),
        ("/contents/2/parts/0/functionResponse/willContinue", json!(true)),
        ("/contents/2/parts/0/functionResponse/scheduling", json!("SILENT")),
        (
            "/contents/2/parts/0/functionResponse/parts",
            json!([{ "inlineData": { "mimeType": "image/png", "data": PNG } }]),
        ),
    ];
    (body, changes)
}

fn completions() -> (Value, Vec<Change>) {
    let changes = vec![
        ("/best_of", json!(3)),
        ("/echo", json!(true)),
        ("/frequency_penalty", json!(0.5)),
        ("/logit_bias", json!({ "7": 3 })),
        ("/logprobs", json!(3)),
        ("/max_tokens", json!(321)),
        ("/n", json!(2)),
        ("/presence_penalty", json!(0.5)),
        ("/seed", json!(7)),
        ("/stop", json!("x")),
        ("/suffix", json!("end")),
        ("/temperature", json!(0.5)),
        ("/top_p", json!(0.5)),
        ("/user", json!("u")),
        ("/prompt", json!(["a", "b"])),
        ("/prompt", json!([1, 2])),
    ];
    (json!({ "model": "m", "prompt": "Hello" }), changes)
}

/// Whether what holds this place is reported as a whole: all tools, or a turn's content.
fn goes_with(pointer: &str, dropped: &[String]) -> bool {
    let content = ["/content/", "/parts/"].iter().any(|part| pointer.contains(part));
    let of = |name: &str| dropped.iter().any(|path| path == name || path.ends_with(name));
    pointer.starts_with("/tools") && of("tools")
        || (content || pointer.ends_with("/caller")) && of("].content")
}

#[test]
fn every_field_arrives_or_is_reported() {
    let (mut cells, mut wrong) = (0, Vec::new());
    for (from, (body, changes)) in [
        (Dialect::OpenAiChat, chat()),
        (Dialect::OpenAiResponses, responses()),
        (Dialect::Anthropic, messages()),
        (Dialect::Gemini, gemini()),
        (Dialect::OpenAiCompletions, completions()),
    ] {
        for to in Dialect::ALL {
            // Where the picture cannot go, nothing else is learned.
            let plain = cell(from, &body, to);
            let Ok(plain) = plain else {
                assert!(
                    matches!(&plain, Err(refused) if refused.kind == error::Kind::Unsupported),
                    "{plain:?}"
                );
                continue;
            };
            for change in &changes {
                cells += 1;
                let name = format!("{} {} from {} to {}", change.0, change.1, from.name(), to.name());
                match cell(from, &put(&body, change), to) {
                    Ok(changed) if changed == plain && goes_with(change.0, &plain.1) => {}
                    Ok(changed) if changed == plain => wrong.push(format!("{name}: lost in silence")),
                    // An older model knows no effort.
                    Ok((_, dropped)) if dropped == ["output_config.effort"] => {}
                    Ok((_, dropped)) if from == to && dropped != plain.1 => {
                        wrong.push(format!("{name}: dropped {dropped:?} on its way to its own dialect"));
                    }
                    Ok(_) => {}
                    Err(refused) if refused.kind == error::Kind::Unsupported && from != to => {}
                    Err(refused) => wrong.push(format!("{name}: {refused:?}")),
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}", wrong.len(), wrong.join("\n"));
}
