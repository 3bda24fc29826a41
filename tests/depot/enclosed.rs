//! Files that conversations and batches name: they go where the file is, under
//! the id that its provider gave, and only for who may see it.

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::stage::{Asked, Gateway, Provider, SECRETS, Said, json as answer, value};

const KEYS: &str =
    "keys:\n  - { name: a, secret: \"${env:KEY_A}\" }\n  - { name: b, secret: \"${env:KEY_B}\" }\n";

/// Two accounts in OpenAI's form and one at Anthropic; each gives its file the id `file-1`.
async fn set_up(more: &str) -> (Gateway, [Provider; 3]) {
    let providers = [Provider::start().await, Provider::start().await, Provider::start().await];
    for provider in &providers {
        provider.says(play);
    }
    let [first, second, claude] = providers.each_ref().map(|provider| provider.port);
    let yaml = format!(
        "providers:\n  first: {{ kind: openai, base_url: \"http://127.0.0.1:{first}/v1\", api_key: \"${{env:PATH}}\" }}\n  second: {{ kind: openai, base_url: \"http://127.0.0.1:{second}/v1\", api_key: \"${{env:PATH}}\" }}\n  claude: {{ kind: anthropic, base_url: \"http://127.0.0.1:{claude}/v1\", api_key: \"${{env:PATH}}\" }}\n\
         models:\n  m: {{ provider: first }}\n  n: {{ provider: second }}\n  c: {{ provider: claude, max_output_tokens: 9 }}\n\
         routes:\n  - {{ name: any, models: [any], candidates: [m, n, c], policies: [sorted] }}\n{more}"
    );
    let policy = "fn route() { plan(ctx.candidates) }";
    (Gateway::start_with(&yaml, &[("sorted", policy)]).await, providers)
}

