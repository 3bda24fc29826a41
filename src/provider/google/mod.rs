//! Google's credentials, as arithmetic: the files in which they stand, what is
//! asked for a token, and the answers. Knows no HTTP client and no clock.
//!
//! Source: Google, "How Application Default Credentials works"; AIP-4110 and
//! following, checked 2026-11-22.

mod external;
mod service_account;
mod user;

pub use external::{External, Source};
pub use service_account::ServiceAccount;
#[cfg(test)]
pub(crate) use service_account::TEST_KEY;
pub use user::User;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Kind, Origin, Result};
use crate::percent::escaped;
use crate::secret::Secret;

/// What a token is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Where tokens are given out, where a file does not say it.
fn token_uri() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

/// What stands in a file of credentials.
#[derive(Debug)]
pub enum Identity {
    /// A service account's key.
    ServiceAccount(Box<ServiceAccount>),
    /// A user who signed in with `gcloud auth application-default login`.
    User(User),
    /// Another identity provider's account.
    External(External),
}

/// A file of credentials.
#[derive(Debug)]
pub struct File {
    /// Who it speaks for.
    pub identity: Identity,
    /// The project that pays, where it is not the resource's own.
    pub quota_project: Option<String>,
}

impl File {
    /// Reads a file of credentials of any type.
    ///
    /// # Errors
    /// `UpstreamAuth` when it is none, or of a type that is not read here. Quotes nothing of it.
    pub fn read(file: &Secret) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            r#type: Option<String>,
            quota_project_id: Option<String>,
        }
        let head: Head = serde_json::from_str(file.expose())
            .map_err(|_| refused("the file of Google's credentials is not the JSON that Google hands out"))?;
        let identity = match head.r#type.as_deref() {
            None | Some("service_account") => Identity::ServiceAccount(Box::new(ServiceAccount::read(file)?)),
            Some("authorized_user") => Identity::User(User::read(file)?),
            Some("external_account") => Identity::External(External::read(file)?),
            Some(_) => {
                return Err(refused(
                    "the file of Google's credentials has a `type` other than service_account, authorized_user and external_account",
                ));
            }
        };
        Ok(Self { identity, quota_project: head.quota_project_id.filter(|project| !project.is_empty()) })
    }
}

/// The address of the metadata server's token; none where the environment says that
/// there is no such server. `variable` reads one variable.
///
/// Source: Google, "About VM metadata", AIP-4115, checked 2026-11-22.
#[must_use]
pub fn metadata_url(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    if variable("NO_GCE_CHECK").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return None;
    }
    let host = variable("GCE_METADATA_HOST").filter(|host| !host.is_empty());
    let host = host.unwrap_or_else(|| "metadata.google.internal".to_owned());
    let scope = escaped(SCOPE);
    Some(format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token?scopes={scope}"))
}

/// The code of the error that a service of Google's answered with (`invalid_grant`, `PERMISSION_DENIED`).
#[must_use]
pub fn refusal(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let error = answer.get("error")?;
    let code = error.as_str().or_else(|| error.get("status")?.as_str())?;
    let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && code.len() <= 64).then(|| code.to_owned())
}

/// Fields as a form has them.
fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::UpstreamAuth, Origin::Gateway, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart() {
        for (file, expected) in [
            (
                r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","quota_project_id":"q"}"#,
                Ok(Some("q")),
            ),
            (r#"{"type":"authorized_user","client_id":"hush"}"#, Err("lacks")),
            (r#"{"type":"gdch_service_account"}"#, Err("has a `type` other than")),
            ("hush", Err("not the JSON")),
            ("{}", Err("not the JSON")),
        ] {
            let read = File::read(&Secret::new(file)).map(|file| file.quota_project);
            match (read, expected) {
                (Ok(project), Ok(expected)) => assert_eq!(project.as_deref(), expected),
                (Err(error), Err(why)) => {
                    assert!(
                        error.message.contains(why) && !error.message.contains("hush"),
                        "{}",
                        error.message
                    );
                }
                (read, _) => panic!("{file}: {read:?}"),
            }
        }
    }

    #[test]
    fn where_the_metadata_server_is() {
        let path = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform";
        for (variable, expected) in [
            (None, Some("http://metadata.google.internal")),
            (Some(("GCE_METADATA_HOST", "127.0.0.1:9")), Some("http://127.0.0.1:9")),
            (Some(("NO_GCE_CHECK", "true")), None),
        ] {
            let url = metadata_url(|name| {
                variable.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
            });
            assert_eq!(url, expected.map(|host| format!("{host}{path}")));
        }
    }

    #[test]
    fn codes_of_refusals() {
        for (answer, expected) in [
            (r#"{"error":"invalid_grant","error_description":"Bad"}"#, Some("invalid_grant")),
            (r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#, Some("PERMISSION_DENIED")),
            (r#"{"error":"a b"}"#, None),
            ("no", None),
        ] {
            assert_eq!(refusal(answer.as_bytes()).as_deref(), expected);
        }
    }
}
