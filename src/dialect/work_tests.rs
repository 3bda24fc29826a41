//! Code that ran at one provider and its searches, told to clients of the
//! others, whole and streamed; asked for, and brought back on the next turn.

use serde_json::{Value, json};

use crate::dialect::{PathFacts, Quirks, ReplyFacts, Target, inbound, outbound, untold, untold_event};
use crate::ir::Dialect;
use crate::sse::Frame;

const ALL: [Dialect; 3] = [Dialect::Anthropic, Dialect::Gemini, Dialect::OpenAiResponses];

fn reply() -> ReplyFacts {
    ReplyFacts { request_id: "r".into(), model: "m".into(), created: 1, ..ReplyFacts::default() }
}

/// An answer of `from` in which `print(6*7)` ran, printed 42, and was spoken of.
fn answer(from: Dialect) -> Value {
    match from {
        Dialect::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "usage": { "input_tokens": 1, "output_tokens": 1 },
            "content": [
                { "type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": { "code": "print(6*7)" } },
                { "type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {
                    "type": "code_execution_result", "stdout": "42\n", "stderr": "", "return_code": 0, "content": [] } },
                { "type": "text", "text": "It is 42." },
            ],
        }),
        Dialect::Gemini => json!({
            "responseId": "r", "modelVersion": "m",
            "candidates": [{ "finishReason": "STOP", "content": { "role": "model", "parts": [
                { "executableCode": { "language": "PYTHON", "code": "print(6*7)" } },
                { "codeExecutionResult": { "outcome": "OUTCOME_OK", "output": "42\n" } },
                { "text": "It is 42." },
            ] } }],
        }),
        _ => json!({
            "id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [
                { "type": "code_interpreter_call", "id": "ci_1", "status": "completed", "container_id": "cntr_1",
                  "code": "print(6*7)", "outputs": [{ "type": "logs", "logs": "42\n" }] },
                { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                  "content": [{ "type": "output_text", "text": "It is 42.", "annotations": [] }] },
            ],
        }),
    }
}

/// The same as `from` streams it.
fn frames(from: Dialect) -> Vec<Value> {
    let whole = answer(from);
    match from {
        Dialect::Anthropic => anthropic_frames(&whole),
        Dialect::Gemini => {
            let parts = whole["candidates"][0]["content"]["parts"].as_array().unwrap().clone();
            let last = parts.len() - 1;
            let frame = |(at, part)| {
                let mut candidate = json!({ "content": { "role": "model", "parts": [part] } });
                if at == last {
                    candidate["finishReason"] = json!("STOP");
                }
                json!({ "responseId": "r", "modelVersion": "m", "candidates": [candidate] })
            };
            parts.into_iter().enumerate().map(frame).collect()
        }
        _ => {
            let (code, said) = (&whole["output"][0], &whole["output"][1]);
            let mut begun = code.clone();
            begun["outputs"] = Value::Null;
            begun["code"] = json!("");
            let at = |kind: &str, more: Value| {
                let mut event = json!({ "type": kind, "output_index": 0, "item_id": "ci_1" });
                event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                event
            };
            vec![
                json!({ "type": "response.created", "response": { "id": "resp_1", "model": "m" } }),
                at("response.output_item.added", json!({ "item": begun })),
                at("response.code_interpreter_call_code.delta", json!({ "delta": "print(6*7)" })),
                at("response.code_interpreter_call.completed", json!({})),
                at("response.output_item.done", json!({ "item": code })),
                json!({ "type": "response.output_item.added", "output_index": 1, "item": { "type": "message", "id": "msg_1", "content": [] } }),
                json!({ "type": "response.output_text.delta", "output_index": 1, "delta": "It is 42." }),
                json!({ "type": "response.output_item.done", "output_index": 1, "item": said }),
                json!({ "type": "response.completed", "response": whole }),
            ]
        }
    }
}

