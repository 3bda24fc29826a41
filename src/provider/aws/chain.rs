//! How a profile comes to keys: where it begins, and the roles that are taken on
//! from there, one with the keys of the one before.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider", checked 2026-11-22.

use super::{Credentials, Profile, Profiles, Program, Role, Sso, WebIdentity, refused};
use crate::error::Result;

/// Most roles that are taken on one with the other.
const LONGEST: usize = 5;

/// The way of a profile to its keys.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Where the first keys come from.
    pub base: Base,
    /// The roles to take on from there, in this order.
    pub roles: Vec<Role>,
}

/// Where keys come from that need no others.
#[derive(Debug, Clone)]
pub enum Base {
    /// They stand in the file.
    Keys(Credentials),
    /// A token of another identity provider.
    WebIdentity(WebIdentity),
    /// A user who signed in.
    Sso(Sso),
    /// A program.
    Program(Program),
    /// The variables of the environment.
    Environment,
    /// The container's credential service.
    Container,
    /// The EC2 instance's metadata service.
    Instance,
}

impl Profiles {
    /// The way of the profile `name` to its keys; none where there is no such profile,
    /// or it says nothing of keys.
    ///
    /// # Errors
    /// `UpstreamAuth` when its settings lead nowhere, in a circle, or too far.
    pub fn chain(&self, name: &str) -> Result<Option<Chain>> {
        let Some(mut profile) = self.get(name) else { return Ok(None) };
        let (mut name, mut roles, mut seen) = (name, Vec::new(), vec![name]);
        // The first profile is asked for its role before its keys, those it leads to the other way round.
        while let Some(role_arn) =
            profile.setting("role_arn").filter(|_| profile.setting("web_identity_token_file").is_none())
        {
            if !roles.is_empty() && profile.credentials().is_some() {
                break;
            }
            if roles.len() == LONGEST {
                return Err(refused(format!(
                    "profile `{}` leads over more than {LONGEST} roles",
                    seen.join("` → `")
                )));
            }
            roles.push(role(name, role_arn, profile)?);
            match (profile.setting("source_profile"), profile.setting("credential_source")) {
                (Some(_), Some(_)) => {
                    return Err(refused(format!(
                        "profile `{name}` has both `source_profile` and `credential_source`: take one out"
                    )));
                }
                (None, Some(source)) => return Ok(Some(Chain::of(source_of(name, source)?, roles))),
                // A profile may take its role on with its own keys.
                (Some(source), None) if source == name => break,
                (Some(source), None) => {
                    let circle = seen.contains(&source);
                    seen.push(source);
                    if circle {
                        return Err(refused(format!(
                            "the profiles lead in a circle: `{}`",
                            seen.join("` → `")
                        )));
                    }
                    profile = self.get(source).ok_or_else(|| {
                        refused(format!(
                            "profile `{name}` names `source_profile = {source}`, and there is no such profile"
                        ))
                    })?;
                    name = source;
                }
                (None, None) => {
                    return Err(refused(format!(
                        "profile `{name}` has a `role_arn` and does not say with which keys to take it on: add `source_profile`, `credential_source` or `web_identity_token_file`"
                    )));
                }
            }
        }
        let base = self.base(name, profile)?;
        if base.is_none() && !roles.is_empty() {
            return Err(refused(format!(
                "profile `{name}` has no credentials: it needs keys, `sso_session`, `credential_process`, or `role_arn` with `source_profile`"
            )));
        }
        Ok(base.map(|base| Chain::of(base, roles)))
    }

    /// Where the keys of a profile come from, its role left aside.
    fn base(&self, name: &str, profile: &Profile) -> Result<Option<Base>> {
        if let Some(keys) = profile.credentials() {
            return Ok(Some(Base::Keys(keys)));
        }
        if let Some(identity) = WebIdentity::of_profile(profile) {
            return Ok(Some(Base::WebIdentity(identity)));
        }
        if let Some(sso) = Sso::of(name, profile, self)? {
            return Ok(Some(Base::Sso(sso)));
        }
        let program = profile.setting("credential_process").map(Program::read);
        Ok(program.transpose()?.map(Base::Program))
    }
}

impl Chain {
    /// The roles were found from the last to the first.
    fn of(base: Base, mut roles: Vec<Role>) -> Self {
        roles.reverse();
        Self { base, roles }
    }
}

