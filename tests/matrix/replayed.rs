//! What SDKs send on every turn without anybody's asking: defaults, empty fields,
//! and what they repeat of answers. It is carried or means nothing elsewhere, so
//! that `strict` refuses no client for it.
//!
//! Sources: OpenAI's, Anthropic's and Google's Python SDKs, answers as their
//! `model_dump` and `to_dict` write them into the next request, checked 2026-11-22.

use pointsman::ir::Dialect;
use serde_json::{Value, json};

use crate::outward::cell;

/// What is really lost: seals of another maker, and what the other side has no word for.
const LOST: [&str; 9] = [
    "thinking",
    "signature",
    "content[0]",
    "strict",
    "user",
    "top_p",
    "top_k",
    "reasoning",
    "prompt_cache_key",
];

#[test]
fn what_sdks_repeat_is_not_reported() {
    let cases: Vec<(Dialect, Value)> = vec![
        (
            Dialect::OpenAiResponses,
            json!({"model":"m","instructions":"x","stream":true,"store":false,"include":["reasoning.encrypted_content"],"parallel_tool_calls":true,"tool_choice":"auto","truncation":"disabled","text":{"format":{"type":"text"}},"reasoning":{"effort":"low","summary":"auto"},"metadata":{},"temperature":1.0,"top_p":1.0,"prompt_cache_key":"k","service_tier":"auto","background":false,"max_tool_calls":null,
          "tools":[{"type":"function","name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}}],
          "input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"abc","status":null,"content":null},
            {"type":"function_call","id":"fc_1","status":"completed","call_id":"c1","name":"f","arguments":"{}"},
            {"type":"function_call_output","id":"fco_1","status":"completed","call_id":"c1","output":"ok"},
            {"type":"message","id":"msg_1","status":"completed","role":"assistant","phase":null,"content":[{"type":"output_text","text":"yo","annotations":[],"logprobs":[]}]},
            {"role":"user","content":"more"}]}),
        ),
        (
            Dialect::OpenAiChat,
            json!({"model":"m","stream":true,"stream_options":{"include_usage":true},"n":1,"temperature":1,"top_p":1,"presence_penalty":0,"frequency_penalty":0,"logprobs":false,"seed":null,"parallel_tool_calls":true,"user":"u","max_tokens":5,"tool_choice":"auto","response_format":{"type":"text"},
          "tools":[{"type":"function","function":{"name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}}}],
          "messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},
            {"role":"assistant","content":null,"refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":[{"id":"c1","type":"function","index":0,"function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c1","name":"f","content":"ok"},{"role":"user","content":"more"}]}),
        ),
        (
            Dialect::Anthropic,
            json!({"model":"m","max_tokens":100,"stream":true,"system":[{"type":"text","text":"s"}],"metadata":{"user_id":"u"},"stop_sequences":[],"temperature":1,"thinking":{"type":"disabled"},"tool_choice":{"type":"auto"},
          "tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{}}}],
          "messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"text","text":"a","citations":null},{"type":"tool_use","id":"t1","name":"f","input":{},"caller":{"type":"direct"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":false,"content":"ok"}]}]}),
        ),
        (
            Dialect::Gemini,
            json!({"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"s"}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}}]}],
          "systemInstruction":{"role":"user","parts":[{"text":"s"}]},"toolConfig":{"functionCallingConfig":{"mode":"AUTO"}},"safetySettings":[],
          "tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{}}}]}],
          "generationConfig":{"temperature":1,"topP":0.95,"topK":64,"candidateCount":1,"maxOutputTokens":5,"responseMimeType":"text/plain","responseModalities":["TEXT"],"thinkingConfig":{"includeThoughts":true,"thinkingBudget":-1}}}),
        ),
    ];
    for (from, body) in cases {
        for to in Dialect::ALL.into_iter().filter(|to| *to != from && *to != Dialect::OpenAiCompletions) {
            let (_, dropped) = cell(from, &body, to).unwrap();
            let wrong: Vec<&String> =
                dropped.iter().filter(|path| !LOST.iter().any(|lost| path.ends_with(lost))).collect();
            assert!(wrong.is_empty(), "{} for {}: {wrong:?} of {dropped:?}", from.name(), to.name());
        }
    }
}
