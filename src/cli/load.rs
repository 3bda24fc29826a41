//! A configuration for commands that serve nothing.

use std::path::Path;

use super::render_problems;
use crate::config::{self, Loaded, Snapshot, Sources};

/// Loads `path`, a `gateway.yaml` or its folder, without its secrets. Its cases
/// run, which wait by themselves: not to be called where something waits already.
///
/// # Errors
/// Every problem, in words.
pub(super) fn load(path: &Path) -> Result<Loaded, String> {
    let files = Snapshot::read(path).map_err(|problem| render_problems(&[*problem], false))?;
    let sources = Sources { env: &config::environment, folder: &files.folder, pretend: true };
    config::build(&files, &sources).map_err(|problems| render_problems(&problems, false))
}
