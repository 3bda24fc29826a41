//! Where Google's tokens are looked for: a service account's key, which is the
//! provider's `api_key` or the file that `GOOGLE_APPLICATION_CREDENTIALS` names.
//!
//! Source: Google, "Application Default Credentials", checked 2026-11-21.

use http::HeaderValue;

use super::errand::{Errand, form};
use super::kept::Fetched;
use super::refused;
use crate::error::Result;
use crate::provider::google::{ServiceAccount, Token};
use crate::secret::Secret;

impl Errand {
    /// The value of `Authorization`.
    pub(super) async fn google(&self, key: Option<Secret>) -> Result<Fetched<HeaderValue>> {
        let file = match key {
            Some(key) => key,
            None => self.google_file().await?,
        };
        let account = ServiceAccount::read(&file)?;
        let answer = self.ask(account.token_uri(), form(account.form(self.now)?), |_| None).await?;
        let token = Token::read(&answer, self.now)?;
        Ok(Fetched { value: bearer(&token.access_token)?, ends: token.expires })
    }

    async fn google_file(&self) -> Result<Secret> {
        let name = "GOOGLE_APPLICATION_CREDENTIALS";
        let Some(path) = self.set(name) else {
            return Err(refused(
                "no credentials for Google: set `api_key: \"${file:PATH}\"` to a service account's key file, or GOOGLE_APPLICATION_CREDENTIALS",
            ));
        };
        self.file(&path, name).await
    }
}

/// The header that carries a token.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue> {
    let text = Secret::new(["Bearer ", token.expose()].concat());
    let mut value = HeaderValue::from_str(text.expose())
        .map_err(|_| refused("the token has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}
