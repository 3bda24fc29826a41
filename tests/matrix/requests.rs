//! Requests of each kind in each client's dialect. What must not be lost is
//! marked: every text with `mk-` in it has to arrive, or to be reported.

use pointsman::ir::Dialect;
use serde_json::{Value, json};

/// Kinds of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    System,
    MultiTurn,
    Tools,
    ParallelTools,
    ToolResult,
    ToolChoice,
    Structured,
    Image,
    Document,
    Reasoning,
    Stop,
    Logprobs,
    Cache,
    Sampling,
    Named,
    Refused,
    Failed,
    Unknown,
}

impl Kind {
    pub const ALL: [Self; 19] = [
        Self::Plain,
        Self::System,
        Self::MultiTurn,
        Self::Tools,
        Self::ParallelTools,
        Self::ToolResult,
        Self::ToolChoice,
        Self::Structured,
        Self::Image,
        Self::Document,
        Self::Reasoning,
        Self::Stop,
        Self::Logprobs,
        Self::Cache,
        Self::Sampling,
        Self::Named,
        Self::Refused,
        Self::Failed,
        Self::Unknown,
    ];
}

/// The base64 of a picture's and a paper's first bytes, which arrive as they are.
const PNG: &str = "iVBORw0KGgomk-";
const PDF: &str = "JVBERi0xLjcKmk-";

fn schema(mark: &str) -> Value {
    json!({ "type": "object", "properties": { "city": { "type": "string", "description": mark } }, "required": ["city"], "additionalProperties": false })
}

