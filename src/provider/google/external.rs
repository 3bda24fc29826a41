//! An account at another identity provider: its token, from a file or an address,
//! is exchanged for one of Google's, which may stand for a service account.
//!
//! Source: Google, AIP-4117; "Security Token Service API", method token; "IAM
//! Service Account Credentials API", generateAccessToken, checked 2026-11-22.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{SCOPE, form, refused};
use crate::error::Result;
use crate::provider::Token;
use crate::secret::Secret;

/// How the exchange is called.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What it shall give.
const WANTED: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An account elsewhere.
#[derive(Debug, Deserialize)]
pub struct External {
    audience: String,
    subject_token_type: String,
    /// The address to post [`Self::form`] to.
    pub token_url: String,
    /// Where a token is exchanged for one of a service account, if it shall be.
    #[serde(rename = "service_account_impersonation_url")]
    pub impersonation_url: Option<String>,
    #[serde(default, rename = "service_account_impersonation")]
    impersonation: Impersonation,
    credential_source: CredentialSource,
}

#[derive(Debug, Default, Deserialize)]
struct Impersonation {
    token_lifetime_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct CredentialSource {
    file: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
struct Format {
    #[serde(default)]
    r#type: String,
    subject_token_field_name: Option<String>,
}

/// Where the other provider's token is.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// In this file.
    File(&'a str),
    /// At this address, asked with these headers.
    Url(&'a str, &'a BTreeMap<String, Secret>),
}

impl External {
    /// Reads the file.
    ///
    /// # Errors
    /// `UpstreamAuth` when something of it is missing, or it asks for what is not done here.
    pub(super) fn read(file: &Secret) -> Result<Self> {
        let external: Self = serde_json::from_str(file.expose()).map_err(|_| {
            refused("the file of the external account lacks `audience`, `subject_token_type`, `token_url` or `credential_source`")
        })?;
        external.source()?;
        let plain = [Some(&external.token_url), external.impersonation_url.as_ref()];
        if plain
            .into_iter()
            .flatten()
            .any(|url| !url.starts_with("https://") && !url.starts_with("http://127.0.0.1:"))
        {
            return Err(refused(
                "the file of the external account has a `token_url` or `service_account_impersonation_url` that is not https",
            ));
        }
        Ok(external)
    }

    /// Where the other provider's token is.
    ///
    /// # Errors
    /// `UpstreamAuth` when it is neither in a file nor at an address.
    pub fn source(&self) -> Result<Source<'_>> {
        let source = &self.credential_source;
        match (&source.file, &source.url) {
            (Some(file), _) => Ok(Source::File(file)),
            (None, Some(url)) => Ok(Source::Url(url, &source.headers)),
            (None, None) => Err(refused(
                "the file of the external account has a `credential_source` other than `file` and `url`",
            )),
        }
    }

    /// The other provider's token in what was read from its source.
    ///
    /// # Errors
    /// `UpstreamAuth` when there is none. Quotes nothing of it.
    pub fn subject_token(&self, read: &str) -> Result<Secret> {
        let format = &self.credential_source.format;
        let token = if format.r#type == "json" {
            let field = format.subject_token_field_name.as_deref().unwrap_or("access_token");
            let value: Option<Value> = serde_json::from_str(read).ok();
            value.and_then(|value| Some(value.get(field)?.as_str()?.to_owned())).unwrap_or_default()
        } else {
            read.trim().to_owned()
        };
        let token = Secret::new(token);
        if token.is_empty() {
            Err(refused("the external account's source holds no token"))
        } else {
            Ok(token)
        }
    }

    /// The body, of type `application/x-www-form-urlencoded`, that asks for a token of Google's.
    #[must_use]
    pub fn form(&self, subject_token: &Secret) -> String {
        form(&[
            ("grant_type", GRANT),
            ("audience", &self.audience),
            ("scope", SCOPE),
            ("requested_token_type", WANTED),
            ("subject_token", subject_token.expose()),
            ("subject_token_type", &self.subject_token_type),
        ])
    }

    /// The JSON body that asks for a token of the service account.
    #[must_use]
    pub fn impersonation(&self) -> String {
        let lifetime = self.impersonation.token_lifetime_seconds.unwrap_or(3600);
        json!({ "scope": [SCOPE], "lifetime": format!("{lifetime}s") }).to_string()
    }

    /// The service account's token in the answer of status 200.
    ///
    /// # Errors
    /// `UpstreamAuth` when it holds none.
    pub fn impersonated(answer: &[u8]) -> Result<Token> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            access_token: String,
            expire_time: String,
        }
        let answer: Option<Answer> = serde_json::from_slice(answer).ok();
        let token = answer.and_then(|answer| {
            let end = OffsetDateTime::parse(&answer.expire_time, &Rfc3339).ok()?;
            let expires = end.unix_timestamp().try_into().ok()?;
            Some(Token { access_token: Secret::new(answer.access_token), expires })
        });
        token.ok_or_else(|| refused("Google answered without a token of the service account"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external(source: &Value) -> Result<External> {
        let file = json!({
            "type": "external_account", "audience": "//iam/p", "subject_token_type": "urn:jwt",
            "token_url": "https://sts.googleapis.com/v1/token", "credential_source": source,
        });
        External::read(&Secret::new(file.to_string()))
    }

    #[test]
    fn sources_and_their_tokens() {
        let json_form = json!({ "type": "json", "subject_token_field_name": "id_token" });
        for (source, read, expected) in [
            (json!({ "file": "/t" }), " jwt\n", Some("jwt")),
            (json!({ "file": "/t", "format": { "type": "text" } }), "jwt", Some("jwt")),
            (json!({ "url": "http://x/t", "format": json_form }), r#"{"id_token":"jwt"}"#, Some("jwt")),
            (json!({ "url": "http://x/t", "format": json_form }), r#"{"other":"jwt"}"#, None),
            (json!({ "file": "/t" }), "  ", None),
        ] {
            let token = external(&source).unwrap().subject_token(read);
            assert_eq!(token.as_ref().ok().map(Secret::expose), expected);
        }
        for other in [json!({ "environment_id": "aws1" }), json!({ "executable": { "command": "x" } })] {
            assert!(external(&other).unwrap_err().message.contains("other than `file` and `url`"));
        }
    }

    #[test]
    fn exchanges() {
        let external = external(&json!({ "file": "/t" })).unwrap();
        assert_eq!(
            external.form(&Secret::new("a.b")),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&audience=%2F%2Fiam%2Fp\
             &scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform\
             &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token\
             &subject_token=a.b&subject_token_type=urn%3Ajwt"
        );
        assert!(external.impersonation().ends_with(r#""lifetime":"3600s"}"#));
        let token =
            External::impersonated(br#"{"accessToken":"ya29","expireTime":"2015-08-30T12:36:00Z"}"#).unwrap();
        assert_eq!((token.access_token.expose(), token.expires), ("ya29", 1_440_938_160));
        assert!(External::impersonated(b"{}").is_err());
    }
}
