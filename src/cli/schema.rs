//! `pointsman schema`: JSON Schemas, from the types that read the files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Exit, Output};
use crate::config::file::GatewayFile;
use crate::policy::case::CaseFile;

/// Prints the JSON Schema of gateway.yaml, or writes all schemas into a folder.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write the schemas into this folder instead.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let Some(folder) = &args.write else {
        output.json(&gateway());
        return Exit::Ok;
    };
    match write(folder) {
        Ok(files) => {
            for file in files {
                output.line(format!("wrote {}", file.display()));
            }
            Exit::Ok
        }
        Err(error) => {
            output.note(format!("pointsman: the schemas cannot be written to {}: {error}", folder.display()));
            Exit::Problems
        }
    }
}

/// Every schema by its file's name.
pub(super) fn all() -> Vec<(&'static str, String)> {
    [("gateway.schema.json", gateway()), ("cases.schema.json", schemars::schema_for!(CaseFile).to_value())]
        .into_iter()
        .map(|(name, schema)| {
            (name, format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default()))
        })
        .collect()
}

/// Writes every schema into `folder`, which is made where it is missing.
pub(super) fn write(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let mut written = Vec::new();
    for (name, text) in all() {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        written.push(path);
    }
    Ok(written)
}

/// The schema of gateway.yaml, its kinds of provider filled in.
fn gateway() -> Value {
    let mut schema = schemars::schema_for!(GatewayFile).to_value();
    let kinds: Vec<Value> = crate::provider::kinds().iter().map(|kind| Value::from(kind.name)).collect();
    if let Some(kind) = schema.pointer_mut("/$defs/Provider/properties/kind").and_then(Value::as_object_mut) {
        kind.insert("enum".to_owned(), Value::from(kinds));
    }
    schema
}