/// The request of this kind; `None` where the dialect has no words for it.
pub fn request(dialect: Dialect, kind: Kind) -> Option<Value> {
    match dialect {
        Dialect::OpenAiChat => chat(kind),
        Dialect::OpenAiResponses => responses(kind),
        Dialect::OpenAiCompletions => completions(kind),
        Dialect::Anthropic => messages(kind),
        Dialect::Gemini => gemini(kind),
        // No client speaks these.
        Dialect::Bedrock | Dialect::Cohere | Dialect::Ollama => None,
    }
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn chat(kind: Kind) -> Option<Value> {
    let ask = |turns: Value| json!({ "model": "m", "messages": turns });
    let user = json!({ "role": "user", "content": "mk-question" });
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "description": "mk-tool", "parameters": schema("mk-schema") } });
    let call = |id: &str, city: &str| json!({ "id": id, "type": "function", "function": { "name": "weather", "arguments": json!({ "city": city }).to_string() } });
    let result = |id: &str, text: &str| json!({ "role": "tool", "tool_call_id": id, "content": text });
    let one = ask(json!([user]));
    Some(match kind {
        Kind::Plain => one,
        Kind::System => ask(json!([{ "role": "system", "content": "mk-system" }, user])),
        Kind::MultiTurn => ask(
            json!([user, { "role": "assistant", "content": "mk-answer" }, { "role": "user", "content": [{ "type": "text", "text": "mk-part" }] }]),
        ),
        Kind::Tools => with(one, json!({ "tools": [tool("weather")] })),
        Kind::ParallelTools => with(
            ask(
                json!([user, { "role": "assistant", "content": null, "tool_calls": [call("c1", "mk-rome"), call("c2", "mk-oslo")] }, result("c1", "mk-sun"), result("c2", "mk-snow")]),
            ),
            json!({ "tools": [tool("weather")], "parallel_tool_calls": true }),
        ),
        Kind::ToolResult => with(
            ask(
                json!([user, { "role": "assistant", "content": null, "tool_calls": [call("c1", "mk-rome")] }, result("c1", "mk-sun")]),
            ),
            json!({ "tools": [tool("weather")] }),
        ),
        Kind::ToolChoice => with(
            one,
            json!({ "tools": [tool("mk-weather"), tool("other")], "tool_choice": { "type": "function", "function": { "name": "mk-weather" } } }),
        ),
        Kind::Structured => with(
            one,
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "place", "strict": true, "schema": schema("mk-schema") } } }),
        ),
        Kind::Image => ask(
            json!([{ "role": "user", "content": [{ "type": "text", "text": "mk-look" }, { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PNG}") } }] }]),
        ),
        Kind::Document => ask(
            json!([{ "role": "user", "content": [{ "type": "text", "text": "mk-read" }, { "type": "file", "file": { "filename": "mk-paper.pdf", "file_data": format!("data:application/pdf;base64,{PDF}") } }] }]),
        ),
        Kind::Reasoning => with(
            ask(
                json!([user, { "role": "assistant", "content": "mk-answer", "reasoning_details": [{ "type": "reasoning.text", "text": "mk-thought", "signature": "mk-seal", "index": 0 }] }, user]),
            ),
            json!({ "reasoning_effort": "low" }),
        ),
        Kind::Stop => with(one, json!({ "stop": ["mk-stop"] })),
        Kind::Logprobs => with(one, json!({ "logprobs": true, "top_logprobs": 3 })),
        Kind::Cache => with(
            ask(
                json!([{ "role": "user", "content": [{ "type": "text", "text": "mk-long", "cache_control": { "type": "ephemeral" } }] }]),
            ),
            json!({ "prompt_cache_key": "mk-key" }),
        ),
        Kind::Sampling => with(
            one,
            json!({ "max_completion_tokens": 4321, "temperature": 0.25, "top_p": 0.75, "seed": 1234, "presence_penalty": 0.125, "frequency_penalty": 0.375, "n": 1 }),
        ),
        Kind::Named => ask(json!([{ "role": "user", "name": "mk-Ada", "content": "mk-question" }])),
        Kind::Refused => ask(json!([user, { "role": "assistant", "refusal": "mk-refusal" }, user])),
        // No word for it.
        Kind::Failed => return None,
        Kind::Unknown => with(one, json!({ "made_up": "mk-unknown" })),
    })
}

fn responses(kind: Kind) -> Option<Value> {
    let ask = |input: Value| json!({ "model": "m", "input": input });
    let user = json!({ "role": "user", "content": "mk-question" });
    let tool = |name: &str| json!({ "type": "function", "name": name, "description": "mk-tool", "parameters": schema("mk-schema") });
    let call = |id: &str, city: &str| json!({ "type": "function_call", "call_id": id, "name": "weather", "arguments": json!({ "city": city }).to_string() });
    let result =
        |id: &str, text: &str| json!({ "type": "function_call_output", "call_id": id, "output": text });
    let one = ask(json!([user]));
    let media = |part: Value| {
        ask(json!([{ "role": "user", "content": [{ "type": "input_text", "text": "mk-look" }, part] }]))
    };
    Some(match kind {
        Kind::Plain => ask(json!("mk-question")),
        Kind::System => with(one, json!({ "instructions": "mk-system" })),
        Kind::MultiTurn => ask(
            json!([user, { "role": "assistant", "content": [{ "type": "output_text", "text": "mk-answer" }] }, { "role": "user", "content": "mk-more" }]),
        ),
        Kind::Tools => with(one, json!({ "tools": [tool("weather")] })),
        Kind::ParallelTools => with(
            ask(json!([
                user,
                call("c1", "mk-rome"),
                call("c2", "mk-oslo"),
                result("c1", "mk-sun"),
                result("c2", "mk-snow")
            ])),
            json!({ "tools": [tool("weather")], "parallel_tool_calls": true }),
        ),
        Kind::ToolResult => with(
            ask(json!([user, call("c1", "mk-rome"), result("c1", "mk-sun")])),
            json!({ "tools": [tool("weather")] }),
        ),
        Kind::ToolChoice => with(
            one,
            json!({ "tools": [tool("mk-weather"), tool("other")], "tool_choice": { "type": "function", "name": "mk-weather" } }),
        ),
        Kind::Structured => with(
            one,
            json!({ "text": { "format": { "type": "json_schema", "name": "place", "strict": true, "schema": schema("mk-schema") } } }),
        ),
        Kind::Image => {
            media(json!({ "type": "input_image", "image_url": format!("data:image/png;base64,{PNG}") }))
        }
        Kind::Document => media(
            json!({ "type": "input_file", "filename": "mk-paper.pdf", "file_data": format!("data:application/pdf;base64,{PDF}") }),
        ),
        Kind::Reasoning => with(
            ask(
                json!([user, { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "mk-thought" }], "encrypted_content": "mk-seal" }, { "role": "assistant", "content": [{ "type": "output_text", "text": "mk-answer" }] }, user]),
            ),
            json!({ "reasoning": { "effort": "low" } }),
        ),
        Kind::Logprobs => {
            with(one, json!({ "top_logprobs": 3, "include": ["message.output_text.logprobs"] }))
        }
        Kind::Cache => with(one, json!({ "prompt_cache_key": "mk-key" })),
        Kind::Sampling => with(one, json!({ "max_output_tokens": 4321, "temperature": 0.25, "top_p": 0.75 })),
        Kind::Refused => ask(
            json!([user, { "role": "assistant", "content": [{ "type": "refusal", "refusal": "mk-refusal" }] }, user]),
        ),
        Kind::Unknown => with(one, json!({ "made_up": "mk-unknown" })),
        // The API has none.
        Kind::Stop | Kind::Named | Kind::Failed => return None,
    })
}

