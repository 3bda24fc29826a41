//! Calls to declared services: vector stores and plain HTTP. The path is joined
//! so that it cannot leave the service's base URL.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::Upstream;
use super::transport::{Address, Outgoing, Request};
use crate::error::{Error, Kind, Origin, Result};
use crate::provider::Proxies;

/// Largest answer of a service, bytes.
const ANSWER: usize = 4 << 20;

/// One call to a service.
#[derive(Debug)]
pub struct ServiceCall<'a> {
    /// The service's name, for errors.
    pub name: &'a str,
    /// Where it is.
    pub base_url: &'a str,
    /// HTTP method.
    pub method: Method,
    /// Path and query below the base URL.
    pub path: &'a str,
    /// JSON body.
    pub body: Option<Bytes>,
    /// Headers, credentials among them.
    pub headers: HeaderMap,
    /// The proxies between it and this machine.
    pub proxies: Option<&'a Arc<Proxies>>,
    /// Longest wait for the whole answer.
    pub timeout: Duration,
}

impl Upstream {
    /// Calls a service and reads its answer whole: status and body.
    ///
    /// # Errors
    /// `InvalidRequest`: the path leaves the base URL; `Unreachable`, `Tls`,
    /// `TimedOut`; `InvalidResponse` above 4 MiB.
    pub async fn service(&self, call: ServiceCall<'_>) -> Result<(u16, Bytes)> {
        let url = join(call.base_url, call.path).as_ref().and_then(Address::of);
        let address = url.ok_or_else(|| astray(call.name, "its path leaves the service's base URL"))?;
        let stated = call.body.is_some();
        let mut request = Request::new(Outgoing::Whole(call.body.unwrap_or_default()));
        *request.method_mut() = call.method;
        *request.uri_mut() = address.uri;
        *request.headers_mut() = call.headers;
        if stated {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().entry(http::header::CONTENT_TYPE).or_insert(json);
        }
        request.headers_mut().insert(HeaderName::from_static("via"), self.via().clone());
        let answered = async {
            let reply = self.execute(request, &address.host, call.proxies).await?;
            let status = reply.status.as_u16();
            Ok((status, reply.body.whole(ANSWER).await?))
        };
        tokio::time::timeout(call.timeout, answered).await.unwrap_or_else(|_| {
            let text =
                format!("service `{}` did not answer within {} ms", call.name, call.timeout.as_millis());
            Err(Error::new(Kind::TimedOut, Origin::Upstream, text))
        })
    }
}

fn astray(name: &str, what: &str) -> Error {
    Error::new(
        Kind::InvalidRequest,
        Origin::Policy,
        format!("the call to service `{name}` is refused: {what}"),
    )
}

/// `path` below `base`; none where it would lead elsewhere.
fn join(base: &str, path: &str) -> Option<Url> {
    let base = Url::parse(base.trim_end_matches('/')).ok()?;
    let plain = path.split(['?', '#']).next().unwrap_or_default();
    let strange = plain.contains('\\') || plain.contains("//") || path.chars().any(char::is_control);
    let dots = plain.split('/').any(|part| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part == "." || part == ".." || part.contains("%2f") || part.contains("%5c")
    });
    if strange || dots || path.contains('#') {
        return None;
    }
    let text = format!("{}/{}", base.as_str().trim_end_matches('/'), path.trim_start_matches('/'));
    let url = Url::parse(&text).ok()?;
    let within = url.origin() == base.origin() && url.path().starts_with(base.path().trim_end_matches('/'));
    within.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_base() {
        for (path, expected) in [
            ("items?limit=3", Some("http://127.0.0.1:9/api/items?limit=3")),
            ("/items/7", Some("http://127.0.0.1:9/api/items/7")),
            ("", Some("http://127.0.0.1:9/api/")),
            ("../admin", None),
            ("a/%2e%2E/b", None),
            ("a/%2fb", None),
            ("//evil.org/x", None),
            ("a\\b", None),
            ("a#b", None),
            ("a\r\nb", None),
        ] {
            let joined = join("http://127.0.0.1:9/api/", path).map(String::from);
            assert_eq!(joined.as_deref(), expected, "{path:?}");
        }
        assert!(
            join("http://127.0.0.1:9/api", "@evil.org/")
                .is_some_and(|url| url.host_str() == Some("127.0.0.1"))
        );
    }
}