/// Blocks begun, filled and ended.
fn anthropic_frames(whole: &Value) -> Vec<Value> {
    let mut frames = vec![json!({ "type": "message_start", "message": { "id": "msg_1", "model": "m" } })];
    for (index, block) in whole["content"].as_array().unwrap().iter().enumerate() {
        let mut block = block.clone();
        let delta = match block["type"].as_str() {
            Some("server_tool_use") => {
                let input = block["input"].take().to_string();
                block["input"] = json!({});
                Some(json!({ "type": "input_json_delta", "partial_json": input }))
            }
            Some("text") => {
                let text = block["text"].take();
                block["text"] = json!("");
                Some(json!({ "type": "text_delta", "text": text }))
            }
            _ => None,
        };
        frames.push(json!({ "type": "content_block_start", "index": index, "content_block": block }));
        frames.extend(
            delta.map(|delta| json!({ "type": "content_block_delta", "index": index, "delta": delta })),
        );
        frames.push(json!({ "type": "content_block_stop", "index": index }));
    }
    frames.push(json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" } }));
    frames.push(json!({ "type": "message_stop" }));
    frames
}

/// What a client of `to` is told of a stream, frame by frame, and what it is not told.
fn streamed(from: Dialect, to: Dialect, frames: &[Value]) -> (Vec<Value>, Vec<String>) {
    let mut decoder = outbound(from).unwrap().stream_decoder();
    let (mut events, mut out) = (Vec::new(), Vec::new());
    for frame in frames {
        decoder.push(&Frame { event: "", data: frame.to_string().as_bytes() }, &mut events).unwrap();
    }
    decoder.finish(&mut events).unwrap();
    let mut encoder = inbound(to).unwrap().stream_encoder(&reply());
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.finish(&mut out);
    let told = String::from_utf8(out).unwrap();
    let lines = told.lines().filter_map(|line| line.strip_prefix("data: "));
    let told = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    (told, events.iter().flat_map(|event| untold_event(event, to)).collect())
}

fn whole(from: Dialect, to: Dialect, answer: &Value) -> (Value, Vec<String>) {
    let response = outbound(from).unwrap().decode_response(answer.to_string().as_bytes()).unwrap();
    let told = inbound(to).unwrap().encode_response(&response, &reply());
    (serde_json::from_slice(&told).unwrap(), untold(&response, to))
}

/// The code, its output and the text of an answer in the form of `of`, with what pairs them checked.
fn told(of: Dialect, answer: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {answer}")).to_owned();
    match of {
        Dialect::Anthropic => {
            let blocks = &answer["content"];
            assert_eq!(blocks[0]["type"], "server_tool_use", "{answer}");
            assert_eq!(blocks[1]["type"], "code_execution_tool_result");
            assert!(text(&blocks[0]["id"]).starts_with("srvtoolu_"));
            assert_eq!(blocks[0]["id"], blocks[1]["tool_use_id"]);
            assert_eq!(blocks[1]["content"]["return_code"], 0);
            (
                text(&blocks[0]["input"]["code"]),
                text(&blocks[1]["content"]["stdout"]),
                text(&blocks[2]["text"]),
            )
        }
        Dialect::Gemini => {
            let parts = &answer["candidates"][0]["content"]["parts"];
            assert_eq!(parts[0]["executableCode"]["language"], "PYTHON", "{answer}");
            assert_eq!(parts[1]["codeExecutionResult"]["outcome"], "OUTCOME_OK");
            let code = text(&parts[0]["executableCode"]["code"]);
            (code, text(&parts[1]["codeExecutionResult"]["output"]), text(&parts[2]["text"]))
        }
        _ => {
            let (item, said) = (&answer["output"][0], &answer["output"][1]);
            assert_eq!(
                (&item["type"], &item["status"]),
                (&json!("code_interpreter_call"), &json!("completed"))
            );
            assert!(item["id"].is_string() && item["container_id"].is_string(), "{answer}");
            (text(&item["code"]), text(&item["outputs"][0]["logs"]), text(&said["content"][0]["text"]))
        }
    }
}

#[test]
fn code_that_ran_is_told_to_all_who_know_of_it() {
    let expected = ("print(6*7)".to_owned(), "42\n".to_owned(), "It is 42.".to_owned());
    for from in ALL {
        for to in ALL {
            let (answered, lost) = whole(from, to, &answer(from));
            assert_eq!(told(to, &answered), expected, "{from:?} {to:?}");
            assert!(lost.is_empty(), "{from:?} {to:?} {lost:?}");
            let (frames, lost) = streamed(from, to, &frames(from));
            assert!(lost.is_empty(), "{from:?} {to:?} {lost:?}");
            // The stream is read as a client reads it: by this dialect's decoder, whole again.
            let again = streamed(to, Dialect::OpenAiResponses, &frames).0;
            let last = again.last().unwrap()["response"].clone();
            assert_eq!(told(Dialect::OpenAiResponses, &last), expected, "{from:?} {to:?}");
        }
        for to in [Dialect::OpenAiChat, Dialect::OpenAiCompletions] {
            let (_, lost) = whole(from, to, &answer(from));
            assert!(!lost.is_empty() && !streamed(from, to, &frames(from)).1.is_empty(), "{from:?} {to:?}");
        }
    }
}

/// Events in the order in which OpenAI documents them.
#[test]
fn responses_are_streamed_step_by_step() {
    let (frames, _) = streamed(Dialect::Gemini, Dialect::OpenAiResponses, &frames(Dialect::Gemini));
    let kinds: Vec<&str> = frames.iter().filter_map(|frame| frame["type"].as_str()).collect();
    let expected = [
        "response.output_item.added",
        "response.code_interpreter_call.in_progress",
        "response.code_interpreter_call_code.delta",
        "response.code_interpreter_call_code.done",
        "response.code_interpreter_call.interpreting",
        "response.code_interpreter_call.completed",
        "response.output_item.done",
    ];
    assert!(kinds.windows(expected.len()).any(|window| window == expected), "{kinds:?}");
}

/// A run that failed, one that never ended, one in a shell.
#[test]
fn runs_that_went_wrong_say_so() {
    let parts = |parts: Value| json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": "STOP" }], "responseId": "r" });
    let code = json!({ "executableCode": { "language": "PYTHON", "code": "1/0" } });
    let failed =
        json!({ "codeExecutionResult": { "outcome": "OUTCOME_FAILED", "output": "ZeroDivisionError" } });
    let both = parts(json!([code, failed]));
    let (told, _) = whole(Dialect::Gemini, Dialect::Anthropic, &both);
    let result = &told["content"][1]["content"];
    assert_eq!((&result["return_code"], &result["stderr"]), (&json!(1), &json!("ZeroDivisionError")));
    let (told, _) = whole(Dialect::Gemini, Dialect::OpenAiResponses, &both);
    assert_eq!(told["output"][0]["status"], "failed");
    let (told, _) = whole(Dialect::Gemini, Dialect::OpenAiResponses, &parts(json!([code])));
    let item = &told["output"][0];
    assert_eq!((&item["status"], &item["outputs"]), (&json!("completed"), &Value::Null));
    let mut shell = answer(Dialect::Anthropic);
    shell["content"][0]["name"] = json!("bash_code_execution");
    shell["content"][0]["input"] = json!({ "command": "ls" });
    shell["content"][1]["type"] = json!("bash_code_execution_tool_result");
    shell["content"][1]["content"]["type"] = json!("bash_code_execution_result");
    let (told, _) = whole(Dialect::Anthropic, Dialect::Gemini, &shell);
    let parts = &told["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0]["executableCode"], json!({ "language": "LANGUAGE_UNSPECIFIED", "code": "ls" }));
}

/// Words searched for and pages found.
#[test]
fn searches_are_told_where_there_are_words_for_them() {
    let found = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [
            { "type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": { "query": "trains" } },
            { "type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                { "type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "x" }] },
            { "type": "text", "text": "They run." },
        ],
    });
    let (told, lost) = whole(Dialect::Anthropic, Dialect::OpenAiResponses, &found);
    let action = json!({ "type": "search", "query": "trains", "sources": [{ "type": "url", "url": "https://a.example" }] });
    assert_eq!(
        (&told["output"][0]["type"], &told["output"][0]["action"]),
        (&json!("web_search_call"), &action)
    );
    assert_eq!(lost, ["response.web_search.titles"]);
    let (told, lost) = whole(Dialect::Anthropic, Dialect::Gemini, &found);
    let chunk = json!({ "web": { "uri": "https://a.example", "title": "A" } });
    let metadata = &told["candidates"][0]["groundingMetadata"];
    assert_eq!(
        (&metadata["webSearchQueries"], &metadata["groundingChunks"]),
        (&json!(["trains"]), &json!([chunk]))
    );
    assert!(lost.is_empty(), "{lost:?}");
    let grounded = json!({ "responseId": "r", "candidates": [{ "finishReason": "STOP",
        "content": { "parts": [{ "text": "They run." }] }, "groundingMetadata": { "webSearchQueries": ["trains", "rails"] } }] });
    for (told, lost) in [whole(Dialect::Gemini, Dialect::OpenAiResponses, &grounded), {
        let (frames, lost) =
            streamed(Dialect::Gemini, Dialect::OpenAiResponses, std::slice::from_ref(&grounded));
        (frames.last().unwrap()["response"].clone(), lost)
    }] {
        let action = json!({ "type": "search", "query": "trains", "queries": ["trains", "rails"] });
        let item = told["output"].as_array().unwrap().iter().find(|item| item["type"] == "web_search_call");
        assert_eq!((&item.unwrap()["action"], lost.is_empty()), (&action, true), "{told}");
    }
    let (_, lost) = whole(Dialect::Gemini, Dialect::Anthropic, &grounded);
    assert_eq!(lost, ["response.groundingMetadata.webSearchQueries"]);
}

