//! The problems of one file, gathered while it is built.

use std::path::PathBuf;

use crate::problem::{Place, Problem, instead};
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
        let help = instead(name, what, known);
        let rule = "unknown_name";
        self.error(name.place, rule, format!("there is no {what} `{}`", name.value), &help);
    }
}
