//! `pointsman test`: the cases of policies, and new ones made of records.

mod made;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::load::load;
use super::recorded::Recorded;
use super::{Exit, Output, render_problems};
use crate::policy::Folder;
use crate::policy::case::{self, Coverage};
use crate::problem::Problem;

/// Runs the cases (`NAME.cases.yaml`) beside policies, and tells the lines that none reaches.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder of policies, or one with a `policies` folder in it.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Fail where the cases reach less than so many percent of a policy's lines.
    #[arg(long, value_name = "PERCENT")]
    coverage_min: Option<f64>,
    /// Print a case made of this recorded exchange instead; the folder is then that of gateway.yaml.
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// The policy of which a case is made; else the last one of the route that decides where requests go.
    #[arg(long, requires = "record")]
    policy: Option<String>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    match &args.record {
        Some(id) => make(args, id, output),
        None => test(args, output),
    }
}

/// Prints a case of the record `id`.
fn make(args: &Args, id: &str, output: &mut Output) -> Exit {
    let made = load(&args.folder).and_then(|loaded| {
        let bundle = std::sync::Arc::clone(&loaded.bundle);
        made::made(&Recorded::find(loaded, id)?, &bundle, args.policy.as_deref())
    });
    match made {
        Ok(made) if output.is_json() => {
            output.json(&json!({ "policy": &*made.policy, "unknown": made.unknown, "case": made.case }));
        }
        Ok(made) => {
            output.note(format!("a case for {}.cases.yaml, below `cases:`", made.policy));
            output.line(made.yaml().trim_end());
        }
        Err(text) => {
            output.note(format!("pointsman: {}", text.trim_end()));
            return Exit::Problems;
        }
    }
    Exit::Ok
}

fn test(args: &Args, output: &mut Output) -> Exit {
    let folder = policies(&args.folder);
    let files = match Folder::read(&folder) {
        Ok(files) => files,
        Err(error) => {
            output.note(format!("pointsman: {}: {error}", folder.display()));
            return Exit::Problems;
        }
    };
    let (mut report, coverage) = case::cover(&files.policies, &files.cases);
    report.problems.extend(files.problems);
    if let Some(least) = args.coverage_min {
        report.problems.extend(coverage.iter().filter_map(|one| one.below(least)));
    }
    for problem in &mut report.problems {
        problem.file = folder.join(&problem.file);
    }
    if output.is_json() {
        output.json(&json!({
            "ok": report.is_good(),
            "passed": report.passed,
            "failed": report.failed,
            "coverage": coverage.iter().map(as_json).collect::<Vec<_>>(),
            "problems": report.problems.iter().map(Problem::as_json).collect::<Vec<_>>(),
        }));
    } else {
        let text = render_problems(&report.problems, output.colour);
        if !text.is_empty() {
            output.line(text.trim_end());
            output.line("");
        }
        covered(&coverage).iter().for_each(|line| output.line(line));
        output.line(format!("{} passed, {} failed", report.passed, report.failed));
    }
    if report.is_good() { Exit::Ok } else { Exit::Problems }
}

/// A line for each file, below it the lines that no case reaches, and the sum.
fn covered(coverage: &[Coverage]) -> Vec<String> {
    let width = coverage.iter().map(|one| one.policy.len()).max().unwrap_or(0) + ".rhai".len();
    let mut lines = Vec::new();
    for one in coverage {
        let file = format!("{}.rhai", one.policy);
        lines.push(format!("{file:width$}  {:>3.0} % of {} lines", one.percent().floor(), one.lines));
        let missed = one.missed.iter();
        lines.extend(missed.map(|(line, text)| format!("  not reached  {line:>4} | {text}")));
    }
    let (all, missed) =
        coverage.iter().fold((0, 0), |(all, missed), one| (all + one.lines, missed + one.missed.len()));
    if all > 0 {
        lines.push(format!("lines reached: {} of {all}", all - missed));
    }
    lines
}

fn as_json(one: &Coverage) -> Value {
    let missed: Vec<usize> = one.missed.iter().map(|(line, _)| *line).collect();
    json!({ "policy": &*one.policy, "lines": one.lines, "percent": one.percent(), "missed": missed })
}

/// The folder itself, or `policies` in it.
fn policies(folder: &Path) -> PathBuf {
    let inner = folder.join("policies");
    if inner.is_dir() { inner } else { folder.to_owned() }
}