/// What a provider of `to` is sent of `body`, and what is reported.
fn sent(from: Dialect, to: Dialect, body: &Value) -> (Value, Vec<String>) {
    let path = PathFacts { model: Some("m"), stream: false };
    let request = inbound(from).unwrap().decode_request(body.to_string().as_bytes(), path).unwrap();
    let quirks = Quirks { serves_tools: true, ..Quirks::default() };
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    let wire = outbound(to).unwrap().encode_request(&request, &target).unwrap();
    (serde_json::from_slice(&wire.body).unwrap(), wire.dropped)
}

/// A request of `from` with these tools and, before the question, these turns of the model.
fn request(from: Dialect, tools: &Value, turn: &[Value]) -> Value {
    match from {
        Dialect::Gemini => {
            let contents = json!([{ "role": "user", "parts": [{ "text": "a" }] }, { "role": "model", "parts": turn }, { "role": "user", "parts": [{ "text": "b" }] }]);
            json!({ "contents": contents, "tools": tools })
        }
        Dialect::OpenAiResponses => {
            let user = |text: &str| json!({ "type": "message", "role": "user", "content": text });
            let input: Vec<Value> = [&[user("a")], turn, &[user("b")]].concat();
            json!({ "model": "m", "input": input, "tools": tools })
        }
        _ => {
            let messages = json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": turn }, { "role": "user", "content": "b" }]);
            json!({ "model": "m", "max_tokens": 9, "messages": messages, "tools": tools })
        }
    }
}

