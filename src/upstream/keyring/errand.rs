//! What one fetch of credentials has at hand: the environment, files, token
//! services, metadata services. Everything is bounded and has a deadline.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::refused;
use crate::error::Result;
use crate::provider::Proxies;
use crate::secret::Secret;
use crate::upstream::Upstream;
use crate::upstream::transport::{Address, Outgoing, Request};

/// Longest wait for a token service.
const SERVICE: Duration = Duration::from_secs(10);
/// Longest wait for a metadata service that has its answer at hand.
pub(super) const AT_ONCE: Duration = Duration::from_secs(1);
/// Longest wait for one that may have to get its answer from elsewhere first.
pub(super) const AT_WORK: Duration = Duration::from_secs(5);
/// Most bytes of an answer or a file.
const MOST: usize = 256 * 1024;

/// Reads a variable of the environment.
pub(super) type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads the code of an error from a service's answer.
pub(super) type Refusal = fn(&[u8]) -> Option<String>;

/// One fetch.
pub(super) struct Errand {
    pub(super) upstream: Upstream,
    pub(super) variable: Variable,
    /// The proxies between the provider and this machine, which token services are behind too.
    pub(super) proxies: Option<Arc<Proxies>>,
    /// When it began, seconds since the Unix epoch.
    pub(super) now: u64,
}

impl Errand {
    /// A variable that is set and not empty.
    pub(super) fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The user's folder.
    pub(super) fn home(&self) -> String {
        self.set("HOME").unwrap_or_default()
    }

    /// The file at `path`; none where there is no such file.
    ///
    /// # Errors
    /// `UpstreamAuth` when it cannot be read.
    pub(super) async fn file_if_there(&self, path: &str) -> Result<Option<Secret>> {
        match tokio::fs::metadata(path).await {
            Ok(facts) if facts.len() > MOST as u64 => {
                return Err(refused(format!("{path}: larger than {MOST} bytes")));
            }
            _ => {}
        }
        match tokio::fs::read_to_string(path).await {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(refused(format!("{path}: {error}"))),
        }
    }

    /// The file at `path`, which `named` names.
    ///
    /// # Errors
    /// `UpstreamAuth` when it cannot be read.
    pub(super) async fn file(&self, path: &str, named: &str) -> Result<Secret> {
        let file = self.file_if_there(path).await?;
        file.ok_or_else(|| refused(format!("{named}: there is no file {path}")))
    }

    /// Asks a service out in the world and reads its answer whole. Of an answer other
    /// than 200 the code that `refusal` reads is all that is told.
    ///
    /// # Errors
    /// `UpstreamAuth` when it refuses; errors of the connection.
    pub(super) async fn ask(&self, url: &str, mut request: Request, refusal: Refusal) -> Result<Bytes> {
        let address = address(url)?;
        *request.uri_mut() = address.uri;
        let host = &address.host;
        let asking = async {
            let reply = self.upstream.execute(request, host, self.proxies.as_ref()).await?;
            Ok((reply.status, reply.body.whole(MOST).await?))
        };
        answered(SERVICE, host, asking, refusal).await
    }

    /// Asks a service that is on this machine or next to it: never through a proxy,
    /// never twice, for `longest` at most. It is found within a second or not at all.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn ask_next_door(
        &self,
        url: &str,
        mut request: Request,
        refusal: Refusal,
        longest: Duration,
    ) -> Result<Bytes> {
        let address = address(url)?;
        *request.uri_mut() = address.uri;
        let host = &address.host;
        let asking = async {
            let reply = self.upstream.next_door().send(request, host).await?;
            Ok((reply.status, reply.body.whole(MOST).await?))
        };
        answered(longest, host, asking, refusal).await
    }
}

async fn answered(
    longest: Duration,
    host: &str,
    asking: impl Future<Output = Result<(StatusCode, Bytes)>>,
    refusal: Refusal,
) -> Result<Bytes> {
    let late = |_| refused(format!("{host} gave out no credentials within {} s", longest.as_secs()));
    let (status, answer) = tokio::time::timeout(longest, asking).await.map_err(late)??;
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let code = refusal(&answer).map(|code| format!(", {code}")).unwrap_or_default();
    Err(refused(format!("{host} refused to give out credentials (status {}{code})", status.as_u16())))
}

fn address(url: &str) -> Result<Address> {
    Address::read(url)
        .ok_or_else(|| refused(format!("the address that gives out credentials is no URL: {url}")))
}

/// A request without a body.
pub(super) fn plain(method: Method, headers: &[(&'static str, &str)]) -> Result<Request> {
    let mut request = Request::new(Outgoing::Whole(Bytes::new()));
    *request.method_mut() = method;
    for (name, value) in headers {
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| refused(format!("the value of {name} has characters that no header may have")))?;
        value.set_sensitive(true);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// A form that is posted.
pub(super) fn form(form: String) -> Request {
    let mut request = Request::new(Outgoing::Whole(form.into()));
    *request.method_mut() = Method::POST;
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    request
}

/// The header that carries a token.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue> {
    let text = Secret::new(["Bearer ", token.expose()].concat());
    let mut value = HeaderValue::from_str(text.expose())
        .map_err(|_| refused("the token has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}