fn completions(kind: Kind) -> Option<Value> {
    let one = json!({ "model": "m", "prompt": "mk-question" });
    Some(match kind {
        Kind::Plain => one,
        Kind::Stop => with(one, json!({ "stop": ["mk-stop"] })),
        Kind::Logprobs => with(one, json!({ "logprobs": 3 })),
        Kind::Sampling => with(
            one,
            json!({ "max_tokens": 4321, "temperature": 0.25, "top_p": 0.75, "seed": 1234, "presence_penalty": 0.125, "frequency_penalty": 0.375 }),
        ),
        Kind::Unknown => with(one, json!({ "made_up": "mk-unknown" })),
        _ => return None,
    })
}

fn messages(kind: Kind) -> Option<Value> {
    let ask = |turns: Value| json!({ "model": "m", "max_tokens": 4000, "messages": turns });
    let user = json!({ "role": "user", "content": "mk-question" });
    let tool =
        |name: &str| json!({ "name": name, "description": "mk-tool", "input_schema": schema("mk-schema") });
    let call = |id: &str, city: &str| json!({ "type": "tool_use", "id": id, "name": "weather", "input": { "city": city } });
    let result = |id: &str, text: &str| json!({ "type": "tool_result", "tool_use_id": id, "content": text });
    let one = ask(json!([user]));
    let media = |part: Value| {
        ask(json!([{ "role": "user", "content": [part, { "type": "text", "text": "mk-look" }] }]))
    };
    Some(match kind {
        Kind::Plain => one,
        Kind::System => with(one, json!({ "system": "mk-system" })),
        Kind::MultiTurn => ask(
            json!([user, { "role": "assistant", "content": [{ "type": "text", "text": "mk-answer" }] }, { "role": "user", "content": "mk-more" }]),
        ),
        Kind::Tools => with(one, json!({ "tools": [tool("weather")] })),
        Kind::ParallelTools => with(
            ask(
                json!([user, { "role": "assistant", "content": [call("c1", "mk-rome"), call("c2", "mk-oslo")] }, { "role": "user", "content": [result("c1", "mk-sun"), result("c2", "mk-snow")] }]),
            ),
            json!({ "tools": [tool("weather")] }),
        ),
        Kind::ToolResult => with(
            ask(
                json!([user, { "role": "assistant", "content": [call("c1", "mk-rome")] }, { "role": "user", "content": [result("c1", "mk-sun")] }]),
            ),
            json!({ "tools": [tool("weather")] }),
        ),
        Kind::ToolChoice => with(
            one,
            json!({ "tools": [tool("mk-weather"), tool("other")], "tool_choice": { "type": "tool", "name": "mk-weather" } }),
        ),
        Kind::Structured => with(
            one,
            json!({ "output_config": { "format": { "type": "json_schema", "schema": schema("mk-schema") } } }),
        ),
        Kind::Image => media(
            json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } }),
        ),
        Kind::Document => media(
            json!({ "type": "document", "title": "mk-paper.pdf", "source": { "type": "base64", "media_type": "application/pdf", "data": PDF } }),
        ),
        Kind::Reasoning => with(
            ask(
                json!([user, { "role": "assistant", "content": [{ "type": "thinking", "thinking": "mk-thought", "signature": "mk-seal" }, { "type": "text", "text": "mk-answer" }] }, user]),
            ),
            json!({ "thinking": { "type": "enabled", "budget_tokens": 2000 } }),
        ),
        Kind::Stop => with(one, json!({ "stop_sequences": ["mk-stop"] })),
        Kind::Cache => ask(
            json!([{ "role": "user", "content": [{ "type": "text", "text": "mk-long", "cache_control": { "type": "ephemeral" } }] }]),
        ),
        Kind::Sampling => {
            with(one, json!({ "max_tokens": 4321, "temperature": 0.25, "top_p": 0.75, "top_k": 7 }))
        }
        Kind::Failed => with(
            ask(
                json!([user, { "role": "assistant", "content": [call("c1", "mk-rome")] }, { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "is_error": true, "content": "mk-failed" }] }]),
            ),
            json!({ "tools": [tool("weather")] }),
        ),
        Kind::Unknown => with(one, json!({ "made_up": "mk-unknown" })),
        Kind::Logprobs | Kind::Named | Kind::Refused => return None,
    })
}