/// The parts, blocks or items of the answer of [`answer`].
fn turn(of: Dialect) -> Vec<Value> {
    let whole = answer(of);
    let list = match of {
        Dialect::Anthropic => &whole["content"],
        Dialect::Gemini => &whole["candidates"][0]["content"]["parts"],
        _ => &whole["output"],
    };
    list.as_array().unwrap().clone()
}

fn code_tool(of: Dialect) -> Value {
    match of {
        Dialect::Anthropic => json!({ "type": "code_execution_20250825", "name": "code_execution" }),
        Dialect::Gemini => json!({ "codeExecution": {} }),
        _ => json!({ "type": "code_interpreter", "container": { "type": "auto" } }),
    }
}

#[test]
fn code_is_asked_for_and_brought_back() {
    for from in ALL {
        let body = request(from, &json!([code_tool(from)]), &turn(from));
        for to in ALL {
            let (sent, lost) = sent(from, to, &body);
            assert_eq!(sent["tools"], json!([code_tool(to)]), "{from:?} {to:?}");
            if to == Dialect::OpenAiResponses && from != to {
                assert_eq!(sent["include"], json!(["code_interpreter_call.outputs"]));
                // What ran elsewhere ran in no container of OpenAI's.
                assert!(!lost.is_empty() && !sent["input"].to_string().contains("print"), "{sent}");
                continue;
            }
            // A message's own name and state bear on nothing elsewhere.
            let beside = |name: &String| name.ends_with(".id") || name.ends_with(".status");
            assert!(lost.iter().all(beside), "{from:?} {to:?} {lost:?}");
            let again = match to {
                Dialect::Anthropic => json!({ "content": sent["messages"][1]["content"] }),
                Dialect::Gemini => json!({ "candidates": [{ "content": sent["contents"][1] }] }),
                _ => json!({ "output": [sent["input"][1], sent["input"][2]] }),
            };
            assert_eq!(told(to, &again).0, "print(6*7)", "{from:?} {to:?}");
        }
        // Without the tool Anthropic is told nothing of it.
        let (sent, lost) = sent(from, Dialect::Anthropic, &request(from, &json!([]), &turn(from)));
        assert_eq!(sent.to_string().contains("server_tool_use"), from == Dialect::Anthropic, "{from:?}");
        assert_eq!(lost.is_empty(), from == Dialect::Anthropic, "{from:?} {lost:?}");
    }
}

