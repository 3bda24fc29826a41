//! One look at the folder: what stands there, whether it is new, whether it may
//! become live.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::config::build::{Loaded, build_tracked};
use crate::config::fixed::{self, Fixed};
use crate::config::secrets::{Sources, environment};
use crate::config::snapshot::{Snapshot, short};
use crate::problem::Problem;

/// Takes a bundle live.
pub type Accept = Box<dyn FnMut(Loaded) + Send>;

/// How reloading goes, for the status page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadStatus {
    /// Whether the file system tells of changes; else the folder is polled.
    pub watching: bool,
    /// Hash of the last bundle that was handed over.
    pub hash: Arc<str>,
    /// When that was, milliseconds since the Unix epoch.
    pub loaded_ms: u64,
    /// How many were handed over.
    pub accepted: u64,
    /// How many were refused.
    pub refused: u64,
    /// When the last one was refused; absent: what stands there is live.
    pub refused_ms: Option<u64>,
    /// Why, or the warnings of what is live.
    pub problems: Vec<Problem>,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing new.
    Same,
    /// The files changed while they were looked at.
    Moving,
    /// A new bundle was handed over.
    Accepted,
    /// What stands there is at fault.
    Refused,
}

/// Looks at a folder and hands over what may become live.
pub struct Reloader {
    path: PathBuf,
    clock: Clock,
    accept: Accept,
    status: Arc<ArcSwap<ReloadStatus>>,
    /// What was looked at last, by contents.
    seen: String,
    /// Files outside the folder that decide too.
    files: BTreeSet<PathBuf>,
    refusal: Vec<Problem>,
    /// What only a start takes up, as it was then.
    fixed: Vec<Fixed>,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Reloader {
    /// Reads and builds `path` for the first time. What is built is returned,
    /// not handed over; `accept` gets everything after it.
    ///
    /// # Errors
    /// Every problem of every file, when one of them is an error.
    pub fn open(path: &Path, clock: Clock, accept: Accept) -> Result<(Loaded, Self), Vec<Problem>> {
        let status = Arc::new(ArcSwap::from_pointee(ReloadStatus::default()));
        let (seen, files, refusal) = (String::new(), BTreeSet::new(), Vec::new());
        let fixed = Vec::new();
        let mut new = Self { path: path.to_owned(), clock, accept, status, seen, files, refusal, fixed };
        let snapshot = Snapshot::read(&new.path).map_err(|problem| vec![*problem])?;
        let loaded = new.build(&snapshot)?;
        new.seen = fingerprint(&snapshot, &new.files);
        new.fixed = loaded.fixed.to_vec();
        new.note_accepted(&loaded);
        Ok((loaded, new))
    }

    /// How reloading goes; the same value for as long as the process runs.
    #[must_use]
    pub fn status(&self) -> Arc<ArcSwap<ReloadStatus>> {
        Arc::clone(&self.status)
    }

    /// The folders to watch, and whether with all below.
    pub(super) fn places(&self) -> Vec<(PathBuf, bool)> {
        let mut places = Vec::new();
        if let Ok(snapshot) = Snapshot::read(&self.path) {
            places.push((snapshot.folder, false));
            places.push((snapshot.policies_folder, true));
        } else {
            places.push((self.path.parent().map_or_else(|| self.path.clone(), Path::to_owned), false));
        }
        places.extend(
            self.files.iter().filter_map(|file| file.parent()).map(|folder| (folder.to_owned(), false)),
        );
        places.dedup();
        places
    }

    pub(super) fn set_watching(&self, watching: bool) {
        self.change(|status| status.watching = watching);
    }

    /// Looks once.
    pub(super) fn look(&mut self) -> Look {
        let snapshot = match Snapshot::read(&self.path) {
            Ok(snapshot) => snapshot,
            Err(problem) => {
                let absent = format!("unreadable: {}", problem.message);
                if self.seen == absent {
                    return Look::Same;
                }
                self.seen = absent;
                self.refusal = vec![*problem];
                return Look::Refused;
            }
        };
        if self.seen == fingerprint(&snapshot, &self.files) {
            return Look::Same;
        }
        let built = self.build(&snapshot);
        // Only what still stands there was read whole.
        let seen = fingerprint(&snapshot, &self.files);
        let now = Snapshot::read(&self.path).map(|now| fingerprint(&now, &self.files));
        if now.ok().as_ref() != Some(&seen) {
            return Look::Moving;
        }
        self.seen = seen;
        match built {
            Ok(mut loaded) => {
                loaded.warnings.extend(fixed::changed(&snapshot.file, &self.fixed, &loaded.fixed));
                loaded.warnings.iter().for_each(|problem| {
                    tracing::warn!(rule = problem.rule, "{}", problem.in_a_line());
                });
                self.note_accepted(&loaded);
                (self.accept)(loaded);
                Look::Accepted
            }
            Err(problems) => {
                self.refusal = problems;
                Look::Refused
            }
        }
    }

    /// Tells of what was refused, if it still stands there.
    pub(super) fn confirm_refusal(&mut self) -> bool {
        let problems = std::mem::take(&mut self.refusal);
        let now = match Snapshot::read(&self.path) {
            Ok(snapshot) => fingerprint(&snapshot, &self.files),
            Err(problem) => format!("unreadable: {}", problem.message),
        };
        if now != self.seen {
            return false;
        }
        for problem in &problems {
            tracing::error!(rule = problem.rule, "reload refused: {}", problem.in_a_line());
        }
        let now = self.clock.now().unix_ms;
        self.change(|status| {
            status.refused += 1;
            status.refused_ms = Some(now);
            status.problems.clone_from(&problems);
        });
        true
    }

    fn build(&mut self, snapshot: &Snapshot) -> Result<Loaded, Vec<Problem>> {
        let sources = Sources { env: &environment, folder: &snapshot.folder, pretend: false };
        let (built, files) = build_tracked(snapshot, &sources);
        self.files = files;
        built
    }

    fn note_accepted(&self, loaded: &Loaded) {
        let now = self.clock.now().unix_ms;
        self.change(|status| {
            status.hash = Arc::clone(&loaded.bundle.hash);
            status.loaded_ms = now;
            status.accepted += 1;
            status.refused_ms = None;
            status.problems.clone_from(&loaded.warnings);
        });
    }

    fn change(&self, edit: impl Fn(&mut ReloadStatus)) {
        self.status.rcu(|status| {
            let mut status = ReloadStatus::clone(status);
            edit(&mut status);
            status
        });
    }
}

/// What decides on a bundle: the folder's contents, and the files that secrets
/// are in (of which only a digest is kept).
fn fingerprint(snapshot: &Snapshot, files: &BTreeSet<PathBuf>) -> String {
    let mut hasher = Sha256::new();
    for problem in &snapshot.problems {
        hasher.update(format!("{} {}", problem.file.display(), problem.message));
    }
    for file in files {
        hasher.update(std::fs::read(file).unwrap_or_else(|error| error.to_string().into_bytes()));
        hasher.update([0]);
    }
    format!("{} {}", snapshot.hash, short(&hasher.finalize(), 8))
}
