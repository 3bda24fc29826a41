//! `pointsman schema`: JSON Schemas, from the types that read the files;
//! definitions for editors and the reference, from the words that are registered.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Exit, Output};
use crate::config::file::GatewayFile;
use crate::observe::Meters;
use crate::policy::case::{self, CaseFile};
use crate::policy::{Folder, Limits, Policies, reference, vocabulary};

/// Prints the JSON Schema of gateway.yaml, or writes what editors complete by, or the reference.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write the schemas and the definitions of Rhai words into this folder instead.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Write the reference of the vocabulary, and a page of the policies, into this folder.
    #[arg(long, value_name = "DIR")]
    docs: Option<PathBuf>,
    /// The policies that have a page.
    #[arg(long, value_name = "DIR", default_value = "policies")]
    policies: PathBuf,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    if args.write.is_none() && args.docs.is_none() {
        output.json(&gateway());
        return Exit::Ok;
    }
    let pages = args.docs.as_ref().map(|folder| (folder, docs(&args.policies)));
    for (folder, files) in args.write.as_ref().map(|folder| (folder, all())).into_iter().chain(pages) {
        match write_into(folder, files) {
            Ok(written) => {
                written.iter().for_each(|file| output.line(format!("wrote {}", file.display())));
            }
            Err(error) => {
                output.note(format!("pointsman: {} cannot be written to: {error}", folder.display()));
                return Exit::Problems;
            }
        }
    }
    match args.docs.as_deref().map(refresh) {
        Some(Err((page, error))) => {
            output.note(format!("pointsman: {} cannot be written: {error}", page.display()));
            Exit::Problems
        }
        _ => Exit::Ok,
    }
}

/// Where a generated table begins and ends in a page that is written by hand.
const BEGIN: &str = "<!-- begin of what `pointsman schema --docs docs` generates -->\n";
const END: &str = "<!-- end of what is generated -->\n";

/// Makes a table as Markdown.
type Table = fn() -> String;

/// Pages that are written by hand around a table, from the folder of pages, and the table.
pub(super) const TABLES: [(&str, Table); 2] =
    [("../README.md", super::providers::table), ("operating.md", metrics)];

/// `page` with the table `new`; nothing when it has no place for it.
pub(super) fn with_table(page: &str, new: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{new}{END}{after}"))
}

/// Writes the generated tables of the pages that are there, and have a place for one.
fn refresh(docs: &Path) -> Result<(), (PathBuf, std::io::Error)> {
    for (page, table) in TABLES {
        let path = docs.join(page);
        let text = std::fs::read_to_string(&path).ok();
        if let Some(text) = text.and_then(|text| with_table(&text, &table())) {
            std::fs::write(&path, text).map_err(|error| (path, error))?;
        }
    }
    Ok(())
}

/// The table of metrics.
fn metrics() -> String {
    let mut listed = Meters::new().map(|meters| meters.listed).unwrap_or_default();
    listed.sort();
    let rows = listed.iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind, labels.join(", "), metric.help)
    });
    format!("| metric | kind | labels | says |\n| --- | --- | --- | --- |\n{}", rows.collect::<String>())
}

/// Names and texts.
type Files = Vec<(&'static str, String)>;

/// Every page that is generated; that of `policies` where there are any that compile.
pub(super) fn docs(policies: &Path) -> Files {
    let mut pages = vec![
        ("reference.md", reference::page(&vocabulary())),
        ("providers.md", super::providers::page()),
        ("gateway.md", super::settings::page(&gateway())),
    ];
    let files = Folder::read(policies).unwrap_or_default();
    let texts = files.policies.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    if let Some(compiled) =
        Policies::from_sources(texts, Limits::default()).ok().filter(|_| !files.policies.is_empty())
    {
        let folder = policies.file_name().unwrap_or_default().to_string_lossy();
        let page = reference::policies(&compiled, &case::names(&files.cases), &format!("../{folder}"));
        pages.push(("policies.md", page));
    }
    pages
}

/// Every schema and definition by its file's name.
pub(super) fn all() -> Files {
    let schemas = [
        ("gateway.schema.json", gateway()),
        ("cases.schema.json", schemars::schema_for!(CaseFile).to_value()),
    ]
    .into_iter()
    .map(|(name, schema)| (name, format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default())));
    schemas.chain(reference::definitions(&vocabulary())).collect()
}

/// Writes every schema into `folder`, which is made where it is missing.
pub(super) fn write(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    write_into(folder, all())
}

fn write_into(folder: &Path, files: Files) -> std::io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let mut written = Vec::new();
    for (name, text) in files {
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
