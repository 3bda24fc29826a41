//! What servers of a dialect send otherwise than its owner documents first: optional
//! forms, names that stand elsewhere, fields that are left out where they are zero.
//!
//! Sources: OpenAI API reference "Responses"; Anthropic API reference "Streaming
//! messages"; Gemini API reference "UsageMetadata"; Amazon Bedrock API reference
//! "ConverseStreamOutput", "ImageBlock"; Cohere API reference v2; Ollama API, checked 2026-11-21.

use pointsman::dialect::{self, untold, untold_event};
use pointsman::error::Kind;
use pointsman::ir::{Dialect, Event, Finish, Response};
use serde_json::{Value, json};

use crate::documented::{bytes, events, framing, told};

fn streamed(dialect: Dialect, frames: &[Value]) -> Vec<Event> {
    events(dialect, framing(dialect), bytes(dialect, frames).as_bytes())
}

fn whole(dialect: Dialect, body: &Value) -> Response {
    dialect::outbound(dialect).unwrap().decode_response(body.to_string().as_bytes()).unwrap()
}

fn text(events: &[Event]) -> String {
    events
        .iter()
        .filter_map(|event| if let Event::Text { text, .. } = event { Some(text.as_str()) } else { None })
        .collect()
}

fn error(events: &[Event]) -> Option<Kind> {
    events.iter().find_map(|event| if let Event::Error(error) = event { Some(error.kind) } else { None })
}

/// Input and output tokens as last stated.
fn tokens(events: &[Event]) -> Option<(u64, u64)> {
    let stated = events.iter().rev();
    let mut stated =
        stated.filter_map(|event| if let Event::Usage(usage) = event { Some(usage) } else { None });
    stated.next().map(|usage| (usage.input, usage.output))
}

/// Pieces of a responses stream whose message says "So it is." under `content`.
fn responses(content: &Value, deltas: &[Value]) -> Vec<Value> {
    let item = json!({ "type": "message", "id": "i", "role": "assistant", "status": "completed", "content": content });
    let response = |status: &str, output: Value| json!({ "id": "r", "object": "response", "model": "m", "status": status, "output": output });
    let mut frames = vec![
        json!({ "type": "response.created", "response": response("in_progress", json!([])) }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "message", "id": "i", "role": "assistant", "content": [] } }),
    ];
    frames.extend(deltas.iter().cloned());
    if !deltas.is_empty() {
        frames.push(json!({ "type": "response.output_item.done", "output_index": 0, "item": item }));
    }
    frames.push(json!({ "type": "response.completed", "response": response("completed", json!([item])) }));
    frames
}

