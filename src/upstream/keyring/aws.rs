//! Where Amazon's keys are looked for, in this order: the environment, a web
//! identity, a profile of the shared files, a container's credential service, the
//! instance's metadata service. A provider's own profile takes the place of all of
//! them; a provider's own role is taken on with what they gave.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Standardized credential
//! providers", checked 2026-11-22.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;

use super::errand::{AT_ONCE, AT_WORK, Errand, form, plain};
use super::kept::Fetched;
use super::{program, refused};
use crate::error::Result;
use crate::provider::aws::{
    Account, Base, Chain, Credentials, Profiles, Role, Scope, Sso, Unsigned, WebIdentity, container_url,
    instance_url, role_name, sign, sts_refusal, sts_url,
};
use crate::secret::Secret;

/// Seconds after which keys that do not end are looked for again: their file may have changed.
const LOOK_AGAIN: u64 = 900;
/// The region where nothing names one.
const REGION: &str = "us-east-1";
/// Seconds for which a token of the metadata service is asked.
const TOKEN_LIFE: &str = "21600";

/// What requests to Amazon are signed with.
pub(super) struct Signer {
    pub(super) credentials: Credentials,
    /// The region where an address names none.
    pub(super) region: String,
}

impl Errand {
    /// The keys of `account`; the token service is asked in `region`, where it is known.
    pub(super) async fn aws(
        &self,
        account: &Account,
        region: Option<String>,
    ) -> Result<Fetched<Arc<Signer>>> {
        let profiles = self.profiles().await?;
        let profile = account.profile.clone().or_else(|| self.set("AWS_PROFILE"));
        let profile = profile.unwrap_or_else(|| "default".to_owned());
        let own = self.set("AWS_REGION").or_else(|| self.set("AWS_DEFAULT_REGION")).or_else(|| {
            profiles.get(&profile).and_then(|profile| profile.setting("region")).map(str::to_owned)
        });
        let own = own.unwrap_or_else(|| REGION.to_owned());
        let looking = Looking { errand: self, region: region.as_deref().unwrap_or(&own) };
        let mut credentials = match &account.profile {
            Some(name) => {
                let chain = profiles.chain(name)?.ok_or_else(|| {
                    refused(format!(
                        "profile `{name}` is not in the shared files, or has no credentials there"
                    ))
                })?;
                looking.follow(&chain).await?
            }
            None => looking.anywhere(&profiles, &profile).await?,
        };
        if let Some(role_arn) = &account.role_arn {
            let role = Role::of(role_arn, self.set("AWS_ROLE_SESSION_NAME"));
            credentials = looking.assume(&role, &credentials).await?;
        }
        let ends = credentials.expires.unwrap_or_else(|| self.now.saturating_add(LOOK_AGAIN));
        Ok(Fetched { value: Arc::new(Signer { credentials, region: own }), ends })
    }

    /// The shared files; absent ones are empty.
    async fn profiles(&self) -> Result<Profiles> {
        let home = self.home();
        let place =
            |variable: &str, name: &str| self.set(variable).unwrap_or_else(|| format!("{home}/.aws/{name}"));
        let keys = self.file_if_there(&place("AWS_SHARED_CREDENTIALS_FILE", "credentials")).await?;
        let config = self.file_if_there(&place("AWS_CONFIG_FILE", "config")).await?;
        let text = |file: &Option<Secret>| file.as_ref().map_or("", Secret::expose).to_owned();
        Ok(Profiles::read(&text(&keys), &text(&config)))
    }
}

/// A look for keys.
struct Looking<'a> {
    errand: &'a Errand,
    /// Where the token service is asked.
    region: &'a str,
}

