//! Requests of other dialects, held against a strict reading of Gemini's reference.

use std::sync::Arc;

use pointsman::dialect::{PathFacts, Quirks, Target, inbound};
use pointsman::ir::{
    Dialect, Message, Part, Reasoning, Request, ResponseFormat, Role, Thinking, Tool, ToolCall, ToolChoice,
    ToolResult,
};
use serde_json::{Map, Value, json};

use super::provider;
use super::recorded::cases;

fn encode(request: &Request, vertex: bool) -> (String, Value, Vec<String>) {
    let quirks = Quirks { vertex, ..Quirks::default() };
    let target = Target { model: "gemini-2.5-flash", max_output_tokens: None, quirks: &quirks };
    let wire = provider().encode_request(request, &target).unwrap();
    (wire.path, serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
}

#[test]
fn recorded_chat_requests_become_valid() {
    let openai = inbound(Dialect::OpenAiChat).expect("registered");
    let providers = ["openai", "groq", "mistral", "openrouter", "deepseek", "xai", "azure_openai"];
    let mut seen = 0;
    for case in cases(&providers) {
        let Some(body) = case.request.filter(|_| case.endpoint == "chat" && case.status == 200) else {
            continue;
        };
        let Ok(request) = openai.decode_request(&body, PathFacts::default()) else { continue };
        let (_, body, _) = encode(&request, false);
        check(&body).unwrap_or_else(|problem| panic!("{}: {problem}\n{body:#}", case.name));
        seen += 1;
    }
    eprintln!("{seen} recorded chat requests translated");
}

#[test]
fn every_field_has_its_place() {
    let mut request = Request::new(Dialect::OpenAiChat, "gemini-2.5-flash");
    request.stream = true;
    let call = |id: &str, seal: Option<&str>| {
        let (id, name, arguments) = (id.to_owned(), format!("tool_{id}"), r#"{"a":1}"#.to_owned());
        Part::ToolCall(ToolCall {
            id,
            name,
            arguments,
            signature: seal.map(str::to_owned),
            ..ToolCall::default()
        })
    };
    let result = |id: &str, text: &str| {
        let result = ToolResult {
            call_id: id.to_owned(),
            name: String::new(),
            parts: vec![Part::text(text)],
            is_error: false,
            extra: Default::default(),
        };
        Arc::new(Message::of(Role::Tool, vec![Part::ToolResult(result)]))
    };
    let seal = Thinking { signature: Some(Thinking::seal(Dialect::Gemini, "S2")), ..Thinking::default() };
    request.messages = vec![
        Arc::new(Message::text(Role::System, "Be brief.")),
        Arc::new(Message::text(Role::User, "Hi")),
        Arc::new(Message::of(Role::Assistant, vec![Part::text(""), call("x", Some("S1")), call("y", None)])),
        result("x", "sunny"),
        result("y", r#"{"t":20}"#),
        Arc::new(Message::of(Role::Assistant, vec![Part::text("Sunny."), Part::Thinking(seal)])),
        Arc::new(Message::text(Role::User, "And?")),
        Arc::new(Message::of(Role::Assistant, vec![call("z", None)])),
        result("z", ""),
    ];
    let schema = json!({"type": "object", "properties": {"a": {"const": 1}}});
    request.tools = vec![Tool::Function {
        name: "tool_x".to_owned(),
        description: Some("X".to_owned()),
        parameters: Some(schema.clone()),
        strict: Some(true),
        extra: Default::default(),
    }];
    request.tool_choice = Some(ToolChoice::Named("tool_x".to_owned()));
    let name = "answer".to_owned();
    request.format = Some(ResponseFormat::JsonSchema { name, description: None, schema, strict: Some(true) });
    request.params.max_tokens = Some(9);
    request.params.seed = Some(i64::MAX);
    request.reasoning = Some(Reasoning { budget_tokens: Some(512), ..Reasoning::default() });
    request.user = Some("u".to_owned());

    let (path, body, dropped) = encode(&request, true);
    assert_eq!(path, "publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
    assert_eq!(dropped, ["tools[0].strict", "seed", "user"]);
    let schema = json!({"type": "object", "properties": {"a": {"enum": [1]}}});
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "x", "name": "tool_x", "args": {"a": 1}}, "thoughtSignature": "S1"},
                {"functionCall": {"id": "y", "name": "tool_y", "args": {"a": 1}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "x", "name": "tool_x", "response": {"output": "sunny"}}},
                {"functionResponse": {"id": "y", "name": "tool_y", "response": {"t": 20}}},
            ]},
            {"role": "model", "parts": [{"text": "Sunny.", "thoughtSignature": "S2"}]},
            {"role": "user", "parts": [{"text": "And?"}]},
            {"role": "model", "parts": [{
                "functionCall": {"id": "z", "name": "tool_z", "args": {"a": 1}},
                "thoughtSignature": "skip_thought_signature_validator",
            }]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "z", "name": "tool_z", "response": {"output": ""}}},
            ]},
        ],
        "tools": [{"functionDeclarations": [
            {"name": "tool_x", "description": "X", "parametersJsonSchema": schema},
        ]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["tool_x"]}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "thinkingConfig": {"thinkingBudget": 512},
            "responseMimeType": "application/json",
            "responseJsonSchema": schema,
        },
    });
    assert_eq!(body, expected);
    check(&body).unwrap();
}