#[test]
fn responses_that_are_told_at_their_end() {
    let from = Dialect::OpenAiResponses;
    let source = json!({ "type": "url_citation", "start_index": 3, "end_index": 5, "url": "https://a.example", "title": "A" });
    let part = json!([{ "type": "output_text", "text": "So it is.", "annotations": [source] }]);
    let delta = |text: &str| json!({ "type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text });
    let added =
        json!({ "type": "response.output_text.annotation.added", "output_index": 0, "annotation": source });
    for (content, deltas, cited) in [
        // Nothing but the items' begin and the end.
        (part.clone(), vec![], 1),
        (json!("So it is."), vec![], 0),
        // The sources in the item alone, or in an event and the item.
        (part.clone(), vec![delta("So "), delta("it is.")], 1),
        (part, vec![delta("So it is."), added], 1),
    ] {
        let found = streamed(from, &responses(&content, &deltas));
        assert_eq!(text(&found), "So it is.", "{found:?}");
        let sources: Vec<_> = found
            .iter()
            .filter_map(|event| {
                if let Event::Citation { citation, .. } = event { Some(citation.range) } else { None }
            })
            .collect();
        assert_eq!(sources, vec![Some((3, 5)); cited], "{found:?}");
    }
}

#[test]
fn signs_of_life_and_of_limits_are_no_items() {
    let from = Dialect::OpenAiResponses;
    let delta = json!({ "type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "So it is." });
    let alive = json!({ "type": "keepalive", "sequence_number": 3 });
    let limits = json!({ "type": "codex.rate_limits", "rate_limits": { "primary": { "used_percent": 3 } } });
    let part = json!([{ "type": "output_text", "text": "So it is.", "annotations": [] }]);
    let found = streamed(from, &responses(&part, &[alive, limits, delta]));
    assert!(found.contains(&Event::Ping));
    let names: Vec<String> =
        found.iter().flat_map(|event| untold_event(event, Dialect::OpenAiChat)).collect();
    assert!(names.is_empty(), "{names:?}");
    let told = told(from, &found);
    assert!(told.contains("event: codex.rate_limits"), "{told}");
    let last = told.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["response"]["output"].as_array().unwrap().len(), 1, "{last}");
}

#[test]
fn why_responses_are_incomplete() {
    for (reason, expected) in [
        ("max_output_tokens", Finish::Length),
        ("max_tokens", Finish::Length),
        ("content_filter", Finish::ContentFilter),
        ("time_limit", Finish::Other("time_limit".into())),
    ] {
        let body = json!({ "id": "r", "object": "response", "model": "m", "status": "incomplete", "incomplete_details": { "reason": reason }, "output": [] });
        assert_eq!(whole(Dialect::OpenAiResponses, &body).choices[0].finish, Some(expected));
    }
}

#[test]
fn messages_of_look_alikes() {
    let from = Dialect::Anthropic;
    let named = |name: &str, data: Value| format!("event: {name}\ndata: {data}\n\n");
    let start = named(
        "message_start",
        json!({ "message": { "id": "m", "model": "m", "usage": { "input_tokens": 3, "output_tokens": 0 } } }),
    );
    let end = named(
        "message_delta",
        json!({ "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 2 } }),
    ) + named("message_stop", json!({})).as_str();
    // Types beside the data alone, a thought without a block, OpenAI's end.
    let thought = named(
        "content_block_delta",
        json!({ "index": 0, "delta": { "type": "thinking_delta", "thinking": "hm" } }),
    );
    let said =
        named("content_block_delta", json!({ "index": 1, "delta": { "type": "text_delta", "text": "x" } }));
    let stream = format!("{start}{thought}{said}{end}data: [DONE]\n\n");
    let found = events(from, framing(from), stream.as_bytes());
    assert!(found.contains(&Event::Thinking { choice: 0, text: "hm".into() }), "{found:?}");
    assert_eq!(
        (text(&found).as_str(), tokens(&found), found.last()),
        ("x", Some((3, 2)), Some(&Event::Done))
    );
    let overloaded = json!({ "error": { "type": "overloaded_error", "message": "Overloaded" } });
    for failed in [named("error", overloaded.clone()), format!("data: {overloaded}\n\n")] {
        let stream = format!("{start}{failed}{end}");
        assert_eq!(error(&events(from, framing(from), stream.as_bytes())), Some(Kind::Overloaded));
    }
    let body = overloaded.to_string();
    let hidden = dialect::outbound(from).unwrap().decode_response(body.as_bytes()).unwrap_err();
    assert_eq!(hidden.kind, Kind::Overloaded);
}

#[test]
fn what_google_leaves_out() {
    let from = Dialect::Gemini;
    let said = json!({
        "candidates": [{ "content": { "parts": [{ "text": "x" }] }, "finishReason": "STOP" }],
        "error": null,
        "usageMetadata": { "promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5, "promptTokensDetails": [{ "tokenCount": 3 }] },
    });
    let usage = whole(from, &said).usage.unwrap();
    assert_eq!((usage.input, usage.output), (3, 2));
    let found = streamed(from, &[json!({ "modelVersion": "m", "createTime": "2026-01-01T00:00:00Z" }), said]);
    assert_eq!((text(&found).as_str(), tokens(&found), error(&found)), ("x", Some((3, 2)), None));
}

#[test]
fn bedrocks_exceptions_and_pictures_that_failed() {
    let from = Dialect::Bedrock;
    for (name, expected) in [
        ("throttlingException", Kind::RateLimited),
        ("ThrottlingException", Kind::RateLimited),
        ("ServiceUnavailableException", Kind::Overloaded),
        ("modelStreamErrorException", Kind::UpstreamFailed),
    ] {
        let end = json!({ "messageStop": { "stopReason": "end_turn" } });
        let found = streamed(from, &[json!({ name: { "message": "no" } }), end]);
        assert_eq!(error(&found), Some(expected), "{name}");
    }
    let failed = json!({ "format": "png", "error": { "message": "blocked" } });
    let body = json!({ "output": { "message": { "role": "assistant", "content": [{ "image": failed }] } }, "stopReason": "end_turn" });
    assert_eq!(untold(&whole(from, &body), Dialect::OpenAiChat), ["response.image"]);
    let found = streamed(
        from,
        &[
            json!({ "contentBlockStart": { "contentBlockIndex": 0, "start": { "image": { "format": "png" } } } }),
            json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta": { "image": { "error": { "message": "blocked" } } } } }),
            json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
            json!({ "messageStop": { "stopReason": "end_turn" } }),
        ],
    );
    let names: Vec<String> =
        found.iter().flat_map(|event| untold_event(event, Dialect::OpenAiChat)).collect();
    assert_eq!(names, ["response.image"]);
}

#[test]
fn content_that_cohere_may_come_to_have() {
    let from = Dialect::Cohere;
    let answer = |content: Value| json!({ "id": "c", "finish_reason": "COMPLETE", "message": { "role": "assistant", "content": content } });
    assert_eq!(whole(from, &answer(json!("x"))).text(), "x");
    let new = json!({ "type": "chart", "chart": { "bars": 3 } });
    let response = whole(from, &answer(json!([{ "type": "text", "text": "x" }, new])));
    assert_eq!(response.text(), "x");
    assert_eq!(untold(&response, Dialect::Anthropic), ["response.chart"]);
    let found = streamed(
        from,
        &[
            json!({ "type": "message-start", "id": "c" }),
            json!({ "type": "content-start", "index": 0, "delta": { "message": { "content": new } } }),
            json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE" } }),
        ],
    );
    let names: Vec<String> = found.iter().flat_map(|event| untold_event(event, Dialect::Anthropic)).collect();
    assert_eq!(names, ["response.chart"]);
}

#[test]
fn counts_of_zero_that_ollama_leaves_out() {
    let from = Dialect::Ollama;
    for (counts, expected) in [
        (json!({ "prompt_eval_count": 3 }), Some((3, 0))),
        (json!({ "eval_count": 2 }), Some((0, 2))),
        (json!({}), None),
    ] {
        let mut line = json!({ "model": "m", "created_at": "", "message": { "role": "assistant", "content": "x" }, "done": true, "done_reason": "stop", "error": null });
        line.as_object_mut().unwrap().extend(counts.as_object().unwrap().clone());
        assert_eq!(tokens(&streamed(from, &[line])), expected);
    }
}
