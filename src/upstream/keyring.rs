//! Credentials that have to be fetched: Amazon's keys and Google's tokens. Kept
//! while they hold, fetched once however many ask at the same time.
//!
//! Amazon's come, in this order, from the environment, a web identity, a
//! profile of the shared files, a container's credential service. Google's are
//! exchanged for a service account's key: the account's `api_key`, or the file
//! that `GOOGLE_APPLICATION_CREDENTIALS` names.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Standardized credential
//! providers"; Google, "Application Default Credentials", checked 2026-11-21.

use std::sync::Arc;

use ahash::AHashMap;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use parking_lot::RwLock;

use super::Upstream;
use super::transport::{Address, Outgoing, Request};
use crate::error::{Error, Kind, Origin, Result};
use crate::provider::Provider;
use crate::provider::aws::{self, Credentials, Profiles, Scope, Unsigned, WebIdentity, region_of_host};
use crate::provider::google::{ServiceAccount, Token};
use crate::secret::Secret;

/// Seconds after which keys that do not end are looked for again: their file may have changed.
const LOOK_AGAIN: u64 = 900;
/// Most bytes of a token service's answer.
const ANSWER: usize = 256 * 1024;
/// Where containers on Amazon's ECS ask for their keys.
const CONTAINER: &str = "http://169.254.170.2";
/// The region where nothing names one.
const REGION: &str = "us-east-1";
/// The service that Bedrock's requests are signed for.
const SERVICE: &str = "bedrock";

/// Reads a variable of the environment.
type Variable = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Fetched credentials, and where the environment is read.
pub(super) struct Keyring {
    variable: Variable,
    aws: RwLock<Option<(Arc<Credentials>, u64)>>,
    google: RwLock<AHashMap<Arc<str>, Token>>,
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(***)")
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new(Box::new(environment))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "Amazon's and Google's tools leave credentials in variables of theirs"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Keyring {
    /// Reads the environment through `variable`.
    fn new(variable: Variable) -> Self {
        let (aws, google) = (RwLock::default(), RwLock::default());
        Self { variable, aws, google, turn: tokio::sync::Mutex::default() }
    }

    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Signs a request to Amazon whose body is `body`.
    ///
    /// # Errors
    /// `UpstreamAuth` when there are no credentials, errors of the services that give them out.
    pub(super) async fn sign_aws(
        &self,
        upstream: &Upstream,
        request: &mut Request,
        body: &Bytes,
        now: u64,
    ) -> Result<()> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let region = match region_of_host(&host) {
            Some(region) => region.to_owned(),
            None => self.region().await,
        };
        let credentials = self.aws(upstream, &region, now).await?;
        let unsigned = Unsigned {
            method: request.method(),
            host: &host,
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: request.headers(),
            body,
        };
        let scope = Scope { region: &region, service: SERVICE };
        let added = aws::sign(&unsigned, &credentials, scope, now)?;
        request.headers_mut().extend(added);
        Ok(())
    }

    /// The value of `Authorization` for a provider of Google's.
    ///
    /// # Errors
    /// `UpstreamAuth` when there is no service account, errors of the token service.
    pub(super) async fn google(
        &self,
        upstream: &Upstream,
        provider: &Provider,
        now: u64,
    ) -> Result<HeaderValue> {
        if let Some(token) = self.kept_token(provider, now) {
            return bearer(&token);
        }
        let _turn = self.turn.lock().await;
        if let Some(token) = self.kept_token(provider, now) {
            return bearer(&token);
        }
        let file = match &provider.api_key {
            Some(key) => key.clone(),
            None => self.google_file(provider).await?,
        };
        let account = ServiceAccount::read(&file)?;
        let answer = upstream.exchange(account.token_uri(), form_request(account.form(now)?)).await?;
        let token = Token::read(&answer, now)?;
        let value = bearer(&token);
        self.google.write().insert(Arc::clone(&provider.name), token);
        value
    }

    fn kept_token(&self, provider: &Provider, now: u64) -> Option<Token> {
        self.google.read().get(&provider.name).filter(|token| token.is_fresh(now)).cloned()
    }

    async fn google_file(&self, provider: &Provider) -> Result<Secret> {
        let Some(path) = self.set("GOOGLE_APPLICATION_CREDENTIALS") else {
            let message = format!(
                "provider `{}` has no credentials: set `api_key: \"${{file:PATH}}\"` to a service account's key file, or GOOGLE_APPLICATION_CREDENTIALS",
                provider.name
            );
            return Err(refused(message));
        };
        let text = tokio::fs::read_to_string(&path).await;
        text.map(Secret::new)
            .map_err(|error| refused(format!("GOOGLE_APPLICATION_CREDENTIALS: {path}: {error}")))
    }

    /// The keys for requests to Amazon.
    async fn aws(&self, upstream: &Upstream, region: &str, now: u64) -> Result<Arc<Credentials>> {
        if let Some(kept) = self.kept_keys(now) {
            return Ok(kept);
        }
        let _turn = self.turn.lock().await;
        if let Some(kept) = self.kept_keys(now) {
            return Ok(kept);
        }
        let fetched = Arc::new(self.fetch_keys(upstream, region).await?);
        *self.aws.write() = Some((Arc::clone(&fetched), now.saturating_add(LOOK_AGAIN)));
        Ok(fetched)
    }

