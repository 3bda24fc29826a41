//! What policies read of an answer besides its text, and behind what stands in
//! the middle of it: refusals, reasoning, tool calls, sources.

use serde_json::{Value, json};

use super::gateway::{Answer, Gateway};
use super::upstream::Upstream;

const REDACT: &str = include_str!("../../policies/guard/redact.rhai");
const MAIL: &str = "anna.b@example.com";

/// A gateway before an OpenAI and an Anthropic account, whose policy reads.
async fn start(policy: &str) -> (Upstream, Gateway) {
    let (upstream, base) = Upstream::start().await;
    let yaml = format!(
        "policy_limits: {{ inline: {{ wall: 5s, cpu: 5s }} }}\nproviders:\n  o: {{ kind: openai, base_url: \"{base}\", api_key: k }}\n  a: {{ kind: anthropic, base_url: \"{base}\", api_key: k }}\nmodels:\n  gpt: {{ provider: o }}\n  claude: {{ provider: a }}\nroutes:\n  - {{ name: r, models: [\"*\"], candidates: [gpt, claude], policies: [p] }}\n",
    );
    let policy = format!("{policy}\nfn route() {{ plan(req.model) }}");
    (upstream, Gateway::start(&yaml, &[("p", &policy)]).await)
}

/// Chat chunks of these deltas, with their end.
fn chunks(deltas: &[Value]) -> String {
    let chunk = |delta: &Value, finish: Value| {
        let chunk = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        format!("data: {chunk}\n\n")
    };
    let said: String = deltas.iter().map(|delta| chunk(delta, Value::Null)).collect();
    said + chunk(&json!({}), json!("stop")).as_str() + "data: [DONE]\n\n"
}

fn chat(message: &Value) -> String {
    json!({ "id": "c1", "object": "chat.completion", "created": 1, "model": "gpt",
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } })
    .to_string()
}

