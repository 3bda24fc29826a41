//! Where files and batches go, under which names, and who may send them.

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::stage::{Asked, Gateway, Provider, Said, json as answer, value};

/// Two accounts in OpenAI's form and one at Anthropic.
async fn set_up(more: &str) -> (Gateway, [Provider; 3]) {
    let providers = [Provider::start().await, Provider::start().await, Provider::start().await];
    let [first, second, anthropic] = providers.each_ref().map(|provider| provider.port);
    let yaml = format!(
        "providers:\n  first: {{ kind: openai, base_url: \"http://127.0.0.1:{first}/v1\", api_key: \"${{env:PATH}}\" }}\n  second: {{ kind: azure, base_url: \"http://127.0.0.1:{second}/v1\", api_key: \"${{env:PATH}}\" }}\n  claude: {{ kind: anthropic, base_url: \"http://127.0.0.1:{anthropic}/v1\", api_key: \"${{env:PATH}}\" }}\n\
         models:\n  m: {{ provider: first, upstream: m-2026 }}\n  n: {{ provider: second, upstream: n-2026 }}\n  c: {{ provider: claude, upstream: claude-2026 }}\n\
         routes:\n  - {{ name: there, models: [elsewhere], candidates: [n, m] }}\n{more}"
    );
    (Gateway::start(&yaml).await, providers)
}

fn form(purpose: &str, file: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n{file}\r\n--b--\r\n"
    )
}

fn lines(models: &[&str]) -> String {
    let line = |(at, model): (usize, &&str)| {
        format!(
            "{}\n",
            json!({ "custom_id": at.to_string(), "method": "POST", "url": "/v1/chat/completions", "body": { "model": model, "messages": [] } })
        )
    };
    models.iter().enumerate().map(line).collect()
}

async fn upload(gateway: &Gateway, body: String, headers: &[(&str, &str)]) -> (u16, Value) {
    let asking = gateway.ask("POST", "/v1/files").header("content-type", "multipart/form-data; boundary=b");
    let asking = headers.iter().fold(asking, |asking, (name, value)| asking.header(*name, *value));
    let got = asking.body(body).send().await.unwrap();
    (got.status().as_u16(), value(got).await)
}

async fn get(gateway: &Gateway, method: &str, path: &str) -> (u16, Value) {
    let got = gateway.ask(method, path).send().await.unwrap();
    (got.status().as_u16(), value(got).await)
}

