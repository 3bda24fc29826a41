//! Tokens of Microsoft Entra ID for Azure, as arithmetic: what the environment
//! says, what is asked for a token, and the answers. Knows no HTTP client, no
//! file, no clock.
//!
//! Source: Microsoft, "Azure Identity client library", EnvironmentCredential,
//! WorkloadIdentityCredential, ManagedIdentityCredential; "OAuth 2.0 client
//! credentials flow"; "How to use managed identities for App Service", "... to
//! acquire an access token" (virtual machines), checked 2026-11-22.

use serde_json::Value;
use url::Url;

use crate::error::{Error, Kind, Origin, Result};
use crate::percent::escaped;
use crate::secret::Secret;

/// How a token of another provider is offered.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The metadata service of virtual machines.
const MACHINE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// Who asks for a token, and what with.
#[derive(Debug, Clone)]
pub enum Identity {
    /// An application with its secret.
    Client {
        /// The application.
        client: Client,
        /// Its secret.
        secret: Secret,
    },
    /// A Kubernetes service account that stands for an application.
    Workload {
        /// The application.
        client: Client,
        /// The file with the service account's token; it changes, and is read anew each time.
        token_file: String,
    },
    /// The identity of the machine or app service.
    Managed(Managed),
}

/// An application at Entra ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    authority: String,
    tenant: String,
    id: String,
}

/// Where a managed identity's token is given out.
#[derive(Debug, Clone)]
pub struct Managed {
    /// The service's address, without a query.
    endpoint: String,
    /// What proves to an app service's endpoint that the app itself asks; none on a virtual machine.
    pub header: Option<Secret>,
    /// The identity, where the machine has several.
    client_id: Option<String>,
}

impl Identity {
    /// The first that the environment speaks of; the machine's own where it speaks
    /// of none. `variable` reads one variable.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let authority =
            set("AZURE_AUTHORITY_HOST").unwrap_or_else(|| "https://login.microsoftonline.com".to_owned());
        let authority = authority.trim_end_matches('/').to_owned();
        let client =
            || Some(Client { authority, tenant: set("AZURE_TENANT_ID")?, id: set("AZURE_CLIENT_ID")? });
        if let Some(client) = client() {
            if let Some(secret) = set("AZURE_CLIENT_SECRET") {
                return Self::Client { client, secret: Secret::new(secret) };
            }
            if let Some(token_file) = set("AZURE_FEDERATED_TOKEN_FILE") {
                return Self::Workload { client, token_file };
            }
        }
        let (endpoint, header) = match set("IDENTITY_ENDPOINT").zip(set("IDENTITY_HEADER")) {
            Some((endpoint, header)) => (endpoint, Some(Secret::new(header))),
            None => match set("AZURE_POD_IDENTITY_AUTHORITY_HOST") {
                Some(host) => {
                    (format!("{}/metadata/identity/oauth2/token", host.trim_end_matches('/')), None)
                }
                None => (MACHINE.to_owned(), None),
            },
        };
        Self::Managed(Managed { endpoint, header, client_id: set("AZURE_CLIENT_ID") })
    }
}

