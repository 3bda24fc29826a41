//! Temporary keys for a role from Amazon's token service: what is asked of it
//! with keys of another account or user, and its answers.
//!
//! Source: AWS STS API reference, AssumeRole, "Common errors"; AWS SDKs and Tools
//! Reference Guide, "Assume role credential provider", checked 2026-11-22.

use super::credentials::unix_seconds;
use super::{Credentials, refused, suffix};
use crate::error::Result;
use crate::percent::escaped;

/// The name of sessions that nobody names.
pub(super) const SESSION: &str = "pointsman";

/// A role that is taken on with other keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role.
    pub role_arn: String,
    /// The name that the session shows in Amazon's logs.
    pub session_name: String,
    /// What the role's owner asks of strangers.
    pub external_id: Option<String>,
    /// Seconds for which the keys are asked.
    pub duration: Option<u32>,
}

impl Role {
    /// A role of which no more is said.
    #[must_use]
    pub fn of(role_arn: &str, session_name: Option<String>) -> Self {
        let session_name = session_name.unwrap_or_else(|| SESSION.to_owned());
        Self { role_arn: role_arn.to_owned(), session_name, external_id: None, duration: None }
    }

    /// The body to post to [`sts_url`], of type `application/x-www-form-urlencoded`;
    /// the request is signed with the keys that take the role on.
    #[must_use]
    pub fn form(&self) -> String {
        let duration = self.duration.map(|seconds| seconds.to_string());
        let fields = [
            ("Action", Some("AssumeRole")),
            ("Version", Some("2011-06-15")),
            ("RoleArn", Some(&self.role_arn)),
            ("RoleSessionName", Some(&self.session_name)),
            ("ExternalId", self.external_id.as_deref()),
            ("DurationSeconds", duration.as_deref()),
        ];
        let pairs = fields.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped((*value)?))));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// The address of the token service in a region.
#[must_use]
pub fn sts_url(region: &str) -> String {
    format!("https://sts.{region}.{}/", suffix(region))
}

/// The keys in an answer of the token service, which is XML.
pub(super) fn read(answer: &str) -> Result<Credentials> {
    let keys = field(answer, "AccessKeyId").zip(field(answer, "SecretAccessKey"));
    let keys = keys.map(|(id, secret)| Credentials {
        expires: field(answer, "Expiration").and_then(unix_seconds),
        ..Credentials::of(id, secret, field(answer, "SessionToken"))
    });
    keys.ok_or_else(|| refused("Amazon's token service answered without keys for the role"))
}

impl Role {
    /// The keys in the token service's answer of status 200.
    ///
    /// # Errors
    /// `UpstreamAuth` when it holds no keys.
    pub fn read(answer: &str) -> Result<Credentials> {
        read(answer)
    }
}

/// The code of the error that the token service answered with (`AccessDenied`).
#[must_use]
pub fn sts_refusal(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let code = field(&text, "Code")?;
    code.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| code.to_owned())
}

/// The text of the element `name`.
fn field<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_asked_for() {
        let role = Role::of("arn:aws:iam::1:role/r", None);
        let plain = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=pointsman";
        assert_eq!(role.form(), plain);
        let role = Role { external_id: Some("a b".to_owned()), duration: Some(900), ..role };
        assert_eq!(role.form(), format!("{plain}&ExternalId=a%20b&DurationSeconds=900"));
        assert_eq!(sts_url("eu-west-1"), "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(sts_url("cn-north-1"), "https://sts.cn-north-1.amazonaws.com.cn/");
    }

    #[test]
    fn what_the_service_says() {
        let refusal = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x</Message></Error></ErrorResponse>";
        assert_eq!(sts_refusal(refusal).as_deref(), Some("AccessDenied"));
        for none in ["", "<Code>", "<Code>a b</Code>"] {
            assert_eq!(sts_refusal(none.as_bytes()), None);
        }
        assert!(Role::read("<Error/>").is_err());
    }
}
