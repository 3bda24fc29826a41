//! `pointsman init`: a gateway that works as it is and teaches by its comments.

use std::path::{Path, PathBuf};

use super::{Exit, Output, fresh, schema};

/// Writes gateway.yaml, policies with their cases, and the schemas for editors.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; made where it is missing.
    #[arg(default_value = ".")]
    path: PathBuf,
}

/// A file of the quick start: what is taught there is what is begun with.
macro_rules! quickstart {
    ($name:literal) => {
        ($name, include_str!(concat!("../../examples/quickstart/", $name)))
    };
}

const FILES: [(&str, &str); 7] = [
    quickstart!("gateway.yaml"),
    quickstart!("policies/guard/secrets.rhai"),
    quickstart!("policies/guard/secrets.cases.yaml"),
    quickstart!("policies/route/by_length.rhai"),
    quickstart!("policies/route/by_length.cases.yaml"),
    quickstart!("policies/route/best_value.rhai"),
    quickstart!("policies/route/best_value.cases.yaml"),
];

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    match write(&args.path) {
        Ok(files) => {
            for file in &files {
                output.line(format!("wrote {}", file.display()));
            }
            output.line(format!("\nnext:  pointsman serve {}", args.path.display()));
            Exit::Ok
        }
        Err(error) => {
            output.note(format!("pointsman: {error}"));
            Exit::Problems
        }
    }
}

/// Nothing that stands there is overwritten, but for the schemas.
fn write(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let files: Vec<(&str, String)> = FILES.iter().map(|(name, text)| (*name, localised(text))).collect();
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_str()));
    let mut written = fresh::write(folder, files)?;
    written.extend(schema::write(&folder.join("schemas"))?);
    Ok(written)
}

/// The schemas lie in the folder itself, not two above it as in the example.
fn localised(text: &str) -> String {
    text.replace("$schema=../../", "$schema=./").replace("$schema=./../../", "$schema=../../")
}
