//! Recorded files and batches, each by its own path.

use std::path::PathBuf;

use axum::body::Bytes;
use serde_json::Value;

use crate::stage::{Gateway, Provider, Said};

/// What was recorded: the exchange, what the client sent, what it got.
fn recordings(provider: &str) -> Vec<(Value, Option<Value>, Vec<u8>)> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let root =
        std::env::var_os("POINTSMAN_SHARED").map_or(beside, PathBuf::from).join("traffic").join(provider);
    let Ok(folders) = std::fs::read_dir(&root) else {
        println!("skipped: no recordings at {}", root.display());
        return Vec::new();
    };
    let read = |folder: PathBuf| -> Option<_> {
        let json = |name: &str| -> Option<Value> {
            serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok()
        };
        let meta = json("meta.json")?;
        let of_depots = matches!(meta["endpoint"].as_str()?, "files" | "batches");
        let answer = ["response.json", "response.ndjson", "response.txt"];
        let answer = answer.iter().find_map(|name| std::fs::read(folder.join(name)).ok())?;
        of_depots.then(|| (meta, json("request.json"), answer))
    };
    folders.flatten().filter_map(|folder| read(folder.path())).collect()
}

/// A recorded form, its files made up.
fn form(parts: &[Value]) -> String {
    let part = |part: &Value| {
        let text = |name: &str| part[name].as_str().unwrap_or_default();
        let name = text("name");
        match part["filename"].as_str() {
            Some(file) => format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {}\r\n\r\n{}\r\n",
                text("content_type"),
                "x".repeat(usize::try_from(part["size"].as_u64().unwrap()).unwrap())
            ),
            None => {
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{}\r\n", text("value"))
            }
        }
    };
    parts.iter().map(part).collect::<String>() + "--b--\r\n"
}

#[tokio::test]
async fn recorded_files_and_batches_come_through_right() {
    let mut held = 0;
    let provider = Provider::start().await;
    for kind in ["openai", "anthropic", "xai"] {
        let cases = recordings(kind);
        if cases.is_empty() {
            return;
        }
        let yaml = format!(
            "providers: {{ {kind}: {{ kind: {kind}, base_url: \"http://127.0.0.1:{}/v1\", api_key: \"${{env:PATH}}\" }} }}\n\
             models: {{ m: {{ provider: {kind} }} }}\n",
            provider.port
        );
        let gateway = Gateway::start(&yaml).await;
        for (meta, request, answer) in cases {
            let (status, said) = (u16::try_from(meta["status"].as_u64().unwrap()).unwrap(), answer.clone());
            provider.says(move |_| Said {
                status,
                content_type: "application/json",
                body: Bytes::from(said.clone()),
            });
            let (method, path) = (meta["method"].as_str().unwrap(), meta["path"].as_str().unwrap());
            let query = meta["query"].as_str().map(|query| format!("?{query}")).unwrap_or_default();
            let mut asking = gateway.ask(method, &format!("{path}{query}"));
            let (mut body, mut content_type) = (String::new(), "application/json");
            if let Some(parts) = request.as_ref().and_then(|request| request["_multipart"].as_array()) {
                (body, content_type) = (form(parts), "multipart/form-data; boundary=b");
            } else if path.ends_with("/files") {
                // Recorded without its body.
                (body, content_type) = (
                    form(&[serde_json::json!({ "name": "file", "filename": "x", "size": 9 })]),
                    "multipart/form-data; boundary=b",
                );
            } else if let Some(request) = &request {
                body = request.to_string();
            }
            if kind == "anthropic" {
                asking = asking
                    .header("anthropic-version", "2023-06-01")
                    .header("anthropic-beta", "files-api-2025-04-14");
            }
            if method == "POST" {
                asking = asking.header("content-type", content_type).body(body.clone());
            }
            let got = asking.send().await.unwrap();
            let seen = got.status().as_u16();
            if seen != status {
                panic!("{seen} {path} {}", got.text().await.unwrap());
            }
            let got = got.bytes().await.unwrap();
            let here = format!("http://127.0.0.1:{}", gateway.port);
            let expected = String::from_utf8(answer)
                .unwrap()
                .replace("\"https://api.anthropic.com", &format!("\"{here}"));
            assert_eq!(String::from_utf8_lossy(&got), expected, "{path}");
            let asked = provider.asked().pop().unwrap();
            assert_eq!((asked.method.as_str(), asked.path), (method, format!("{path}{query}")));
            assert_eq!(String::from_utf8_lossy(&asked.body), body, "{path}");
            if kind == "anthropic" {
                assert_eq!(asked.headers["anthropic-beta"], "files-api-2025-04-14");
            }
            held += 1;
        }
    }
    assert!(held >= 25, "{held} recordings were held against the gateway");
}
