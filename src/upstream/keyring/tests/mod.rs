//! Credentials from every place, against services that note what they are asked.

mod aws;
mod azure;
mod google;

use std::collections::HashMap;
use std::io::Write as _;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::provider::{Kind as ProviderKind, kind};
use crate::secret::Secret;
use crate::upstream::transport::Outgoing;

/// 2015-08-30T12:36:00Z.
const AT: u64 = 1_440_938_160;

fn keyring(variables: &[(&str, &str)]) -> Keyring {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Keyring::new(Arc::new(move |name| variables.get(name).cloned()))
}

fn provider(kind_name: &str, api_key: Option<&str>) -> Provider {
    let kind: &ProviderKind = kind(kind_name).unwrap();
    Provider {
        name: "p".into(),
        kind,
        base_url: String::new(),
        api_key: api_key.map(Secret::new),
        account: Account::default(),
        proxies: None,
        headers: Vec::new(),
        quirks: crate::dialect::Quirks::default(),
        dialect: crate::ir::Dialect::Gemini,
    }
}

/// A service, where it is, and what it was asked.
struct Service {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// Answers each request, seen as text, with a status and a body.
    async fn start(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let request = read(&mut socket).await;
                let (status, body) = answer(&request);
                noted.lock().push(request);
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, asked }
    }

    /// The same answer for all.
    async fn saying(status: u16, body: &'static str) -> Self {
        Self::start(move |_| (status, body.to_owned())).await
    }

    fn count(&self) -> usize {
        self.asked.lock().len()
    }

    fn asked(&self, index: usize) -> String {
        self.asked.lock()[index].clone()
    }
}

/// Head and body of a request.
async fn read(socket: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        if socket.read_buf(&mut seen).await.unwrap() == 0 {
            return text;
        }
    }
}

/// An address at which nobody is.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}
