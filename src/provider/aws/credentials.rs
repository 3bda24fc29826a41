//! Credentials and the files in which they stand.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials
//! files", "Environment variables", checked 2026-11-21.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::secret::Secret;

/// Seconds before their end at which credentials are no longer used.
const MARGIN: u64 = 300;

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

    /// Whether they may still be used at `now` (seconds since the Unix epoch):
    /// not in the last five minutes of their life.
    #[must_use]
    pub fn is_fresh(&self, now: u64) -> bool {
        self.expires.is_none_or(|end| now.saturating_add(MARGIN) < end)
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

/// The profiles of `~/.aws/credentials` and `~/.aws/config`.
#[derive(Debug, Default)]
pub struct Profiles(BTreeMap<String, Profile>);

/// One profile.
#[derive(Debug, Default, Clone)]
pub struct Profile {
    /// Keys that stand in the file.
    pub credentials: Option<Credentials>,
    /// The region.
    pub region: Option<String>,
    /// The role to take on.
    pub role_arn: Option<String>,
    /// The name of the session in that role.
    pub role_session_name: Option<String>,
    /// The file with the token by which the role is taken on.
    pub web_identity_token_file: Option<String>,
}

impl Profiles {
    /// Reads both files; an absent one is empty. Of a profile in both, the
    /// credentials file's keys hold.
    #[must_use]
    pub fn read(credentials: &str, config: &str) -> Self {
        let mut sections: BTreeMap<String, BTreeMap<String, Secret>> = BTreeMap::new();
        for text in [config, credentials] {
            read_sections(text, &mut sections);
        }
        Self(sections.into_iter().map(|(name, keys)| (name, Profile::of(&keys))).collect())
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.0.get(name)
    }
}

impl Profile {
    fn of(keys: &BTreeMap<String, Secret>) -> Self {
        let text = |name: &str| keys.get(name).map(|value| value.expose().to_owned());
        let token = keys.get("aws_session_token").map(Secret::expose);
        let pair = keys.get("aws_access_key_id").zip(keys.get("aws_secret_access_key"));
        Self {
            credentials: pair.map(|(id, secret)| Credentials::of(id.expose(), secret.expose(), token)),
            region: text("region"),
            role_arn: text("role_arn"),
            role_session_name: text("role_session_name"),
            web_identity_token_file: text("web_identity_token_file"),
        }
    }
}

/// Adds the sections of one file. `[profile NAME]` is the config file's way of saying `[NAME]`.
fn read_sections(text: &str, sections: &mut BTreeMap<String, BTreeMap<String, Secret>>) {
    let mut section = None;
    for line in text.lines() {
        // Lines that are moved in belong to a setting with settings of its own.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        let line = line.trim_end();
        if let Some(name) =
            line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name.trim())
        {
            section = Some(name.strip_prefix("profile ").unwrap_or(name).trim().to_owned());
        } else if let (Some(section), Some((key, value))) = (&section, line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            let keys = sections.entry(section.clone()).or_default();
            keys.insert(key.trim().to_ascii_lowercase(), Secret::new(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_both_files() {
        let credentials = "# keys\n[default]\naws_access_key_id = AKID\naws_secret_access_key=SECRET\n\n[dev]\naws_access_key_id=A2\naws_secret_access_key=S2\naws_session_token=T2\n";
        let config = "[default]\nregion = eu-west-1 # home\ns3 =\n  max_concurrent_requests = 20\n[profile dev]\nregion=us-west-2\n[profile web]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = /token\n";
        let profiles = Profiles::read(credentials, config);
        let seen = |name: &str| {
            let profile = profiles.get(name).unwrap();
            let keys = profile.credentials.as_ref();
            (
                keys.map(|keys| (keys.access_key_id.clone(), keys.secret_access_key.expose().to_owned())),
                keys.and_then(|keys| keys.session_token.as_ref()).map(|token| token.expose().to_owned()),
                profile.region.clone(),
                profile.role_arn.clone(),
                profile.web_identity_token_file.clone(),
            )
        };
        let some = |text: &str| Some(text.to_owned());
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(seen("default"), (pair("AKID", "SECRET"), None, some("eu-west-1"), None, None));
        assert_eq!(seen("dev"), (pair("A2", "S2"), some("T2"), some("us-west-2"), None, None));
        assert_eq!(seen("web"), (None, None, None, some("arn:aws:iam::1:role/r"), some("/token")));
        assert!(profiles.get("none").is_none());
    }

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
            (keys.access_key_id.as_str(), keys.session_token.is_none(), keys.is_fresh(u64::MAX)),
            ("A", true, true)
        );
        assert!(Credentials::of_environment(|_| None).is_none());
        let body =
            br#"{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2015-08-30T12:36:00Z"}"#;
        let keys = Credentials::of_service(body).unwrap();
        assert_eq!(keys.expires, Some(1_440_938_160));
        assert_eq!((keys.is_fresh(1_440_937_859), keys.is_fresh(1_440_937_860)), (true, false));
        assert!(Credentials::of_service(b"{}").is_none());
    }
}
