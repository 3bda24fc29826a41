//! Credentials that have to be fetched: Amazon's keys, Google's tokens,
//! Entra ID's. Kept
//! while they hold, fetched once however many ask at the same time.
//!
//! Each vendor's file says where its credentials are looked for; what is asked there
//! and how answers are read is the vendor's own module below [`crate::provider`].

mod aws;
mod azure;
mod errand;
mod google;
mod kept;
mod program;

use std::sync::Arc;

use aws::Signer;
use bytes::Bytes;
use errand::{Errand, Variable};
use http::{HeaderName, HeaderValue};
use kept::Kept;

use super::Upstream;
use super::transport::Request;
use crate::error::{Error, Kind, Origin, Result};
use crate::provider::Provider;
use crate::provider::aws::{Account, Scope, Unsigned, region_of_host, sign};
use crate::provider::azure::resource_of;

/// The service that Bedrock's requests are signed for.
const SERVICE: &str = "bedrock";

/// Fetched credentials, and where the environment is read.
pub(super) struct Keyring {
    variable: Variable,
    aws: Kept<Account, Arc<Signer>>,
    tokens: Kept<Holder, Headers>,
    hasher: ahash::RandomState,
}

/// Who has a token: a provider, and a hash of what it asks for the token with.
type Holder = (Arc<str>, u64);

/// What a request is authorised with.
type Headers = Arc<[(HeaderName, HeaderValue)]>;

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(***)")
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new(Arc::new(environment))
    }
}

#[expect(clippy::disallowed_methods, reason = "the clouds' tools leave credentials in variables of theirs")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Keyring {
    /// Reads the environment through `variable`.
    fn new(variable: Variable) -> Self {
        let (aws, tokens) = (Kept::default(), Kept::default());
        Self { variable, aws, tokens, hasher: ahash::RandomState::new() }
    }

    fn errand(&self, upstream: &Upstream, provider: &Provider, now: u64) -> Errand {
        let (variable, proxies) = (Arc::clone(&self.variable), provider.proxies.clone());
        Errand { upstream: upstream.clone(), variable, proxies, now }
    }

    /// Signs a request of `provider` to Amazon whose body is `body`.
    ///
    /// # Errors
    /// `UpstreamAuth` when there are no credentials, errors of the services that give them out.
    pub(super) async fn sign_aws(
        &self,
        upstream: &Upstream,
        provider: &Provider,
        (request, body): (&mut Request, &Bytes),
        now: u64,
    ) -> Result<()> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let region = region_of_host(&host);
        let signer = self.aws.get(&provider.account, now, || {
            let (errand, account) = (self.errand(upstream, provider, now), provider.account.clone());
            let region = region.map(str::to_owned);
            async move { errand.aws(&account, region).await }
        });
        let signer = signer.await?;
        let unsigned = Unsigned {
            method: request.method(),
            host: &host,
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
            body,
        };
        let scope = Scope { region: region.unwrap_or(&signer.region), service: SERVICE };
        let added = sign(&unsigned, &signer.credentials, scope, now)?;
        request.headers_mut().extend(added);
        Ok(())
    }

    /// The headers that authorise a request to a provider of Google's.
    ///
    /// # Errors
    /// `UpstreamAuth` when there are no credentials, errors of the services that give tokens out.
    pub(super) async fn google(&self, upstream: &Upstream, provider: &Provider, now: u64) -> Result<Headers> {
        let fetch = || {
            let (errand, key) = (self.errand(upstream, provider, now), provider.api_key.clone());
            async move { errand.google(key).await }
        };
        self.tokens.get(&self.holder(provider), now, fetch).await
    }

    /// The headers that authorise a request to a provider of Azure's.
    ///
    /// # Errors
    /// `UpstreamAuth` when there are no credentials, errors of the services that give tokens out.
    pub(super) async fn azure(
        &self,
        upstream: &Upstream,
        provider: &Provider,
        request: &Request,
        now: u64,
    ) -> Result<Headers> {
        let resource = resource_of(request.uri().host().unwrap_or_default());
        let fetch = || {
            let errand = self.errand(upstream, provider, now);
            async move { errand.azure(resource).await }
        };
        self.tokens.get(&self.holder(provider), now, fetch).await
    }

    fn holder(&self, provider: &Provider) -> Holder {
        let key = provider.api_key.as_ref().map(|key| self.hasher.hash_one(key.expose()));
        (Arc::clone(&provider.name), key.unwrap_or_default())
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::UpstreamAuth, Origin::Gateway, message)
}

#[cfg(test)]
mod tests;
