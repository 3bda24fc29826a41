//! Configuration: `gateway.yaml` and policies, read, checked and built into the
//! [`crate::gateway::Bundle`] that is live, and built again when they change.
//!
//! | step | where |
//! | --- | --- |
//! | the files of one moment | [`Snapshot`] |
//! | what may stand in the file | [`mod@file`] |
//! | names, ranges, secrets: the bundle | [`build()`] |
//! | again, whenever they change | [`watch`] |
//! | prices of the feeds | [`feeds`] |

mod build;
pub mod feeds;
pub mod file;
mod findings;
mod fixed;
pub mod import;
mod secrets;
mod snapshot;
pub mod watch;

pub use build::{FeedSource, FeedSpec, Loaded, RecordsSpec, build};
pub use fixed::Fixed;
pub use secrets::{Sources, environment};
pub use snapshot::{FILE_NAME, Snapshot};

use std::path::Path;

use crate::problem::Problem;

/// Reads and builds `path`, a `gateway.yaml` or its folder.
///
/// # Errors
/// Every problem of every file, when one of them is an error.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let snapshot = Snapshot::read(path).map_err(|problem| vec![*problem])?;
    let sources = Sources { env: &environment, folder: &snapshot.folder, pretend: false };
    build(&snapshot, &sources)
}

/// A duration as gateway.yaml has it: `500ms`, `10s`, `5m`, `12h`, `7d`.
///
/// # Errors
/// What is wrong with it, and after ` | ` what to write instead.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    file::Time::parse(text).map(|time| time.0)
}

#[cfg(test)]
mod tests;
