//! The files of a configuration folder as they were at one moment: what is
//! hashed is what is built.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::policy::Folder;
use crate::problem::{Place, Problem};
use crate::yaml::{MAX_BYTES, Node, Tree};

/// The file's name in a folder.
pub const FILE_NAME: &str = "gateway.yaml";
/// The folder of policies where the file names none.
const POLICIES: &str = "policies";

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
        match Folder::read(&self.policies_folder) {
            Ok(Folder { policies, cases, problems }) => {
                (self.policies, self.cases) = (policies, cases);
                self.problems = problems.into_iter().map(|problem| self.in_policies(problem)).collect();
            }
            Err(error) => {
                self.policies_unread = named.is_some();
                let folder = self.policies_folder.display();
                let message = format!("the policies folder `{folder}` cannot be read: {error}");
                let problem = Problem::error(&self.file, "unreadable_file", message);
                self.problems.extend(named.map(|at| problem.at(at.line, at.column, at.length)));
            }
        }
    }

    /// A problem of a file in the policies folder, where people find it.
    pub(super) fn in_policies(&self, problem: Problem) -> Problem {
        Problem { file: self.policies_folder.join(&problem.file), ..problem }
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

fn read_text(path: &Path, most: usize) -> io::Result<String> {
    let facts = std::fs::metadata(path)?;
    if facts.len() > most as u64 {
        let message = format!("larger than {} KiB", most >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    std::fs::read_to_string(path)
}
