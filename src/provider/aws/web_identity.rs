//! Temporary keys for a role, in exchange for a token of another identity
//! provider, as Kubernetes service accounts have it: what is asked of Amazon's
//! token service, and its answer.
//!
//! Source: AWS STS API reference, AssumeRoleWithWebIdentity, checked 2026-11-21.

use super::Credentials;
use super::role::{self, SESSION};
use crate::error::Result;
use crate::percent::escaped;
use crate::secret::Secret;

/// A role and how it is taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The role.
    pub role_arn: String,
    /// The name that the session shows in Amazon's logs.
    pub session_name: String,
    /// The file that holds the token; it changes, and is read anew each time.
    pub token_file: String,
}

impl WebIdentity {
    /// What the environment says. `variable` reads one variable.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        Some(Self {
            role_arn: set("AWS_ROLE_ARN")?,
            token_file: set("AWS_WEB_IDENTITY_TOKEN_FILE")?,
            session_name: set("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.to_owned()),
        })
    }

    /// What a profile says.
    #[must_use]
    pub fn of_profile(profile: &super::Profile) -> Option<Self> {
        Some(Self {
            role_arn: profile.setting("role_arn")?.to_owned(),
            token_file: profile.setting("web_identity_token_file")?.to_owned(),
            session_name: profile.setting("role_session_name").unwrap_or(SESSION).to_owned(),
        })
    }

    /// The body to post to [`super::sts_url`], of type `application/x-www-form-urlencoded`; it needs no signature.
    #[must_use]
    pub fn form(&self, token: &Secret) -> String {
        let fields = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.role_arn),
            ("RoleSessionName", &self.session_name),
            ("WebIdentityToken", token.expose().trim()),
        ];
        let pairs = fields.map(|(name, value)| format!("{name}={}", escaped(value)));
        pairs.join("&")
    }

    /// The keys in the service's answer of status 200, which is XML.
    ///
    /// # Errors
    /// `UpstreamAuth` when it holds no keys.
    pub fn read(answer: &str) -> Result<Credentials> {
        role::read(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_for_a_token() {
        let variables = |name: &str| match name {
            "AWS_ROLE_ARN" => Some("arn:aws:iam::1:role/r".to_owned()),
            "AWS_WEB_IDENTITY_TOKEN_FILE" => Some("/token".to_owned()),
            _ => None,
        };
        let identity = WebIdentity::of_environment(variables).unwrap();
        assert_eq!(
            identity.form(&Secret::new("a.b=\n")),
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=pointsman&WebIdentityToken=a.b%3D"
        );
        let answer = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
            <SessionToken>T</SessionToken><SecretAccessKey>S</SecretAccessKey>\
            <Expiration>2015-08-30T12:36:00Z</Expiration><AccessKeyId>A</AccessKeyId>\
            </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
        let keys = WebIdentity::read(answer).unwrap();
        assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.expose()), ("A", "S"));
        assert_eq!((keys.session_token.unwrap().expose(), keys.expires), ("T", Some(1_440_938_160)));
        assert_eq!(WebIdentity::read("<Error/>").unwrap_err().kind, crate::error::Kind::UpstreamAuth);
    }
}
