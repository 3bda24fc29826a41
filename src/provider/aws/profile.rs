//! The shared files `~/.aws/credentials` and `~/.aws/config`: sections of settings.
//! What the settings of a profile come to is told by its [chain](super::Chain).
//!
//! Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials
//! files", checked 2026-11-21.

use std::collections::BTreeMap;

use super::Credentials;
use crate::secret::Secret;

/// The sections of both files.
#[derive(Debug, Default)]
pub struct Profiles(BTreeMap<String, Profile>);

/// The settings of one profile.
#[derive(Debug, Default)]
pub struct Profile(BTreeMap<String, Secret>);

impl Profiles {
    /// Reads both files; an absent one is empty. Of a profile in both, the
    /// credentials file's settings hold.
    #[must_use]
    pub fn read(credentials: &str, config: &str) -> Self {
        let mut profiles = Self::default();
        for text in [config, credentials] {
            profiles.add(text);
        }
        profiles
    }

    /// The profile of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.0.get(name)
    }

    /// The section `[sso-session NAME]`.
    pub(super) fn sso_session(&self, name: &str) -> Option<&Profile> {
        self.0.get(&format!("sso-session {name}"))
    }

    /// Adds the sections of one file. `[profile NAME]` is the config file's way of saying `[NAME]`.
    fn add(&mut self, text: &str) {
        let mut section = None;
        for line in text.lines() {
            // Lines that are moved in belong to a setting with settings of its own.
            if line.starts_with([' ', '\t', '#', ';']) {
                continue;
            }
            let line = line.trim_end();
            if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                let name = name.strip_prefix("profile ").unwrap_or(&name).trim_matches('"').to_owned();
                self.0.entry(name.clone()).or_default();
                section = Some(name);
            } else if let Some((section, (key, value))) = section.as_ref().zip(line.split_once('=')) {
                let value = value.split(" #").next().unwrap_or_default().trim();
                let settings = self.0.entry(section.clone()).or_default();
                settings.0.insert(key.trim().to_ascii_lowercase(), Secret::new(value));
            }
        }
    }
}

impl Profile {
    /// A setting that is not empty.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    /// Keys that stand in the file.
    #[must_use]
    pub fn credentials(&self) -> Option<Credentials> {
        let (id, secret) = self.setting("aws_access_key_id").zip(self.setting("aws_secret_access_key"))?;
        Some(Credentials::of(id, secret, self.setting("aws_session_token")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_both_files() {
        let credentials = "# keys\n[default]\naws_access_key_id = AKID\naws_secret_access_key=SECRET\n\n[dev]\naws_access_key_id=A2\naws_secret_access_key=S2\naws_session_token=T2\n";
        let config = "[default]\nregion = eu-west-1 # home\ns3 =\n  max_concurrent_requests = 20\n[profile dev]\nregion=us-west-2\n[profile  \"my web\"]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = /token\n[sso-session corp]\nsso_region = eu-north-1\n";
        let profiles = Profiles::read(credentials, config);
        let seen = |name: &str| {
            let profile = profiles.get(name).unwrap();
            let keys = profile.credentials();
            let said = |name: &str| profile.setting(name).map(str::to_owned);
            (
                keys.as_ref()
                    .map(|keys| (keys.access_key_id.clone(), keys.secret_access_key.expose().to_owned())),
                keys.and_then(|keys| keys.session_token).map(|token| token.expose().to_owned()),
                said("region"),
                said("role_arn"),
                said("s3"),
            )
        };
        let some = |text: &str| Some(text.to_owned());
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(seen("default"), (pair("AKID", "SECRET"), None, some("eu-west-1"), None, None));
        assert_eq!(seen("dev"), (pair("A2", "S2"), some("T2"), some("us-west-2"), None, None));
        assert_eq!(seen("my web"), (None, None, None, some("arn:aws:iam::1:role/r"), None));
        assert_eq!(profiles.sso_session("corp").and_then(|it| it.setting("sso_region")), Some("eu-north-1"));
        assert!(profiles.get("none").is_none() && profiles.sso_session("none").is_none());
        assert!(!format!("{profiles:?}").contains("SECRET"));
    }
}
