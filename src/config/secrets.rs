//! Resolves references to secrets.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::file::{Part, Template};
use super::findings::Findings;
use crate::problem::Place;
use crate::secret::Secret;
use crate::yaml::At;

/// Largest file that a reference may name, bytes.
const MAX_FILE: u64 = 1 << 20;

/// Where references are looked up.
pub struct Sources<'a> {
    /// The environment.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// The folder from which relative paths start.
    pub folder: &'a Path,
    /// Whether references stand for themselves: for checks on machines without the secrets.
    pub pretend: bool,
}

/// Reads the environment of this process.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Resolves templates and remembers which files they named.
pub(super) struct Resolver<'a> {
    sources: &'a Sources<'a>,
    /// The files that were named, to be watched.
    pub(super) files: BTreeSet<PathBuf>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(sources: &'a Sources<'a>) -> Self {
        Self { sources, files: BTreeSet::new() }
    }

    /// Whether secrets are made up.
    pub(super) fn pretends(&self) -> bool {
        self.sources.pretend
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.sources.env)(name)
    }

    /// The text of `template`; `None` when a reference leads nowhere, which is noted.
    pub(super) fn text(&mut self, template: &At<Template>, findings: &mut Findings) -> Option<Secret> {
        let parts = template.value.0.iter().map(|part| self.part(part, template.place, findings));
        let parts: Vec<Option<Secret>> = parts.collect();
        let parts: Option<Vec<Secret>> = parts.into_iter().collect();
        parts.map(|parts| Secret::new(parts.iter().map(Secret::expose).collect::<String>()))
    }

    /// The same for what must be a secret: written in clear it is warned of, empty it is refused.
    pub(super) fn secret(&mut self, template: &At<Template>, findings: &mut Findings) -> Option<Secret> {
        if template.value.is_clear() {
            let help = "write `${env:NAME}` or `${file:PATH}`, and change the secret: this file may have been shared";
            findings.warn(template.place, "secret_in_clear", "a secret stands here in clear", help);
        }
        let secret = self.text(template, findings)?;
        if secret.is_empty() {
            findings.error(
                template.place,
                "empty_secret",
                "this secret is empty",
                "set it, or leave the key out",
            );
            return None;
        }
        Some(secret)
    }

    fn part(&mut self, part: &Part, at: Place, findings: &mut Findings) -> Option<Secret> {
        match part {
            Part::Clear(text) => Some(text.clone()),
            Part::Env(_) | Part::File(_) if self.sources.pretend => Some(Secret::new("pretended-secret")),
            Part::Env(name) => {
                let value = (self.sources.env)(name);
                if value.is_none() {
                    let message = format!("the environment variable `{name}` is not set");
                    findings.error(
                        at,
                        "missing_env",
                        message,
                        &format!("export {name}=..., then start again"),
                    );
                }
                value.map(Secret::new)
            }
            Part::File(path) => self.file(path, at, findings),
        }
    }

    fn file(&mut self, path: &str, at: Place, findings: &mut Findings) -> Option<Secret> {
        let full = self.sources.folder.join(path);
        self.files.insert(full.clone());
        let read = std::fs::metadata(&full).and_then(|facts| match facts.len() {
            0..=MAX_FILE => std::fs::read_to_string(&full),
            _ => Err(std::io::Error::new(ErrorKind::FileTooLarge, "larger than 1 MiB")),
        });
        match read {
            Ok(text) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                let help = match error.kind() {
                    ErrorKind::NotFound => "relative paths start at the folder of this file",
                    ErrorKind::PermissionDenied => "let the user that runs pointsman read it",
                    _ => "",
                };
                let message = format!("the file `{path}` cannot be read: {error}");
                findings.error(at, "unreadable_file", message, help);
                None
            }
        }
    }
}
