//! `pointsman import`: another gateway's configuration into ours.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::{Exit, Output, fresh, render_problems};
use crate::config::import::{Imported, litellm};
use crate::problem::Problem;

/// Converts another gateway's configuration, and lists what has no equal.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which gateway's.
    #[arg(long, value_enum)]
    from: From,
    /// The file.
    file: PathBuf,
    /// Write gateway.yaml and policies into this folder, instead of printing them.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    /// LiteLLM's proxy: config.yaml.
    Litellm,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let text = match std::fs::read_to_string(&args.file) {
        Ok(text) => text,
        Err(error) => {
            output.note(format!("pointsman: {}: {error}", args.file.display()));
            return Exit::Problems;
        }
    };
    let From::Litellm = args.from;
    let imported = match litellm(&args.file, &text) {
        Ok(imported) => imported,
        Err(problems) => {
            output.note(render_problems(&problems, output.colour).trim_end());
            return Exit::Problems;
        }
    };
    if let Some(folder) = &args.into
        && let Err(error) = write(folder, &imported)
    {
        output.note(format!("pointsman: {error}"));
        return Exit::Problems;
    }
    show(&imported, args.into.as_deref(), output);
    Exit::Ok
}

fn show(imported: &Imported, folder: Option<&Path>, output: &mut Output) {
    if output.is_json() {
        let policies: Map<String, Value> =
            imported.policies.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect();
        let findings: Vec<_> = imported.findings.iter().map(Problem::as_json).collect();
        output.json(&json!({ "yaml": imported.yaml, "policies": policies, "findings": findings }));
        return;
    }
    match folder {
        Some(folder) => output.line(format!("wrote {}", folder.join("gateway.yaml").display())),
        None => {
            output.line(imported.yaml.trim_end());
            for (name, text) in &imported.policies {
                output.line(format!("\n# policies/{name}"));
                text.lines().for_each(|line| output.line(format!("#   {line}")));
            }
        }
    }
    if !imported.findings.is_empty() {
        output.note(render_problems(&imported.findings, output.colour).trim_end());
        output.note(format!("{} to look at", imported.findings.len()));
    }
}

/// Nothing that stands there is overwritten.
fn write(folder: &Path, imported: &Imported) -> std::io::Result<()> {
    let policies = imported.policies.iter().map(|(name, text)| (format!("policies/{name}"), text.as_str()));
    let files = policies.chain([("gateway.yaml".to_owned(), imported.yaml.as_str())]);
    fresh::write(folder, files).map(|_| ())
}