/// Messages of these blocks, streamed and whole; text and thoughts come in two halves.
fn messages(blocks: &[Value]) -> (String, String) {
    let event = |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    let mut message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": { "input_tokens": 1, "output_tokens": 1 } });
    let mut stream = event(json!({ "type": "message_start", "message": message }));
    for (index, block) in blocks.iter().enumerate() {
        let (mut begun, mut deltas) = (block.clone(), Vec::new());
        for (field, delta) in
            [("text", "text_delta"), ("thinking", "thinking_delta"), ("signature", "signature_delta")]
        {
            if let Some(text) = block[field].as_str() {
                begun[field] = json!("");
                let (first, rest) = text.split_at(text.len() / 2);
                deltas.extend([first, rest].map(|half| json!({ "type": delta, field: half })));
            }
        }
        stream += &event(json!({ "type": "content_block_start", "index": index, "content_block": begun }));
        for delta in deltas {
            stream += &event(json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        stream += &event(json!({ "type": "content_block_stop", "index": index }));
    }
    let ended = json!({ "stop_reason": "end_turn", "stop_sequence": null });
    stream += &event(json!({ "type": "message_delta", "delta": ended, "usage": { "output_tokens": 1 } }));
    stream += &event(json!({ "type": "message_stop" }));
    message["content"] = json!(blocks);
    message["stop_reason"] = json!("end_turn");
    (stream, message.to_string())
}

/// Asks in Anthropic's dialect.
async fn ask(gateway: &Gateway, model: &str, stream: bool) -> Answer {
    let body = json!({ "model": model, "max_tokens": 99, "stream": stream,
        "messages": [{ "role": "user", "content": "x" }] });
    gateway.send(gateway.post("/v1/messages", body.to_string())).await
}

/// The values of `field` in an answer, whole or streamed, in order and joined.
fn said(answer: &Answer, field: &str) -> String {
    fn walk(value: &Value, field: &str, out: &mut String) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
                Value::String(text) if name == field => out.push_str(text),
                value => walk(value, field, out),
            }),
            Value::Array(all) => all.iter().for_each(|value| walk(value, field, out)),
            _ => {}
        }
    }
    let mut out = String::new();
    let lines = answer.body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    for value in lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        walk(&value, field, &mut out);
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_reasoning_are_read_as_text_is() {
    let (upstream, gateway) = start(REDACT).await;
    let reasons = format!("The user is {MAIL}. Careful");
    let refuses = format!("I will not write to {MAIL}. Sorry");
    let halves = |name: &str, text: &str| {
        let (first, rest) = text.split_at(16);
        [json!({ name: first }), json!({ name: rest })]
    };
    let deltas = [halves("reasoning_content", &reasons), halves("refusal", &refuses)].concat();
    let whole =
        json!({ "role": "assistant", "content": null, "refusal": refuses, "reasoning_content": reasons });
    upstream.scripted.lock().insert("gpt".to_owned(), (chunks(&deltas), chat(&whole)));
    for stream in [true, false] {
        let answer = gateway.chat("gpt", stream).await;
        assert_eq!(said(&answer, "reasoning_content"), "The user is [withheld]. Careful", "{}", answer.body);
        assert_eq!(said(&answer, "refusal"), "I will not write to [withheld]. Sorry", "{}", answer.body);
        assert!(!answer.body.contains("anna"), "{}", answer.body);
        let answer = ask(&gateway, "gpt", stream).await;
        assert_eq!(said(&answer, "thinking"), "The user is [withheld]. Careful");
        assert!(said(&answer, "text").contains("I will not write to [withheld]. Sorry"), "{}", answer.body);
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_knows_which_part_it_reads() {
    let marks = r#"fn on_text() { "<" + ctx.part + ">" }"#;
    let (upstream, gateway) = start(marks).await;
    let deltas =
        [json!({ "reasoning_content": "Hm." }), json!({ "content": "Yes." }), json!({ "refusal": "No." })];
    let whole =
        json!({ "role": "assistant", "content": "Yes.", "refusal": "No.", "reasoning_content": "Hm." });
    upstream.scripted.lock().insert("gpt".to_owned(), (chunks(&deltas), chat(&whole)));
    for stream in [true, false] {
        let answer = gateway.chat("gpt", stream).await;
        let parts = ["reasoning_content", "content", "refusal"].map(|field| said(&answer, field));
        assert_eq!(parts, ["<reasoning>", "<text>", "<refusal>"], "{}", answer.body);
    }
    let only = r#"fn on_text() { if ctx.part != "text" { "" } }"#;
    let (other, gateway) = start(only).await;
    *other.scripted.lock() = upstream.scripted.lock().clone();
    for stream in [true, false] {
        let answer = gateway.chat("gpt", stream).await;
        let parts = ["reasoning_content", "content", "refusal"].map(|field| said(&answer, field));
        assert_eq!(parts, ["", "Yes.", ""], "{}", answer.body);
    }
    let (_upstream, gateway) = start("fn on_request() { ctx.note(\"part\", ctx.part); }").await;
    let answer = gateway.chat("gpt", false).await;
    assert_eq!(answer.code(), "policy_failed", "there is no part outside `on_text`: {}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_goes_on_behind_a_tool_call_and_a_source() {
    let (upstream, gateway) = start(REDACT).await;
    let call = json!([{ "index": 0, "id": "t1", "type": "function", "function": { "name": "look", "arguments": "{}" } }]);
    let deltas = [
        json!({ "content": "Pay to DE89 3704 " }),
        json!({ "tool_calls": call }),
        json!({ "content": "0044 0532 0130 00. It is " }),
        json!({ "tool_calls": [{ "index": 1, "id": "t2", "type": "function", "function": { "name": "see", "arguments": "{}" } }] }),
        json!({ "content": "so." }),
    ];
    upstream.scripted.lock().insert("gpt".to_owned(), (chunks(&deltas), String::new()));
    let answer = gateway.chat("gpt", true).await;
    assert_eq!(said(&answer, "content"), "Pay to [withheld]. It is so.", "{}", answer.body);
    let place = |what: &str| answer.body.find(what).unwrap_or_else(|| panic!("{what}: {}", answer.body));
    assert!(place("[withheld]") < place("look"), "{}", answer.body);
    assert!(place("look") < place("It is"), "{}", answer.body);
    assert!(place("It is") < place("\"see\"") && place("\"see\"") < place("\"so.\""), "{}", answer.body);

    let cited = json!({ "type": "char_location", "cited_text": "q", "document_index": 0, "document_title": "t", "start_char_index": 0, "end_char_index": 1 });
    let blocks = [
        json!({ "type": "text", "text": "Pay to DE89 3704 0044 ", "citations": [cited] }),
        json!({ "type": "text", "text": "0532 0130 00 now. 4111-1111-1111-1111" }),
        json!({ "type": "tool_use", "id": "t1", "name": "look", "input": {} }),
        json!({ "type": "text", "text": "Done." }),
    ];
    let (streamed, whole) = messages(&blocks);
    upstream.scripted.lock().insert("claude".to_owned(), (streamed, whole));
    for stream in [true, false] {
        let answer = ask(&gateway, "claude", stream).await;
        assert_eq!(said(&answer, "text"), "Pay to [withheld] now. [withheld]Done.", "{}", answer.body);
        assert!(answer.body.contains("look") && !answer.body.contains("0532"), "{}", answer.body);
        assert!(answer.body.find("look") < answer.body.find("Done."), "{}", answer.body);
    }
    gateway.account_holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thought_that_was_changed_is_not_sealed_and_that_is_told() {
    let blocks = [
        json!({ "type": "thinking", "thinking": "Nothing here.", "signature": "c2VhbDE=" }),
        json!({ "type": "thinking", "thinking": format!("Ask {MAIL}."), "signature": "c2VhbDI=" }),
        json!({ "type": "redacted_thinking", "data": "c2VhbDM=" }),
        json!({ "type": "text", "text": "Yes." }),
    ];
    let (upstream, gateway) = start(REDACT).await;
    let (streamed, whole) = messages(&blocks);
    upstream.scripted.lock().insert("claude".to_owned(), (streamed, whole));
    for stream in [true, false] {
        let answer = ask(&gateway, "claude", stream).await;
        assert_eq!(said(&answer, "thinking"), "Nothing here.Ask [withheld].", "{}", answer.body);
        assert_eq!(said(&answer, "signature"), "c2VhbDE=", "{}", answer.body);
        assert!(answer.body.contains("c2VhbDM=") && said(&answer, "text") == "Yes.", "{}", answer.body);
        if !stream {
            let dropped = answer.headers["x-pointsman-dropped"].to_str().unwrap();
            assert!(dropped.contains("response.thinking.signature"), "{dropped}");
        }
    }
    gateway.account_holds().await;
}