impl Looking<'_> {
    /// The first keys that are found.
    async fn anywhere(&self, profiles: &Profiles, profile: &str) -> Result<Credentials> {
        let set = |name: &str| self.errand.set(name);
        if let Some(keys) = Credentials::of_environment(set) {
            return Ok(keys);
        }
        if let Some(identity) = WebIdentity::of_environment(set) {
            return self.of_web_identity(&identity).await;
        }
        if let Some(chain) = profiles.chain(profile)? {
            return self.follow(&chain).await;
        }
        if let Some(url) = container_url(set)? {
            return self.of_container(&url).await;
        }
        let instance = match instance_url(set) {
            Some(url) => self.of_instance(&url).await,
            None => Err(refused("AWS_EC2_METADATA_DISABLED says not to ask it")),
        };
        instance.map_err(|error| {
            refused(format!(
                "no credentials for Amazon. Looked, in this order, for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; \
                 AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN; profile `{profile}` in ~/.aws; a container's \
                 AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI; the instance's metadata service ({error}). \
                 Give one of them, or an `api_key` (a Bedrock API key)"
            ))
        })
    }

    /// The keys at the end of a profile's way.
    async fn follow(&self, chain: &Chain) -> Result<Credentials> {
        let mut keys = match &chain.base {
            Base::Keys(keys) => keys.clone(),
            Base::WebIdentity(identity) => self.of_web_identity(identity).await?,
            Base::Sso(sso) => self.of_sso(sso).await?,
            Base::Program(program) => program.keys(&program::run(program).await?)?,
            Base::Environment => {
                let keys = Credentials::of_environment(|name| self.errand.set(name));
                keys.ok_or_else(|| refused("`credential_source = Environment`: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"))?
            }
            Base::Container => {
                let url = container_url(|name| self.errand.set(name))?;
                let url = url.ok_or_else(|| refused("`credential_source = EcsContainer`: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set"))?;
                self.of_container(&url).await?
            }
            Base::Instance => {
                let url = instance_url(|name| self.errand.set(name));
                let url = url.ok_or_else(|| refused("`credential_source = Ec2InstanceMetadata`: AWS_EC2_METADATA_DISABLED says not to ask it"))?;
                self.of_instance(&url).await?
            }
        };
        for role in &chain.roles {
            keys = self.assume(role, &keys).await?;
        }
        Ok(keys)
    }

    fn sts(&self) -> String {
        self.errand.set("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| sts_url(self.region))
    }

    /// Takes a role on with the token of a web identity.
    async fn of_web_identity(&self, identity: &WebIdentity) -> Result<Credentials> {
        let token = self.errand.file(&identity.token_file, "the web identity's token").await?;
        let answer = self.errand.ask(&self.sts(), form(identity.form(&token)), sts_refusal).await;
        let answer = answer.map_err(|error| for_role(&identity.role_arn, error))?;
        WebIdentity::read(&String::from_utf8_lossy(&answer))
    }

    /// Takes a role on with other keys.
    async fn assume(&self, role: &Role, keys: &Credentials) -> Result<Credentials> {
        let (url, body) = (self.sts(), role.form());
        let mut request = form(body.clone());
        let uri: http::Uri =
            url.parse().map_err(|_| refused(format!("AWS_ENDPOINT_URL_STS is no URL: {url}")))?;
        let unsigned = Unsigned {
            method: request.method(),
            host: uri.authority().map_or("", http::uri::Authority::as_str),
            path: uri.path(),
            query: "",
            headers: request.headers(),
            body: body.as_bytes(),
        };
        let scope = Scope { region: self.region, service: "sts" };
        let added = sign(&unsigned, keys, scope, self.errand.now)?;
        request.headers_mut().extend(added);
        let answer = self.errand.ask(&url, request, sts_refusal).await;
        let answer = answer.map_err(|error| for_role(&role.role_arn, error))?;
        Role::read(&String::from_utf8_lossy(&answer))
    }

    /// Asks the portal with the token that `aws sso login` left.
    async fn of_sso(&self, sso: &Sso) -> Result<Credentials> {
        let path = format!("{}/.aws/sso/cache/{}", self.errand.home(), sso.file_name());
        let file = self.errand.file_if_there(&path).await?;
        let file = file.ok_or_else(|| sso.login("has not happened on this machine"))?;
        let token = sso.token(file.expose(), self.errand.now)?;
        let portal = self.errand.set("AWS_ENDPOINT_URL_SSO").unwrap_or_else(|| sso.portal());
        let request = plain(Method::GET, &[("x-amz-sso_bearer_token", token.expose())])?;
        let url = format!("{}{}", portal.trim_end_matches('/'), sso.path());
        Sso::read(&self.errand.ask(&url, request, |_| None).await?)
    }

    /// Asks a container's credential service.
    async fn of_container(&self, url: &str) -> Result<Credentials> {
        let token = match self.errand.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(path) => Some(self.errand.file(&path, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").await?),
            None => self.errand.set("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
        };
        let headers = token.as_ref().map(|token| ("authorization", token.expose()));
        let request = plain(Method::GET, headers.as_slice())?;
        let answer = if url.starts_with("https://") {
            self.errand.ask(url, request, |_| None).await?
        } else {
            self.errand.ask_next_door(url, request, |_| None, AT_WORK).await?
        };
        Credentials::of_service(&answer)
            .ok_or_else(|| refused("the container's credential service gave no keys"))
    }

    /// Asks the instance's metadata service, in the version that wants a token first.
    async fn of_instance(&self, url: &str) -> Result<Credentials> {
        let ask = |method, path: &str, header| {
            let url = format!("{url}/latest/{path}");
            async move { self.errand.ask_next_door(&url, plain(method, &[header])?, |_| None, AT_ONCE).await }
        };
        let life = ("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE);
        let token: Bytes = ask(Method::PUT, "api/token", life).await?;
        let token = Secret::new(String::from_utf8_lossy(&token));
        let header = ("x-aws-ec2-metadata-token", token.expose());
        let roles = ask(Method::GET, "meta-data/iam/security-credentials/", header).await?;
        let role = role_name(&roles).ok_or_else(|| refused("the instance has no role"))?;
        let path = format!("meta-data/iam/security-credentials/{role}");
        let keys = ask(Method::GET, &path, header).await?;
        Credentials::of_service(&keys).ok_or_else(|| refused("the instance's metadata service gave no keys"))
    }
}

/// The same error, naming the role that could not be taken on.
fn for_role(role_arn: &str, error: crate::error::Error) -> crate::error::Error {
    crate::error::Error { message: format!("role {role_arn}: {}", error.message), ..error }
}