fn gemini(kind: Kind) -> Option<Value> {
    let ask = |turns: Value| json!({ "contents": turns });
    let text = |role: &str, text: &str| json!({ "role": role, "parts": [{ "text": text }] });
    let tool = |name: &str| json!({ "name": name, "description": "mk-tool", "parameters": { "type": "OBJECT", "properties": { "city": { "type": "STRING", "description": "mk-schema" } } } });
    let tools = |names: &[&str]| json!([{ "functionDeclarations": names.iter().map(|name| tool(name)).collect::<Vec<_>>() }]);
    let call = |city: &str| json!({ "functionCall": { "name": "weather", "args": { "city": city } } });
    let result =
        |text: &str| json!({ "functionResponse": { "name": "weather", "response": { "output": text } } });
    let user = text("user", "mk-question");
    let one = ask(json!([user]));
    let media = |part: Value| ask(json!([{ "role": "user", "parts": [{ "text": "mk-look" }, part] }]));
    let config = |fields: Value| {
        with(ask(json!([text("user", "mk-question")])), json!({ "generationConfig": fields }))
    };
    Some(match kind {
        Kind::Plain => one,
        Kind::System => with(one, json!({ "systemInstruction": { "parts": [{ "text": "mk-system" }] } })),
        Kind::MultiTurn => ask(json!([user, text("model", "mk-answer"), text("user", "mk-more")])),
        Kind::Tools => with(one, json!({ "tools": tools(&["weather"]) })),
        Kind::ParallelTools => with(
            ask(
                json!([user, { "role": "model", "parts": [call("mk-rome"), call("mk-oslo")] }, { "role": "user", "parts": [result("mk-sun"), result("mk-snow")] }]),
            ),
            json!({ "tools": tools(&["weather"]) }),
        ),
        Kind::ToolResult => with(
            ask(
                json!([user, { "role": "model", "parts": [call("mk-rome")] }, { "role": "user", "parts": [result("mk-sun")] }]),
            ),
            json!({ "tools": tools(&["weather"]) }),
        ),
        Kind::ToolChoice => with(
            one,
            json!({ "tools": tools(&["mk-weather", "other"]), "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["mk-weather"] } } }),
        ),
        Kind::Structured => config(
            json!({ "responseMimeType": "application/json", "responseJsonSchema": schema("mk-schema") }),
        ),
        Kind::Image => media(json!({ "inlineData": { "mimeType": "image/png", "data": PNG } })),
        Kind::Document => media(
            json!({ "inlineData": { "mimeType": "application/pdf", "data": PDF, "displayName": "mk-paper.pdf" } }),
        ),
        Kind::Reasoning => with(
            ask(
                json!([user, { "role": "model", "parts": [{ "text": "mk-thought", "thought": true }, { "text": "mk-answer", "thoughtSignature": "mk-seal" }] }, user]),
            ),
            json!({ "generationConfig": { "thinkingConfig": { "thinkingLevel": "LOW" } } }),
        ),
        Kind::Stop => config(json!({ "stopSequences": ["mk-stop"] })),
        Kind::Logprobs => config(json!({ "responseLogprobs": true, "logprobs": 3 })),
        Kind::Cache => with(one, json!({ "cachedContent": "cachedContents/mk-key" })),
        Kind::Sampling => config(
            json!({ "maxOutputTokens": 4321, "temperature": 0.25, "topP": 0.75, "topK": 7, "seed": 1234, "presencePenalty": 0.125, "frequencyPenalty": 0.375 }),
        ),
        Kind::Failed => with(
            ask(
                json!([user, { "role": "model", "parts": [call("mk-rome")] }, { "role": "user", "parts": [{ "functionResponse": { "name": "weather", "response": { "error": "mk-failed" } } }] }]),
            ),
            json!({ "tools": tools(&["weather"]) }),
        ),
        Kind::Named | Kind::Refused => return None,
        Kind::Unknown => with(one, json!({ "made_up": "mk-unknown" })),
    })
}
