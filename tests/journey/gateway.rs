//! The real gateway on loopback, with a configuration written for a test.

use std::net::SocketAddr;
use std::time::Duration;

use pointsman::app::{Addresses, Options, open, run};
use pointsman::observe::Lines;
use serde_json::Value;
use tokio::sync::oneshot;

/// A gateway under test; stopped when dropped.
pub struct Gateway {
    pub data: SocketAddr,
    pub admin: SocketAddr,
    pub client: reqwest::Client,
    _stop: oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Gateway {
    /// Starts with `yaml` and the policies `(name, source)`.
    pub async fn start(yaml: &str, policies: &[(&str, &str)]) -> Self {
        Self::start_with(yaml, policies, None).await
    }

    /// The same with room for so many bytes of bodies.
    pub async fn start_with(yaml: &str, policies: &[(&str, &str)], bodies: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        for (name, source) in policies {
            let file = folder.path().join("policies").join(format!("{name}.rhai"));
            std::fs::write(file, source).unwrap();
        }
        let ports = "listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\npolicies: ./policies\n";
        std::fs::write(folder.path().join("gateway.yaml"), format!("{ports}{yaml}")).unwrap();
        let opened = open(folder.path()).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel::<Addresses>();
        let options = Options { lines: Lines::none(), drain: Duration::from_secs(1), workers: None, bodies };
        tokio::spawn(run(
            opened,
            options,
            async {
                drop(stopped.await);
                Duration::ZERO
            },
            |at| {
                let _ = tell.send(*at);
            },
        ));
        let Addresses { data, admin } = told.await.unwrap();
        Self {
            data,
            admin,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _stop: stop,
            _folder: folder,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.data)
    }

    pub fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.client.post(self.url(path)).header("content-type", "application/json").body(body)
    }

    /// Asks `model` in OpenAI's chat form.
    pub async fn chat(&self, model: &str, stream: bool) -> Answer {
        let body = format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"Hello there"}}]}}"#
        );
        self.send(self.post("/v1/chat/completions", body)).await
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let reply = request.send().await.unwrap();
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Answer { status, headers, body: reply.text().await.unwrap() }
    }

    /// The sum of all lines of the metric `name` whose labels contain `labels`.
    pub async fn metric(&self, name: &str, labels: &str) -> f64 {
        let text = self
            .client
            .get(format!("http://{}/metrics", self.admin))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        text.lines()
            .filter(|line| line.starts_with(name) && line.contains(labels))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Waits until the metric reaches `value`, for at most ten seconds.
    pub async fn metric_reaches(&self, name: &str, labels: &str, value: f64) {
        let waiting = async {
            while self.metric(name, labels).await < value {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .unwrap_or_else(|_| panic!("{name}{{{labels}}} did not reach {value}"));
    }

    /// Every accepted exchange is settled once, or under way.
    pub async fn account_holds(&self) {
        let accepted = self.metric("pointsman_exchanges_accepted_total", "").await;
        self.metric_reaches("pointsman_exchanges_settled_total", "", accepted).await;
        let settled = self.metric("pointsman_exchanges_settled_total", "").await;
        let in_flight = self.metric("pointsman_exchanges_in_flight", "").await;
        assert_eq!((settled, in_flight), (accepted, 0.0));
    }
}
