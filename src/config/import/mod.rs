//! Other gateways' configurations into ours. What has no equal here is listed,
//! with its place; nothing is left out silently, and no secret is written out.

mod elsewhere;
mod entries;
mod litellm;
mod providers;
mod write;

pub use litellm::litellm;

use std::path::{Path, PathBuf};

use crate::problem::Problem;
use crate::yaml::Node;

/// What an import gives.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// The text of gateway.yaml.
    pub yaml: String,
    /// Policies by their path below the policies folder.
    pub policies: Vec<(String, String)>,
    /// What has no equal, or wants a look.
    pub findings: Vec<Problem>,
}

/// Findings about one file.
struct Notes {
    file: PathBuf,
    list: Vec<Problem>,
}

impl Notes {
    fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    /// Something that is carried otherwise, or not at all.
    fn tell(&mut self, at: &Node, rule: &'static str, message: impl Into<String>, help: &str) {
        let problem = Problem::warning(&self.file, rule, message);
        let problem = if help.is_empty() { problem } else { problem.help(help) };
        self.list.push(problem.at(at.place.line, at.place.column, at.place.length));
    }

    /// Every key of `map` that is not among `known`.
    fn leftovers(&mut self, map: &Node, known: &[&str], where_: &str) {
        for (key, _) in map.entries() {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let help = elsewhere::place(name).unwrap_or_default();
                self.tell(key, "no_equal", format!("`{name}` of {where_} has no equal here"), help);
            }
        }
    }
}

#[cfg(test)]
mod tests;
