//! Providers behind TLS, as all are in earnest: whom the gateway trusts, and what
//! a provider's bound on the streams of one connection does to many clients.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::process::{Manner, PATIENCE, Process};
use crate::provider::WHOLE;

/// An authority, and the file in which the gateway finds it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::default()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    pub fn file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// A server's TLS under a certificate for `name`, valid until so many days from now.
    pub fn server(&self, name: &str, days: i64) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let now = time::OffsetDateTime::now_utc();
        params.not_before = now - time::Duration::days(30);
        params.not_after = now + time::Duration::days(days);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut server = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(server))
    }
}

/// How a port answers.
enum Port {
    /// TLS, then whole answers.
    Tls(TlsAcceptor),
    /// These bytes, whatever comes.
    Says(&'static [u8]),
    /// Nothing.
    Silent,
}

/// What a port has seen: connections, and requests over them.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// Opens a port; gives the base URL.
async fn open(port: Port) -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
    let seen = Arc::new(Seen::default());
    let told = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            told.connections.fetch_add(1, Ordering::SeqCst);
            match &port {
                Port::Tls(acceptor) => {
                    tokio::spawn(answer(acceptor.clone(), stream, Arc::clone(&told)));
                }
                Port::Says(bytes) => drop(stream.write_all(bytes).await),
                Port::Silent => held.push(stream),
            }
        }
    });
    (base, seen)
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream, seen: Arc<Seen>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = hyper::service::service_fn(|_: http::Request<Incoming>| {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        let reply = http::Response::new(http_body_util::Full::new(Bytes::from(WHOLE)));
        async { Ok::<_, Infallible>(reply) }
    });
    drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}

/// A configuration with a provider and a model for each name.
fn yaml(models: &[(&str, &str)]) -> String {
    let providers: Vec<_> = models
        .iter()
        .map(|(name, base)| format!("  {name}: {{ kind: openai, base_url: \"{base}\", api_key: the-key }}\n"))
        .collect();
    let models: Vec<_> =
        models.iter().map(|(name, _)| format!("  {name}: {{ provider: {name} }}\n")).collect();
    format!("providers:\n{}models:\n{}", providers.concat(), models.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_to_who_is_not_trusted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let ports = [
        ("good", Port::Tls(authority.server("localhost", 30))),
        ("expired", Port::Tls(authority.server("localhost", -1))),
        ("other_name", Port::Tls(authority.server("elsewhere.example", 30))),
        ("unknown_authority", Port::Tls(stranger.server("localhost", 30))),
        // An alert that says `protocol_version`: RFC 8446, 6.2.
        ("old_version", Port::Says(&[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46])),
        ("no_tls", Port::Says(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")),
        ("silent", Port::Silent),
    ];
    let mut open_ports = Vec::new();
    for (name, port) in ports {
        let (base, seen) = open(port).await;
        open_ports.push((name, base, seen));
    }
    let models: Vec<_> = open_ports.iter().map(|(name, base, _)| (*name, base.as_str())).collect();
    let file = authority.file();
    let manner = Manner { variables: &[("SSL_CERT_FILE", file.as_str())], ..Manner::default() };
    let gateway = Process::start_as(&yaml(&models), &manner).await;
    for (name, _, seen) in &open_ports {
        let began = Instant::now();
        let answer = gateway.chat(name, false).send().await.unwrap();
        let (status, attempts) = (answer.status().as_u16(), answer.headers()["x-pointsman-attempts"].clone());
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let (code, requests) = (body["error"]["code"].as_str(), seen.requests.load(Ordering::SeqCst));
        match *name {
            "good" => assert_eq!((status, requests), (200, 1), "{body}"),
            "silent" => {
                assert_eq!((status, code, requests), (504, Some("upstream_timeout"), 0), "{body}");
                assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
            }
            _ => {
                assert_eq!((status, code, requests), (502, Some("upstream_tls"), 0), "{name}: {body}");
                // Whom it does not trust it does not ask again.
                let connections = seen.connections.load(Ordering::SeqCst);
                assert_eq!((attempts.to_str().unwrap(), connections), ("1", 1), "{name}: {body}");
            }
        }
    }
}

/// More than a provider lets through one connection at once: 100 is usual.
const CLIENTS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_on_streams_of_a_connection_keeps_nobody_waiting() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
    let acceptor = authority.server("localhost", 30);
    let (end, ended) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(stream_until(acceptor.clone(), stream, ended.clone()));
        }
    });
    let file = authority.file();
    let manner = Manner { variables: &[("SSL_CERT_FILE", file.as_str())], ..Manner::default() };
    let gateway = Process::start_as(&yaml(&[("small", &base)]), &manner).await;
    let mut answers = Vec::new();
    while answers.len() < CLIENTS {
        // Few at once: the time for making a connection is bounded, and machines are slow.
        let some = join_all((0..10).map(|_| async {
            let mut answer = gateway.chat("small", true).send().await.unwrap();
            let first = answer.chunk().await.unwrap().unwrap_or_default();
            (answer, String::from_utf8_lossy(&first).into_owned())
        }));
        answers.extend(tokio::time::timeout(PATIENCE, some).await.expect("all streams begin"));
    }
    end.send_replace(true);
    for (answer, first) in answers {
        let whole = first + answer.text().await.unwrap().as_str();
        assert!(whole.contains("Hel") && whole.trim_end().ends_with("[DONE]"), "{whole}");
    }
}

/// Streams a word to each request, and the end when it is told.
async fn stream_until(acceptor: TlsAcceptor, stream: TcpStream, ended: watch::Receiver<bool>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = hyper::service::service_fn(move |_: http::Request<Incoming>| {
        let mut ended = ended.clone();
        let word = futures_util::stream::once(async { WORD.to_owned() });
        let rest = futures_util::stream::once(async move {
            drop(ended.wait_for(|ended| *ended).await);
            "data: [DONE]\n\n".to_owned()
        });
        let frames = futures_util::StreamExt::chain(word, rest);
        let body =
            futures_util::StreamExt::map(frames, |text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))));
        let reply = http::Response::builder().header("content-type", "text/event-stream");
        let reply = reply.body(Box::pin(StreamBody::new(body))).unwrap();
        async { Ok::<_, Infallible>(reply) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http2().max_concurrent_streams(100);
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

const WORD: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"},\"finish_reason\":null}]}\n\n";
