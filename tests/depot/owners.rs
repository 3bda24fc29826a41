//! Whose files, batches and stored results are: every verb with several keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::stage::{Asked, Gateway, Provider, SECRETS, Said, json as answer, value};

/// Two keys of no team, two of one, and one that sees the account.
const KEYS: &str = "keys:\n  - { name: a, secret: \"${env:KEY_A}\" }\n  - { name: b, secret: \"${env:KEY_B}\", team: t }\n  - { name: c, secret: \"${env:KEY_C}\", team: t, files: team }\n  - { name: d, secret: \"${env:KEY_D}\", files: account }\n";
const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;

/// An account: what it keeps, by root, in the order in which it was made.
#[derive(Default)]
struct Account {
    kept: BTreeMap<String, Vec<String>>,
    count: usize,
    pages: usize,
}

fn gone() -> Said {
    Said {
        status: 404,
        content_type: "application/json",
        body: Bytes::from_static(br#"{"error":{"message":"gone"}}"#),
    }
}

impl Account {
    fn say(&mut self, asked: &Asked) -> Said {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let path = path.trim_start_matches("/v1/");
        let root =
            ["files", "batches", "messages/batches"].into_iter().find(|root| path.starts_with(root)).unwrap();
        let rest = path[root.len()..].trim_start_matches('/');
        let kept = self.kept.entry(root.to_owned()).or_default();
        let (id, part) = rest.split_once('/').unwrap_or((rest, ""));
        match (asked.method.as_str(), id, part) {
            ("POST", "", _) => {
                self.count += 1;
                let id = format!("{}-{}", root.replace('/', "-"), self.count);
                kept.push(id.clone());
                answer(about(&id).to_string())
            }
            ("GET", "", _) => {
                self.pages += 1;
                answer(list(kept, query).to_string())
            }
            _ if !kept.iter().any(|known| known == id) && !id.starts_with("out-") => gone(),
            ("DELETE", id, "") => {
                kept.retain(|known| known != id);
                answer(json!({ "id": id, "deleted": true }).to_string())
            }
            (_, _, "content" | "results") => Said {
                status: 200,
                content_type: "application/octet-stream",
                body: Bytes::from_static(b"{}\n"),
            },
            (_, id, _) => answer(about(id).to_string()),
        }
    }
}

/// A batch has made a file at once and is never over, so that the gateway does
/// not ask after its bill between the clients' questions.
fn about(id: &str) -> Value {
    if id.starts_with("batches") {
        return json!({ "id": id, "object": "batch", "status": "in_progress", "output_file_id": format!("out-{id}") });
    }
    json!({ "id": id })
}

fn list(kept: &[String], query: &str) -> Value {
    let said: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let limit = said.get("limit").map_or(3, |limit| limit.parse().unwrap());
    let place = |name: &str| said.get(name).map(|id| kept.iter().position(|known| known == id).unwrap());
    let after = place("after").or(place("after_id")).map_or(0, |at| at + 1);
    let before = place("before_id");
    let range = before.map_or(after..kept.len().min(after + limit), |end| end.saturating_sub(limit)..end);
    let more = before.map_or(range.end < kept.len(), |_| range.start > 0);
    let page = &kept[range];
    let data: Vec<Value> = page.iter().map(|id| about(id)).collect();
    json!({ "object": "list", "data": data, "first_id": page.first(), "last_id": page.last(), "has_more": more })
}

async fn set_up(more: &str) -> (Gateway, Provider, Arc<Mutex<Account>>) {
    let (provider, account) = (Provider::start().await, Arc::<Mutex<Account>>::default());
    let playing = Arc::clone(&account);
    provider.says(move |asked| playing.lock().say(asked));
    let yaml = format!(
        "providers:\n  up: {{ kind: openai, base_url: \"http://127.0.0.1:{0}/v1\", api_key: \"${{env:PATH}}\" }}\n  claude: {{ kind: anthropic, base_url: \"http://127.0.0.1:{0}/v1\", api_key: \"${{env:PATH}}\" }}\n\
         models: {{ m: {{ provider: up }}, c: {{ provider: claude }} }}\n{KEYS}{more}",
        provider.port
    );
    (Gateway::start(&yaml).await, provider, account)
}

struct Client<'g> {
    gateway: &'g Gateway,
    anthropic: bool,
}

