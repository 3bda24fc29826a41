//! A company's proxy between the gateway and its providers: what it is told, what
//! the provider is told, and how either of them fails.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::process::{Manner, Process, until};
use crate::provider::WHOLE;
use crate::tls::Authority;

/// `Basic` of `us:p@w`.
const BASIC: &str = "Basic dXM6cEB3";
const PASSWORD: &str = "p%40w";

/// What a proxy or a provider was asked: the heads of requests.
type Heads = Arc<Mutex<Vec<String>>>;

/// What a proxy does.
#[derive(Clone, Copy)]
enum Does {
    /// Connects those who show [`BASIC`], and answers what it is sent whole addresses of.
    Asks,
    /// The same for all.
    Serves,
    /// Says this, whatever comes.
    Says(&'static str),
    /// Nothing.
    Hangs,
}

/// A proxy.
struct Proxy {
    port: u16,
    heads: Heads,
    /// Ends its tunnels when it is sent to.
    cut: watch::Sender<()>,
}

impl Proxy {
    /// Starts one that finds its targets, by host and port, at these ports of the machine.
    async fn start(does: Does, targets: &[(&str, u16)], tls: Option<TlsAcceptor>) -> Self {
        let targets: HashMap<String, u16> =
            targets.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heads, (cut, end)) = (Heads::default(), watch::channel(()));
        let noted = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, noted, targets, end) =
                    (tls.clone(), Arc::clone(&noted), targets.clone(), end.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, does, &noted, &targets, end).await;
                            }
                        }
                        None => serve(stream, does, &noted, &targets, end).await,
                    }
                });
            }
        });
        Self { port, heads, cut }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().clone()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    does: Does,
    heads: &Heads,
    targets: &HashMap<String, u16>,
    mut end: watch::Receiver<()>,
) {
    let Some(head) = request(&mut stream).await else { return };
    heads.lock().push(head.clone());
    let says = match does {
        Does::Hangs => std::future::pending().await,
        Does::Says(text) => Some(text.to_owned()),
        Does::Asks if !head.to_lowercase().contains(&format!("proxy-authorization: {BASIC}\r\n").to_lowercase()) => {
            Some("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\nproxy-authenticate: Basic\r\n\r\n".to_owned())
        }
        Does::Asks | Does::Serves => None,
    };
    if let Some(says) = says {
        let _ = stream.write_all(says.as_bytes()).await;
        return;
    }
    let target = head.split(' ').nth(1).unwrap();
    if !head.starts_with("CONNECT ") {
        let body = match target {
            "http://oauth.example/token" => r#"{"access_token":"ya29.t","expires_in":3600}"#,
            "http://prices.example/list.json" => r#"{"models":{}}"#,
            _ => WHOLE,
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    end.mark_unchanged();
    let mut far = TcpStream::connect(("127.0.0.1", targets[target])).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\nvia: proxy\r\n\r\n").await.unwrap();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut stream, &mut far) => {}
        _ = end.changed() => {}
    }
}

/// The head of a request whose body is read too; none at the end.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(format!("{head}\r\n"));
            }
        }
        if stream.read_buf(&mut seen).await.ok()? == 0 {
            return None;
        }
    }
}

/// A provider behind TLS that answers request after request; gives its port.
async fn provider(tls: TlsAcceptor) -> (u16, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, heads) = (listener.local_addr().unwrap().port(), Heads::default());
    let noted = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, noted) = (tls.clone(), Arc::clone(&noted));
            tokio::spawn(async move {
                let Ok(mut stream) = tls.accept(stream).await else { return };
                while let Some(head) = request(&mut stream).await {
                    noted.lock().push(head);
                    let length = WHOLE.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{WHOLE}"
                    );
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, heads)
}

/// Providers with a key and what else is said of them, each with a model of its name.
fn yaml(proxy: &str, providers: &[(&str, &str, &str)]) -> String {
    let mut text = format!("{proxy}\nproviders:\n");
    for (name, base, more) in providers {
        text += &format!("  {name}: {{ kind: openai, base_url: \"{base}\", api_key: the-key{more} }}\n");
    }
    text += "models:\n";
    for (name, ..) in providers {
        text += &format!("  {name}: {{ provider: {name} }}\n");
    }
    text + "retries: { max: 0 }\n"
}

/// Status, attempts and error message of an answer.
async fn asked(gateway: &Process, model: &str) -> (u16, String, String) {
    let answer = gateway.chat(model, false).send().await.unwrap();
    let attempts = answer.headers()["x-pointsman-attempts"].to_str().unwrap().to_owned();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    (status, attempts, body["error"]["message"].as_str().unwrap_or_default().to_owned())
}