type Checked = Result<(), String>;

/// Holds a body against the reference of generateContent: known fields, right
/// types, turns that alternate, every function answer with its call.
fn check(body: &Value) -> Checked {
    let known = ["contents", "systemInstruction", "tools", "toolConfig", "generationConfig"];
    only(body, &known)?;
    let contents = body["contents"].as_array().ok_or("no contents")?;
    if contents.is_empty() {
        return Err("contents are empty".into());
    }
    let mut before = "";
    let mut calls = 0;
    for content in contents {
        only(content, &["role", "parts"])?;
        let role = content["role"].as_str().ok_or("no role")?;
        if role == before || !["user", "model"].contains(&role) {
            return Err(format!("role {role} after {before}"));
        }
        before = role;
        let parts = content["parts"].as_array().filter(|parts| !parts.is_empty()).ok_or("no parts")?;
        parts.iter().try_for_each(|part| check_part(part, role))?;
        let count = |name: &str| parts.iter().filter(|part| !part[name].is_null()).count();
        if count("functionResponse") > 0 && count("functionResponse") != calls {
            return Err(format!("{} answers to {calls} calls", count("functionResponse")));
        }
        calls = count("functionCall");
    }
    for tool in body["tools"].as_array().into_iter().flatten() {
        only(tool, &["functionDeclarations"])?;
        for function in tool["functionDeclarations"].as_array().ok_or("no declarations")? {
            only(function, &["name", "description", "parametersJsonSchema"])?;
            let name = function["name"].as_str().unwrap_or_default();
            if name.is_empty() || name.len() > 64 {
                return Err(format!("function name {name:?}"));
            }
        }
    }
    let config = [
        "maxOutputTokens",
        "temperature",
        "topP",
        "topK",
        "stopSequences",
        "seed",
        "candidateCount",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "logprobs",
        "responseMimeType",
        "responseJsonSchema",
        "thinkingConfig",
    ];
    if let Some(given) = body.get("generationConfig") {
        only(given, &config)?;
        if !given["responseJsonSchema"].is_null() && given["responseMimeType"] != "application/json" {
            return Err("a schema without its MIME type".into());
        }
    }
    Ok(())
}

fn check_part(part: &Value, role: &str) -> Checked {
    only(
        part,
        &[
            "text",
            "thought",
            "thoughtSignature",
            "functionCall",
            "functionResponse",
            "inlineData",
            "fileData",
        ],
    )?;
    let fields = part.as_object().unwrap();
    let data = ["text", "functionCall", "functionResponse", "inlineData", "fileData"];
    if data.iter().filter(|name| fields.contains_key(**name)).count() != 1 {
        return Err(format!("not one kind of data: {part}"));
    }
    let call = &part["functionCall"];
    if !call.is_null() {
        only(call, &["id", "name", "args"])?;
        if role != "model" || !call["args"].is_object() || call["name"].as_str().is_none_or(str::is_empty) {
            return Err(format!("call {call}"));
        }
    }
    let answer = &part["functionResponse"];
    if !answer.is_null() {
        only(answer, &["id", "name", "response"])?;
        if role != "user"
            || !answer["response"].is_object()
            || answer["name"].as_str().is_none_or(str::is_empty)
        {
            return Err(format!("answer {answer}"));
        }
    }
    if !part["inlineData"].is_null() {
        only(&part["inlineData"], &["mimeType", "data"])?;
        let mime = part["inlineData"]["mimeType"].as_str().unwrap_or_default();
        if !mime.contains('/') {
            return Err(format!("MIME type {mime:?}"));
        }
    }
    Ok(())
}

fn only(value: &Value, known: &[&str]) -> Checked {
    let fields: &Map<String, Value> = value.as_object().ok_or_else(|| format!("not an object: {value}"))?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("unknown field {name}")),
        None => Ok(()),
    }
}
