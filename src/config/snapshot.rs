//! The files of a configuration folder as they were at one moment: what is
//! hashed is what is built.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::problem::{Place, Problem};
use crate::yaml::{MAX_BYTES, Node, Tree};

/// The file's name in a folder.
pub const FILE_NAME: &str = "gateway.yaml";
/// The folder of policies where the file names none.
const POLICIES: &str = "policies";
/// Largest policy, bytes.
const MAX_POLICY: usize = 256 << 10;
/// Most files in the policies folder.
const MAX_FILES: usize = 5_000;
/// Deepest folder below the policies folder.
const MAX_DEPTH: usize = 8;

/// The files of one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The path of `gateway.yaml`.
    pub file: PathBuf,
    /// The folder in which it lies.
    pub folder: PathBuf,
    /// Its text.
    pub text: String,
    /// The policies folder as the file names it.
    pub policies_folder: PathBuf,
    /// Whether the file names that folder and it could not be read.
    pub policies_unread: bool,
    /// Policies' texts by name.
    pub policies: BTreeMap<String, String>,
    /// Texts of cases by their policy's name.
    pub cases: BTreeMap<String, String>,
    /// First 12 hex digits of the SHA-256 over all texts.
    pub hash: String,
    /// Problems of reading them.
    pub problems: Vec<Problem>,
}

impl Snapshot {
    /// Reads the folder of `path`, which is a `gateway.yaml` or its folder.
    ///
    /// # Errors
    /// When `gateway.yaml` itself cannot be read.
    pub fn read(path: &Path) -> Result<Self, Box<Problem>> {
        let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let text = read_text(&file, MAX_BYTES).map_err(|error| {
            let problem = Problem::error(&file, "unreadable_file", format!("cannot be read: {error}"));
            Box::new(match error.kind() {
                io::ErrorKind::NotFound => problem.help("`pointsman init` writes one to start with"),
                _ => problem,
            })
        })?;
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let (tree, _) = Tree::parse(&file, &text);
        let named = tree.as_ref().and_then(|tree| tree.root.get("policies"));
        let name = named.and_then(Node::text).unwrap_or(POLICIES);
        let policies_folder = folder.join(name.trim_start_matches("./"));
        let mut snapshot = Self {
            file,
            folder,
            text,
            policies_folder,
            policies_unread: false,
            policies: BTreeMap::new(),
            cases: BTreeMap::new(),
            hash: String::new(),
            problems: Vec::new(),
        };
        snapshot.read_policies(named.map(|node| node.place));
        snapshot.hash = snapshot.digest();
        Ok(snapshot)
    }

    /// The path of a policy's file, for people.
    #[must_use]
    pub fn policy_file(&self, name: &str) -> PathBuf {
        self.policies_folder.join(format!("{name}.rhai"))
    }

    /// `named`: where the file names the folder.
    fn read_policies(&mut self, named: Option<Place>) {
        let top = self.policies_folder.clone();
        let real = match top.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                self.policies_unread = named.is_some();
                let message = format!("the policies folder `{}` cannot be read: {error}", top.display());
                let problem = Problem::error(&self.file, "unreadable_file", message);
                self.problems.extend(named.map(|at| problem.at(at.line, at.column, at.length)));
                return;
            }
        };
        let mut walk = Walk { top: &top, real: &real, files: Vec::new(), problems: Vec::new() };
        walk.folder(&top, 0);
        let Walk { files, problems, .. } = walk;
        self.problems.extend(problems);
        for path in files {
            self.read_policy(&top, &path);
        }
    }

    fn read_policy(&mut self, top: &Path, path: &Path) {
        let Ok(below) = path.strip_prefix(top) else { return };
        let below = below.to_string_lossy().replace('\\', "/");
        let (kind, name) = if let Some(name) = below.strip_suffix(".cases.yaml") {
            (&mut self.cases, name)
        } else if let Some(name) = below.strip_suffix(".rhai") {
            (&mut self.policies, name)
        } else {
            return;
        };
        match read_text(path, MAX_POLICY) {
            Ok(text) => {
                kind.insert(name.to_owned(), text);
            }
            Err(error) => {
                let message = format!("cannot be read: {error}");
                self.problems.push(Problem::error(path, "unreadable_file", message));
            }
        }
    }

    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut add = |kind: &str, name: &str, text: &str| {
            for part in [kind, name, text] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        };
        add("yaml", "", &self.text);
        for (name, text) in &self.policies {
            add("policy", name, text);
        }
        for (name, text) in &self.cases {
            add("cases", name, text);
        }
        short(&hasher.finalize(), 6)
    }
}

/// The first `count` bytes of a digest, for people.
pub(super) fn short(digest: &[u8], count: usize) -> String {
    hex(digest.get(..count).unwrap_or(digest))
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
            Err(error) => {
                let message = format!("cannot be read: {error}");
                self.problems.push(Problem::error(folder, "unreadable_file", message));
                return;
            }
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
            self.problems.push(Problem::error(path, "outside_folder", message).help(help));
        }
        inside
    }
}

fn read_text(path: &Path, most: usize) -> io::Result<String> {
    let facts = std::fs::metadata(path)?;
    if facts.len() > most as u64 {
        let message = format!("larger than {} KiB", most >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    std::fs::read_to_string(path)
}
