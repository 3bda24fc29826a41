//! Who may connect: ports and keys.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use time::format_description::well_known::Rfc3339;

use super::{TagValue, Template};
use crate::principal::Sight;
use crate::yaml::{At, Named};

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl Listen {
    /// `port` on the loopback interface.
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| D::Error::custom("this is no address to listen on | write `127.0.0.1:8080`"))?;
        let host = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let any = text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
        let text = host.or(any).unwrap_or(text);
        text.parse().map(Self).map_err(|_| {
            D::Error::custom(format!("`{text}` is no address to listen on | write `127.0.0.1:8080`"))
        })
    }
}

impl JsonSchema for Listen {
    fn schema_name() -> Cow<'static, str> {
        "Listen".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "IP address and port.", "type": "string", "examples": ["127.0.0.1:8080"] })
    }
}

/// The port for health, metrics and status.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "the admin port such as `{ listen: 127.0.0.1:8081 }`")]
pub struct Admin {
    /// Where it listens. Default: 127.0.0.1:8081.
    pub listen: Option<At<Listen>>,
    /// Let anybody who reaches it read it.
    pub open: bool,
}

/// A static key of a client.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a key such as `{ name: ci, secret: \"${env:CI_KEY}\" }`")]
pub struct Key {
    /// Its name.
    pub name: At<String>,
    /// What the client sends.
    pub secret: At<Template>,
    /// The person.
    pub user: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The department.
    pub department: Option<String>,
    /// Free labels for policies.
    #[serde(default)]
    pub tags: Named<TagValue>,
    /// Globs of the model names that it may ask for. Default: all.
    #[serde(default)]
    pub models: Vec<At<String>>,
    /// Which files, batches and stored results it gets to see. Default: its own.
    #[serde(default)]
    pub files: Files,
    /// When it ends: a date (its last moment, UTC) or a time such as `2027-01-31T12:00:00Z`.
    pub expires: Option<At<Day>>,
}

/// Which files, batches and stored results a key gets to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Files {
    /// Those that it made itself through this gateway.
    #[default]
    Own,
    /// Those that keys of its team made.
    Team,
    /// All that the provider's account keeps, wherever it was made.
    Account,
}

impl Files {
    /// The same for the gateway.
    #[must_use]
    pub const fn sight(self) -> Sight {
        match self {
            Self::Own => Sight::Own,
            Self::Team => Sight::Team,
            Self::Account => Sight::Account,
        }
    }
}

/// A moment, milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(pub u64);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let full = if text.len() == 10 { format!("{text}T23:59:59Z") } else { text.clone() };
        let moment = time::OffsetDateTime::parse(&full, &Rfc3339).ok();
        moment
            .and_then(|moment| u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok())
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "`{text}` is no date | write `2027-01-31` or `2027-01-31T12:00:00Z`"
                ))
            })
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A date or an RFC 3339 time.", "type": "string" })
    }
}
