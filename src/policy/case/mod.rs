//! Cases: tests that ship with a policy, in `NAME.cases.yaml` beside it. They
//! run without a network: models, prices, health, time, chance and the answers
//! of models are written down.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `file` | what a case file may say |
//! | `facts` | models and their health as a case states them |
//! | `played` | what came of a case |
//! | `stage` | from a case to the scene that its hooks see |
//! | `script` | the answers that effects get |
//! | `expect` | what came of it against what was expected |
//! | `coverage` | the lines that the cases of a folder reach |

mod coverage;
mod expect;
mod facts;
mod file;
mod played;
mod run;
mod script;
mod stage;

pub use coverage::Coverage;
pub use file::{Case, CaseFile};
pub use played::Played;
pub use run::play;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::policy::{Limits, Policies};
use crate::problem::Problem;

/// The ending of case files.
const ENDING: &str = ".cases.yaml";

/// Longest duration of one hook in a case.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of a folder's cases.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Why, each with its place: failed expectations, and what is wrong with files.
    pub problems: Vec<Problem>,
    /// The lines that cases reached, by file; only of policies that are watched.
    pub reached: BTreeMap<String, BTreeSet<usize>>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Compiles the policies below `folder` and runs every case there.
#[must_use]
pub fn run_all(folder: &Path) -> Report {
    match Policies::compile(folder, patient()) {
        Ok(policies) => run_with(&policies, folder),
        Err(problems) => Report { problems, ..Report::default() },
    }
}

/// The same with the policies watched: also how much of each the cases reach.
#[must_use]
pub fn cover(folder: &Path) -> (Report, Vec<Coverage>) {
    match Policies::compile(folder, patient()).and_then(|policies| policies.watched()) {
        Ok(policies) => {
            let report = run_with(&policies, folder);
            let coverage = coverage::of(&policies, &report.reached);
            (report, coverage)
        }
        Err(problems) => (Report { problems, ..Report::default() }, Vec::new()),
    }
}

/// The usual limits with more time: a case is about what a policy decides, not
/// about how busy the machine is.
fn patient() -> Limits {
    let mut limits = Limits::default();
    for budget in [&mut limits.inline, &mut limits.effects] {
        budget.wall = PATIENCE;
        budget.cpu = PATIENCE;
    }
    limits
}

/// Runs every case below `folder` with policies that are compiled already.
#[must_use]
pub fn run_with(policies: &Policies, folder: &Path) -> Report {
    let mut report = Report::default();
    let files = match files_below(folder) {
        Ok(files) => files,
        Err(error) => {
            let message = format!("the folder cannot be read: {error}");
            report.problems.push(Problem::error(folder, "unreadable", message));
            return report;
        }
    };
    for path in files {
        run_file(policies, folder, &path, &mut report);
    }
    report
}

/// Runs the cases of one file.
fn run_file(policies: &Policies, folder: &Path, path: &Path, report: &mut Report) {
    let shown = path.strip_prefix(folder).unwrap_or(path);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return report.problems.push(Problem::error(
                shown,
                "unreadable",
                format!("cannot be read: {error}"),
            ));
        }
    };
    let (file, problems) = crate::yaml::read::<CaseFile>(shown, &text);
    let broken = !problems.is_empty();
    report.problems.extend(problems);
    let Some(file) = file.filter(|_| !broken) else { return };
    let name = shown.to_string_lossy().replace('\\', "/");
    let name = name.strip_suffix(ENDING).unwrap_or(&name);
    let Some(policy) = policies.get(name) else {
        let message = format!("there is no policy `{name}` beside these cases");
        return report.problems.push(Problem::error(shown, "unknown_policy", message));
    };
    for case in &file.cases {
        let (problems, reached) = run::judge(policy, &file, case, shown);
        for (file, lines) in reached {
            report.reached.entry(file).or_default().extend(lines);
        }
        if problems.is_empty() {
            report.passed += 1;
        } else {
            report.failed += 1;
        }
        report.problems.extend(problems);
    }
}

/// The names of the cases of each policy below `folder`; files that cannot be read have none.
#[must_use]
pub fn names(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let files = files_below(folder).unwrap_or_default();
    let named = |path: PathBuf| {
        let shown = path.strip_prefix(folder).ok()?.to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&path).ok()?;
        let (file, _) = crate::yaml::read::<CaseFile>(&path, &text);
        let names = file?.cases.into_iter().map(|case| case.name.value).collect();
        Some((shown.strip_suffix(ENDING)?.to_owned(), names))
    };
    files.into_iter().filter_map(named).collect()
}

/// Every case file below `folder`, sorted; symbolic links are not followed.
fn files_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.file_name().to_string_lossy().ends_with(ENDING) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