fn play(asked: &Asked) -> Said {
    match asked.path.as_str() {
        "/v1/files" => answer(r#"{"id":"file-1"}"#),
        "/v1/batches" | "/v1/messages/batches" => answer(r#"{"id":"batch_1"}"#),
        "/v1/messages/count_tokens" => answer(r#"{"input_tokens":7}"#),
        "/v1/responses" => answer(
            r#"{"id":"r","object":"response","created_at":1,"status":"completed","model":"n","output":[],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}"#,
        ),
        "/v1/messages" => answer(
            r#"{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#,
        ),
        "/v1/chat/completions" => answer(
            r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
        ),
        _ => Said { status: 404, content_type: "application/json", body: Bytes::from_static(b"{}") },
    }
}

async fn ask(
    gateway: &Gateway,
    key: Option<usize>,
    path: &str,
    body: String,
    more: &[(&str, &str)],
) -> (u16, Value) {
    let form = body.starts_with("--");
    let kind = if form { "multipart/form-data; boundary=b" } else { "application/json" };
    let asking = gateway.ask("POST", &format!("/v1/{path}")).header("content-type", kind).body(body);
    let asking = key.iter().fold(asking, |asking, key| asking.header("x-api-key", SECRETS[*key].1));
    let asking = more.iter().fold(asking, |asking, (name, value)| asking.header(*name, *value));
    let got = asking.send().await.unwrap();
    (got.status().as_u16(), value(got).await)
}

fn form(purpose: &str, file: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n{file}\r\n--b--\r\n"
    )
}

/// Uploads a file to each provider; gives the ids that the client gets.
async fn uploaded(gateway: &Gateway, key: Option<usize>) -> [String; 3] {
    let mut ids = Vec::new();
    for headers in
        [vec![], vec![("x-pointsman-provider", "second")], vec![("anthropic-version", "2023-06-01")]]
    {
        let (status, file) = ask(gateway, key, "files", form("user_data", "hello"), &headers).await;
        assert_eq!(status, 200, "{file}");
        ids.push(file["id"].as_str().unwrap().to_owned());
    }
    ids.try_into().unwrap()
}

fn chat(model: &str, file: &str) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": [{ "type": "text", "text": "caf\u{e9}" }, { "type": "file", "file": { "file_id": file } }] }], "unknown": [1.50] }).to_string()
}

fn responses(model: &str, file: &str) -> String {
    json!({ "model": model, "input": [{ "role": "user", "content": [{ "type": "input_file", "file_id": file }, { "type": "input_image", "file_id": file }] }] }).to_string()
}

fn messages(model: &str, file: &str) -> String {
    json!({ "model": model, "max_tokens": 5, "messages": [{ "role": "user", "content": [{ "type": "document", "source": { "type": "file", "file_id": file } }, { "type": "container_upload", "file_id": file }] }] }).to_string()
}

#[tokio::test]
async fn a_conversation_goes_where_its_file_is_under_the_providers_own_id() {
    let (gateway, providers) = set_up("").await;
    let ids = uploaded(&gateway, None).await;
    assert_eq!(ids, ["file-1", "file-1.second", "file-1"]);
    let anthropic = [("anthropic-version", "2023-06-01")];
    for (path, body, headers, at) in
        [("chat/completions", chat as fn(&str, &str) -> String, &[][..], 1), ("responses", responses, &[], 1)]
    {
        providers.iter().for_each(|provider| drop(provider.asked()));
        let (status, got) = ask(&gateway, None, path, body("any", &ids[at]), headers).await;
        assert_eq!(status, 200, "{got}");
        let asked = providers.each_ref().map(|provider| provider.asked());
        assert_eq!(asked.each_ref().map(Vec::len), [0, 1, 0], "{path}");
        assert_eq!(
            String::from_utf8_lossy(&asked[at][0].body),
            body("n", "file-1"),
            "all else stays as it came"
        );
    }
    // Both of the others call it `file-1`: in each dialect that of its own first provider is meant.
    for (path, body, at, model) in [("responses", responses as fn(&str, &str) -> String, 0, "m")] {
        providers.iter().for_each(|provider| drop(provider.asked()));
        let (status, got) = ask(&gateway, None, path, body("any", "file-1"), &[]).await;
        assert_eq!(status, 200, "{got}");
        assert_eq!(String::from_utf8_lossy(&providers[at].asked()[0].body), body(model, "file-1"));
    }
    providers.iter().for_each(|provider| drop(provider.asked()));
    for path in ["messages", "messages/count_tokens"] {
        let (status, got) = ask(&gateway, None, path, messages("any", "file-1"), &anthropic).await;
        assert_eq!(status, 200, "{got}");
        assert_eq!(String::from_utf8_lossy(&providers[2].asked()[0].body), messages("c", "file-1"));
    }
}

#[tokio::test]
async fn what_no_model_of_the_route_can_read_is_refused_before_anything_is_sent() {
    let (gateway, providers) = set_up("").await;
    let ids = uploaded(&gateway, None).await;
    providers.iter().for_each(|provider| drop(provider.asked()));
    let two = chat("any", &ids[1])
        .replace("caf", "x")
        .replace("\"unknown\"", &format!("\"messages2\":0,\"x\":{},\"unknown\"", chat("m", "file-9")));
    for (body, status, said) in [
        (chat("m", &ids[1]), 400, "provider `second` keeps, and no candidate of route `m` is there"),
        (
            json!({ "model": "any", "messages": [{ "role": "user", "content": [{ "type": "file", "file": { "file_id": ids[0] } }, { "type": "file", "file": { "file_id": ids[1] } }] }] }).to_string(),
            400,
            "files that `first` and `second` keep",
        ),
    ] {
        let (got, error) = ask(&gateway, None, "chat/completions", body, &[]).await;
        assert_eq!(got, status, "{error}");
        assert!(error["error"]["message"].as_str().unwrap().contains(said), "{error}");
        assert!(error["error"]["param"].as_str().unwrap().ends_with("file_id"), "{error}");
    }
    assert!(providers.iter().all(|provider| provider.asked().is_empty()));
    // What stands elsewhere than where files are named, and ids that nobody knows, stay as they are.
    let (status, _) = ask(&gateway, None, "chat/completions", two, &[]).await;
    assert_eq!((status, providers[1].asked().len()), (200, 1));
    let (status, _) = ask(&gateway, None, "chat/completions", chat("m", "file-elsewhere"), &[]).await;
    assert_eq!(status, 200);
    assert_eq!(String::from_utf8_lossy(&providers[0].asked()[0].body), chat("m", "file-elsewhere"));
}

#[tokio::test]
async fn nobody_names_a_file_of_another_key() {
    let (gateway, providers) = set_up(KEYS).await;
    let ids = uploaded(&gateway, Some(0)).await;
    providers.iter().for_each(|provider| drop(provider.asked()));
    let anthropic = ("anthropic-version", "2023-06-01");
    let line = |file: &str| {
        let body: Value = serde_json::from_str(&chat("n", file)).unwrap();
        form(
            "batch",
            &json!({ "custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body })
                .to_string(),
        )
    };
    let requests = |file: &str| {
        let body: Value = serde_json::from_str(&messages("c", file)).unwrap();
        json!({ "requests": [{ "custom_id": "1", "params": body }] }).to_string()
    };
    for (path, body, headers) in [
        ("chat/completions", chat("any", &ids[1]), vec![]),
        ("chat/completions", chat("any", &ids[1]).replace("\"file_id\"", "\"f\\u0069le_id\""), vec![]),
        ("responses", responses("any", &ids[0]), vec![]),
        ("messages", messages("any", &ids[2]), vec![anthropic]),
        ("messages/count_tokens", messages("any", &ids[2]), vec![anthropic]),
        ("files", line(&ids[1]), vec![]),
        ("messages/batches", requests(&ids[2]), vec![anthropic]),
    ] {
        let (status, error) = ask(&gateway, Some(1), path, body.clone(), &headers).await;
        assert_eq!(status, 404, "{path} {error}");
        let text = error["error"]["message"].as_str().unwrap();
        assert!(text.contains("No such file: `file-1"), "{error}");
        assert!(providers.iter().all(|provider| provider.asked().iter().all(|asked| !asked.whole)), "{path}");
        let (status, got) = ask(&gateway, Some(0), path, body, &headers).await;
        assert_eq!(status, 200, "{path} {got}");
        let sent: Vec<Asked> = providers.iter().flat_map(Provider::asked).collect();
        let sent = String::from_utf8_lossy(&sent[0].body).into_owned();
        assert!(sent.contains("\"file-1\"") && !sent.contains(".second"), "{path} {sent}");
    }
    // What was made elsewhere goes on as it stands.
    let (status, got) = ask(&gateway, Some(1), "chat/completions", chat("any", "file-of-old"), &[]).await;
    assert_eq!(status, 200, "{got}");
    let sent: Vec<Asked> = providers.iter().flat_map(Provider::asked).collect();
    assert!(String::from_utf8_lossy(&sent[0].body).contains("\"file-of-old\""));
    let (status, error) = ask(&gateway, Some(0), "files", line("file-1.claude"), &[]).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("is not at provider `second`"), "{error}");
}

#[tokio::test]
async fn explain_says_why_candidates_elsewhere_fall() {
    let (gateway, _providers) = set_up("").await;
    let request = gateway.folder().join("request.json");
    std::fs::write(&request, chat("any", "file-1.second")).unwrap();
    let explain = |format: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command.args(format).args([
            "explain",
            request.to_str().unwrap(),
            "--config",
            gateway.folder().to_str().unwrap(),
        ]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let text = explain(&[]);
    assert!(
        text.contains(
            "- m: candidates, is not at provider second, which keeps a file that the request names"
        ),
        "{text}"
    );
    assert!(text.contains("1. n:") && !text.contains("2."), "{text}");
    let found: Value = serde_json::from_str(&explain(&["--format", "json"])).unwrap();
    let fell: Vec<&str> =
        found["elsewhere"].as_array().unwrap().iter().map(|fall| fall["model"].as_str().unwrap()).collect();
    assert_eq!(fell, ["m", "c"], "{found}");
}

/// What `explain` says of `request` for a key: whether it explains, its words, and its remarks.
fn explained(gateway: &Gateway, request: &str, key: Option<&str>) -> (bool, String, String) {
    let file = gateway.folder().join("request.json");
    std::fs::write(&file, request).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(["explain", file.to_str().unwrap(), "--config", gateway.folder().to_str().unwrap()]);
    if let Some(key) = key {
        command.args(["--key", key]);
    }
    let done = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.success(), text(done.stdout), text(done.stderr))
}

#[tokio::test]
async fn explain_knows_whose_files_are_from_the_records() {
    let (mut gateway, _providers) = set_up(&format!("{KEYS}records: {{ folder: ./records }}\n")).await;
    let ids = uploaded(&gateway, Some(0)).await;
    // While the gateway runs, and when nobody holds the file open.
    for running in [true, false] {
        if !running {
            gateway.child.kill().unwrap();
            gateway.child.wait().unwrap();
        }
        let (fine, said, remarks) = explained(&gateway, &chat("any", &ids[0]), Some("a"));
        assert!(fine && said.contains("1. m:") && !said.contains("2."), "{said}{remarks}");
        assert!(!remarks.contains("not known"), "{remarks}");
        for key in [Some("b"), None] {
            let (fine, said, remarks) = explained(&gateway, &chat("any", &ids[1]), key);
            assert!(!fine && remarks.contains("No such file: `file-1.second`"), "{key:?} {said}{remarks}");
        }
        // Nobody made it here: it is sent as it stands, wherever it goes.
        let (fine, said, remarks) = explained(&gateway, &chat("any", "file-elsewhere"), Some("b"));
        assert!(fine && said.contains("3. "), "{said}{remarks}");
        // No candidate of its route can read it.
        let (fine, said, remarks) = explained(&gateway, &chat("m", &ids[1]), Some("a"));
        assert!(!fine && remarks.contains("no candidate of route `m` is there"), "{said}{remarks}");
    }
}

#[tokio::test]
async fn explain_says_what_it_cannot_know_without_records() {
    let (gateway, _providers) = set_up(KEYS).await;
    let (fine, said, remarks) = explained(&gateway, &chat("any", "file-1"), Some("a"));
    assert!(fine && said.contains("3. "), "any may be asked: {said}{remarks}");
    assert!(remarks.contains("`file-1`") && remarks.contains("not known"), "{remarks}");
    let (fine, said, remarks) = explained(&gateway, &chat("any", "file-1.second"), Some("a"));
    assert!(fine && said.contains("1. n:") && !said.contains("2."), "{said}{remarks}");
    assert!(remarks.contains("whose `file-1.second` is"), "{remarks}");
    let records = gateway.folder().join("records");
    assert!(!records.exists(), "a look makes nothing");
}