impl Client {
    /// The address to post the forms to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.authority, escaped(&self.tenant))
    }

    /// The body, of type `application/x-www-form-urlencoded`, that asks for a token
    /// for `resource` with the application's secret.
    #[must_use]
    pub fn form(&self, secret: &Secret, resource: &str) -> String {
        self.asking(resource, &[("client_secret", secret.expose())])
    }

    /// The same with a service account's token.
    #[must_use]
    pub fn form_of_workload(&self, token: &Secret, resource: &str) -> String {
        let token = token.expose().trim();
        self.asking(resource, &[("client_assertion_type", ASSERTION), ("client_assertion", token)])
    }

    fn asking(&self, resource: &str, proof: &[(&str, &str)]) -> String {
        let scope = format!("{resource}/.default");
        let fields = [("grant_type", "client_credentials"), ("client_id", &self.id), ("scope", &scope)];
        let pairs = fields.iter().chain(proof).map(|(name, value)| format!("{name}={}", escaped(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

impl Managed {
    /// The address to get a token for `resource` from. On a virtual machine the request
    /// carries `metadata: true`, to an app service its [header](Self::header) in `x-identity-header`.
    ///
    /// # Errors
    /// `UpstreamAuth` when the environment names no address of HTTP.
    pub fn url(&self, resource: &str) -> Result<String> {
        let url = Url::parse(&self.endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let mut url =
            url.ok_or_else(|| refused("IDENTITY_ENDPOINT or AZURE_POD_IDENTITY_AUTHORITY_HOST is no URL"))?;
        let version = if self.header.is_some() { "2019-08-01" } else { "2018-02-01" };
        let mut query = url.query_pairs_mut();
        query.append_pair("api-version", version).append_pair("resource", resource);
        if let Some(id) = &self.client_id {
            query.append_pair("client_id", id);
        }
        drop(query);
        Ok(url.into())
    }
}

/// For what a token of Azure's models is asked, which is told by their host.
///
/// Source: Microsoft, "Azure OpenAI in Foundry Models REST API reference",
/// "Azure Government: Compare services", checked 2026-11-22.
#[must_use]
pub fn resource_of(host: &str) -> &'static str {
    let host = host.split(':').next().unwrap_or_default();
    if host.ends_with(".azure.us") {
        "https://cognitiveservices.azure.us"
    } else if host.ends_with(".azure.cn") {
        "https://cognitiveservices.azure.cn"
    } else {
        "https://cognitiveservices.azure.com"
    }
}

/// The code of the error that Entra ID or a managed identity answered with (`AADSTS7000215`, `invalid_request`).
#[must_use]
pub fn refusal(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let said = |name: &str| answer.get(name).and_then(Value::as_str);
    let is_code = |code: &&str| {
        code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let first = said("error_description").and_then(|text| text.split(':').next());
    first.filter(is_code).or_else(|| said("error").filter(is_code)).map(str::to_owned)
}

/// Whether a key is a token of Entra ID (a JSON Web Token) rather than a key of Azure's.
#[must_use]
pub fn is_token(key: &Secret) -> bool {
    let key = key.expose();
    key.starts_with("eyJ") && key.matches('.').count() == 2
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::UpstreamAuth, Origin::Gateway, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://cognitiveservices.azure.com";

    fn identity(variables: &[(&str, &str)]) -> Identity {
        Identity::of_environment(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_who_asks() {
        let client = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];
        let with = |more: &[(&'static str, &'static str)]| identity(&[&client[..], more].concat());
        let Identity::Client { client: asking, secret } =
            with(&[("AZURE_CLIENT_SECRET", "hush"), ("AZURE_FEDERATED_TOKEN_FILE", "/t")])
        else {
            panic!("a secret comes first");
        };
        assert_eq!(asking.url(), "https://login.microsoftonline.com/t/oauth2/v2.0/token");
        assert_eq!(
            asking.form(&secret, HERE),
            "grant_type=client_credentials&client_id=c&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default&client_secret=hush"
        );
        assert!(!format!("{:?}", with(&[("AZURE_CLIENT_SECRET", "hush")])).contains("hush"));
        let Identity::Workload { client: asking, token_file } = with(&[
            ("AZURE_FEDERATED_TOKEN_FILE", "/t"),
            ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"),
        ]) else {
            panic!("a workload");
        };
        assert_eq!(
            (asking.url().as_str(), token_file.as_str()),
            ("https://login.microsoftonline.us/t/oauth2/v2.0/token", "/t")
        );
        assert!(asking.form_of_workload(&Secret::new("jwt\n"), HERE).ends_with(
            "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=jwt"
        ));
    }

    #[test]
    fn managed_identities() {
        let resource = "resource=https%3A%2F%2Fcognitiveservices.azure.com";
        for (variables, url, header) in [
            (&[][..], format!("{MACHINE}?api-version=2018-02-01&{resource}"), None),
            (
                &[("AZURE_CLIENT_ID", "c")],
                format!("{MACHINE}?api-version=2018-02-01&{resource}&client_id=c"),
                None,
            ),
            (
                &[("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token"), ("IDENTITY_HEADER", "h")],
                format!("http://127.0.0.1:9/msi/token?api-version=2019-08-01&{resource}"),
                Some("h"),
            ),
            (
                &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9/")],
                format!(
                    "http://127.0.0.1:9/metadata/identity/oauth2/token?api-version=2018-02-01&{resource}"
                ),
                None,
            ),
        ] {
            let Identity::Managed(managed) = identity(variables) else { panic!("{variables:?}") };
            assert_eq!(managed.url(HERE).unwrap(), url);
            assert_eq!(managed.header.as_ref().map(Secret::expose), header);
        }
    }

    #[test]
    fn codes_of_refusals() {
        for (answer, expected) in [
            (
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret."}"#,
                Some("AADSTS7000215"),
            ),
            (
                r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
                Some("invalid_request"),
            ),
            ("no", None),
        ] {
            assert_eq!(refusal(answer.as_bytes()).as_deref(), expected, "{answer}");
        }
    }

    #[test]
    fn resources_and_tokens() {
        for (host, expected) in [
            ("x.openai.azure.com", HERE),
            ("x.services.ai.azure.com:443", HERE),
            ("x.openai.azure.us", "https://cognitiveservices.azure.us"),
            ("x.openai.azure.cn", "https://cognitiveservices.azure.cn"),
        ] {
            assert_eq!(resource_of(host), expected);
        }
        for (key, expected) in
            [("eyJh.eyJi.c", true), ("0123456789abcdef0123456789abcdef", false), ("eyJ", false)]
        {
            assert_eq!(is_token(&Secret::new(key)), expected);
        }
    }
}
