//! Answers of `invoke` in the makers' own bodies: plain text, no tools. One
//! reader for all of them, since their fields do not collide.
//!
//! Source: Amazon Bedrock user guide, "Inference request parameters and
//! response fields" (Llama, Mistral, Titan, Cohere, AI21, DeepSeek, Claude text
//! completions), checked 2026-11-21.

use serde_json::Value;

use super::finish;
use crate::ir::{Finish, Usage};

/// Where the makers put the text, whole or a piece of a stream.
const TEXTS: [&str; 9] = [
    "/generation",
    "/completion",
    "/outputText",
    "/results/0/outputText",
    "/outputs/0/text",
    "/generations/0/text",
    "/completions/0/data/text",
    "/choices/0/text",
    "/text",
];

/// Where they say why the model stopped.
const REASONS: [&str; 9] = [
    "/stop_reason",
    "/completionReason",
    "/results/0/completionReason",
    "/outputs/0/stop_reason",
    "/generations/0/finish_reason",
    "/completions/0/finishReason/reason",
    "/choices/0/stop_reason",
    "/choices/0/finish_reason",
    "/finish_reason",
];

/// Where they count what went in, and what came out.
const INPUTS: [&str; 4] = [
    "/amazon-bedrock-invocationMetrics/inputTokenCount",
    "/prompt_token_count",
    "/inputTextTokenCount",
    "/usage/prompt_tokens",
];
const OUTPUTS: [&str; 5] = [
    "/amazon-bedrock-invocationMetrics/outputTokenCount",
    "/generation_token_count",
    "/totalOutputTextTokenCount",
    "/results/0/tokenCount",
    "/usage/completion_tokens",
];

/// What a body, or a piece of a streamed one, says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) finish: Option<Finish>,
    pub(super) usage: Option<Usage>,
}

/// Reads a body; `None` when it is none of these.
pub(super) fn read(body: &Value) -> Option<Said> {
    let at = |places: &[&str]| {
        places.iter().find_map(|place| body.pointer(place).filter(|found| !found.is_null()))
    };
    let text = at(&TEXTS).and_then(Value::as_str);
    let finish = at(&REASONS).and_then(Value::as_str).map(finish);
    let usage = metrics(body);
    if text.is_none() && finish.is_none() {
        return None;
    }
    Some(Said { text: text.unwrap_or_default().to_owned(), finish, usage })
}

/// What a body, or the last piece of a stream, counts.
pub(super) fn metrics(body: &Value) -> Option<Usage> {
    let count = |places: &[&str]| places.iter().find_map(|place| body.pointer(place)?.as_u64());
    let (input, output) = count(&INPUTS).zip(count(&OUTPUTS))?;
    Some(Usage { input, output, ..Usage::default() })
}

fn finish(reason: &str) -> Finish {
    match reason {
        "stop" | "endoftext" | "FINISH" | "FINISHED" | "COMPLETE" => Finish::Stop,
        "STOP_CRITERIA_MET" => Finish::StopSequence(None),
        "length" | "LENGTH" | "MAX_TOKENS" => Finish::Length,
        "CONTENT_FILTERED" | "ERROR_TOXIC" => Finish::ContentFilter,
        other => finish::finish(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_maker_is_read() {
        let said = |text: &str, finish, usage: Option<(u64, u64)>| {
            let usage = usage.map(|(input, output)| Usage { input, output, ..Usage::default() });
            Some(Said { text: text.to_owned(), finish, usage })
        };
        for (body, expected) in [
            (
                json!({ "generation": "Hi", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": "stop" }),
                said("Hi", Some(Finish::Stop), Some((3, 1))),
            ),
            (
                json!({ "generation": "H", "generation_token_count": 1, "stop_reason": null }),
                said("H", None, None),
            ),
            (
                json!({ "outputs": [{ "text": "Hi", "stop_reason": "length" }] }),
                said("Hi", Some(Finish::Length), None),
            ),
            (
                json!({ "inputTextTokenCount": 5, "results": [{ "tokenCount": 2, "outputText": "Hi", "completionReason": "CONTENT_FILTERED" }] }),
                said("Hi", Some(Finish::ContentFilter), Some((5, 2))),
            ),
            (
                json!({ "outputText": "Hi", "totalOutputTextTokenCount": 2, "completionReason": "FINISH", "inputTextTokenCount": 5 }),
                said("Hi", Some(Finish::Stop), Some((5, 2))),
            ),
            (
                json!({ "generations": [{ "text": "Hi", "finish_reason": "COMPLETE" }] }),
                said("Hi", Some(Finish::Stop), None),
            ),
            (
                json!({ "completions": [{ "data": { "text": "Hi" }, "finishReason": { "reason": "endoftext" } }] }),
                said("Hi", Some(Finish::Stop), None),
            ),
            (
                json!({ "completion": " Hi", "stop_reason": "stop_sequence", "stop": "\n\nHuman:" }),
                said(" Hi", Some(Finish::StopSequence(None)), None),
            ),
            (json!({ "embedding": [0.5] }), None),
        ] {
            assert_eq!(read(&body), expected, "{body}");
        }
    }
}
