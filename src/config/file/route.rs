//! `routes:` and what they are made of.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::{Bytes, Share, Time, Usd};
use crate::ir::Endpoint;
use crate::yaml::{At, Named};

/// What a client's model name and endpoint select.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a route such as `{ name: assistant, models: [assistant] }`")]
pub struct Route {
    /// Its name.
    pub name: At<String>,
    /// The model names that clients ask for; globs. Default: the route's name.
    pub models: Option<Vec<At<String>>>,
    /// The endpoints that it serves. Default: all that its candidates can.
    pub endpoints: Option<Vec<At<EndpointName>>>,
    /// The models that it allows, in order of preference; names or globs. Default: all models.
    pub candidates: Option<Vec<At<String>>>,
    /// Its policies, run in this order.
    #[serde(default)]
    pub policies: Vec<PolicyUse>,
    /// A policy on trial beside them.
    pub shadow: Option<Shadow>,
    /// Time-outs where a plan says nothing.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Retries where a plan says nothing.
    #[serde(default)]
    pub retries: Retries,
    /// Refuse a request field that the chosen dialect cannot carry. Default: as at the top.
    pub strict: Option<bool>,
}

/// How long is waited for a provider.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "time-outs such as `{ first_byte: 10s, total: 300s }`")]
pub struct Timeouts {
    /// Longest wait for the first byte of an answer. Default: 60s.
    pub first_byte: Option<Time>,
    /// Longest silence within a stream. Default: 60s.
    pub idle: Option<Time>,
    /// Longest duration of an exchange. Default: 10m.
    pub total: Option<Time>,
}

/// How often an attempt is made again.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "retries such as `{ max: 2, budget: 20% }`")]
pub struct Retries {
    /// Tries of one candidate after the first. Default: 2.
    pub max: Option<u32>,
    /// Retries as a share of the route's requests; a few are always allowed. Default: 20%.
    pub budget: Option<Share>,
}

/// A policy that decides beside the others.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a trial such as `{ policy: route/new, share: 10%, return_above: { errors: 5% } }`"
)]
pub struct Shadow {
    /// The policy and its parameters.
    pub policy: PolicyUse,
    /// Share of exchanges on which it acts; the rest only counts where it disagrees. Default: 0.
    #[serde(default)]
    pub share: Option<Share>,
    /// Share of the other exchanges beside which it decides. Default: all; none for a policy that asks models
    /// or services, because its questions cost.
    #[serde(default)]
    pub sample: Option<Share>,
    /// Bounds beyond which it stops acting by itself, until the next reload.
    #[serde(default)]
    pub return_above: ReturnAbove,
}

/// Bounds on a policy that acts on trial, over its latest 200 exchanges, from the 20th on.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "bounds such as `{ errors: 5%, p95: 8s }`")]
pub struct ReturnAbove {
    /// Share of exchanges that fail. Default: 50%.
    pub errors: Option<Share>,
    /// Mean cost of an exchange, US dollars.
    pub cost: Option<Usd>,
    /// 95th percentile of durations.
    pub p95: Option<Time>,
}

/// Bounds on policies; the defaults stand in the reference of policies, under "Limits".
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "bounds such as `{ inline: { cpu: 10ms } }`")]
pub struct PolicyLimits {
    /// Hooks that reach nothing outside.
    pub inline: PolicyBudget,
    /// Hooks that ask models or services.
    pub effects: PolicyBudget,
    /// Duration for one sentence in `on_text`, waits included. Default: 5s.
    pub sentence: Option<Time>,
    /// Most bytes that the values of one evaluation may add up to. Default: 16MiB.
    pub bytes: Option<Bytes>,
    /// Most policies that wait at once. Default: 20000.
    pub suspended: Option<usize>,
}

/// Bounds on one evaluation of a hook.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "bounds such as `{ operations: 100000, cpu: 5ms }`")]
pub struct PolicyBudget {
    /// Operations of the script.
    pub operations: Option<u64>,
    /// Duration from start to end.
    pub wall: Option<Time>,
    /// Duration between two waits.
    pub cpu: Option<Time>,
    /// Effects.
    pub effects: Option<u32>,
    /// US dollars that its effects may cost together.
    pub cost: Option<Usd>,
}

/// The name of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointName(pub Endpoint);

const ENDPOINTS: [&str; Endpoint::ALL.len()] = {
    let mut names = [""; Endpoint::ALL.len()];
    let mut at = 0;
    #[expect(clippy::indexing_slicing, reason = "a constant; out of bounds would not compile")]
    while at < names.len() {
        names[at] = Endpoint::ALL[at].name();
        at += 1;
    }
    names
};

impl<'de> Deserialize<'de> for EndpointName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Endpoint::named(&name).map(Self).ok_or_else(|| D::Error::unknown_variant(&name, &ENDPOINTS))
    }
}

impl JsonSchema for EndpointName {
    fn schema_name() -> Cow<'static, str> {
        "Endpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ENDPOINTS })
    }
}

/// A policy and what is passed to it: `guard/pii`, or `route/cheapest: { quality: 0.7 }`.
#[derive(Debug, Clone)]
pub struct PolicyUse {
    /// The policy's name.
    pub name: At<String>,
    /// Its parameters.
    pub with: Named<At<Value>>,
}

impl<'de> Deserialize<'de> for PolicyUse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The place of the text; a map's key has its own.
        let At { value, place } = At::<Written>::deserialize(deserializer)?;
        Ok(match value {
            Written::Alone(name) => Self { name: At { value: name, place }, with: Named::default() },
            Written::With(name, with) => Self { name, with },
        })
    }
}

/// The two ways to write a [`PolicyUse`].
enum Written {
    Alone(String),
    With(At<String>, Named<At<Value>>),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UseVisitor)
    }
}

struct UseVisitor;

impl<'de> Visitor<'de> for UseVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy such as `guard/pii` or `route/cheapest: { quality: 0.7 }`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Written, E> {
        Ok(Written::Alone(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let one = "expected one policy with its parameters | begin each policy with `- `";
        let Some((name, with)) = map.next_entry()? else { return Err(A::Error::custom(one)) };
        if map.next_entry::<String, serde::de::IgnoredAny>()?.is_some() {
            return Err(A::Error::custom(one));
        }
        Ok(Written::With(name, with))
    }
}

impl JsonSchema for PolicyUse {
    fn schema_name() -> Cow<'static, str> {
        "PolicyUse".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A policy: `NAME`, or `NAME: { PARAMETER: VALUE }`.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": { "type": ["object", "null"] }
                }
            ]
        })
    }
}