#[tokio::test]
async fn a_batch_goes_where_its_models_route_leads_and_its_ids_lead_back() {
    let (gateway, [first, second, _]) = set_up("").await;
    second.says(|asked: &Asked| match asked.path.as_str() {
        "/v1/files" => answer(r#"{"id":"file-1","object":"file"}"#),
        "/v1/batches" => answer(r#"{"id":"batch_1","input_file_id":"file-1","output_file_id":null}"#),
        "/v1/batches?limit=2&after=batch_1" => {
            answer(r#"{"data":[{"id":"batch_2","output_file_id":"file-2"}],"last_id":"batch_2"}"#)
        }
        "/v1/files/file-2/content" => Said {
            status: 200,
            content_type: "application/octet-stream",
            body: Bytes::from_static(b"{\"id\":\"file-2\"}\n"),
        },
        _ => answer(
            r#"{"id":"batch_1","output_file_id":"file-2","error_file_id":"file-3","metadata":{"id":"mine"}}"#,
        ),
    });
    let (status, file) = upload(&gateway, form("batch", &lines(&["elsewhere", "n", "unknown"])), &[]).await;
    assert_eq!((status, &file["id"]), (200, &json!("file-1.second")));
    let sent = second.asked().pop().unwrap();
    assert_eq!(
        String::from_utf8(sent.body).unwrap(),
        form("batch", &lines(&["n-2026", "n-2026", "unknown"]))
    );

    let order = json!({ "input_file_id": "file-1.second", "endpoint": "/v1/chat/completions", "completion_window": "24h" });
    let got = gateway.ask("POST", "/v1/batches").body(order.to_string()).send().await.unwrap();
    let batch: Value = value(got).await;
    assert_eq!(
        batch,
        json!({ "id": "batch_1.second", "input_file_id": "file-1.second", "output_file_id": null })
    );
    let sent = second.asked().pop().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&sent.body).unwrap()["input_file_id"], "file-1");

    let (_, batch) = get(&gateway, "POST", "/v1/batches/batch_1.second/cancel").await;
    assert_eq!(batch["output_file_id"], "file-2.second");
    assert_eq!(batch["metadata"]["id"], "mine", "only ids of ours change");
    assert_eq!(second.asked().pop().unwrap().path, "/v1/batches/batch_1/cancel");
    let (_, list) = get(&gateway, "GET", "/v1/batches?limit=2&after=batch_1.second").await;
    assert_eq!(
        list,
        json!({ "data": [{ "id": "batch_2.second", "output_file_id": "file-2.second" }], "last_id": "batch_2.second" })
    );
    let content = gateway.ask("GET", "/v1/files/file-2.second/content").send().await.unwrap();
    assert_eq!(content.headers()["content-disposition"], "attachment");
    assert_eq!(content.headers()["x-pointsman-provider"], "second");
    assert_eq!(content.text().await.unwrap(), "{\"id\":\"file-2\"}\n");
    assert!(first.asked().is_empty());
    let counts = ["pointsman_exchanges_accepted_total", "pointsman_exchanges_settled_total"];
    let [accepted, settled] = [gateway.figure(counts[0]).await, gateway.figure(counts[1]).await];
    assert_eq!((accepted, settled), (5.0, 5.0));
}

#[tokio::test]
async fn without_a_model_the_header_decides_and_else_the_first_provider() {
    let (gateway, [first, second, claude]) = set_up("").await;
    for provider in [&first, &second, &claude] {
        provider.says(|_| answer(r#"{"id":"file-9"}"#));
    }
    let body = || form("user_data", &lines(&["n"]));
    let anthropic = ("anthropic-version", "2023-06-01");
    for (headers, provider, id) in [
        (vec![], &first, "file-9"),
        (vec![("x-pointsman-provider", "second")], &second, "file-9.second"),
        (vec![anthropic], &claude, "file-9"),
    ] {
        let (status, file) = upload(&gateway, body(), &headers).await;
        assert_eq!((status, file["id"].as_str()), (200, Some(id)));
        let sent = provider.asked().pop().unwrap();
        assert_eq!(String::from_utf8(sent.body).unwrap(), body(), "a file that is no batch stays as it is");
        assert_eq!(sent.headers["content-length"], body().len().to_string());
    }
    for (headers, said) in [
        (vec![("x-pointsman-provider", "third")], "it can be first, second"),
        (vec![("x-pointsman-provider", "claude")], "provider `claude` keeps no files in this API's form"),
    ] {
        let (status, error) = upload(&gateway, body(), &headers).await;
        assert!((400..=404).contains(&status), "{status}");
        assert!(error["error"]["message"].as_str().unwrap().contains(said), "{error}");
    }
    for id in ["..%2Fbatches", "a%2Fb", ".x", "a%00b"] {
        assert_eq!(get(&gateway, "GET", &format!("/v1/files/{id}")).await.0, 404, "{id}");
    }
    assert!(first.asked().is_empty());
}

#[tokio::test]
async fn anthropics_batches_name_models_of_ours_and_lead_to_results_here() {
    let (gateway, [_, _, claude]) = set_up("").await;
    claude.says(|asked: &Asked| {
        if asked.path.ends_with("/results") {
            return Said { status: 200, content_type: "application/x-jsonl", body: Bytes::from_static(b"{\"custom_id\":\"0\"}\n") };
        }
        answer(r#"{"id":"msgbatch_1","type":"message_batch","results_url":"https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"}"#)
    });
    let requests = json!({ "requests": [{ "custom_id": "0", "params": { "model": "c", "max_tokens": 9, "messages": [] } }] });
    let asking = gateway.ask("POST", "/v1/messages/batches").header("anthropic-version", "2023-06-01");
    let batch: Value = value(asking.body(requests.to_string()).send().await.unwrap()).await;
    let sent = claude.asked().pop().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&sent.body).unwrap()["requests"][0]["params"]["model"],
        "claude-2026"
    );
    assert_eq!(sent.headers["anthropic-version"], "2023-06-01");
    let url = batch["results_url"].as_str().unwrap();
    assert_eq!(url, format!("http://127.0.0.1:{}/v1/messages/batches/msgbatch_1/results", gateway.port));
    assert_eq!(reqwest::get(url).await.unwrap().text().await.unwrap(), "{\"custom_id\":\"0\"}\n");
    for (method, path) in
        [("DELETE", "messages/batches/msgbatch_1"), ("POST", "messages/batches/msgbatch_1/cancel")]
    {
        assert_eq!(get(&gateway, method, &format!("/v1/{path}")).await.0, 200);
        let asked = claude.asked().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.path), (method, format!("/v1/{path}")));
    }
}

