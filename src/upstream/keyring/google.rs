//! Where Google's tokens are looked for, in this order: the provider's `api_key`,
//! where it is a file of Google's; the file that the environment names; the file
//! that `gcloud` leaves; the metadata server.
//!
//! Source: Google, "How Application Default Credentials works", checked 2026-11-22.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};

use super::errand::{AT_WORK, Errand, bearer, form, plain};
use super::kept::Fetched;
use super::{Headers, refused};
use crate::error::Result;
use crate::provider::Token;
use crate::provider::google::{External, File, Identity, Source, metadata_url, refusal};
use crate::secret::Secret;
use crate::upstream::transport::{Outgoing, Request};

/// Who gives tokens out.
const GOOGLE: &str = "Google";
/// The variable that names a file.
const NAMED: &str = "GOOGLE_APPLICATION_CREDENTIALS";

impl Errand {
    /// The headers that authorise a request.
    pub(super) async fn google(&self, key: Option<Secret>) -> Result<Fetched<Headers>> {
        let file = match key {
            Some(key) => Some(key),
            None => self.google_file().await?,
        };
        let (token, project) = match file.as_ref().map(File::read).transpose()? {
            Some(file) => (self.token_of(&file.identity).await?, file.quota_project),
            None => (self.token_of_server().await?, None),
        };
        let mut headers = vec![(AUTHORIZATION, bearer(&token.access_token)?)];
        if let Some(project) = self.set("GOOGLE_CLOUD_QUOTA_PROJECT").or(project) {
            let value = HeaderValue::from_str(&project)
                .map_err(|_| refused("the quota project's name fits no header"))?;
            headers.push((HeaderName::from_static("x-goog-user-project"), value));
        }
        Ok(Fetched { value: Arc::from(headers), ends: token.expires })
    }

    /// The file that the environment names, or that `gcloud` leaves.
    async fn google_file(&self) -> Result<Option<Secret>> {
        if let Some(path) = self.set(NAMED) {
            return self.file(&path, NAMED).await.map(Some);
        }
        self.file_if_there(&self.left_by_gcloud()).await
    }

    fn left_by_gcloud(&self) -> String {
        let folder = self.set("CLOUDSDK_CONFIG");
        let folder = folder.unwrap_or_else(|| format!("{}/.config/gcloud", self.home()));
        format!("{folder}/application_default_credentials.json")
    }

    async fn token_of(&self, identity: &Identity) -> Result<Token> {
        match identity {
            Identity::ServiceAccount(account) => {
                let answer = self.ask(account.token_uri(), form(account.form(self.now)?), refusal).await?;
                Token::read(&answer, self.now, GOOGLE)
            }
            Identity::User(user) => {
                let answer = self.ask(&user.token_uri, form(user.form()), refusal).await;
                let answer = answer.map_err(|mut error| {
                    if error.message.contains("invalid_grant") {
                        error.message.push_str(": run `gcloud auth application-default login`");
                    }
                    error
                })?;
                Token::read(&answer, self.now, GOOGLE)
            }
            Identity::External(external) => self.token_of_external(external).await,
        }
    }

    async fn token_of_external(&self, external: &External) -> Result<Token> {
        let read = match external.source()? {
            Source::File(path) => self.file(path, "the external account's token").await?,
            Source::Url(url, headers) => {
                let mut request = plain(Method::GET, &[])?;
                for (name, value) in headers {
                    let pair =
                        name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value.expose()).ok());
                    let (name, value) = pair
                        .ok_or_else(|| refused("a header of the external account's source fits no header"))?;
                    request.headers_mut().insert(name, value);
                }
                let answer = if url.starts_with("https://") {
                    self.ask(url, request, |_| None).await?
                } else {
                    self.ask_next_door(url, request, |_| None, AT_WORK).await?
                };
                Secret::new(String::from_utf8_lossy(&answer))
            }
        };
        let subject = external.subject_token(read.expose())?;
        let answer = self.ask(&external.token_url, form(external.form(&subject)), refusal).await?;
        let token = Token::read(&answer, self.now, GOOGLE)?;
        let Some(url) = &external.impersonation_url else { return Ok(token) };
        let mut request = Request::new(Outgoing::Whole(Bytes::from(external.impersonation())));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(AUTHORIZATION, bearer(&token.access_token)?);
        External::impersonated(&self.ask(url, request, refusal).await?)
    }

    /// Asks the metadata server, the last of the places.
    async fn token_of_server(&self) -> Result<Token> {
        let answer = match metadata_url(|name| self.set(name)) {
            Some(url) => {
                let request = plain(Method::GET, &[("metadata-flavor", "Google")])?;
                self.ask_next_door(&url, request, refusal, AT_WORK).await
            }
            None => Err(refused("NO_GCE_CHECK says not to ask it")),
        };
        let answer = answer.map_err(|error| {
            refused(format!(
                "no credentials for Google. Looked, in this order, for {NAMED}; {}; the metadata server of the machine ({error}). \
                 Give one of them, or an `api_key: \"${{file:PATH}}\"` with a file of credentials",
                self.left_by_gcloud()
            ))
        })?;
        Token::read(&answer, self.now, GOOGLE)
    }
}
