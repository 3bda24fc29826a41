//! Credentials: keys, and how long they hold.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Environment variables", checked 2026-11-21.

use serde::Deserialize;

use crate::secret::Secret;

/// What a signature is made with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The key's public name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// Goes along with temporary keys.
    pub session_token: Option<Secret>,
    /// Seconds since the Unix epoch at which temporary keys end.
    pub expires: Option<u64>,
}

impl Credentials {
    /// Keys that do not end by themselves.
    #[must_use]
    pub fn of(access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: Secret::new(secret_access_key),
            session_token: session_token.filter(|token| !token.is_empty()).map(Secret::new),
            expires: None,
        }
    }

    /// The keys that the environment holds. `variable` reads one variable.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (id, secret) = (set("AWS_ACCESS_KEY_ID")?, set("AWS_SECRET_ACCESS_KEY")?);
        Some(Self::of(&id, &secret, set("AWS_SESSION_TOKEN").as_deref()))
    }

    /// The keys that a container's or an instance's credential service answers with.
    ///
    /// Source: AWS SDKs and Tools Reference Guide, "Container credential provider", checked 2026-11-21.
    #[must_use]
    pub fn of_service(body: &[u8]) -> Option<Self> {
        let answer: ServiceAnswer = serde_json::from_slice(body).ok()?;
        let keys = Self::of(&answer.access_key_id, &answer.secret_access_key, answer.token.as_deref());
        Some(Self { expires: answer.expiration.as_deref().and_then(unix_seconds), ..keys })
    }
}

/// A credential service's answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceAnswer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

/// The time that an RFC 3339 text names.
pub(super) fn unix_seconds(text: &str) -> Option<u64> {
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(text, format).ok()?.unix_timestamp().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_environment_and_service() {
        let variables = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("A".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("S".to_owned()),
            "AWS_SESSION_TOKEN" => Some(String::new()),
            _ => None,
        };
        let keys = Credentials::of_environment(variables).unwrap();
        assert_eq!(
            (keys.access_key_id.as_str(), keys.session_token.is_none(), keys.expires),
            ("A", true, None)
        );
        assert!(Credentials::of_environment(|_| None).is_none());
        let body =
            br#"{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2015-08-30T12:36:00Z"}"#;
        let keys = Credentials::of_service(body).unwrap();
        assert_eq!(keys.expires, Some(1_440_938_160));
        assert!(Credentials::of_service(b"{}").is_none());
    }
}
