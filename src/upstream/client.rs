//! The HTTP client: pooled connections, signed requests, no redirects.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use parking_lot::RwLock;

use super::call::Call;
use super::keyring::Keyring;
use super::reply::Reply;
use super::simulated;
use super::transport::{Address, Outgoing, Reach, Request, Transport};
use crate::clock::Clock;
use crate::error::{Error, Kind, Origin, Result};
use crate::provider::azure::is_token;
use crate::provider::{Auth, Provider, Proxies};
use crate::secret::Secret;

/// Parsed addresses that are remembered.
const ADDRESSES: usize = 4096;

/// Ways through proxies that are kept: those of reloads past, and of providers with their own.
const WAYS: usize = 64;

/// The way to all providers and services.
#[derive(Debug, Clone)]
pub struct Upstream {
    transport: Transport,
    next_door: Transport,
    /// The ways through proxies, made when they are first taken.
    through: Arc<RwLock<AHashMap<Arc<Proxies>, Transport>>>,
    addresses: Arc<RwLock<AHashMap<String, Address>>>,
    /// Names this process in `via`, so that a loop through it is noticed.
    via: HeaderValue,
    simulated: simulated::Simulated,
    keyring: Arc<Keyring>,
}

impl Upstream {
    /// A client that names itself `instance` in `via`.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up on this machine.
    pub fn new(instance: &str) -> Result<Self> {
        let (transport, next_door) = (Transport::new(Reach::World)?, Transport::new(Reach::NextDoor)?);
        let via = HeaderValue::from_str(&format!("1.1 pointsman-{instance}"))
            .map_err(|_| Error::internal("the instance's name does not fit a header"))?;
        let (through, addresses, keyring) = (Arc::default(), Arc::default(), Arc::default());
        let simulated = simulated::Simulated::default();
        Ok(Self { transport, next_door, through, addresses, via, simulated, keyring })
    }

    /// The value of `via` on everything that this process sends.
    #[must_use]
    pub fn via(&self) -> &HeaderValue {
        &self.via
    }

