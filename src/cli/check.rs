//! `pointsman check`: what `serve` would refuse, without serving.

use std::path::PathBuf;

use serde_json::json;

use super::{Exit, Output, render_problems};
use crate::config::{self, Loaded, Snapshot, Sources};
use crate::problem::{Problem, Severity};

/// Checks a configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A gateway.yaml or its folder.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Do not resolve `${env:...}` and `${file:...}`: for machines that have no secrets.
    #[arg(long)]
    without_secrets: bool,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let checked = load(args);
    let (problems, loaded) = match &checked {
        Ok(loaded) => (&loaded.warnings, Some(loaded)),
        Err(problems) => (problems, None),
    };
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    if output.is_json() {
        let bundle = loaded.map(|loaded| loaded.bundle.hash.to_string());
        let problems: Vec<_> = problems.iter().map(Problem::as_json).collect();
        output.json(&json!({ "ok": !failed, "bundle": bundle, "problems": problems }));
    } else {
        let text = render_problems(problems, output.colour);
        if !text.is_empty() {
            output.line(text.trim_end());
            output.line("");
        }
        output.line(summary(problems, loaded));
    }
    if failed { Exit::Problems } else { Exit::Ok }
}

fn load(args: &Args) -> Result<Loaded, Vec<Problem>> {
    let snapshot = Snapshot::read(&args.path).map_err(|problem| vec![*problem])?;
    let sources =
        Sources { env: &config::environment, folder: &snapshot.folder, pretend: args.without_secrets };
    config::build(&snapshot, &sources)
}

fn summary(problems: &[Problem], loaded: Option<&Loaded>) -> String {
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let told = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    match loaded {
        None => told,
        Some(loaded) => {
            let bundle = &loaded.bundle;
            format!(
                "ok: {}, {}, {}, {} (bundle {}); {told}",
                counted(bundle.providers.len(), "provider"),
                counted(bundle.models.len(), "model"),
                counted(bundle.routes.len(), "route"),
                match bundle.policies.iter().count() {
                    1 => "1 policy".to_owned(),
                    count => format!("{count} policies"),
                },
                bundle.hash
            )
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
