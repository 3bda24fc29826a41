//! The gateway as a process, and the providers before which it stands.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use pointsman::record::{Archive, Exchange, Filter};
use tokio::sync::Semaphore;

/// What a provider was asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub headers: http::HeaderMap,
    /// The first 4 MiB.
    pub body: Vec<u8>,
    pub size: usize,
    /// Whether the body came to its end.
    pub whole: bool,
}

/// What it answers.
#[derive(Debug, Clone)]
pub struct Said {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Bytes,
}

type Script = Box<dyn Fn(&Asked) -> Said + Send>;

/// A provider.
#[derive(Clone)]
pub struct Provider {
    pub port: u16,
    stage: Arc<Mutex<Stage>>,
}

struct Stage {
    asked: Vec<Asked>,
    script: Script,
    /// Answers wait for a place here.
    gate: Arc<Semaphore>,
}

pub fn json(text: impl Into<String>) -> Said {
    Said { status: 200, content_type: "application/json", body: Bytes::from(text.into()) }
}

impl Provider {
    pub async fn start() -> Self {
        let stage =
            Stage { asked: Vec::new(), script: Box::new(|_| json("{}")), gate: Arc::new(Semaphore::new(1)) };
        let stage = Arc::new(Mutex::new(stage));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = axum::Router::new().fallback(play).with_state(Arc::clone(&stage));
        tokio::spawn(pointsman::server::listen(
            listener,
            router.into(),
            std::sync::Arc::new(pointsman::worker::Workers::here()),
            pointsman::server::Drain::default(),
        ));
        Self { port, stage }
    }

    pub fn says(&self, script: impl Fn(&Asked) -> Said + Send + 'static) {
        self.stage.lock().script = Box::new(script);
    }

    /// Holds its answers back, from what it is asked next, until the permit is dropped.
    pub async fn hold(&self) -> tokio::sync::OwnedSemaphorePermit {
        let gate = Arc::clone(&self.stage.lock().gate);
        gate.acquire_owned().await.unwrap()
    }

    /// Waits until it was asked something.
    pub async fn until_asked(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.stage.lock().asked.is_empty() {
            assert!(Instant::now() < deadline, "the provider is asked within 30 s");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it was asked since the last look.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.stage.lock().asked)
    }
}

async fn play(State(stage): State<Arc<Mutex<Stage>>>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let mut asked = Asked {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        ..Asked::default()
    };
    asked.whole = loop {
        match body.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => {
                let Ok(chunk) = frame.into_data() else { continue };
                asked.size += chunk.len();
                if asked.body.len() < 4 << 20 {
                    asked.body.extend_from_slice(&chunk);
                }
            }
        }
    };
    let (said, gate) = {
        let mut stage = stage.lock();
        let said = (stage.script)(&asked);
        stage.asked.push(asked);
        (said, Arc::clone(&stage.gate))
    };
    drop(gate.acquire().await.unwrap());
    let response = Response::builder().status(said.status).header("content-type", said.content_type);
    response.header("content-disposition", "attachment").body(Body::from(said.body)).unwrap()
}

/// A gateway in a process of its own.
pub struct Gateway {
    pub child: Child,
    pub port: u16,
    pub admin: u16,
    folder: tempfile::TempDir,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Secrets of keys, as variables of the gateway's environment.
pub const SECRETS: [(&str, &str); 4] = [
    ("KEY_A", "a-secret-of-the-first-key"),
    ("KEY_B", "a-secret-of-the-second-key"),
    ("KEY_C", "a-secret-of-the-third-key"),
    ("KEY_D", "a-secret-of-the-fourth-key"),
];

fn serve(folder: &tempfile::TempDir) -> Child {
    Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .args(["serve".as_ref(), folder.path().as_os_str()])
        .envs(SECRETS)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

impl Gateway {
    /// Starts one; `yaml` is the configuration besides its ports.
    pub async fn start(yaml: &str) -> Self {
        Self::start_with(yaml, &[]).await
    }

    /// The same with policies: names, and texts.
    pub async fn start_with(yaml: &str, policies: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        for (name, text) in policies {
            std::fs::write(folder.path().join("policies").join(format!("{name}.rhai")), text).unwrap();
        }
        let (port, admin) = (crate::port::free_port(), crate::port::free_port());
        let ports = format!("listen: 127.0.0.1:{port}\nadmin: {{ listen: 127.0.0.1:{admin} }}\n");
        std::fs::write(folder.path().join("gateway.yaml"), ports + yaml).unwrap();
        let mut gateway = Self { child: serve(&folder), port, admin, folder };
        gateway.ready().await;
        gateway
    }

    /// Starts one with the configuration of `folder`, at ports of its own.
    pub async fn start_from(source: &std::path::Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(source, folder.path());
        let file = folder.path().join("gateway.yaml");
        let (port, admin) = (crate::port::free_port(), crate::port::free_port());
        let yaml = std::fs::read_to_string(&file).unwrap();
        let yaml = yaml.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
        std::fs::write(file, yaml.replace("127.0.0.1:8081", &format!("127.0.0.1:{admin}"))).unwrap();
        let mut gateway = Self { child: serve(&folder), port, admin, folder };
        gateway.ready().await;
        gateway
    }

    /// Ends the process without a word, and starts it again over the same folder.
    pub async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = serve(&self.folder);
        self.ready().await;
    }

    async fn ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        // Of its two ports the one that it opens last.
        while tokio::net::TcpStream::connect(("127.0.0.1", self.admin)).await.is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the gateway serves rather than end with {ended:?}");
            assert!(Instant::now() < deadline, "the gateway listens within 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The folder of its configuration.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// What was recorded, newest first, whole.
    pub async fn records(&self) -> Vec<Exchange> {
        let archive = Archive::open(&self.folder.path().join("records")).unwrap();
        let mut found = Vec::new();
        for listed in archive.list(&Filter { limit: 1_000, ..Filter::default() }).await.unwrap() {
            found.push(archive.get(&listed.id).await.unwrap().unwrap());
        }
        found
    }

    pub fn ask(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.request(method.parse().unwrap(), format!("http://127.0.0.1:{}{path}", self.port))
    }

    /// A figure of `/metrics`: the sum over its labels.
    pub async fn figure(&self, name: &str) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.admin);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let lines =
            text.lines().filter(|line| line.starts_with(name) && line[name.len()..].starts_with([' ', '{']));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// The largest memory of the process so far, bytes.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

/// A JSON answer.
pub async fn value(got: reqwest::Response) -> serde_json::Value {
    serde_json::from_slice(&got.bytes().await.unwrap()).unwrap()
}