    fn kept_keys(&self, now: u64) -> Option<Arc<Credentials>> {
        let kept = self.aws.read();
        let (keys, look_again) = kept.as_ref()?;
        let holds = if keys.expires.is_some() { keys.is_fresh(now) } else { now < *look_again };
        holds.then(|| Arc::clone(keys))
    }

    async fn fetch_keys(&self, upstream: &Upstream, region: &str) -> Result<Credentials> {
        if let Some(keys) = Credentials::of_environment(&*self.variable) {
            return Ok(keys);
        }
        if let Some(identity) = WebIdentity::of_environment(&*self.variable) {
            return self.assume(upstream, &identity, region).await;
        }
        let profiles = self.profiles().await;
        if let Some(profile) = profiles.get(&self.profile_name()) {
            if let Some(keys) = &profile.credentials {
                return Ok(keys.clone());
            }
            if let Some(identity) = WebIdentity::of_profile(profile) {
                return self.assume(upstream, &identity, region).await;
            }
        }
        self.ask_container(upstream).await
    }

    /// Takes a role on with the token of a web identity.
    async fn assume(&self, upstream: &Upstream, identity: &WebIdentity, region: &str) -> Result<Credentials> {
        let token = tokio::fs::read_to_string(&identity.token_file).await;
        let token = token.map_err(|error| refused(format!("{}: {error}", identity.token_file)))?;
        let url = self.set("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| WebIdentity::url(region));
        let answer = upstream.exchange(&url, form_request(identity.form(&Secret::new(token)))).await?;
        WebIdentity::read(&String::from_utf8_lossy(&answer))
    }

    /// Asks the container's credential service, the last of the places.
    async fn ask_container(&self, upstream: &Upstream) -> Result<Credentials> {
        let relative =
            self.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").map(|path| format!("{CONTAINER}{path}"));
        let Some(url) = relative.or_else(|| self.set("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else {
            return Err(refused(
                "no credentials for Amazon: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile in ~/.aws, \
                 AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or an `api_key` (a Bedrock API key)",
            ));
        };
        let mut request = Request::new(Outgoing::Whole(Bytes::new()));
        let token = match self.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(path) => tokio::fs::read_to_string(path).await.ok(),
            None => self.set("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        if let Some(value) = token.and_then(|token| HeaderValue::from_str(token.trim()).ok()) {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let answer = upstream.exchange(&url, request).await?;
        Credentials::of_service(&answer)
            .ok_or_else(|| refused("the container's credential service gave no keys"))
    }

    /// The region that the environment or the profile names.
    async fn region(&self) -> String {
        let named = self.set("AWS_REGION").or_else(|| self.set("AWS_DEFAULT_REGION"));
        if let Some(region) = named {
            return region;
        }
        let profiles = self.profiles().await;
        let region = profiles.get(&self.profile_name()).and_then(|profile| profile.region.clone());
        region.unwrap_or_else(|| REGION.to_owned())
    }

    fn profile_name(&self) -> String {
        self.set("AWS_PROFILE").unwrap_or_else(|| "default".to_owned())
    }

    /// The shared files; absent ones are empty.
    async fn profiles(&self) -> Profiles {
        let home = self.set("HOME").unwrap_or_default();
        let place =
            |variable: &str, name: &str| self.set(variable).unwrap_or_else(|| format!("{home}/.aws/{name}"));
        let read = |path: String| async move { tokio::fs::read_to_string(path).await.unwrap_or_default() };
        let keys = read(place("AWS_SHARED_CREDENTIALS_FILE", "credentials")).await;
        let config = read(place("AWS_CONFIG_FILE", "config")).await;
        Profiles::read(&keys, &config)
    }
}

impl Upstream {
    /// Sends a request for credentials to `url` and reads the answer whole.
    async fn exchange(&self, url: &str, mut request: Request) -> Result<Bytes> {
        let address = Address::read(url)
            .ok_or_else(|| refused(format!("the address that gives out credentials is no URL: {url}")))?;
        *request.uri_mut() = address.uri;
        let reply = self.execute(request, &address.host).await?;
        if reply.status == StatusCode::OK {
            return reply.body.whole(ANSWER).await;
        }
        let (host, status) = (&address.host, reply.status.as_u16());
        Err(refused(format!("{host} refused to give out credentials (status {status})")))
    }
}

/// A form that is posted.
fn form_request(form: String) -> Request {
    let mut request = Request::new(Outgoing::Whole(form.into()));
    *request.method_mut() = Method::POST;
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    request
}

fn bearer(token: &Token) -> Result<HeaderValue> {
    let text = format!("Bearer {}", token.access_token.expose());
    let mut value = HeaderValue::from_str(&text).map_err(|_| refused("Google's token fits no header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::UpstreamAuth, Origin::Gateway, message)
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
