//! Amazon's way of signing requests, as arithmetic: Signature Version 4 and the
//! forms in which credentials come. Knows no HTTP client, no file, no clock.
//!
//! The signing is AWS's own crate. Its `aws-config`, which finds credentials, would
//! bring twenty-five crates, two HTTP services' clients among them, for the files and
//! variables that are read here.

mod credentials;
mod sign;
mod web_identity;

pub use credentials::{Credentials, Profile, Profiles};
pub use sign::{Scope, Unsigned, region_of_host, sign};
pub use web_identity::WebIdentity;
