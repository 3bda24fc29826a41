//! Requests to Cohere and Ollama, field by field.

use std::sync::Arc;

use pointsman::dialect::{Outbound, PathFacts, Quirks, Target, inbound};
use pointsman::ir::{
    Dialect, Effort, Media, MediaSource, Message, Part, Reasoning, Request, ResponseFormat, Role, Tool,
    ToolCall, ToolChoice, ToolResult,
};
use serde_json::{Value, json};

use super::recorded::cases;
use super::{cohere, ollama};

fn encode(dialect: &dyn Outbound, request: &Request) -> (Value, Vec<String>) {
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    let wire = dialect.encode_request(request, &target).unwrap();
    assert_eq!(wire.path, "chat");
    (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
}

/// A conversation that uses what both dialects can carry.
fn conversation() -> Request {
    let mut request = Request::new(Dialect::OpenAiChat, "m");
    let image = Media::of(MediaSource::Base64(Arc::from("AAAA")), Some("image/png".to_owned()));
    let call = ToolCall {
        id: "c1".to_owned(),
        name: "weather".to_owned(),
        arguments: r#"{"city":"Rome"}"#.to_owned(),
        ..ToolCall::default()
    };
    let result = ToolResult {
        call_id: "c1".to_owned(),
        name: String::new(),
        parts: vec![Part::text("sunny")],
        is_error: false,
        extra: Default::default(),
    };
    request.messages = vec![
        Arc::new(Message::text(Role::System, "Be brief.")),
        Arc::new(Message::of(Role::User, vec![Part::text("Look"), Part::Image(image)])),
        Arc::new(Message::of(Role::Assistant, vec![Part::ToolCall(call)])),
        Arc::new(Message::of(Role::Tool, vec![Part::ToolResult(result)])),
    ];
    let tool = |name: &str| Tool::Function {
        name: name.to_owned(),
        description: None,
        parameters: Some(json!({"type": "object"})),
        strict: None,
        extra: Default::default(),
    };
    request.tools = vec![tool("weather"), tool("other")];
    request.tool_choice = Some(ToolChoice::Named("weather".to_owned()));
    let (name, schema) = ("answer".to_owned(), json!({"type": "object"}));
    request.format = Some(ResponseFormat::JsonSchema { name, description: None, schema, strict: None });
    request.params.max_tokens = Some(7);
    request.params.top_p = Some(1.0);
    request.params.stop = vec!["X".to_owned()];
    request.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
    request
}

#[test]
fn cohere_gets_its_form() {
    let function = json!({"name": "weather", "description": "", "parameters": {"type": "object"}});
    let (body, dropped) = encode(cohere(), &conversation());
    assert_eq!(dropped, ["top_p"]);
    let expected = json!({
        "model": "m",
        "stream": false,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
            {"role": "assistant", "tool_calls": [{
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"},
            }]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "REQUIRED",
        "max_tokens": 7,
        "stop_sequences": ["X"],
        "p": 0.99,
        "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
        "thinking": {"type": "enabled"},
    });
    assert_eq!(body, expected);
}

#[test]
fn ollama_gets_its_form() {
    let function = |name: &str| {
        json!({"type": "function", "function": {
            "name": name, "description": "", "parameters": {"type": "object"},
        }})
    };
    let mut request = conversation();
    request.extra.insert("keep_alive", json!("5m"));
    request.extra.insert("options", json!({"num_ctx": 4096}));
    request.extra.insert("store", json!(false));
    let (body, dropped) = encode(ollama(), &request);
    assert_eq!(dropped, ["tool_choice", "store"]);
    let expected = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look", "images": ["AAAA"]},
            {"role": "assistant", "content": "", "tool_calls": [{
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": {"city": "Rome"}},
            }]},
            {"role": "tool", "tool_name": "weather", "tool_call_id": "c1", "content": "sunny"},
        ],
        "stream": false,
        "tools": [function("weather"), function("other")],
        "format": {"type": "object"},
        "think": "low",
        "keep_alive": "5m",
        "options": {"num_predict": 7, "top_p": 1.0, "stop": ["X"], "num_ctx": 4096},
    });
    assert_eq!(body, expected);
}

#[test]
fn recorded_chat_requests_translate() {
    let openai = inbound(Dialect::OpenAiChat).expect("registered");
    for case in cases(&["openai", "groq", "mistral", "deepseek"]) {
        let Some(body) = case.request.filter(|_| case.endpoint == "chat" && case.status == 200) else {
            continue;
        };
        let Ok(request) = openai.decode_request(&body, PathFacts::default()) else { continue };
        for dialect in [cohere(), ollama()] {
            let quirks = Quirks::default();
            let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
            let Ok(wire) = dialect.encode_request(&request, &target) else { continue };
            let body: Value = serde_json::from_slice(&wire.body).unwrap();
            let messages = body["messages"].as_array().unwrap();
            assert!(!messages.is_empty(), "{}", case.name);
            for message in messages {
                let role = message["role"].as_str().unwrap();
                assert!(["system", "user", "assistant", "tool"].contains(&role), "{}", case.name);
            }
        }
    }
}
