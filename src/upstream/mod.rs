//! The outside: HTTP to providers and services, and the simulated provider.
//! The only module that knows the HTTP client.
//!
//! Everything here is bounded and has a deadline given by the caller; a dropped
//! future or body closes what it opened.

mod call;
mod client;
mod failure;
mod inflate;
mod keyring;
mod line;
mod metadata;
mod names;
mod reply;
mod road;
mod service;
mod simulated;
mod transport;
mod upload;
pub mod vector;

pub use call::Call;
pub use client::Upstream;
pub use metadata::is_metadata_host;
pub use reply::{Body, Reply};
pub use service::ServiceCall;
pub use upload::{Feed, Upload, upload};
