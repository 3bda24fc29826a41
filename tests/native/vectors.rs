//! Embeddings and reranking: recorded answers, and requests field by field.

use base64::Engine as _;
use pointsman::dialect::{Quirks, Refused, ReplyFacts, Target, embed, rerank};
use pointsman::error::Kind;
use pointsman::ir::{EmbedResponse, VectorEncoding};
use serde_json::{Value, json};

use super::recorded::{Case, cases};

const PROVIDERS: [&str; 11] = [
    "openai",
    "azure_openai",
    "openai_compatible",
    "openrouter",
    "mistral",
    "together",
    "gemini",
    "cohere",
    "voyage",
    "ollama",
    "bedrock",
];

fn recorded(endpoint: &str) -> Vec<Case> {
    cases(&PROVIDERS).into_iter().filter(|case| case.endpoint == endpoint).collect()
}

fn embed_form(case: &Case) -> embed::Form {
    match case.name.split('/').next().unwrap() {
        "gemini" => embed::Form::Gemini,
        "cohere" => embed::Form::Cohere,
        "voyage" => embed::Form::Voyage,
        "ollama" => embed::Form::Ollama,
        "bedrock" => embed::Form::Bedrock,
        _ => embed::Form::OpenAi,
    }
}

/// The vectors of an answer, wherever it keeps them.
fn vectors(answer: &Value) -> Vec<Vec<f32>> {
    let numbers = |value: &Value| -> Vec<f32> {
        if let Some(text) = value.as_str() {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
            return bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        }
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
    };
    for place in ["/data", "/embeddings/float", "/embeddings"] {
        if let Some(list) = answer.pointer(place).and_then(Value::as_array) {
            let inner = |entry: &Value| {
                ["embedding", "values"]
                    .iter()
                    .find_map(|name| entry.get(name).cloned())
                    .unwrap_or(entry.clone())
            };
            return list.iter().map(|entry| numbers(&inner(entry))).collect();
        }
    }
    let one = answer.pointer("/embedding/values").or_else(|| answer.pointer("/embedding"));
    vec![numbers(one.unwrap())]
}

/// The input tokens of an answer, wherever it counts them.
fn tokens(answer: &Value) -> Option<u64> {
    [
        "/usage/prompt_tokens",
        "/usage/total_tokens",
        "/usageMetadata/promptTokenCount",
        "/meta/billed_units/input_tokens",
        "/prompt_eval_count",
        "/inputTextTokenCount",
    ]
    .iter()
    .find_map(|place| answer.pointer(place)?.as_u64())
}

#[test]
fn recorded_vectors_arrive() {
    let mut seen = 0;
    let titan = recorded("invoke").into_iter().filter(|case| case.answer.starts_with(b"{\"embedding\""));
    for case in recorded("embeddings").into_iter().chain(titan).filter(|case| case.status == 200) {
        let answer: Value = serde_json::from_slice(&case.answer).unwrap();
        let response = embed_form(&case).decode(&case.answer).unwrap();
        assert_eq!(response.vectors, vectors(&answer), "{}", case.name);
        assert_eq!(response.usage.map(|usage| usage.input), tokens(&answer), "{}", case.name);
        for encoding in [VectorEncoding::Float, VectorEncoding::Base64] {
            let sent = embed::encode_response(&response, encoding, &ReplyFacts::default());
            let sent_value: Value = serde_json::from_slice(&sent).unwrap();
            assert_eq!(sent_value["data"][0]["embedding"].is_string(), encoding == VectorEncoding::Base64);
            let back = embed::Form::OpenAi.decode(&sent).unwrap();
            assert_eq!(back.vectors, response.vectors, "{}", case.name);
        }
        seen += 1;
    }
    eprintln!("{seen} recorded answers with vectors");
}

#[test]
fn recorded_requests_go_out_to_every_form() {
    for case in recorded("embeddings") {
        let Some(body) = case.request.clone().filter(|_| embed_form(&case) == embed::Form::OpenAi) else {
            continue;
        };
        if case.status != 200 {
            continue;
        }
        let original: Value = serde_json::from_slice(&body).unwrap();
        let request = embed::decode_request(&body).unwrap();
        let quirks = Quirks::default();
        let model = original["model"].as_str().unwrap();
        let target = Target { model, max_output_tokens: None, quirks: &quirks };
        let same = embed::Form::OpenAi.encode(&request, &target).unwrap();
        let sent: Value = serde_json::from_slice(&same.body).unwrap();
        let mut expected = original.clone();
        if let Value::String(text) = &original["input"] {
            expected["input"] = json!([text]);
        }
        if expected["encoding_format"] == "float" {
            expected.as_object_mut().unwrap().remove("encoding_format");
        }
        assert_eq!(sent, expected, "{}", case.name);
        for form in [embed::Form::Gemini, embed::Form::Cohere, embed::Form::Voyage, embed::Form::Ollama] {
            let wire = form.encode(&request, &target).unwrap();
            let text = String::from_utf8_lossy(&wire.body).into_owned();
            assert!(request.texts().all(|one| text.contains(&*json!(one).to_string())), "{}", case.name);
        }
    }
}

