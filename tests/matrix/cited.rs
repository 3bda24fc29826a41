//! Sources of what is said, from every provider that names them to every client
//! that has a place for them: the same address, title and characters.

use pointsman::dialect;
use pointsman::ir::{Citation, Dialect, Event, Response};
use pointsman::sse::Framing;
use serde_json::{Value, json};

use crate::documented::{bytes, events, framing, reply, told};

const URL: &str = "https://a.example/1";
const TITLE: &str = "About Bern";
/// What stands before the cited text, and the cited text: in letters of one byte and of more.
const TEXTS: [(&str, &str); 2] = [("I looked. ", "Bern is a city."), ("Grüezi 東京. ", "Zürich 🚂 too.")];

/// An answer that cites `cited`, whole and streamed.
fn answer(dialect: Dialect, before: &str, cited: &str) -> Option<(Value, Vec<Value>)> {
    let all = format!("{before}{cited}");
    let (from, to) = (before.chars().count(), all.chars().count());
    Some(match dialect {
        Dialect::OpenAiChat => {
            let note = json!({ "type": "url_citation", "url_citation": { "start_index": from, "end_index": to, "url": URL, "title": TITLE } });
            let of = |name: &str, said: Value, end: Value| json!({ "id": "a", "model": "m", "choices": [{ "index": 0, name: said, "finish_reason": end }] });
            let frames = vec![
                of("delta", json!({ "role": "assistant", "content": all }), Value::Null),
                of("delta", json!({ "annotations": [note] }), Value::Null),
                of("delta", json!({}), "stop".into()),
            ];
            (
                of(
                    "message",
                    json!({ "role": "assistant", "content": all, "annotations": [note] }),
                    "stop".into(),
                ),
                frames,
            )
        }
        Dialect::OpenAiResponses => {
            // Two parts: places count from the beginning of each.
            let note = json!({ "type": "url_citation", "start_index": 0, "end_index": to - from, "url": URL, "title": TITLE });
            let part = |text: &str, notes: Value| json!({ "type": "output_text", "text": text, "annotations": notes });
            let item = json!({ "type": "message", "id": "i", "role": "assistant", "status": "completed", "content": [part(before, json!([])), part(cited, json!([note]))] });
            let whole = json!({ "id": "r", "object": "response", "model": "m", "status": "completed", "output": [item] });
            let place = |kind: &str, part: u8, more: (&str, Value)| json!({ "type": kind, "item_id": "i", "output_index": 0, "content_index": part, more.0: more.1 });
            let mut begun = item.clone();
            begun["content"] = json!([]);
            let frames = vec![
                json!({ "type": "response.created", "response": { "id": "r", "model": "m" } }),
                json!({ "type": "response.output_item.added", "output_index": 0, "item": begun }),
                place("response.content_part.added", 0, ("part", part("", json!([])))),
                place("response.output_text.delta", 0, ("delta", before.into())),
                place("response.content_part.added", 1, ("part", part("", json!([])))),
                place("response.output_text.delta", 1, ("delta", cited.into())),
                place("response.output_text.annotation.added", 1, ("annotation", note)),
                json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
                json!({ "type": "response.completed", "response": whole }),
            ];
            (whole, frames)
        }
        Dialect::Anthropic => {
            let note = json!({ "type": "web_search_result_location", "url": URL, "title": TITLE, "cited_text": "q", "encrypted_index": "e" });
            let blocks = json!([{ "type": "text", "text": before }, { "type": "text", "text": cited, "citations": [note] }]);
            let message = |content: Value| json!({ "id": "m", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn", "usage": { "input_tokens": 1, "output_tokens": 1 } });
            let block = |kind: &str, at: u8, more: (&str, Value)| json!({ "type": kind, "index": at, more.0: more.1 });
            let frames = vec![
                json!({ "type": "message_start", "message": message(json!([])) }),
                block("content_block_start", 0, ("content_block", json!({ "type": "text", "text": "" }))),
                block("content_block_delta", 0, ("delta", json!({ "type": "text_delta", "text": before }))),
                json!({ "type": "content_block_stop", "index": 0 }),
                block(
                    "content_block_start",
                    1,
                    ("content_block", json!({ "type": "text", "text": "", "citations": [] })),
                ),
                block(
                    "content_block_delta",
                    1,
                    ("delta", json!({ "type": "citations_delta", "citation": note })),
                ),
                block("content_block_delta", 1, ("delta", json!({ "type": "text_delta", "text": cited }))),
                json!({ "type": "content_block_stop", "index": 1 }),
                json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 1 } }),
                json!({ "type": "message_stop" }),
            ];
            (message(blocks), frames)
        }
        Dialect::Gemini => {
            let grounding = json!({ "groundingChunks": [{ "web": { "uri": URL, "title": TITLE } }], "groundingSupports": [{ "segment": { "startIndex": before.len(), "endIndex": all.len(), "text": cited }, "groundingChunkIndices": [0] }] });
            let candidate = |text: &str, more: Value| {
                let mut candidate =
                    json!({ "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0 });
                candidate.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                json!({ "candidates": [candidate], "responseId": "r", "modelVersion": "m" })
            };
            let end = json!({ "groundingMetadata": grounding, "finishReason": "STOP" });
            (candidate(&all, end.clone()), vec![candidate(before, json!({})), candidate(cited, end)])
        }
        Dialect::Bedrock => {
            let note = json!({ "title": TITLE, "location": { "web": { "url": URL } } });
            let whole = json!({ "output": { "message": { "role": "assistant", "content": [{ "text": before }, { "citationsContent": { "content": [{ "text": cited }], "citations": [note] } }] } }, "stopReason": "end_turn", "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 } });
            let delta = |at: u8, delta: Value| json!({ "contentBlockDelta": { "contentBlockIndex": at, "delta": delta } });
            let frames = vec![
                delta(0, json!({ "text": before })),
                json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
                delta(1, json!({ "text": cited })),
                delta(1, json!({ "citation": note })),
                json!({ "contentBlockStop": { "contentBlockIndex": 1 } }),
                json!({ "messageStop": { "stopReason": "end_turn" } }),
            ];
            (whole, frames)
        }
        Dialect::Cohere => {
            let note = json!({ "start": from, "end": to, "text": cited, "type": "TEXT_CONTENT", "sources": [{ "type": "document", "id": "d", "document": { "title": TITLE, "url": URL } }] });
            let whole = json!({ "id": "c", "finish_reason": "COMPLETE", "message": { "role": "assistant", "content": [{ "type": "text", "text": all }], "citations": [note] } });
            let frames = vec![
                json!({ "type": "message-start", "id": "c" }),
                json!({ "type": "content-delta", "delta": { "message": { "content": { "text": all } } } }),
                json!({ "type": "citation-start", "delta": { "message": { "citations": note } } }),
                json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE" } }),
            ];
            (whole, frames)
        }
        // These name no sources.
        Dialect::OpenAiCompletions | Dialect::Ollama => return None,
    })
}

/// What a citation says: address, title, and the characters, where `placed`.
type Said = (Option<String>, Option<String>, Option<(u64, u64)>);

fn said(citation: &Citation) -> Said {
    (citation.url.clone(), citation.title.clone(), citation.range)
}

fn of_events(events: &[Event]) -> Vec<Said> {
    let cited = events.iter().filter_map(|event| match event {
        Event::Citation { citation, .. } => Some(said(citation)),
        _ => None,
    });
    cited.collect()
}

fn of_response(response: &Response) -> Vec<Said> {
    response.choices[0].message.citations.iter().map(said).collect()
}

#[test]
fn sources_reach_every_client_that_has_a_place_for_them() {
    let mut wrong = Vec::new();
    for from in Dialect::ALL {
        for (before, cited) in TEXTS {
            let Some((whole, frames)) = answer(from, before, cited) else { continue };
            let outbound = dialect::outbound(from).unwrap();
            let response = outbound.decode_response(whole.to_string().as_bytes()).unwrap();
            let stream = events(from, framing(from), bytes(from, &frames).as_bytes());
            let start = before.chars().count() as u64;
            let end = start + cited.chars().count() as u64;
            if from == Dialect::Gemini {
                let place = Some((start, end));
                assert_eq!(
                    (of_events(&stream)[0].2, of_response(&response)[0].2),
                    (place, place),
                    "{cited:?}"
                );
            }
            for to in Dialect::ALL.into_iter().filter(|to| dialect::inbound(*to).is_some()) {
                let reader = dialect::outbound(to).unwrap();
                let told_whole = dialect::inbound(to).unwrap().encode_response(&response, &reply());
                let ways = [
                    ("whole", of_response(&reader.decode_response(&told_whole).unwrap())),
                    ("streamed", of_events(&events(to, Framing::Sse, told(to, &stream).as_bytes()))),
                    (
                        "recited",
                        of_events(&events(to, Framing::Sse, told(to, &response.recite()).as_bytes())),
                    ),
                ];
                for (way, found) in ways {
                    let name = format!("{} for {}, {way} {cited:?}", from.name(), to.name());
                    if to == Dialect::OpenAiCompletions {
                        let reported = dialect::untold(&response, to);
                        assert!(
                            found.is_empty() && reported == ["response.citations"],
                            "{name}: {reported:?}"
                        );
                        continue;
                    }
                    // Where a text cannot be cut any more, the whole of it rests on the source.
                    let place = |range: Option<(u64, u64)>| {
                        range.is_some_and(|(from, to)| from <= start && to == end)
                    };
                    let right = matches!(found.as_slice(), [(Some(url), Some(title), range)] if url == URL && title == TITLE && place(*range));
                    if !right {
                        wrong.push(format!("{name}: {found:?}, not {start}..{end}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Search engines of OpenAI's dialect name sources beside the choices, on every chunk.
#[test]
fn sources_beside_the_choices_are_told_once() {
    let chunk = |delta: Value, end: Value| json!({ "id": "a", "model": "m", "citations": [URL], "search_results": [{ "title": TITLE, "url": URL, "date": null }], "choices": [{ "index": 0, "delta": delta, "finish_reason": end }] });
    let frames =
        [chunk(json!({ "content": "Bern" }), Value::Null), chunk(json!({ "content": "." }), "stop".into())];
    let stream = events(Dialect::OpenAiChat, Framing::Sse, bytes(Dialect::OpenAiChat, &frames).as_bytes());
    for to in [Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Gemini] {
        let found = of_events(&events(to, Framing::Sse, told(to, &stream).as_bytes()));
        assert_eq!(found.len(), 1, "{}: {found:?}", to.name());
        assert_eq!((found[0].0.as_deref(), found[0].1.as_deref()), (Some(URL), Some(TITLE)), "{}", to.name());
    }
    // A client of the same dialect reads them where they stood.
    let own = told(Dialect::OpenAiChat, &stream);
    assert!(own.contains("search_results") && !own.contains("annotations"), "{own}");
}

/// What was told to a client as another maker's citation is not sent to Anthropic as one of its own.
#[test]
fn citations_of_others_do_not_go_to_anthropic() {
    let (whole, _) = answer(Dialect::OpenAiChat, TEXTS[0].0, TEXTS[0].1).unwrap();
    let response = dialect::outbound(Dialect::OpenAiChat)
        .unwrap()
        .decode_response(whole.to_string().as_bytes())
        .unwrap();
    let inbound = dialect::inbound(Dialect::Anthropic).unwrap();
    let told: Value = serde_json::from_slice(&inbound.encode_response(&response, &reply())).unwrap();
    assert_eq!(told["content"][0]["citations"][0]["url"], URL);
    let turn = |role: &str, content: &Value| json!({ "role": role, "content": content });
    let body = json!({ "model": "m", "max_tokens": 9, "messages": [turn("user", &"x".into()), turn("assistant", &told["content"]), turn("user", &"y".into())] });
    let raw = bytes::Bytes::from(body.to_string());
    let quirks = dialect::Quirks::default();
    let target = dialect::Target { model: "claude-sonnet-4-5", max_output_tokens: Some(9), quirks: &quirks };
    let outbound = dialect::outbound(Dialect::Anthropic).unwrap();
    assert!(outbound.pass_through(&raw, &target, false).is_none());
    let request = inbound.decode_request(&raw, dialect::PathFacts::default()).unwrap();
    let wire = outbound.encode_request(&request, &target).unwrap();
    assert!(!String::from_utf8_lossy(&wire.body).contains("web_search_result_location"));
}
