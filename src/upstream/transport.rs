//! Connections to the outside: pooled, TLS where the address says so, no
//! redirects, through proxies where that is said. The only file that knows the HTTP client.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri, header};
use http_body::{Frame, SizeHint};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use tower::Service;
use url::Url;

use super::failure::{Failed, classify, through};
use super::line::{self, Line};
use super::metadata::{FORBIDDEN, is_metadata_host};
use super::names::Names;
use super::reply::{Body, Reply};
use super::road::{How, ProxyFailed, Road, Stream, is_forwarded};
use super::upload::Upload;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::provider::{Proxies, Proxy};
use crate::worker;

/// Longest wait for a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(3);
/// The same for one to a service next door.
const CONNECT_NEXT_DOOR: Duration = Duration::from_secs(1);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(75);
/// Unused connections kept a host.
const IDLE_CONNECTIONS: usize = 512;
/// How often a silent connection is asked whether it lives.
const ALIVE: Duration = Duration::from_secs(30);

/// Most that is read of an answer before somebody takes it, and largest head, bytes.
const AHEAD: usize = 96 << 10;

/// A request that is ready to go.
pub(super) type Request = http::Request<Outgoing>;

/// The ways to the outside.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    /// The pools of connections: one a worker, so that a request finds its connection
    /// on its own thread, and the first for threads that are no worker.
    pools: Arc<[Client]>,
    /// Makes a connection for each request.
    fresh: Client,
    tls: Arc<rustls::ClientConfig>,
    proxies: Option<Arc<Proxies>>,
}

type Client = legacy::Client<Patient, Outgoing>;

/// How far a transport reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everywhere but to metadata services.
    World,
    /// To metadata services and others on this machine or next to it; keeps no connection.
    NextDoor,
}

impl Transport {
    /// Pools without connections.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up on this machine.
    pub(super) fn new(reach: Reach) -> Result<Self> {
        Ok(Self::made(reach, Arc::new(tls()?), None))
    }

    /// The same, with pools of its own, through proxies.
    pub(super) fn through(&self, proxies: Arc<Proxies>) -> Self {
        Self::made(Reach::World, Arc::clone(&self.tls), Some(proxies))
    }

    fn made(reach: Reach, tls: Arc<rustls::ClientConfig>, proxies: Option<Arc<Proxies>>) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Names::new(reach == Reach::NextDoor));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(ALIVE));
        let road = Road::new(tcp, Arc::clone(&tls), proxies.clone());
        // No HTTP/2: its one connection a host would bound how many streams may be open at once.
        let connector = Patient { connector: (road.clone(), Arc::clone(&tls)).into(), road, reach };
        let client = |resting| {
            legacy::Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .http1_max_buf_size(AHEAD)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(resting)
                .build(connector.clone())
        };
        let (pools, resting) = match reach {
            Reach::World => (worker::cores() + 1, IDLE_CONNECTIONS),
            Reach::NextDoor => (1, 0),
        };
        let pools = (0..pools).map(|_| client(resting)).collect();
        Self { pools, fresh: client(0), tls, proxies }
    }

    /// Sends `request` and waits for the head of the answer. A connection that turns out
    /// to have died while it rested is replaced by a new one.
    ///
    /// # Errors
    /// `Unreachable`, `Tls`, `TimedOut` before an answer.
    pub(super) async fn send(&self, mut request: Request, host: &Arc<str>) -> Result<Reply> {
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let forwarder = self.forwarder(request.uri()).cloned();
        if let Some(authorization) = forwarder.as_ref().and_then(Proxy::authorization) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
        let (copy, began) = (copy(&request), Clock::mono());
        let answer = match (self.pool()?.request(request).await, copy) {
            (Err(error), Some(copy)) if line::was_dead(&error, began) => self.fresh.request(copy).await,
            (answer, _) => answer,
        };
        let (parts, body) = answer.map_err(|error| classify(&Failed::Call(error), host))?.into_parts();
        line::answered(&parts.extensions);
        let (status, mut headers) = (parts.status, parts.headers);
        if let Some(proxy) = forwarder.filter(|_| status == StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            return Err(through(&ProxyFailed::new(&proxy, How::Refused(status.as_u16())), host));
        }
        let body = Body::http(body, &mut headers, Arc::clone(host))?;
        Ok(Reply { status, headers, body })
    }

    /// The proxy to which requests to `target` are sent with their whole address.
    fn forwarder(&self, target: &Uri) -> Option<&Proxy> {
        self.proxies.as_ref().filter(|_| is_forwarded(target))?.of(target)
    }

    /// The pool of this thread. More workers than cores share.
    fn pool(&self) -> Result<&Client> {
        let own = worker::number().checked_rem(self.pools.len()).and_then(|at| self.pools.get(at));
        own.ok_or_else(|| Error::internal("there is no pool of connections"))
    }
}

/// The same request once more; none where its body passes only once.
fn copy(request: &Request) -> Option<Request> {
    let Outgoing::Whole(body) = request.body() else { return None };
    let mut copy = Request::new(Outgoing::Whole(body.clone()));
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

/// TLS with the machine's roots; with Mozilla's where the machine has none.
fn tls() -> Result<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::internal(format!("TLS cannot be set up: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A connector that waits [`CONNECT`] or [`CONNECT_NEXT_DOOR`] at most: for the name, the
/// port, the proxy and TLS together.
#[derive(Debug, Clone)]
pub(super) struct Patient {
    connector: HttpsConnector<Road>,
    road: Road,
    reach: Reach,
}

impl Service<Uri> for Patient {
    type Response = Line<MaybeHttpsStream<Stream>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), Self::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        if self.reach == Reach::World && address.host().is_some_and(is_metadata_host) {
            return Box::pin(async { Err(io::Error::other(FORBIDDEN).into()) });
        }
        let proxy = self.road.proxy(&address).cloned();
        let forwarded = proxy.is_some() && is_forwarded(&address);
        let connecting = self.connector.call(address);
        let longest = if self.reach == Reach::World { CONNECT } else { CONNECT_NEXT_DOOR };
        Box::pin(async move {
            match (tokio::time::timeout(longest, connecting).await, proxy) {
                (Ok(made), _) => Ok(Line::new(made?, forwarded)),
                (Err(_), Some(proxy)) => Err(ProxyFailed::new(&proxy, How::Late).into()),
                (Err(_), None) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

/// A body on its way out.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// All of it, until it is taken.
    Whole(Bytes),
    /// As it arrives.
    Upload(Upload),
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Upload(upload) => Pin::new(upload).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Upload(upload) => upload.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Upload(upload) => upload.size_hint(),
        }
    }
}

/// Where a request goes, parsed once.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// The address as it goes out.
    pub(super) uri: Uri,
    /// Its host, as errors name it.
    pub(super) host: Arc<str>,
}

impl Address {
    /// Reads an absolute URL; none where it is none, or names a user.
    pub(super) fn read(text: &str) -> Option<Self> {
        Self::of(&Url::parse(text).ok()?)
    }

    /// The address of a URL, less its fragment.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let host: Arc<str> = Arc::from(url.host_str().filter(|host| !host.is_empty())?);
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        Some(Self { uri: url.as_str().parse().ok()?, host })
    }
}