fn role(name: &str, role_arn: &str, profile: &Profile) -> Result<Role> {
    if profile.setting("mfa_serial").is_some() {
        return Err(refused(format!(
            "profile `{name}` has an `mfa_serial`: a gateway has nobody to ask for the code"
        )));
    }
    let duration = profile.setting("duration_seconds").map(str::parse);
    let duration = duration
        .transpose()
        .map_err(|_| refused(format!("profile `{name}`: `duration_seconds` is no number")))?;
    let session = profile.setting("role_session_name").map(str::to_owned);
    let external_id = profile.setting("external_id").map(str::to_owned);
    Ok(Role { external_id, duration, ..Role::of(role_arn, session) })
}

fn source_of(name: &str, source: &str) -> Result<Base> {
    match source {
        "Environment" => Ok(Base::Environment),
        "EcsContainer" => Ok(Base::Container),
        "Ec2InstanceMetadata" => Ok(Base::Instance),
        _ => Err(refused(format!(
            "profile `{name}`: `credential_source` is Environment, EcsContainer or Ec2InstanceMetadata, not `{source}`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
[profile keys]
aws_access_key_id = A
aws_secret_access_key = S
[profile one]
role_arn = R1
source_profile = keys
external_id = x
duration_seconds = 900
[profile two]
role_arn = R2
source_profile = one
[profile own]
role_arn = R3
source_profile = own
aws_access_key_id = A
aws_secret_access_key = S
[profile over-own]
role_arn = R4
source_profile = own
[profile ecs]
role_arn = R5
credential_source = EcsContainer
[profile web]
role_arn = R6
web_identity_token_file = /t
[profile over-web]
role_arn = R7
source_profile = web
[profile run]
credential_process = keys
[profile a]
role_arn = Ra
source_profile = b
[profile b]
role_arn = Rb
source_profile = a
[profile bare]
region = x
[profile over-bare]
role_arn = R
source_profile = bare
[profile lone]
role_arn = R
[profile both]
role_arn = R
source_profile = keys
credential_source = Environment
[profile strange]
role_arn = R
credential_source = Moon
[profile lost]
role_arn = R
source_profile = nobody
[profile mfa]
role_arn = R
source_profile = keys
mfa_serial = arn
[profile l1]
role_arn = L
source_profile = two
[profile l2]
role_arn = L
source_profile = l1
[profile l3]
role_arn = L
source_profile = l2
[profile l4]
role_arn = L
source_profile = l3
";

    #[test]
    fn chains_of_profiles() {
        let profiles = Profiles::read("", CONFIG);
        for (name, base, roles) in [
            ("keys", "Keys", &[][..]),
            ("one", "Keys", &["R1"]),
            ("two", "Keys", &["R1", "R2"]),
            ("own", "Keys", &["R3"]),
            ("over-own", "Keys", &["R4"]),
            ("ecs", "Container", &["R5"]),
            ("web", "WebIdentity", &[]),
            ("over-web", "WebIdentity", &["R7"]),
            ("run", "Program", &[]),
            ("l3", "Keys", &["R1", "R2", "L", "L", "L"]),
        ] {
            let chain = profiles.chain(name).unwrap().unwrap();
            let found: Vec<&str> = chain.roles.iter().map(|role| role.role_arn.as_str()).collect();
            assert!(format!("{:?}", chain.base).starts_with(base), "{name}: {:?}", chain.base);
            assert_eq!(found, roles, "{name}");
        }
        let role = profiles.chain("one").unwrap().unwrap().roles.remove(0);
        assert_eq!((role.external_id.as_deref(), role.duration), (Some("x"), Some(900)));
        assert!(profiles.chain("none").unwrap().is_none() && profiles.chain("bare").unwrap().is_none());
    }

    #[test]
    fn chains_that_lead_nowhere() {
        let profiles = Profiles::read("", CONFIG);
        for (name, why) in [
            ("a", "in a circle: `a` → `b` → `a`"),
            ("l4", "more than 5 roles"),
            ("over-bare", "profile `bare` has no credentials"),
            ("lone", "does not say with which keys"),
            ("both", "take one out"),
            ("strange", "not `Moon`"),
            ("lost", "no such profile"),
            ("mfa", "nobody to ask"),
        ] {
            let message = profiles.chain(name).unwrap_err().message;
            assert!(message.contains(why), "{name}: {message}");
        }
    }
}
