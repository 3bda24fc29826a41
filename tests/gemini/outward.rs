//! Recorded Gemini requests towards other dialects: every call has its result,
//! every result its call, and Gemini's answers keep their seals on the way
//! through a client that speaks OpenAI's or Anthropic's form.

use pointsman::dialect::{PathFacts, Quirks, ReplyFacts, Target, inbound, outbound};
use pointsman::ir::{Dialect, Part, Role};
use serde_json::{Value, json};

use super::recorded::cases;
use super::{decode_request, provider};

fn sent(dialect: Dialect, body: &[u8]) -> Value {
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: Some(1000), quirks: &quirks };
    let wire = outbound(dialect).unwrap().encode_request(&decode_request(body), &target);
    wire.map(|wire| serde_json::from_slice(&wire.body).unwrap()).unwrap_or_default()
}

#[test]
fn calls_and_results_stay_paired() {
    let mut seen = 0;
    for case in cases(&["gemini", "vertex"]) {
        let Some(body) = case.request.filter(|_| case.endpoint.ends_with("generate_content")) else {
            continue;
        };
        let chat = sent(Dialect::OpenAiChat, &body);
        let mut open: Vec<String> = Vec::new();
        for message in chat["messages"].as_array().into_iter().flatten() {
            if message["role"] == "tool" {
                let id = message["tool_call_id"].as_str().unwrap();
                let at = open.iter().position(|known| known == id);
                open.remove(at.unwrap_or_else(|| panic!("{}: a result without a call: {id}", case.name)));
                seen += 1;
                continue;
            }
            assert!(open.is_empty(), "{}: calls without results", case.name);
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                let id = call["id"].as_str().unwrap();
                assert!(
                    !id.is_empty() && id.len() <= 40 && !open.contains(&id.to_owned()),
                    "{}: {id}",
                    case.name
                );
                open.push(id.to_owned());
            }
        }
        let messages = sent(Dialect::Anthropic, &body);
        // Sound and film have no place there.
        if messages.is_null() {
            continue;
        }
        let text = messages.to_string();
        assert_eq!(
            text.matches("\"tool_use\"").count(),
            body.windows(14).filter(|bytes| bytes == b"\"functionCall\"").count()
                + body.windows(15).filter(|bytes| bytes == b"\"function_call\"").count(),
            "{}",
            case.name
        );
    }
    eprintln!("{seen} results found their calls");
}

/// What a client of `dialect` sends back of an answer it got.
fn turned(dialect: Dialect, answer: &Value) -> Vec<Part> {
    let response = provider().decode_response(answer.to_string().as_bytes()).unwrap();
    let side = inbound(dialect).unwrap();
    let reply = ReplyFacts { model: "m".into(), request_id: "r".into(), ..ReplyFacts::default() };
    let body: Value = serde_json::from_slice(&side.encode_response(&response, &reply)).unwrap();
    let said = match dialect {
        Dialect::Anthropic => json!({"role": "assistant", "content": body["content"]}),
        _ => body["choices"][0]["message"].clone(),
    };
    let next = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}, said]});
    let request = side.decode_request(next.to_string().as_bytes(), PathFacts::default()).unwrap();
    let turn = request.messages.iter().find(|message| message.role == Role::Assistant).unwrap();
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    let wire = provider().encode_request(&request, &target).unwrap();
    let body: Value = serde_json::from_slice(&wire.body).unwrap();
    assert_eq!(body["contents"][1]["role"], "model", "{body:#}");
    turn.parts.clone()
}

#[test]
fn seals_come_back_from_other_clients() {
    let answer = json!({
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "S1"},
        ]}}],
        "responseId": "abc",
        "modelVersion": "gemini-3-pro",
    });
    for part in turned(Dialect::OpenAiChat, &answer) {
        if let Part::ToolCall(call) = part {
            assert_eq!(call.signature.as_deref(), Some("S1"));
        }
    }
    let text = json!({
        "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "Sunny."}, {"text": "", "thoughtSignature": "S2"},
        ]}}],
        "responseId": "abc",
    });
    for dialect in [Dialect::OpenAiChat, Dialect::Anthropic] {
        let parts = turned(dialect, &text);
        let seal = parts.iter().find_map(|part| match part {
            Part::Thinking(thinking) => thinking.seal_of(Dialect::Gemini).map(str::to_owned),
            _ => None,
        });
        assert_eq!(seal.as_deref(), Some("S2"), "{}: {parts:?}", dialect.name());
    }
}

#[test]
fn seals_of_other_makers_stay_away() {
    let turn = |signature: &str, thinking: &str| {
        let body = json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": thinking, "signature": signature},
                {"type": "text", "text": "y"},
            ]},
            {"role": "user", "content": "z"},
        ]});
        inbound(Dialect::Anthropic)
            .unwrap()
            .decode_request(body.to_string().as_bytes(), PathFacts::default())
            .unwrap()
    };
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: Some(9), quirks: &quirks };
    for (signature, thinking, towards, carried) in [
        ("claude-seal", "hm", Dialect::Gemini, false),
        ("claude-seal", "", Dialect::Gemini, false),
        ("claude-seal", "hm", Dialect::Anthropic, true),
        ("gemini#seal", "", Dialect::Gemini, true),
        ("gemini#seal", "", Dialect::Anthropic, false),
    ] {
        let request = turn(signature, thinking);
        let wire = outbound(towards).unwrap().encode_request(&request, &target).unwrap();
        let sent = String::from_utf8_lossy(&wire.body).contains("seal\"");
        assert_eq!(sent, carried, "{signature} {thinking:?} towards {}", towards.name());
    }
}
