//! A problem in a file of the user's: where it is, what is wrong, what to
//! write instead. Loaders collect all of them; `cli` and `/status` show them.

use std::path::PathBuf;

use serde_json::{Value, json};

/// One problem in a configuration file, policy, case or feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the configuration folder where it lies inside.
    pub file: PathBuf,
    /// Line and column, both from 1; absent when the whole file is at fault.
    pub at: Option<Place>,
    /// Stable short name of the rule (`unknown_key`, `unknown_function`, ...).
    pub rule: &'static str,
    /// What is wrong, with the offending text.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Whether it keeps the bundle from becoming live.
    pub severity: Severity,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters are at fault; 0: unknown, the place itself is marked.
    pub length: usize,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Works, but is probably not meant.
    Warning,
    /// Refused.
    Error,
}

impl Problem {
    /// An error in `file`.
    #[must_use]
    pub fn error(file: impl Into<PathBuf>, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            at: None,
            rule,
            message: message.into(),
            help: None,
            severity: Severity::Error,
        }
    }

    /// A warning in `file`.
    #[must_use]
    pub fn warning(file: impl Into<PathBuf>, rule: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, rule, message) }
    }

    /// The same problem at this place.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize, length: usize) -> Self {
        self.at = Some(Place { line, column, length });
        self
    }

    /// The same problem with what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `FILE:LINE:COLUMN: MESSAGE (HELP)`, for a log.
    #[must_use]
    pub fn in_a_line(&self) -> String {
        let at = self.at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        let help = self.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}{at}: {}{help}", self.file.display(), self.message)
    }

    /// For machines: `{file, line, column, length, severity, rule, message,
    /// help}`, absent facts as `null`.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "file": self.file.display().to_string(),
            "line": self.at.map(|at| at.line),
            "column": self.at.map(|at| at.column),
            "length": self.at.map(|at| at.length),
            "severity": self.severity.name(),
            "rule": self.rule,
            "message": self.message,
            "help": self.help,
        })
    }
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The member of `known` that `word` was probably meant to be: at most a third
/// of its letters differ. Of those as near, the one that begins alike.
#[must_use]
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let alike = |name: &str| word.chars().next().is_some_and(|first| name.starts_with(first));
    known
        .into_iter()
        .map(|name| ((distance(word, name), !alike(name)), name))
        .filter(|((far, _), _)| *far <= limit)
        .min_by_key(|(order, _)| *order)
        .map(|(_, name)| name)
}

/// What to write instead of `name`, which is no `what`: the nearest of `known`,
/// else some of them.
#[must_use]
pub fn instead<'a>(name: &str, what: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("no {what} is declared"),
        None => {
            let some: Vec<&str> = known.iter().take(12).copied().collect();
            let more = known.len().saturating_sub(some.len());
            let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("known: {}{tail}", some.join(", "))
        }
    }
}

/// Edits between two words (Levenshtein, ASCII case folded).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let x = x.to_ascii_lowercase();
        let mut above_left = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let best = if x == *y { above_left } else { 1 + above_left.min(left).min(*cell) };
            above_left = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        assert_eq!(did_you_mean("candidats", ["models", "candidates"]), Some("candidates"));
        assert_eq!(did_you_mean("kitten", ["sitting"]), None);
        assert_eq!(did_you_mean("pln", ["ln", "plan"]), Some("plan"));
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
