//! `providers:`

use schemars::JsonSchema;
use serde::Deserialize;

use super::Template;
use crate::yaml::{At, Named};

/// An account at a vendor or a server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a provider such as `{ kind: openai, api_key: \"${env:OPENAI_API_KEY}\" }`"
)]
pub struct Provider {
    /// What it is: `openai`, `anthropic`, `gemini`, ..., `simulated`.
    pub kind: At<String>,
    /// Where it is. Default: the vendor's own address.
    pub base_url: Option<At<Template>>,
    /// The cloud's region, which is in the address of `bedrock` and `vertex` (`us-east-1`, `global`).
    pub region: Option<At<String>>,
    /// The cloud's project, which is in the address of `vertex`.
    pub project: Option<At<String>>,
    /// Its credentials: a key; for `vertex` also a file of Google's (`${file:PATH}`), for `azure` also a token of Entra ID. Without it the clouds' own are looked for. Sent to the host of `base_url` only.
    pub api_key: Option<At<Template>>,
    /// The profile of `~/.aws` whose credentials sign for `bedrock`, whatever else the machine has. Default: where Amazon's tools look.
    pub profile: Option<At<String>>,
    /// The role that is taken on with those credentials for `bedrock`, often one of another account.
    pub role_arn: Option<At<String>>,
    /// The wire format to speak, where the kind knows several.
    pub dialect: Option<At<String>>,
    /// The proxy to it, as `proxy` of the gateway has it, or `none`. Default: the gateway's.
    pub proxy: Option<At<Template>>,
    /// Headers on every request to it.
    #[serde(default)]
    pub headers: Named<At<Template>>,
    /// Query parameters on every request to it.
    #[serde(default)]
    pub query: Named<At<String>>,
    /// The API's version, for kinds that take it as a query parameter (Azure).
    pub api_version: Option<At<String>>,
}