/// A call whose result is not there is refused by Anthropic, and what we told of another's code by OpenAI.
#[test]
fn halves_and_strangers_stay_behind() {
    let turn =
        [json!({ "executableCode": { "language": "PYTHON", "code": "1" } }), json!({ "text": "well" })];
    let body = request(Dialect::Gemini, &json!([code_tool(Dialect::Gemini)]), &turn);
    let (body, lost) = sent(Dialect::Gemini, Dialect::Anthropic, &body);
    assert_eq!((body.to_string().contains("server_tool_use"), lost.len()), (false, 1), "{body}");
    let (told, _) = whole(Dialect::Gemini, Dialect::OpenAiResponses, &answer(Dialect::Gemini));
    let items = told["output"].as_array().unwrap();
    let body = request(Dialect::OpenAiResponses, &json!([code_tool(Dialect::OpenAiResponses)]), items);
    let quirks = Quirks { serves_tools: true, ..Quirks::default() };
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    let raw = bytes::Bytes::from(body.to_string());
    assert!(outbound(Dialect::OpenAiResponses).unwrap().pass_through(&raw, &target, false).is_none());
    let (body, lost) = sent(Dialect::OpenAiResponses, Dialect::OpenAiResponses, &body);
    assert_eq!(
        (body["input"].to_string().contains("code_interpreter_call"), lost.len()),
        (false, 1),
        "{body}"
    );
}

