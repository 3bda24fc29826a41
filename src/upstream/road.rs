//! The way of a connection: straight to its target, or through a proxy. A target
//! behind TLS is reached through a tunnel (CONNECT), with TLS inside; a plain one
//! by sending whole addresses to the proxy, as most of them open tunnels to port
//! 443 alone.
//!
//! Sources: RFC 9110, section 9.3.6; RFC 9112, section 3.2.2; Squid's default
//! configuration (`http_access deny CONNECT !SSL_ports`), checked 2026-11-22.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::Service;

use super::names::Names;
use crate::provider::{Proxies, Proxy};

/// Longest head of a proxy's answer, bytes.
const HEAD: usize = 8 << 10;

/// What is spoken over: TCP, in TLS where the proxy is behind it.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A proxy that did not do its part.
#[derive(Debug)]
pub(super) struct ProxyFailed {
    /// Its host and port.
    pub(super) proxy: String,
    pub(super) how: How,
}

/// How a proxy failed.
#[derive(Debug)]
pub(super) enum How {
    /// It cannot be reached.
    Away(Cause),
    /// It answered with this status.
    Refused(u16),
    /// It closed the connection, or spoke no HTTP.
    Broken,
    /// There was no connection through it in time.
    Late,
}

impl ProxyFailed {
    pub(super) fn new(proxy: &Proxy, how: How) -> Self {
        Self { proxy: proxy.name().to_owned(), how }
    }
}

impl std::fmt::Display for ProxyFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let proxy = &self.proxy;
        match &self.how {
            How::Away(_) => write!(f, "the proxy {proxy} cannot be reached"),
            How::Refused(407) => write!(
                f,
                "the proxy {proxy} asks for other credentials (status 407): set user and password in `proxy`"
            ),
            How::Refused(status) => write!(f, "the proxy {proxy} did not connect (status {status})"),
            How::Broken => write!(f, "the proxy {proxy} closed the connection or speaks no HTTP"),
            How::Late => write!(f, "no connection through the proxy {proxy} in time"),
        }
    }
}

impl std::error::Error for ProxyFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.how {
            How::Away(cause) => Some(&**cause),
            _ => None,
        }
    }
}

/// Makes connections.
#[derive(Debug, Clone)]
pub(super) struct Road {
    tcp: HttpConnector<Names>,
    to_proxy: HttpsConnector<HttpConnector<Names>>,
    proxies: Option<Arc<Proxies>>,
}

impl Road {
    pub(super) fn new(
        tcp: HttpConnector<Names>,
        tls: Arc<rustls::ClientConfig>,
        proxies: Option<Arc<Proxies>>,
    ) -> Self {
        Self { to_proxy: (tcp.clone(), tls).into(), tcp, proxies }
    }

    /// The proxy on the way to `target`.
    pub(super) fn proxy(&self, target: &Uri) -> Option<&Proxy> {
        self.proxies.as_ref()?.of(target)
    }
}

/// Whether what goes to `target` through a proxy goes as whole addresses.
pub(super) fn is_forwarded(target: &Uri) -> bool {
    target.scheme_str() == Some("http")
}

impl Service<Uri> for Road {
    type Response = Stream;
    type Error = Cause;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Cause>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Some(proxy) = self.proxy(&target).cloned() else {
            let connecting = self.tcp.call(target);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let connecting = self.to_proxy.call(proxy.uri().clone());
        Box::pin(async move {
            let stream = connecting.await.map_err(|cause| ProxyFailed::new(&proxy, How::Away(cause)))?;
            if is_forwarded(&target) {
                return Ok(stream);
            }
            Ok(tunnel(stream, &target, &proxy).await.map_err(|how| ProxyFailed::new(&proxy, how))?)
        })
    }
}

/// Asks for a tunnel to `target`.
async fn tunnel(stream: Stream, target: &Uri, proxy: &Proxy) -> Result<Stream, How> {
    let host = target.host().unwrap_or_default();
    let port = target.port_u16().unwrap_or(443);
    let mut asked = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(authorization) = proxy.authorization() {
        asked.extend_from_slice(b"Proxy-Authorization: ");
        asked.extend_from_slice(authorization.as_bytes());
        asked.extend_from_slice(b"\r\n");
    }
    asked.extend_from_slice(b"\r\n");
    let mut stream = TokioIo::new(stream);
    let answer = async {
        stream.write_all(&asked).await?;
        stream.flush().await?;
        let mut head = Vec::with_capacity(512);
        while head.len() < HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        Ok::<_, io::Error>(head)
    };
    let head = answer.await.map_err(|_| How::Broken)?;
    match status(&head) {
        // Behind TLS it is not the target that speaks first: what follows would be the proxy's.
        Some(200..300) if head.ends_with(b"\r\n\r\n") => Ok(stream.into_inner()),
        Some(200..300) | None => Err(How::Broken),
        Some(status) => Err(How::Refused(status)),
    }
}

/// The status in the head of an answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.strip_prefix("HTTP/1.")?.split(' ');
    words.nth(1)?.parse().ok().filter(|status| (100..1000).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_answers() {
        for (head, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", Some(407)),
            ("HTTP/1.1 503\r\n", Some(503)),
            ("HTTP/1.1 2000 OK\r\n\r\n", None),
            ("SSH-2.0-x\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head}");
        }
    }
}
