//! Keys of a user who signed in at IAM Identity Center with `aws sso login`: the
//! token that the command left behind, and what is asked of the portal with it.
//!
//! Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center credential
//! provider"; IAM Identity Center Portal API reference, GetRoleCredentials, checked 2026-11-22.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Deserialize;

use super::credentials::unix_seconds;
use super::{Credentials, Profile, Profiles, refused, suffix};
use crate::error::{Error, Result};
use crate::hex::hex;
use crate::percent::escaped;
use crate::secret::Secret;

/// A role that a signed-in user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sso {
    /// The profile, as `aws sso login` takes it.
    pub profile: String,
    /// By which the token's file is named: the session's name, or the portal's address.
    pub session: String,
    /// Where the portal is.
    pub region: String,
    /// The account.
    pub account_id: String,
    /// The role in that account.
    pub role_name: String,
}

impl Sso {
    /// What a profile says; none where it says nothing of signing in.
    ///
    /// # Errors
    /// `UpstreamAuth` when it says half of it.
    pub(super) fn of(name: &str, profile: &Profile, profiles: &Profiles) -> Result<Option<Self>> {
        let named = profile.setting("sso_session");
        let Some(session) = named.or_else(|| profile.setting("sso_start_url")) else { return Ok(None) };
        let section = match named {
            Some(session) => profiles.sso_session(session).ok_or_else(|| {
                refused(format!("profile `{name}` names `sso_session = {session}`, and there is no [sso-session {session}]"))
            })?,
            None => profile,
        };
        let setting = |place: &Profile, key: &str| {
            let missing =
                || refused(format!("profile `{name}` signs in with IAM Identity Center and lacks `{key}`"));
            place.setting(key).map(str::to_owned).ok_or_else(missing)
        };
        Ok(Some(Self {
            profile: name.to_owned(),
            session: session.to_owned(),
            region: setting(section, "sso_region")?,
            account_id: setting(profile, "sso_account_id")?,
            role_name: setting(profile, "sso_role_name")?,
        }))
    }

    /// The name of the token's file in `~/.aws/sso/cache`.
    #[must_use]
    pub fn file_name(&self) -> String {
        let name = digest(&SHA1_FOR_LEGACY_USE_ONLY, self.session.as_bytes());
        format!("{}.json", hex(name.as_ref()))
    }

    /// The token in that file, at `now` (seconds since the Unix epoch).
    ///
    /// # Errors
    /// `UpstreamAuth` when it holds none, or one that has ended.
    pub fn token(&self, file: &str, now: u64) -> Result<Secret> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Cached {
            access_token: String,
            expires_at: String,
        }
        let cached: Cached = serde_json::from_str(file).map_err(|_| self.login("holds no token"))?;
        // Older versions of the command wrote `UTC` for `Z`.
        let end = unix_seconds(&cached.expires_at.replace("UTC", "Z"));
        if end.is_none_or(|end| end <= now) {
            return Err(self.login("has ended"));
        }
        Ok(Secret::new(cached.access_token))
    }

    /// The error that asks to sign in.
    #[must_use]
    pub fn login(&self, why: &str) -> Error {
        let profile = &self.profile;
        refused(format!(
            "the sign-in of profile `{profile}` at IAM Identity Center {why}: run `aws sso login --profile {profile}`"
        ))
    }

    /// The portal's address.
    #[must_use]
    pub fn portal(&self) -> String {
        format!("https://portal.sso.{}.{}", self.region, suffix(&self.region))
    }

    /// What is got from the portal, with the token in `x-amz-sso_bearer_token`.
    #[must_use]
    pub fn path(&self) -> String {
        let (account, role) = (escaped(&self.account_id), escaped(&self.role_name));
        format!("/federation/credentials?account_id={account}&role_name={role}")
    }

    /// The keys in the portal's answer of status 200.
    ///
    /// # Errors
    /// `UpstreamAuth` when it holds none.
    pub fn read(answer: &[u8]) -> Result<Credentials> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            role_credentials: Keys,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Keys {
            access_key_id: String,
            secret_access_key: String,
            session_token: String,
            /// Milliseconds since the Unix epoch.
            expiration: u64,
        }
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|_| refused("the portal of IAM Identity Center answered without keys"))?;
        let keys = answer.role_credentials;
        Ok(Credentials {
            expires: Some(keys.expiration / 1000),
            ..Credentials::of(&keys.access_key_id, &keys.secret_access_key, Some(&keys.session_token))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sso(config: &str) -> Result<Option<Sso>> {
        let profiles = Profiles::read("", config);
        Sso::of("p", profiles.get("p").unwrap(), &profiles)
    }

    const ROLE: &str = "sso_account_id = 123456789012\nsso_role_name = Read Only\n";

    #[test]
    fn both_forms_of_a_profile() {
        let session = format!(
            "[profile p]\nsso_session = corp\n{ROLE}[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n"
        );
        let session = sso(&session).unwrap().unwrap();
        // SHA-1 of `corp`.
        assert_eq!(session.file_name(), "ee0bfd2552fbd840c02cc48b6e823320543c450f.json");
        assert_eq!(session.portal(), "https://portal.sso.eu-west-1.amazonaws.com");
        assert_eq!(session.path(), "/federation/credentials?account_id=123456789012&role_name=Read%20Only");
        let legacy = format!(
            "[profile p]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\n{ROLE}"
        );
        assert_eq!(sso(&legacy).unwrap().unwrap().session, "https://corp.awsapps.com/start");
        assert_eq!(sso("[profile p]\nregion = x\n").unwrap(), None);
        for (half, lacks) in [
            ("[profile p]\nsso_session = corp\n", "no [sso-session corp]"),
            ("[profile p]\nsso_start_url = https://x\n", "lacks `sso_region`"),
            ("[profile p]\nsso_start_url = https://x\nsso_region = r\n", "lacks `sso_account_id`"),
        ] {
            let message = sso(half).unwrap_err().message;
            assert!(message.contains(lacks), "{message}");
        }
    }

    #[test]
    fn tokens_and_answers() {
        let sso =
            sso(&format!("[profile p]\nsso_start_url = https://x\nsso_region = r\n{ROLE}")).unwrap().unwrap();
        for (file, now, expected) in [
            (r#"{"accessToken":"t","expiresAt":"2015-08-30T12:36:00Z"}"#, 1_440_938_159, Some("t")),
            (r#"{"accessToken":"t","expiresAt":"2015-08-30T12:36:00UTC"}"#, 1_440_938_159, Some("t")),
            (r#"{"accessToken":"t","expiresAt":"2015-08-30T12:36:00Z"}"#, 1_440_938_160, None),
            (r#"{"accessToken":"t","expiresAt":"soon"}"#, 0, None),
            ("{}", 0, None),
        ] {
            let token = sso.token(file, now);
            assert_eq!(token.as_ref().ok().map(Secret::expose), expected);
            assert!(token.is_ok() || token.unwrap_err().message.contains("run `aws sso login --profile p`"));
        }
        let keys = Sso::read(br#"{"roleCredentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T","expiration":1440938160000}}"#);
        let keys = keys.unwrap();
        assert_eq!((keys.access_key_id.as_str(), keys.expires), ("A", Some(1_440_938_160)));
        assert!(Sso::read(b"{}").is_err());
    }
}
