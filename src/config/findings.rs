//! The problems of one file, gathered while it is built.

use std::path::PathBuf;

use crate::problem::{Place, Problem, did_you_mean};
use crate::yaml::At;

/// The problems found so far.
#[derive(Debug)]
pub(super) struct Findings {
    /// The file that is built.
    pub(super) file: PathBuf,
    /// The problems.
    pub(super) list: Vec<Problem>,
}

impl Findings {
    pub(super) fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), list: Vec::new() }
    }

    /// An error at `at`; `help` says what to write instead.
    pub(super) fn error(&mut self, at: Place, rule: &'static str, message: impl Into<String>, help: &str) {
        let problem = Problem::error(&self.file, rule, message);
        self.add(at, problem, help);
    }

    /// A warning at `at`.
    pub(super) fn warn(&mut self, at: Place, rule: &'static str, message: impl Into<String>, help: &str) {
        let problem = Problem::warning(&self.file, rule, message);
        self.add(at, problem, help);
    }

    fn add(&mut self, at: Place, problem: Problem, help: &str) {
        let problem = if help.is_empty() { problem } else { problem.help(help) };
        let placed = if at.line == 0 { problem } else { problem.at(at.line, at.column, at.length) };
        self.list.push(placed);
    }

    /// `name` is no `what`; the nearest of `known` is suggested.
    pub(super) fn unknown<'a>(
        &mut self,
        name: &At<String>,
        what: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("no {what} is declared"),
            None => format!("known: {}", listed(&known)),
        };
        let rule = "unknown_name";
        self.error(name.place, rule, format!("there is no {what} `{}`", name.value), &help);
    }
}

/// At most a dozen names.
fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(12).copied().collect();
    let more = names.len().saturating_sub(shown.len());
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join(", "))
}
