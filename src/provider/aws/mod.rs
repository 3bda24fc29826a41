//! Amazon's way of signing requests, as arithmetic: Signature Version 4 and the
//! forms in which credentials come. Knows no HTTP client, no file, no clock.
//!
//! Written here on the hash crates that are in the tree anyway: the maintained
//! `aws-sigv4` brings ten further crates for one function, and the number of
//! crates is bounded.

mod credentials;
mod sign;
mod web_identity;

pub use credentials::{Credentials, Profile, Profiles};
pub use sign::{Scope, Unsigned, region_of_host, sign};
pub use web_identity::WebIdentity;
