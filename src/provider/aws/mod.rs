//! Amazon's way of signing requests, as arithmetic: Signature Version 4 and the
//! forms in which credentials come. Knows no HTTP client, no file, no clock.
//!
//! The signing is AWS's own crate. Its `aws-config`, which finds credentials, would
//! bring twenty-five crates, two HTTP services' clients among them, for the files and
//! variables that are read here.

mod chain;
mod container;
mod credentials;
mod instance;
mod process;
mod profile;
mod role;
mod sign;
mod sso;
mod web_identity;

pub use chain::{Base, Chain};
pub use container::container_url;
pub use credentials::Credentials;
pub use instance::{instance_url, role_name};
pub use process::Program;
pub use profile::{Profile, Profiles};
pub use role::{Role, sts_refusal, sts_url};
pub use sign::{Scope, Unsigned, region_of_host, sign};
pub use sso::Sso;
pub use web_identity::WebIdentity;

use crate::error::{Error, Kind, Origin};

/// Which of Amazon's accounts a provider calls with. By default the one of the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Account {
    /// The profile of the shared files whose keys are taken, whatever the environment holds.
    pub profile: Option<String>,
    /// The role that is taken on with the keys that were found.
    pub role_arn: Option<String>,
}

/// The end of addresses in a region's part of the world.
fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// Credentials that cannot be had.
fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::UpstreamAuth, Origin::Gateway, message)
}
