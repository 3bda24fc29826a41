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
use std::path::PathBuf;
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

/// Texts by policies' names.
type Texts = BTreeMap<String, String>;

/// Compiles the policies and runs every case.
#[must_use]
pub fn run_all(policies: &Texts, cases: &Texts) -> Report {
    match compile(policies) {
        Ok(policies) => run_with(&policies, cases),
        Err(problems) => Report { problems, ..Report::default() },
    }
}

/// The same with the policies watched: also how much of each the cases reach.
#[must_use]
pub fn cover(policies: &Texts, cases: &Texts) -> (Report, Vec<Coverage>) {
    match compile(policies).and_then(|policies| policies.watched()) {
        Ok(policies) => {
            let report = run_with(&policies, cases);
            let coverage = coverage::of(&policies, &report.reached);
            (report, coverage)
        }
        Err(problems) => (Report { problems, ..Report::default() }, Vec::new()),
    }
}

fn compile(policies: &Texts) -> Result<Policies, Vec<Problem>> {
    Policies::from_sources(policies.iter().map(|(name, text)| (name.as_str(), text.as_str())), patient())
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

fn run_with(policies: &Policies, cases: &Texts) -> Report {
    let mut report = Report::default();
    for (name, text) in cases {
        run_file(policies, name, text, &mut report);
    }
    report
}

/// Runs the cases of one file.
fn run_file(policies: &Policies, name: &str, text: &str, report: &mut Report) {
    let shown = &PathBuf::from(format!("{name}{ENDING}"));
    let (file, problems) = crate::yaml::read::<CaseFile>(shown, text);
    let broken = !problems.is_empty();
    report.problems.extend(problems);
    let Some(file) = file.filter(|_| !broken) else { return };
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

/// The names of the cases of each policy; files that cannot be read have none.
#[must_use]
pub fn names(cases: &Texts) -> BTreeMap<String, Vec<String>> {
    let named = |(name, text): (&String, &String)| {
        let (file, _) = crate::yaml::read::<CaseFile>(name.as_ref(), text);
        let names = file?.cases.into_iter().map(|case| case.name.value).collect();
        Some((name.clone(), names))
    };
    cases.iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests;