#[test]
fn every_field_has_its_name() {
    let body = json!({
        "model": "m", "input": ["a", "b"], "dimensions": 256, "encoding_format": "base64",
        "input_type": "query", "user": "u", "odd": 1,
    });
    let request = embed::decode_request(body.to_string().as_bytes()).unwrap();
    let check =
        |form: embed::Form, model: &str, vertex: bool, path: &str, expected: Value, dropped: &[&str]| {
            let quirks = Quirks { vertex, ..Quirks::default() };
            let target = Target { model, max_output_tokens: None, quirks: &quirks };
            let first = request.pieces(form.most_inputs()).next().unwrap();
            let wire = form.encode(&first, &target).unwrap();
            assert_eq!(wire.path, path);
            assert_eq!(serde_json::from_slice::<Value>(&wire.body).unwrap(), expected, "{form:?}");
            assert_eq!(wire.dropped, dropped, "{form:?}");
        };
    let mut openai = body.clone();
    openai["model"] = json!("x");
    check(embed::Form::OpenAi, "x", false, "embeddings", openai, &[]);
    let one = |text: &str| {
        json!({
            "model": "models/x", "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 256,
            "content": {"parts": [{"text": text}]},
        })
    };
    let gemini = json!({"requests": [one("a"), one("b")]});
    check(embed::Form::Gemini, "x", false, "models/x:batchEmbedContents", gemini, &["odd", "user"]);
    let vertex = json!({
        "instances": [
            {"content": "a", "task_type": "RETRIEVAL_QUERY"},
            {"content": "b", "task_type": "RETRIEVAL_QUERY"},
        ],
        "parameters": {"outputDimensionality": 256},
    });
    check(embed::Form::Gemini, "x", true, "publishers/google/models/x:predict", vertex, &["odd", "user"]);
    let cohere = json!({
        "texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"],
        "output_dimension": 256, "model": "x",
    });
    check(embed::Form::Cohere, "x", false, "embed", cohere, &["odd", "user"]);
    let voyage = json!({
        "model": "x", "input": ["a", "b"], "input_type": "query", "output_dimension": 256,
        "encoding_format": "base64",
    });
    check(embed::Form::Voyage, "x", false, "embeddings", voyage, &["odd", "user"]);
    let ollama = json!({"model": "x", "input": ["a", "b"], "dimensions": 256});
    check(embed::Form::Ollama, "x", false, "embed", ollama, &["odd", "user"]);
    let titan = json!({"inputText": "a", "dimensions": 256});
    let path = "model/amazon.titan-embed-text-v2%3A0/invoke";
    check(embed::Form::Bedrock, "amazon.titan-embed-text-v2:0", false, path, titan, &["odd", "user"]);
}

#[test]
fn pieces_come_together() {
    let usage = |input| Some(pointsman::ir::Usage { input, ..Default::default() });
    let mut whole = EmbedResponse { model: "m".into(), vectors: vec![vec![1.0]], usage: usage(3) };
    whole.append(EmbedResponse { model: "m".into(), vectors: vec![vec![2.0]], usage: usage(4) });
    assert_eq!(whole.vectors, [[1.0], [2.0]]);
    assert_eq!(whole.usage, usage(7));
}

