//! The gateway as a process whose limits, folder and log a test has in hand.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pointsman::record::{Archive, Exchange, Filter};
use serde_json::Value;

/// How long anything is waited for that comes sooner or later.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A provider without a network, and a model of it.
pub const DEMO: &str = "providers: { demo: { kind: simulated } }\nmodels: { small: { provider: demo } }\n";

/// A gateway.
pub struct Process {
    pub child: Child,
    pub port: u16,
    pub admin: u16,
    pub folder: tempfile::TempDir,
    pub client: reqwest::Client,
    /// What it wrote to its standard output, line by line.
    pub lines: Arc<Mutex<Vec<String>>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How it is started.
#[derive(Default)]
pub struct Manner<'a> {
    /// Shell commands before it: `ulimit`s.
    pub before: &'a str,
    /// Further arguments of `serve`.
    pub arguments: &'a [&'a str],
    /// Further variables of its environment.
    pub variables: &'a [(&'a str, &'a str)],
}

/// Writes a configuration; gives the two ports.
pub fn configured(folder: &Path, yaml: &str) -> (u16, u16) {
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    let (port, admin) = (crate::port::free_port(), crate::port::free_port());
    let ports = format!("listen: 127.0.0.1:{port}\nadmin: {{ listen: 127.0.0.1:{admin} }}\n");
    std::fs::write(folder.join("gateway.yaml"), ports + yaml).unwrap();
    (port, admin)
}

/// The command that serves `folder`.
pub fn command(folder: &Path, manner: &Manner<'_>) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{}\nexec \"$0\" \"$@\"", manner.before);
    command.args(["-c", &script, env!("CARGO_BIN_EXE_pointsman"), "serve"]);
    command.args(manner.arguments).arg(folder).envs(manner.variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

impl Process {
    /// Starts one with `yaml` besides its ports.
    pub async fn start(yaml: &str) -> Self {
        Self::start_as(yaml, &Manner::default()).await
    }

    pub async fn start_as(yaml: &str, manner: &Manner<'_>) -> Self {
        Self::start_in(yaml, manner, |_| {}).await
    }

    /// Starts one in a folder that `prepare` has filled.
    pub async fn start_in(yaml: &str, manner: &Manner<'_>, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, admin) = configured(folder.path(), yaml);
        prepare(folder.path());
        let mut child = command(folder.path(), manner).spawn().unwrap();
        let lines = collected(&mut child);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut process = Self { child, port, admin, folder, client, lines };
        process.ready().await;
        process
    }

    /// Starts one whose log nobody reads.
    pub async fn start_unread(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, admin) = configured(folder.path(), yaml);
        let child = command(folder.path(), &Manner::default()).spawn().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut process = Self { child, port, admin, folder, client, lines: Arc::default() };
        process.ready().await;
        process
    }

    /// Ends the process without a word, and starts it again over the same folder.
    pub async fn killed_and_restarted(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = command(self.folder.path(), &Manner::default()).spawn().unwrap();
        self.lines = collected(&mut self.child);
        // Without connections to the one before.
        self.client = reqwest::Client::builder().no_proxy().build().unwrap();
        self.ready().await;
    }

    async fn ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // Of its two ports the one that it opens last.
        while tokio::net::TcpStream::connect(("127.0.0.1", self.admin)).await.is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the gateway serves rather than end with {ended:?}");
            assert!(Instant::now() < deadline, "the gateway listens");
            tokio::task::yield_now().await;
        }
    }

    /// Asks `model` in OpenAI's chat form.
    pub fn chat(&self, model: &str, stream: bool) -> reqwest::RequestBuilder {
        let body = format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"Hello there"}}]}}"#
        );
        self.client.post(format!("http://127.0.0.1:{}/v1/chat/completions", self.port)).body(body)
    }

    /// Status and body at the admin port.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let got = self.client.get(format!("http://127.0.0.1:{}{path}", self.admin)).send().await.unwrap();
        (got.status().as_u16(), got.text().await.unwrap())
    }

    /// `/status`.
    pub async fn status(&self) -> Value {
        serde_json::from_str(&self.admin("/status").await.1).unwrap()
    }

    /// The sum of a metric's lines whose labels contain `labels`; none where there is no such line.
    pub async fn metric(&self, name: &str, labels: &str) -> Option<f64> {
        let text = self.admin("/metrics").await.1;
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).reduce(|a, b| a + b)
    }

    /// Waits until the metric reaches `value`.
    pub async fn reaches(&self, name: &str, labels: &str, value: f64) {
        let mut last = None;
        let reached = until(async || {
            last = self.metric(name, labels).await;
            last.is_some_and(|now| now >= value)
        });
        assert!(reached.await, "{name}{{{labels}}} reaches {value}: {last:?}");
    }

    /// What is recorded.
    pub async fn records(&self) -> Vec<Exchange> {
        let archive = Archive::open(&self.folder.path().join("records")).unwrap();
        archive.list(&Filter { limit: 100_000, ..Filter::default() }).await.unwrap()
    }

    /// Sends it a signal: `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(done.unwrap().success());
    }

    /// Waits until it has ended; gives its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        let over = until(async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(over.await, "the gateway ends");
        status.unwrap().code()
    }

    /// Open file descriptors of the process.
    pub fn descriptors(&self) -> Vec<String> {
        let all = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let named = |entry: std::fs::DirEntry| std::fs::read_link(entry.path()).unwrap_or_default();
        all.flatten().map(|entry| named(entry).display().to_string()).collect()
    }

    /// Processor time that it has used so far, seconds.
    pub fn seconds_used(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / 100.0
    }

    /// A figure of `/proc/PID/status`, bytes: `VmRSS`, `VmHWM`.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

/// Whether `done` becomes true within [`PATIENCE`].
pub async fn until(mut done: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

fn collected(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let (out, into) = (child.stdout.take().unwrap(), Arc::clone(&lines));
    std::thread::spawn(move || {
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            into.lock().push(String::from_utf8_lossy(&line).into_owned());
        }
    });
    lines
}
