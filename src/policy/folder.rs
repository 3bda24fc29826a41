//! The policies folder as it is at one moment: every policy and its cases, by
//! name. Whatever leads outside of the folder is refused, and nothing else is
//! ever opened, imports included.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// Largest file, bytes.
const LARGEST: u64 = 256 << 10;
/// Most files.
const MAX_FILES: usize = 5_000;
/// Deepest nesting of folders.
const MAX_DEPTH: usize = 8;

/// The files of a policies folder. Paths of problems are relative to it.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// Policies' texts: a policy's name is its path without the ending `.rhai`.
    pub policies: BTreeMap<String, String>,
    /// Texts of cases (`NAME.cases.yaml`) by their policy's name.
    pub cases: BTreeMap<String, String>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Folder {
    /// Reads `top`.
    ///
    /// # Errors
    /// It cannot be found.
    pub fn read(top: &Path) -> io::Result<Self> {
        let real = top.canonicalize()?;
        let mut walk = Walk { top, real: &real, files: Vec::new(), problems: Vec::new() };
        walk.folder(top, 0);
        let mut folder = Self { problems: walk.problems, ..Self::default() };
        for path in walk.files {
            let below = path.strip_prefix(top).unwrap_or(&path);
            let name = below.to_string_lossy().replace('\\', "/");
            let (kind, name) = if let Some(name) = name.strip_suffix(".cases.yaml") {
                (&mut folder.cases, name)
            } else if let Some(name) = name.strip_suffix(".rhai") {
                (&mut folder.policies, name)
            } else {
                continue;
            };
            match text(&path) {
                Ok(text) => drop(kind.insert(name.to_owned(), text)),
                Err(error) => folder.problems.push(unreadable(below, &error)),
            }
        }
        Ok(folder)
    }
}

/// Collects the files below a folder that stay inside it.
struct Walk<'a> {
    top: &'a Path,
    real: &'a Path,
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    /// Hidden names are passed over: editors' and Kubernetes' own (`..data`).
    fn folder(&mut self, folder: &Path, depth: usize) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(unreadable(self.below(folder), &error)),
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            if hidden || self.files.len() >= MAX_FILES {
                continue;
            }
            if path.is_dir() {
                // A link back to a folder above would go round in circles.
                let above = path.canonicalize().is_ok_and(|real| {
                    folder
                        .canonicalize()
                        .is_ok_and(|here| here.starts_with(&real) && real.starts_with(self.real))
                });
                if depth < MAX_DEPTH && !above && self.is_inside(&path) {
                    self.folder(&path, depth + 1);
                }
            } else if self.is_ours(&path) {
                self.files.push(path);
            }
        }
    }

    fn below<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.top).unwrap_or(path)
    }

    fn is_ours(&mut self, path: &Path) -> bool {
        let name = path.to_string_lossy();
        (name.ends_with(".rhai") || name.ends_with(".cases.yaml")) && self.is_inside(path)
    }

    fn is_inside(&mut self, path: &Path) -> bool {
        // A link that leads nowhere is reported when it is read.
        let inside = path.canonicalize().map_or(true, |real| real.starts_with(self.real));
        if !inside {
            let message = "leads out of the policies folder";
            let help = format!("copy the file into `{}`", self.top.display());
            self.problems.push(Problem::error(self.below(path), "outside_folder", message).help(help));
        }
        inside
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::error(path, "unreadable_file", format!("cannot be read: {error}"))
}

fn text(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > LARGEST {
        let message = format!("larger than {} KiB", LARGEST >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    std::fs::read_to_string(path)
}
