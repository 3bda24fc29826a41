//! A user who signed in: the lasting token that is exchanged for short ones.
//!
//! Source: Google, AIP-4113; "Using OAuth 2.0 for web server applications", checked 2026-11-22.

use serde::Deserialize;

use super::{form, refused};
use crate::error::Result;
use crate::secret::Secret;

/// A user's credentials, as `gcloud auth application-default login` leaves them.
#[derive(Debug)]
pub struct User {
    client_id: String,
    client_secret: Secret,
    refresh_token: Secret,
    /// The address to post [`Self::form`] to.
    pub token_uri: String,
}

impl User {
    /// Reads the file.
    ///
    /// # Errors
    /// `UpstreamAuth` when something of it is missing.
    pub(super) fn read(file: &Secret) -> Result<Self> {
        #[derive(Deserialize)]
        struct Fields {
            client_id: String,
            client_secret: String,
            refresh_token: String,
            #[serde(default = "super::token_uri")]
            token_uri: String,
        }
        let fields: Fields = serde_json::from_str(file.expose()).map_err(|_| {
            refused("the file of the Google user lacks `client_id`, `client_secret` or `refresh_token`: run `gcloud auth application-default login`")
        })?;
        Ok(Self {
            client_id: fields.client_id,
            client_secret: Secret::new(fields.client_secret),
            refresh_token: Secret::new(fields.refresh_token),
            token_uri: fields.token_uri,
        })
    }

    /// The body, of type `application/x-www-form-urlencoded`, that asks for a token.
    #[must_use]
    pub fn form(&self) -> String {
        form(&[
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
            ("refresh_token", self.refresh_token.expose()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_token_for_a_short_one() {
        let file =
            r#"{"type":"authorized_user","client_id":"c","client_secret":"hush","refresh_token":"1//r"}"#;
        let user = User::read(&Secret::new(file)).unwrap();
        assert_eq!(user.token_uri, "https://oauth2.googleapis.com/token");
        assert_eq!(
            user.form(),
            "grant_type=refresh_token&client_id=c&client_secret=hush&refresh_token=1%2F%2Fr"
        );
        assert!(!format!("{user:?}").contains("hush"));
    }
}