const API: &str = "api.provider.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_leads_to_a_provider_behind_tls() {
    let authority = Authority::new();
    for behind_tls in [false, true] {
        let (port, told) = provider(authority.server(API, 30)).await;
        let tls = behind_tls.then(|| authority.server("localhost", 30));
        let proxy = Proxy::start(Does::Asks, &[("api.provider.example:443", port)], tls).await;
        let scheme = if behind_tls { "https" } else { "http" };
        let line = format!("proxy: \"{scheme}://us:${{env:PW}}@localhost:{}\"", proxy.port);
        let (base, file) = (format!("https://{API}/v1"), authority.file());
        let manner =
            Manner { variables: &[("SSL_CERT_FILE", file.as_str()), ("PW", PASSWORD)], ..Manner::default() };
        let gateway = Process::start_as(&yaml(&line, &[("far", &base, "")]), &manner).await;
        for _ in 0..3 {
            assert_eq!(asked(&gateway, "far").await, (200, "1".to_owned(), String::new()));
        }
        // A tunnel that died while it rested is replaced like any connection.
        proxy.cut.send_replace(());
        assert_eq!(asked(&gateway, "far").await, (200, "1".to_owned(), String::new()));
        let (heads, told) = (proxy.heads(), told.lock().clone());
        assert!((2..4).contains(&heads.len()), "connections rest and are used again: {heads:?}");
        for head in heads {
            assert!(
                head.starts_with(
                    "CONNECT api.provider.example:443 HTTP/1.1\r\nHost: api.provider.example:443\r\n"
                ),
                "{head}"
            );
            assert!(head.contains(BASIC) && !head.contains("the-key"), "{head}");
        }
        for head in told {
            let small = head.to_lowercase();
            assert!(
                head.starts_with("POST /v1/chat/completions ") && small.contains("bearer the-key"),
                "{head}"
            );
            assert!(!small.contains("proxy") && !head.contains(BASIC), "{head}");
        }
        let log = gateway.lines.lock().join("\n");
        assert!(!log.contains("p@w") && !log.contains(PASSWORD) && !log.contains(BASIC), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_plain_goes_as_whole_addresses() {
    let proxy = Proxy::start(Does::Asks, &[], None).await;
    let near = Proxy::start(Does::Serves, &[], None).await;
    let line = format!(
        "proxy: \"http://us:${{env:PW}}@127.0.0.1:{}\"\nfeeds: {{ prices: [{{ source: \"http://prices.example/list.json\", format: pointsman }}] }}",
        proxy.port
    );
    let user = r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","token_uri":"http://oauth.example/token"}"#;
    let loopback = format!("{}/v1", near.url());
    let off = format!("http://127.0.0.1.nowhere.invalid:{}/v1", near.port);
    let text = yaml(
        &line,
        &[
            ("plain", "http://plain.example:8000/v1", ""),
            ("loopback", &loopback, ""),
            ("off", &off, ", proxy: none"),
            ("other", "http://other.example/v1", &format!(", proxy: \"{}\"", near.url())),
        ],
    );
    let text = text.replace(
        "models:\n",
        "  google: { kind: vertex, base_url: \"http://vertex.example/v1\", api_key: \"${env:ADC}\" }\nmodels:\n  google: { provider: google }\n",
    );
    let manner = Manner { variables: &[("PW", PASSWORD), ("ADC", user)], ..Manner::default() };
    let gateway = Process::start_as(&text, &manner).await;
    for (model, expected) in [("plain", 200), ("loopback", 200), ("other", 200), ("off", 502)] {
        let (status, _, message) = asked(&gateway, model).await;
        assert_eq!(status, expected, "{model}: {message}");
        assert!(!message.contains("proxy"), "{message}");
    }
    asked(&gateway, "google").await;
    let begins = |head: &str| proxy.heads().iter().any(|seen| seen.starts_with(head));
    assert!(begins("POST http://plain.example:8000/v1/chat/completions HTTP/1.1\r\n"), "{:?}", proxy.heads());
    assert!(begins("POST http://oauth.example/token HTTP/1.1\r\n"), "{:?}", proxy.heads());
    assert!(begins("POST http://vertex.example/v1/"), "{:?}", proxy.heads());
    assert!(
        until(async || begins("GET http://prices.example/list.json HTTP/1.1\r\n")).await,
        "{:?}",
        proxy.heads()
    );
    assert!(!proxy.heads().iter().any(|head| head.contains("127.0.0.1") || head.contains("other.example")));
    let near: Vec<String> = near.heads().iter().map(|head| head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        near,
        ["POST /v1/chat/completions HTTP/1.1", "POST http://other.example/v1/chat/completions HTTP/1.1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_says_whether_the_proxy_failed() {
    let authority = Authority::new();
    let (untrusted, _) = provider(Authority::new().server(API, 30)).await;
    let nobody = crate::port::free_port();
    let mut providers = Vec::new();
    let mut kept = Vec::new();
    for (name, does, scheme, status, says) in [
        (
            "asks",
            Does::Asks,
            "https",
            502,
            "asks for other credentials (status 407): set user and password in `proxy`",
        ),
        ("asks_plain", Does::Asks, "http", 502, "asks for other credentials (status 407)"),
        (
            "forbids",
            Does::Says("HTTP/1.1 403 Forbidden\r\n\r\n"),
            "https",
            502,
            "did not connect (status 403)",
        ),
        ("fails", Does::Says("HTTP/1.1 503 No\r\n\r\n"), "https", 502, "did not connect (status 503)"),
        ("chats", Does::Says("SSH-2.0-x\r\n\r\n"), "https", 502, "closed the connection or speaks no HTTP"),
        ("closes", Does::Says(""), "https", 502, "closed the connection or speaks no HTTP"),
        ("hangs", Does::Hangs, "https", 504, "no connection through the proxy"),
        ("away", Does::Hangs, "https", 502, "cannot be reached: "),
        ("untrusted", Does::Serves, "https", 502, "no trusted TLS connection to api.provider.example"),
    ] {
        let proxy = Proxy::start(does, &[("api.provider.example:443", untrusted)], None).await;
        let port = if name == "away" { nobody } else { proxy.port };
        providers.push((
            name,
            format!("{scheme}://{API}/v1"),
            format!(", proxy: \"http://us:secret-word@127.0.0.1:{port}\""),
        ));
        kept.push((name, port, status, says, proxy));
    }
    let listed: Vec<_> =
        providers.iter().map(|(name, base, more)| (*name, base.as_str(), more.as_str())).collect();
    let file = authority.file();
    let manner = Manner { variables: &[("SSL_CERT_FILE", file.as_str())], ..Manner::default() };
    let gateway = Process::start_as(&yaml("", &listed), &manner).await;
    for (name, port, expected, says, _) in &kept {
        let (status, attempts, message) = asked(&gateway, name).await;
        assert_eq!((status, attempts.as_str()), (*expected, "1"), "{name}: {message}");
        assert!(message.contains(says) && message.contains(API), "{name}: {message}");
        assert_eq!(
            message.contains(&format!("the proxy 127.0.0.1:{port}")),
            *name != "untrusted",
            "{name}: {message}"
        );
        assert!(!message.contains("secret-word"), "{message}");
    }
    let log = gateway.lines.lock().join("\n");
    assert!(!log.contains("secret-word"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_asked_when_it_is_told_to_and_a_reload_takes_another() {
    let (first, second) =
        (Proxy::start(Does::Serves, &[], None).await, Proxy::start(Does::Serves, &[], None).await);
    let providers = [("far", "http://far.example/v1", ""), ("near", "http://near.invalid/v1", "")];
    let url = first.url();
    let manner = Manner {
        variables: &[("HTTP_PROXY", url.as_str()), ("NO_PROXY", "near.invalid")],
        ..Manner::default()
    };
    let gateway = Process::start_as(&yaml("proxy: environment", &providers), &manner).await;
    assert_eq!(asked(&gateway, "far").await.0, 200);
    assert_eq!(asked(&gateway, "near").await.0, 502);
    assert_eq!((first.heads().len(), second.heads().len()), (1, 0));
    reloaded(&gateway, |yaml| yaml.replace("proxy: environment", &format!("proxy: \"{}\"", second.url())))
        .await;
    assert_eq!(asked(&gateway, "near").await.0, 200);
    assert_eq!((first.heads().len(), second.heads().len()), (1, 1));
    // Without a word of it the environment's proxy is not used.
    reloaded(&gateway, |yaml| yaml.replace("proxy: ", "# ")).await;
    assert_eq!(asked(&gateway, "far").await.0, 502);
    assert_eq!((first.heads().len(), second.heads().len()), (1, 1));
}

/// Changes the configuration, and waits until it is live.
async fn reloaded(gateway: &Process, change: impl FnOnce(String) -> String) {
    let place = gateway.folder.path().join("gateway.yaml");
    let before = gateway.status().await["bundle"].clone();
    std::fs::write(&place, change(std::fs::read_to_string(&place).unwrap())).unwrap();
    assert!(until(async || gateway.status().await["bundle"] != before).await, "{before}");
}
