//! Fields of answers that servers fill otherwise than documented: counts as
//! floats or texts, `null` where there is nothing. What cannot be read says
//! nothing, and spoils nothing that stands beside it.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

/// A field that is read where it can be.
pub(super) fn lenient<'de, D, T>(json: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(serde_json::from_value(Value::deserialize(json)?).unwrap_or_default())
}

/// A field for which `null` stands where others leave it out.
pub(super) fn nullable<'de, D, T>(json: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(json)?.unwrap_or_default())
}

/// A count in any form.
pub(super) fn count<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u64>, D::Error> {
    Ok(counted(&Value::deserialize(json)?))
}

/// The count that `value` is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; negative is none")]
pub(super) fn counted(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|number| *number >= 0.0).map(|number| number as u64);
    value.as_u64().or_else(float).or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::dialect::{Seen, outbound};
    use crate::ir::{Dialect, Event};
    use crate::sse::Frame;

    /// Input and output tokens.
    type Tokens = Option<(u64, u64)>;

    fn whole(dialect: Dialect, body: &Value) -> (String, Tokens) {
        let outbound = outbound(dialect).unwrap();
        let text = body.to_string();
        let response =
            outbound.decode_response(text.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        let scanned =
            outbound.scan_response(text.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!(scanned, response.usage, "{body}");
        (response.text(), response.usage.map(|usage| (usage.input, usage.output)))
    }

    fn streamed(dialect: Dialect, frames: &[(&str, Value)]) -> (String, Tokens, Seen) {
        let outbound = outbound(dialect).unwrap();
        let (mut decoder, mut seen, mut events) = (outbound.stream_decoder(), Seen::default(), Vec::new());
        for (event, frame) in frames {
            let data = frame.to_string();
            let frame = Frame { event, data: data.as_bytes() };
            outbound.scan_frame(&frame, &mut seen);
            decoder.push(&frame, &mut events).unwrap_or_else(|error| panic!("{data}: {error}"));
        }
        decoder.finish(&mut events).unwrap();
        let mut said = (String::new(), None);
        for event in events {
            match event {
                Event::Text { text, .. } => said.0.push_str(&text),
                Event::Usage(usage) => said.1 = Some((usage.input, usage.output)),
                _ => {}
            }
        }
        (said.0, said.1, seen)
    }

    #[test]
    fn whole_answers_with_fields_of_another_kind() {
        let message = |usage: Value| json!({ "type": "message", "content": [{ "type": "text", "text": "x" }], "usage": usage });
        let candidate = json!([{ "content": { "parts": [{ "text": "x" }] }, "finishReason": "STOP" }]);
        let content = json!({ "content": [{ "type": "text", "text": "x" }] });
        for (dialect, body, tokens) in [
            (
                Dialect::Anthropic,
                message(json!({ "input_tokens": 3.0, "output_tokens": "4", "cache_creation": "x" })),
                Some((3, 4)),
            ),
            (
                Dialect::Anthropic,
                message(json!({ "input_tokens": null, "output_tokens": {}, "cache_read_input_tokens": 2.0 })),
                Some((2, 0)),
            ),
            (
                Dialect::Gemini,
                json!({ "candidates": candidate, "usageMetadata": { "promptTokenCount": 3.0, "candidatesTokenCount": "4", "promptTokensDetails": {} } }),
                Some((3, 4)),
            ),
            (Dialect::Gemini, json!({ "candidates": candidate, "usageMetadata": "none" }), None),
            (
                Dialect::Cohere,
                json!({ "id": null, "message": content, "finish_reason": "COMPLETE", "logprobs": "x", "usage": { "tokens": { "input_tokens": 3, "output_tokens": 4.0 } } }),
                Some((3, 4)),
            ),
            (
                Dialect::Ollama,
                json!({ "model": null, "created_at": null, "message": { "content": "x", "tool_calls": null, "images": null }, "done": true, "prompt_eval_count": 3.0, "eval_count": "4" }),
                Some((3, 4)),
            ),
            // A token that is a key, and no error of a choice.
            (
                Dialect::OpenAiCompletions,
                json!({ "choices": [{ "text": "x", "logprobs": { "top_logprobs": [{ "error": -0.5 }] } }], "usage": { "prompt_tokens": 3, "completion_tokens": 4 } }),
                Some((3, 4)),
            ),
        ] {
            assert_eq!(whole(dialect, &body), ("x".to_owned(), tokens), "{body}");
        }
    }

    #[test]
    fn streams_with_fields_of_another_kind() {
        let usage = json!({ "input_tokens": 3.0, "output_tokens": "4" });
        let anthropic = |name: &'static str| {
            [
                (
                    name,
                    json!({ "type": "message_start", "index": null, "message": { "id": null, "usage": null } }),
                ),
                (
                    name,
                    json!({ "type": "content_block_start", "index": 0.0, "content_block": { "type": "text", "text": null } }),
                ),
                (
                    name,
                    json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "x" } }),
                ),
                (name, json!({ "type": "content_block_stop", "index": 0 })),
                (
                    name,
                    json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": usage }),
                ),
                (name, json!({ "type": "message_stop" })),
            ]
        };
        let responses = |name: &'static str| {
            [
                (name, json!({ "type": "response.created", "response": { "id": "r" } })),
                (name, json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "x" })),
                (
                    name,
                    json!({ "type": "response.completed", "response": { "status": "completed", "output": [], "usage": { "input_tokens": 3, "output_tokens": 4 } } }),
                ),
            ]
        };
        let gemini = [
            ("", json!({})),
            ("", json!({ "type": "ping" })),
            ("", json!({ "candidates": [{ "content": { "parts": [{ "text": "x" }] } }] })),
            ("keep-alive", json!(null)),
            (
                "",
                json!({ "candidates": [{ "finishReason": "STOP" }], "usageMetadata": { "promptTokenCount": 3.0, "candidatesTokenCount": 4 } }),
            ),
        ];
        // Proxies name every event as browsers do where there is no name.
        for (dialect, frames) in [
            (Dialect::Anthropic, &anthropic("")[..]),
            (Dialect::Anthropic, &anthropic("message")[..]),
            (Dialect::OpenAiResponses, &responses("")[..]),
            (Dialect::OpenAiResponses, &responses("message")[..]),
            (Dialect::Gemini, &gemini[..]),
        ] {
            let (text, tokens, seen) = streamed(dialect, frames);
            assert_eq!((text.as_str(), tokens), ("x", Some((3, 4))), "{frames:?}");
            let scanned = seen.usage.map(|usage| (usage.input, usage.output));
            assert_eq!(
                (seen.content, seen.done, seen.error, scanned),
                (true, true, None, tokens),
                "{frames:?}"
            );
        }
    }

    #[test]
    fn a_call_without_an_id_or_a_name_is_still_begun_before_it_is_argued() {
        let call =
            |id: Value| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "" } });
        let outbound = outbound(Dialect::Cohere).unwrap();
        let body = json!({ "id": "c", "message": { "tool_calls": [call(json!(null))] }, "finish_reason": "TOOL_CALL" });
        let response = outbound.decode_response(body.to_string().as_bytes()).unwrap();
        let calls: Vec<_> = response.choices[0].message.tool_calls().collect();
        assert!(calls.len() == 1 && calls[0].name == "f" && !calls[0].id.is_empty(), "{calls:?}");
        let mut decoder = outbound.stream_decoder();
        let mut events = Vec::new();
        for frame in [
            json!({ "type": "tool-call-start", "index": 0, "delta": { "message": { "tool_calls": call(json!(null)) } } }),
            json!({ "type": "tool-call-delta", "index": 0, "delta": { "message": { "tool_calls": { "function": { "arguments": "{}" } } } } }),
            json!({ "type": "message-end", "delta": { "finish_reason": "TOOL_CALL" } }),
        ] {
            let data = frame.to_string();
            decoder.push(&Frame { event: "", data: data.as_bytes() }, &mut events).unwrap();
        }
        let [Event::ToolCall { id, name, .. }, Event::ToolArguments { text, .. }, ..] = events.as_slice()
        else {
            panic!("{events:?}")
        };
        assert!(!id.is_empty() && name == "f" && text == "{}", "{events:?}");
    }
}
