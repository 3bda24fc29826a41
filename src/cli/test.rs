//! `pointsman test`: the cases of policies.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Exit, Output, problems_as_json, render_problems};
use crate::policy::case;

/// Runs the cases (`NAME.cases.yaml`) beside policies.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder of policies, or one with a `policies` folder in it.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let folder = policies(&args.folder);
    let mut report = case::run_all(&folder);
    for problem in &mut report.problems {
        problem.file = folder.join(&problem.file);
    }
    if output.is_json() {
        output.json(&json!({
            "ok": report.is_good(),
            "passed": report.passed,
            "failed": report.failed,
            "problems": problems_as_json(&report.problems),
        }));
    } else {
        let text = render_problems(&report.problems, output.colour);
        if !text.is_empty() {
            output.line(text.trim_end());
            output.line("");
        }
        output.line(format!("{} passed, {} failed", report.passed, report.failed));
    }
    if report.is_good() { Exit::Ok } else { Exit::Problems }
}

/// The folder itself, or `policies` in it.
fn policies(folder: &Path) -> PathBuf {
    let inner = folder.join("policies");
    if inner.is_dir() { inner } else { folder.to_owned() }
}