#[test]
fn bad_requests_name_the_field() {
    for (body, param) in [
        (json!({"input": "x"}), "model"),
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": []}), "input"),
        (json!({"model": "m", "input": [1, "a"]}), "input"),
        (json!({"model": "m", "input": [-1]}), "input"),
        (json!({"model": "m", "input": "x", "dimensions": 0}), "dimensions"),
        (json!({"model": "m", "input": "x", "encoding_format": "hex"}), "encoding_format"),
    ] {
        let error = embed::decode_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.param.as_deref()), (Kind::InvalidRequest, Some(param)), "{body}");
    }
    for (body, param) in [
        (json!({"model": "m", "documents": ["a"]}), "query"),
        (json!({"model": "m", "query": "q", "documents": []}), "documents"),
        (json!({"model": "m", "query": "q", "documents": ["a", 1]}), "documents[1]"),
    ] {
        let error = rerank::decode_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.param.as_deref()), (Kind::InvalidRequest, Some(param)), "{body}");
    }
    let ids = embed::decode_request(br#"{"model":"m","input":[1,2]}"#).unwrap();
    let quirks = Quirks::default();
    let target = Target { model: "m", max_output_tokens: None, quirks: &quirks };
    assert_eq!(embed::Form::Cohere.encode(&ids, &target).unwrap_err().kind, Kind::Unsupported);
}

#[test]
fn recorded_ranks_arrive() {
    let mut seen = 0;
    for case in recorded("rerank") {
        let answer: Value = serde_json::from_slice(&case.answer).unwrap();
        // One recording of vectors was filed among the ranks.
        if answer.pointer("/data/0/embedding").is_some() {
            continue;
        }
        if case.status != 200 {
            let headers = http::HeaderMap::new();
            let refused =
                Refused { status: case.status, headers: &headers, body: &case.answer, unix_seconds: 0 };
            assert_eq!(refused.error().kind, Kind::InvalidRequest, "{}", case.name);
            continue;
        }
        let response = rerank::Form::Jina.decode(&case.answer).unwrap();
        let list = answer.get("results").or(answer.get("data")).unwrap().as_array().unwrap();
        let expected = list.iter().map(|one| (one["index"].as_u64(), one["relevance_score"].as_f64()));
        let found = response.ranked.iter().map(|one| (Some(one.index), Some(one.score)));
        assert!(found.eq(expected), "{}", case.name);
        assert_eq!(
            response.usage.map(|usage| usage.total()),
            answer.pointer("/usage/total_tokens").and_then(Value::as_u64)
        );
        assert_eq!(
            response.search_units,
            answer.pointer("/meta/billed_units/search_units").and_then(Value::as_u64)
        );
        if let Some(body) = &case.request {
            round(&case, body, &response);
        }
        seen += 1;
    }
    eprintln!("{seen} recorded ranks");
}

/// The request goes out as it came; the answer is the same in every form.
fn round(case: &Case, body: &[u8], response: &pointsman::ir::RerankResponse) {
    let original: Value = serde_json::from_slice(body).unwrap();
    let (request, form) = rerank::decode_request(body).unwrap();
    let quirks = Quirks::default();
    let model = original["model"].as_str().unwrap();
    let target = Target { model, max_output_tokens: None, quirks: &quirks };
    let sent: Value = serde_json::from_slice(&form.encode(&request, &target).unwrap().body).unwrap();
    assert_eq!(sent, original, "{}", case.name);
    for form in [rerank::Form::Cohere, rerank::Form::Jina, rerank::Form::Voyage] {
        let bytes = rerank::encode_response(response, &request, form, &ReplyFacts::default());
        let back = form.decode(&bytes).unwrap();
        assert_eq!(back.ranked, response.ranked, "{}", case.name);
        let wire = form.encode(&request, &target).unwrap();
        let sent: Value = serde_json::from_slice(&wire.body).unwrap();
        let top = if form == rerank::Form::Voyage { "top_k" } else { "top_n" };
        assert_eq!(sent.get(top).and_then(Value::as_u64), request.top, "{}", case.name);
    }
}

#[test]
fn documents_come_back_when_asked_for() {
    let body = json!({
        "model": "m", "query": "q", "documents": ["a", {"text": "b", "n": 1}], "return_documents": true,
    });
    let (request, _) = rerank::decode_request(body.to_string().as_bytes()).unwrap();
    let answer = br#"{"data":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}],"usage":{"total_tokens":5}}"#;
    let response = rerank::Form::Voyage.decode(answer).unwrap();
    let reply = ReplyFacts { request_id: "r".into(), model: "m".into(), ..ReplyFacts::default() };
    let sent = rerank::encode_response(&response, &request, rerank::Form::Cohere, &reply);
    let expected = json!({
        "id": "r",
        "model": "m",
        "results": [
            {"index": 1, "relevance_score": 0.9, "document": {"text": "b", "n": 1}},
            {"index": 0, "relevance_score": 0.1, "document": {"text": "a"}},
        ],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    });
    assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap(), expected);
}