#[tokio::test]
async fn what_a_key_may_not_ask_for_it_may_not_batch() {
    let keys = "keys: [{ name: k, secret: \"0123456789abcdef0123456789abcdef\", models: [n] }]\n";
    let keys = keys.replace("\"0123456789abcdef0123456789abcdef\"", "\"${env:PATH}\"");
    let (gateway, [first, second, claude]) = set_up(&keys).await;
    let key = std::env::var("PATH").unwrap();
    let auth = ("x-api-key", key.as_str());
    second.says(|_| answer(r#"{"id":"file-1"}"#));
    assert_eq!(upload(&gateway, form("batch", &lines(&["n"])), &[]).await.0, 401);
    assert_eq!(upload(&gateway, form("batch", &lines(&["n"])), &[auth]).await.0, 200);
    for (file, said) in [
        (lines(&["m"]), "`m` does not exist"),
        (lines(&["n", "m"]), "line 2 of the file: The model `m` does not exist"),
        (lines(&["n", "n-2026"]), "line 2 of the file: The model `n-2026` does not exist"),
        (lines(&["n"]).replace("\"model\"", "\"model\":\"m\",\"mod\\u0065l\""), "`m` does not exist"),
        (format!("{}{{\"a\":\n", lines(&["n"])), "line 2 of the file: it is no whole JSON value"),
    ] {
        let (status, error) = upload(&gateway, form("batch", &file), &[auth]).await;
        assert!(status == 404 || status == 400, "{status} {error}");
        assert!(error["error"]["message"].as_str().unwrap().contains(said), "{error}");
    }
    let whole = |provider: &Provider| provider.asked().iter().filter(|asked| asked.whole).count();
    assert_eq!((whole(&first), whole(&second), whole(&claude)), (0, 1, 0), "nothing forbidden arrives whole");
    // Too large to be held: refused while it is on its way.
    let large = format!("{}{}", lines(&["n"]).repeat(20_000), lines(&["m"]));
    let (status, error) = upload(&gateway, form("batch", &large), &[auth]).await;
    assert_eq!(status, 404);
    assert!(error["error"]["message"].as_str().unwrap().contains("line 20001 of the file"), "{error}");
    assert_eq!(whole(&second), 0);
}

#[tokio::test]
async fn errors_have_the_shape_of_the_clients_dialect() {
    let (gateway, [first, _, claude]) = set_up("max_upload: 4KiB\n").await;
    let gone = |_: &Asked| {
        Said { status: 404, content_type: "application/json", body: Bytes::from_static(br#"{"error":{"message":"No such File object: file-1","type":"invalid_request_error","code":null}}"#) }
    };
    first.says(gone);
    claude.says(|_| Said {
        status: 404,
        content_type: "application/json",
        body: Bytes::from_static(
            br#"{"type":"error","error":{"type":"not_found_error","message":"No such batch"}}"#,
        ),
    });
    let (status, error) = get(&gateway, "GET", "/v1/files/file-1").await;
    assert_eq!((status, &error["error"]["message"]), (404, &json!("No such File object: file-1")));
    let (status, error) = get(&gateway, "GET", "/v1/messages/batches/msgbatch_1").await;
    assert_eq!(
        (status, &error["error"]["type"], &error["type"]),
        (404, &json!("not_found_error"), &json!("error"))
    );
    let large = || form("batch", &lines(&["m"]).repeat(100));
    let (status, error) = upload(&gateway, large(), &[]).await;
    assert_eq!((status, &error["error"]["code"]), (413, &json!("request_too_large")));
    let (status, error) = upload(&gateway, large(), &[("anthropic-version", "2023-06-01")]).await;
    assert_eq!((status, &error["error"]["type"]), (413, &json!("request_too_large")));
    let (status, error) = get(&gateway, "PUT", "/v1/files").await;
    assert_eq!((status, &error["error"]["code"]), (405, &json!("method_not_allowed")));
    let bare = gateway.ask("POST", "/v1/files").body("{}").send().await.unwrap();
    assert_eq!(bare.status(), 415);
}

#[tokio::test]
async fn what_batches_cost_is_entered_once() {
    for records in ["", "records: { folder: ./records }\n"] {
        let provider = Provider::start().await;
        let yaml = format!(
            "providers:\n  up: {{ kind: openai, base_url: \"http://127.0.0.1:{0}/v1\", api_key: \"${{env:PATH}}\" }}\n  claude: {{ kind: anthropic, base_url: \"http://127.0.0.1:{0}/v1\", api_key: \"${{env:PATH}}\" }}\n\
             models:\n  m: {{ provider: up, upstream: m-1, price: {{ input: 2, output: 8, batch: {{ input: 1, output: 4 }} }} }}\n  c: {{ provider: claude, upstream: c-1, price: {{ input: 3, output: 15 }} }}\n{records}",
            provider.port
        );
        let gateway = Gateway::start(&yaml).await;
        provider.says(|asked: &Asked| {
            if asked.path.ends_with("/results") {
                let line = r#"{"custom_id":"0","result":{"type":"succeeded","message":{"model":"c-1-20260101","id":"m","type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":2}}}}"#;
                return Said { status: 200, content_type: "application/x-jsonl", body: Bytes::from(format!("{line}\n{line}")) };
            }
            answer(r#"{"id":"batch_1","status":"completed","model":"m-1-2026-01-01","usage":{"input_tokens":100,"output_tokens":10}}"#)
        });
        let ask = |path: &'static str| gateway.ask("GET", path).send();
        let first = ask("/v1/batches/batch_1").await.unwrap();
        assert_eq!(first.headers()["x-pointsman-cost-usd"], "0.000140000");
        assert_eq!(
            ask("/v1/batches/batch_1").await.unwrap().headers()["x-pointsman-cost-usd"],
            "0.000000000"
        );
        for _ in 0..2 {
            ask("/v1/messages/batches/msgbatch_1/results").await.unwrap().bytes().await.unwrap();
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while gateway.figure("pointsman_exchanges_settled_total").await < 4.0 {
            assert!(std::time::Instant::now() < deadline);
        }
        // 100 at 1 and 10 at 4; 20 at 3 and 4 at 15, which state no rates of batches. USD a million.
        assert_eq!(gateway.figure("pointsman_cost_nano_usd_total").await, 140_000.0 + 120_000.0);
    }
}