#[test]
fn searches_are_asked_for_in_each_dialects_words() {
    let place = json!({ "type": "approximate", "country": "DE", "city": "Ulm" });
    let anthropic = json!({ "type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.example"], "user_location": place });
    let responses = json!({ "type": "web_search", "filters": { "allowed_domains": ["a.example"] }, "user_location": place });
    let gemini = json!({ "googleSearch": {} });
    let plain = json!({ "type": "web_search" });
    let mut bounded = anthropic.clone();
    bounded["max_uses"] = json!(3);
    let function = json!({ "name": "f", "input_schema": { "type": "object", "properties": {} } });
    let (a, g, r) = (Dialect::Anthropic, Dialect::Gemini, Dialect::OpenAiResponses);
    for (from, tools, to, expected, lost) in [
        (a, json!([anthropic]), r, json!([responses]), &[][..]),
        (a, json!([bounded]), r, json!([responses]), &["tools[0].max_uses"]),
        (r, json!([responses]), a, json!([anthropic]), &[]),
        (r, json!([responses]), g, json!([gemini]), &["tools[0].allowed_domains", "tools[0].user_location"]),
        (g, json!([gemini]), r, json!([plain]), &[]),
        (r, json!([plain]), g, json!([gemini]), &[]),
        (
            r,
            json!([{ "type": "web_search_preview", "search_context_size": "low" }]),
            g,
            json!([gemini]),
            &["tools[0].search_context_size"],
        ),
        (
            r,
            json!([{ "type": "code_interpreter", "container": "cntr_1" }]),
            g,
            json!([code_tool(g)]),
            &["tools[0].container"],
        ),
        (r, json!([{ "type": "file_search", "vector_store_ids": ["v"] }]), g, Value::Null, &["tools[0]"]),
        // Functions and its own tools are not taken together.
        (
            a,
            json!([function, anthropic]),
            g,
            json!([{ "functionDeclarations": [{ "name": "f" }] }]),
            &["tools[1]"],
        ),
        (
            a,
            json!([{ "name": "web_search", "input_schema": { "type": "object" } }, anthropic]),
            a,
            Value::Null,
            &[],
        ),
    ] {
        let (sent, dropped) = sent(from, to, &request(from, &tools, &[]));
        if from != to {
            assert_eq!(
                (&sent["tools"], dropped.as_slice()),
                (&expected, &lost.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..]),
                "{tools}"
            );
        }
    }
}

/// Vendors that only look like the maker of a dialect are asked for nothing that they may refuse.
#[test]
fn look_alikes_are_not_asked_for_the_makers_tools() {
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    for from in ALL {
        for to in ALL.into_iter().filter(|to| *to != from) {
            let body = request(from, &json!([code_tool(from)]), &[]).to_string();
            let path = PathFacts { model: Some("m"), stream: false };
            let request = inbound(from).unwrap().decode_request(body.as_bytes(), path).unwrap();
            let wire = outbound(to).unwrap().encode_request(&request, &target).unwrap();
            assert_eq!(wire.dropped, ["tools[0]"], "{from:?} {to:?}");
        }
    }
}

/// A search that clients of OpenAI's chat ask for beside their tools.
#[test]
fn searches_of_chat_are_tools_elsewhere() {
    let chat = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }],
        "web_search_options": { "user_location": { "type": "approximate", "approximate": { "country": "DE", "city": "Ulm" } } } });
    for (to, tool, lost) in [
        (
            Dialect::Anthropic,
            json!({ "type": "web_search_20250305", "name": "web_search", "user_location": { "country": "DE", "city": "Ulm", "type": "approximate" } }),
            &[][..],
        ),
        (
            Dialect::OpenAiResponses,
            json!({ "type": "web_search", "user_location": { "country": "DE", "city": "Ulm", "type": "approximate" } }),
            &[],
        ),
        (Dialect::Gemini, json!({ "googleSearch": {} }), &["web_search_options.user_location"]),
    ] {
        let (sent, dropped) = sent(Dialect::OpenAiChat, to, &chat);
        assert_eq!((&sent["tools"], dropped.len()), (&json!([tool]), lost.len()), "{to:?} {dropped:?}");
    }
}
