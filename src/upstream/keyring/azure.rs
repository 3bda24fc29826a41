//! Where Entra ID's tokens are looked for, in this order: an application's secret,
//! a workload's token file, the managed identity of the app service or machine.
//!
//! Source: Microsoft, "Azure Identity client library", `DefaultAzureCredential`, checked 2026-11-22.

use std::sync::Arc;

use http::Method;
use http::header::AUTHORIZATION;

use super::errand::{AT_WORK, Errand, bearer, form, plain};
use super::kept::Fetched;
use super::{Headers, refused};
use crate::error::Result;
use crate::provider::Token;
use crate::provider::azure::{Client, Identity, Managed, refusal};

/// Who gives tokens out.
const ENTRA: &str = "Entra ID";

impl Errand {
    /// The headers that authorise a request for `resource`.
    pub(super) async fn azure(&self, resource: &'static str) -> Result<Fetched<Headers>> {
        let token = match Identity::of_environment(|name| self.set(name)) {
            Identity::Client { client, secret } => {
                self.token_of_client(&client, client.form(&secret, resource)).await?
            }
            Identity::Workload { client, token_file } => {
                let token = self.file(&token_file, "AZURE_FEDERATED_TOKEN_FILE").await?;
                self.token_of_client(&client, client.form_of_workload(&token, resource)).await?
            }
            Identity::Managed(managed) => self.token_of_managed(&managed, resource).await?,
        };
        let headers = [(AUTHORIZATION, bearer(&token.access_token)?)];
        Ok(Fetched { value: Arc::new(headers), ends: token.expires })
    }

    async fn token_of_client(&self, client: &Client, body: String) -> Result<Token> {
        let answer = self.ask(&client.url(), form(body), refusal).await?;
        Token::read(&answer, self.now, ENTRA)
    }

    /// Asks the app service or the machine, the last of the places.
    async fn token_of_managed(&self, managed: &Managed, resource: &str) -> Result<Token> {
        let header = managed
            .header
            .as_ref()
            .map_or(("metadata", "true"), |header| ("x-identity-header", header.expose()));
        let url = managed.url(resource)?;
        let answer = self.ask_next_door(&url, plain(Method::GET, &[header])?, refusal, AT_WORK).await;
        let answer = answer.map_err(|error| {
            refused(format!(
                "no credentials for Azure. Looked, in this order, for AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET; \
                 with AZURE_FEDERATED_TOKEN_FILE; a managed identity at IDENTITY_ENDPOINT or the machine's metadata service ({error}). \
                 Give one of them, or an `api_key` (a key, or a token of Entra ID)"
            ))
        })?;
        Token::read(&answer, self.now, ENTRA)
    }
}