    /// Sends `call` and waits for the head of the answer. The caller sets the
    /// deadline by dropping the future.
    ///
    /// # Errors
    /// `Unreachable`, `Tls`, `TimedOut` before an answer; an answer of any
    /// status is `Ok`.
    pub async fn send(&self, call: Call<'_>) -> Result<Reply> {
        let provider = &call.model.provider;
        if provider.kind.in_process {
            return Box::pin(self.simulated.answer(call)).await;
        }
        let address = self.address(provider, &call.wire.path)?;
        let body = call.wire.body;
        // A GET or DELETE without a body states none: some servers refuse an empty one as bad JSON.
        let stated = call.upload.is_some() || !body.is_empty() || call.method == Method::POST;
        let outgoing = call.upload.map_or_else(|| Outgoing::Whole(body.clone()), Outgoing::Upload);
        let mut request = Request::new(outgoing);
        *request.method_mut() = call.method;
        *request.uri_mut() = address.uri;
        if stated {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, call.content_type.unwrap_or(json));
        }
        let headers = request.headers_mut();
        headers.insert(http::header::VIA, self.via.clone());
        for (name, value) in provider.kind.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        for (name, value) in provider.headers.iter().cloned().chain(call.wire.headers) {
            headers.insert(name, value);
        }
        if let Some(traceparent) = call.traceparent {
            headers.insert(HeaderName::from_static("traceparent"), traceparent);
        }
        self.authorise(provider, &mut request, &body).await?;
        self.execute(request, &address.host, provider.proxies.as_ref()).await
    }

    /// Adds the provider's credentials, fetching them where they have to be.
    async fn authorise(&self, provider: &Provider, request: &mut Request, body: &Bytes) -> Result<()> {
        let now = || Clock::System.now().unix_seconds();
        match (provider.kind.auth, &provider.api_key) {
            // On the heap: where a key is all it takes, requests have no room for these.
            (Auth::SigV4, None) => {
                Box::pin(self.keyring.sign_aws(self, provider, (request, body), now())).await
            }
            (Auth::GoogleToken, key) if key.as_ref().is_none_or(is_file) => {
                let headers = Box::pin(self.keyring.google(self, provider, now())).await?;
                request.headers_mut().extend(headers.iter().cloned());
                Ok(())
            }
            (Auth::Entra, None) => {
                let headers = Box::pin(self.keyring.azure(self, provider, request, now())).await?;
                request.headers_mut().extend(headers.iter().cloned());
                Ok(())
            }
            _ => sign(provider, request.headers_mut()),
        }
    }

    /// Fetches `url` whole, for feeds, through `proxies` where it has to be.
    ///
    /// # Errors
    /// As [`Self::send`]; `UpstreamFailed` on a status other than 200.
    pub async fn fetch(&self, url: &str, cap: usize, proxies: Option<&Arc<Proxies>>) -> Result<Bytes> {
        let address = Address::read(url).ok_or_else(|| Error::internal("the feed's address is no URL"))?;
        let host = Arc::clone(&address.host);
        let mut request = Request::new(Outgoing::Whole(Bytes::new()));
        *request.uri_mut() = address.uri;
        let reply = self.execute(request, &host, proxies).await?;
        if reply.status != http::StatusCode::OK {
            let text = format!("{host} answered with status {}", reply.status.as_u16());
            return Err(Error::new(Kind::UpstreamFailed, Origin::Upstream, text));
        }
        reply.body.whole(cap).await
    }

    /// Sends a request that is complete.
    pub(super) async fn execute(
        &self,
        request: Request,
        host: &Arc<str>,
        proxies: Option<&Arc<Proxies>>,
    ) -> Result<Reply> {
        match proxies {
            None => self.transport.send(request, host).await,
            Some(proxies) => self.through(proxies).send(request, host).await,
        }
    }

    /// The way through `proxies`: the same as long as they are.
    fn through(&self, proxies: &Arc<Proxies>) -> Transport {
        if let Some(transport) = self.through.read().get(proxies) {
            return transport.clone();
        }
        let mut known = self.through.write();
        if known.len() >= WAYS && !known.contains_key(proxies) {
            known.clear();
        }
        let made = || self.transport.through(Arc::clone(proxies));
        known.entry(Arc::clone(proxies)).or_insert_with(made).clone()
    }

    /// The way to metadata services, which nothing but a fetch of credentials takes.
    pub(super) fn next_door(&self) -> &Transport {
        &self.next_door
    }

    /// The address of `path` at `provider`, parsed once.
    fn address(&self, provider: &Provider, path: &str) -> Result<Address> {
        let mut text = String::with_capacity(provider.base_url.len() + 1 + path.len());
        text.extend([&provider.base_url, "/", path]);
        if let Some(address) = self.addresses.read().get(&text) {
            return Ok(address.clone());
        }
        let address = Address::read(&text).ok_or_else(|| {
            Error::internal(format!("provider `{}` has a base_url that gives no URL", provider.name))
        })?;
        let mut addresses = self.addresses.write();
        if addresses.len() >= ADDRESSES {
            addresses.clear();
        }
        addresses.insert(text, address.clone());
        Ok(address)
    }
}

/// Whether a key is one of Google's files rather than a token.
fn is_file(key: &Secret) -> bool {
    key.expose().trim_start().starts_with('{')
}

/// Adds the provider's key.
fn sign(provider: &Provider, headers: &mut http::HeaderMap) -> Result<()> {
    let Some(key) = &provider.api_key else {
        return match provider.kind.auth {
            Auth::None | Auth::Bearer | Auth::Scheme(_) => Ok(()),
            Auth::Header(_) | Auth::SigV4 | Auth::GoogleToken | Auth::Entra => Err(no_key(provider)),
        };
    };
    let (name, text) = match provider.kind.auth {
        Auth::None => return Ok(()),
        Auth::Header(name) => (HeaderName::from_static(name), key.expose().to_owned()),
        Auth::Entra if !is_token(key) => (HeaderName::from_static("api-key"), key.expose().to_owned()),
        Auth::Scheme(scheme) => (AUTHORIZATION, [scheme, " ", key.expose()].concat()),
        Auth::Bearer | Auth::SigV4 | Auth::GoogleToken | Auth::Entra => {
            (AUTHORIZATION, ["Bearer ", key.expose()].concat())
        }
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        let text = format!("the key of provider `{}` has characters that no header may have", provider.name);
        Error::new(Kind::UpstreamAuth, Origin::Gateway, text)
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn no_key(provider: &Provider) -> Error {
    let text = format!(
        "provider `{}` has no credentials: set `api_key: \"${{env:NAME}}\"` in gateway.yaml",
        provider.name
    );
    Error::new(Kind::UpstreamAuth, Origin::Gateway, text)
}
