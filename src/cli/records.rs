//! `pointsman records`: what was recorded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use serde::Deserialize as _;
use serde_json::Value;

use super::load::load;
use super::told::{Told, inert};
use super::{Exit, Output};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::ir::Money;
use crate::record::{Archive, Exchange, Filter, Outcome};

/// Lists and shows records.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the newest records.
    List(ListArgs),
    /// Show a record with its attempts and its journal.
    Show {
        /// Its id, or the beginning of it.
        id: String,
        /// A gateway.yaml or its folder.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// A gateway.yaml or its folder.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How far back, as `30m`, `12h`, `7d`.
    #[arg(long, value_parser = duration)]
    since: Option<Duration>,
    /// Of this route.
    #[arg(long)]
    route: Option<String>,
    /// That this model answered.
    #[arg(long)]
    model: Option<String>,
    /// Of this key.
    #[arg(long)]
    key: Option<String>,
    /// That ended so: completed, partial, failed, rejected, cancelled.
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Older than the record of this id.
    #[arg(long)]
    before: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let done = match &args.what {
        What::List(args) => list(args).map(|found| show_list(&found, output)),
        What::Show { id, path } => show(id, path, output),
    };
    match done {
        Ok(()) => Exit::Ok,
        Err(text) => {
            output.note(format!("pointsman: {text}"));
            Exit::Problems
        }
    }
}

fn list(args: &ListArgs) -> Result<Vec<Exchange>, String> {
    let now = Clock::System.now().unix_ms;
    let since =
        args.since.map_or(0, |back| now.saturating_sub(u64::try_from(back.as_millis()).unwrap_or(now)));
    let filter = Filter {
        since_ms: since,
        route: args.route.clone(),
        model: args.model.clone(),
        key: args.key.clone(),
        outcome: args.outcome,
        before: args.before.clone(),
        limit: args.limit,
    };
    let archive = recorded(load(&args.path)?)?;
    wait(archive.list(&filter))
}

fn show_list(found: &[Exchange], output: &mut Output) {
    if output.is_json() {
        return output.json(&found.iter().map(as_json).collect());
    }
    let told: Vec<Told> = found.iter().filter_map(|one| Told::deserialize(as_json(one)).ok()).collect();
    let width = told.iter().map(|one| one.way().chars().count()).max().unwrap_or_default();
    for one in told {
        output.line(one.line(width));
    }
}

fn show(id: &str, path: &Path, output: &mut Output) -> Result<(), String> {
    let archive = recorded(load(path)?)?;
    let found =
        wait(archive.get(id))?.ok_or_else(|| format!("there is no record `{id}`, or several begin so"))?;
    if output.is_json() {
        output.json(&as_json(&found));
        return Ok(());
    }
    show_list(std::slice::from_ref(&found), output);
    for attempt in &found.attempts {
        let end = attempt.error.as_deref().unwrap_or("ok");
        let cost = attempt
            .cost_nano_usd
            .map_or_else(|| "unpriced".to_owned(), |cost| format!("{} USD", Money(cost)));
        output.line(format!(
            "  {}. {} ({}, {}): {end}, {:.0} ms, {} + {} tokens, {cost}",
            attempt.number,
            attempt.model,
            attempt.provider,
            attempt.cause,
            attempt.duration_ms,
            attempt.input_tokens,
            attempt.output_tokens
        ));
    }
    for effect in &found.journal {
        output.line(format!(
            "  {} {}: {} ({} ms)",
            effect.policy, effect.hook, effect.effect, effect.elapsed_ms
        ));
    }
    for (name, value) in &found.notes {
        output.line(inert(&format!("  note {name} = {value}")));
    }
    for fault in &found.faults {
        output.line(inert(&format!("  fault {fault}")));
    }
    output.line(format!("  bundle {}, route {}, key {}", found.bundle, found.route, found.key));
    Ok(())
}

fn as_json(exchange: &Exchange) -> Value {
    serde_json::to_value(exchange).unwrap_or_default()
}

/// The records that `loaded` keeps.
pub(super) fn recorded(loaded: Loaded) -> Result<Archive, String> {
    let keeps_none = "the configuration keeps no records: add `records: { folder: ./records }`";
    let spec = loaded.records.ok_or(keeps_none)?;
    Archive::open(&spec.folder).map_err(|error| error.message.to_string())
}

/// Waits for a query on a small runtime of its own.
pub(super) fn wait<T>(work: impl Future<Output = crate::error::Result<T>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(work).map_err(|error| error.to_string())
}

/// `30m`, `12h`, `7d`: as in gateway.yaml.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    config::duration(text).map_err(|why| why.replace(" | ", ": "))
}

fn outcome(text: &str) -> Result<Outcome, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| format!("`{text}` is no outcome"))
}