impl Client<'_> {
    async fn ask(&self, key: usize, method: &str, path: &str, body: Option<String>) -> (u16, Value) {
        let mut asking = self.gateway.ask(method, &format!("/v1/{path}")).header("x-api-key", SECRETS[key].1);
        if self.anthropic {
            asking = asking.header("anthropic-version", "2023-06-01");
        }
        if let Some(body) = body {
            let form = body.starts_with("--");
            let kind = if form { "multipart/form-data; boundary=b" } else { "application/json" };
            asking = asking.header("content-type", kind).body(body);
        }
        let got = asking.send().await.unwrap();
        (got.status().as_u16(), serde_json::from_slice(&got.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn make(&self, key: usize, root: &str) -> String {
        let body = match root {
            "files" => "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhello\r\n--b--\r\n".to_owned(),
            "batches" => json!({ "endpoint": "/v1/chat/completions" }).to_string(),
            _ => json!({ "requests": [] }).to_string(),
        };
        let (status, made) = self.ask(key, "POST", root, Some(body)).await;
        assert_eq!(status, 200, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    async fn status(&self, key: usize, method: &str, path: &str) -> u16 {
        self.ask(key, method, path, None).await.0
    }

    /// All pages of a list.
    async fn list(&self, key: usize, root: &str, limit: usize) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.ask(key, "GET", &format!("{root}?limit={limit}{cursor}"), None).await;
            assert_eq!(status, 200, "{page}");
            let ids: Vec<&str> =
                page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
            assert!(ids.len() <= limit);
            assert_eq!(
                (page["first_id"].as_str(), page["last_id"].as_str()),
                (ids.first().copied(), ids.last().copied())
            );
            all.extend(ids.iter().map(ToString::to_string));
            if page["has_more"] == false {
                return all;
            }
            assert_eq!(ids.len(), limit, "a page with a following one is full");
            let name = if self.anthropic { "after_id" } else { "after" };
            cursor = format!("&{name}={}", ids.last().unwrap());
        }
    }
}

#[tokio::test]
async fn what_a_key_made_is_its_own_at_every_verb() {
    for records in ["", "records: { folder: ./records }\n"] {
        let (mut gateway, provider, account) = set_up(records).await;
        for (root, anthropic, parts) in [
            ("files", false, &[("GET", ""), ("GET", "/content"), ("DELETE", "")][..]),
            ("batches", false, &[("GET", ""), ("POST", "/cancel")]),
            ("files", true, &[("GET", ""), ("GET", "/content"), ("DELETE", "")]),
            (
                "messages/batches",
                true,
                &[("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")],
            ),
        ] {
            let client = Client { gateway: &gateway, anthropic };
            let id = client.make(B, root).await;
            provider.asked();
            for (method, part) in parts {
                let path = format!("{root}/{id}{part}");
                assert_eq!(client.status(A, method, &path).await, 404, "{method} {path}");
                assert!(provider.asked().is_empty(), "nothing of another key reaches the provider");
                if *method != "DELETE" {
                    for key in [B, C, D] {
                        assert_eq!(client.status(key, method, &path).await, 200, "{method} {path} {key}");
                    }
                    provider.asked();
                }
            }
            let seen = |key| client.list(key, root, 2);
            assert_eq!(seen(A).await, Vec::<String>::new());
            assert_eq!(seen(B).await, std::slice::from_ref(&id));
            assert_eq!(seen(C).await, std::slice::from_ref(&id));
            if parts.contains(&("DELETE", "")) {
                assert_eq!(client.status(B, "DELETE", &format!("{root}/{id}")).await, 200);
                assert_eq!(client.status(B, "GET", &format!("{root}/{id}")).await, 404);
            }
        }
        // Made elsewhere.
        account.lock().kept.get_mut("files").unwrap().push("file-elsewhere".to_owned());
        let client = Client { gateway: &gateway, anthropic: false };
        assert_eq!(client.status(B, "GET", "files/file-elsewhere").await, 404);
        assert_eq!(client.status(D, "GET", "files/file-elsewhere").await, 200);
        assert_eq!(client.list(D, "files", 2).await, ["file-elsewhere"]);
        let (made, of_a) = (client.make(B, "files").await, client.make(A, "files").await);
        // A batch of another's file, and what a batch has made.
        let order = |file: &str| {
            Some(json!({ "input_file_id": file, "endpoint": "/v1/chat/completions" }).to_string())
        };
        let (status, error) = client.ask(A, "POST", "batches", order(&made)).await;
        assert_eq!((status, &error["error"]["param"]), (404, &json!("input_file_id")), "{error}");
        let (status, batch) = client.ask(A, "POST", "batches", order(&of_a)).await;
        assert_eq!(status, 200);
        let output = batch["output_file_id"].as_str().unwrap().to_owned();
        for (key, expected) in [(A, 200), (B, 404), (C, 404), (D, 200)] {
            assert_eq!(client.status(key, "GET", &format!("files/{output}/content")).await, expected);
        }
        gateway.restart().await;
        let client = Client { gateway: &gateway, anthropic: false };
        let expected = if records.is_empty() { 404 } else { 200 };
        assert_eq!(client.status(B, "GET", &format!("files/{made}")).await, expected);
        assert_eq!(client.status(A, "GET", &format!("files/{output}/content")).await, expected);
        assert_eq!(client.status(A, "GET", &format!("files/{made}")).await, 404);
        assert_eq!(client.status(D, "GET", &format!("files/{made}")).await, 200);
    }
}

/// A client that leaves while the provider makes something: it is the client's all the same.
#[tokio::test]
async fn what_was_made_for_a_client_that_left_is_its_own() {
    let (gateway, provider, account) = set_up("").await;
    for (root, anthropic) in [("batches", false), ("messages/batches", true), ("files", false)] {
        let client = Client { gateway: &gateway, anthropic };
        provider.asked();
        let held = provider.hold().await;
        let made = client.make(A, root);
        tokio::pin!(made);
        tokio::select! {
            id = &mut made => panic!("{id} was answered while the answer was held back"),
            () = provider.until_asked() => {}
        }
        // The connection goes with the question.
        made.set(client.make(A, root));
        drop(held);
        let id = account.lock().kept[root].first().cloned().unwrap();
        let path = format!("{root}/{id}");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while client.status(A, "GET", &path).await != 200 {
            assert!(std::time::Instant::now() < deadline, "{path} becomes its maker's");
        }
        assert_eq!(client.status(B, "GET", &path).await, 404, "{path}");
    }
}

#[tokio::test]
async fn lists_are_filled_from_the_pages_that_follow() {
    let (gateway, _provider, account) = set_up("").await;
    for (root, anthropic) in [("batches", false), ("messages/batches", true)] {
        let client = Client { gateway: &gateway, anthropic };
        let mut own = Vec::new();
        for at in 0..30 {
            let id = client.make(if at % 7 == 3 { A } else { B }, root).await;
            if at % 7 == 3 {
                own.push(id);
            }
        }
        account.lock().kept.get_mut(root).unwrap().extend((0..150).map(|at| format!("elsewhere-{at}")));
        for limit in [1, 2, 3, 4, 5, 50] {
            // A page of the client's is filled from pages of a hundred.
            account.lock().pages = 0;
            assert_eq!(client.list(A, root, limit).await, own, "{limit}");
            assert!(account.lock().pages <= 3 * (own.len() + 1), "{}", account.lock().pages);
        }
        let (_, page) = client.ask(A, "GET", root, None).await;
        assert_eq!(page["data"].as_array().unwrap().len(), 3, "as many as the provider has on a page");
    }
    let client = Client { gateway: &gateway, anthropic: true };
    let all = client.list(A, "messages/batches", 50).await;
    let path = format!("messages/batches?limit=2&before_id={}", all[3]);
    let (_, page) = client.ask(A, "GET", &path, None).await;
    assert_eq!((&page["data"][0]["id"], &page["data"][1]["id"]), (&json!(all[1]), &json!(all[2])), "{page}");
    assert_eq!((&page["first_id"], &page["has_more"]), (&json!(all[1]), &json!(true)));
}

#[tokio::test]
async fn a_stored_result_is_its_keys_or_its_teams() {
    let yaml = format!(
        "providers: {{ up: {{ kind: openai, base_url: \"http://127.0.0.1:9/v1\", api_key: \"${{env:PATH}}\" }} }}\n\
         models: {{ m: {{ provider: up }} }}\nroutes: [{{ name: r, models: [patient], policies: [waits] }}]\n\
         records: {{ folder: ./records }}\n{KEYS}"
    );
    let gateway = Gateway::start_with(&yaml, &[("waits", "fn route() { batch() }")]).await;
    let body = json!({ "model": "patient", "messages": [{ "role": "user", "content": "hi" }] }).to_string();
    let asking = gateway.ask("POST", "/v1/chat/completions").header("x-api-key", SECRETS[B].1);
    let ticket = value(asking.body(body).send().await.unwrap()).await;
    let path = ticket["result_url"].as_str().unwrap().trim_start_matches("/v1/").to_owned();
    let client = Client { gateway: &gateway, anthropic: false };
    for (key, expected) in [(A, 404), (B, 202), (C, 202), (D, 202)] {
        assert_eq!(client.status(key, "GET", &path).await, expected);
    }
    assert_eq!(client.status(A, "DELETE", &path).await, 404);
    assert_eq!(client.status(B, "DELETE", &path).await, 200);
}
