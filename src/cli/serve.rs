//! `pointsman serve`: the gateway itself, until it is told to stop.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::told::Watched;
use super::{Exit, Format, Output, render_problems};
use crate::app::{self, Addresses, Opened, Options};
use crate::config::{self, Loaded};
use crate::observe::Lines;
use crate::worker;

/// Serves a configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A gateway.yaml or its folder.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// What is logged: `off`, `error`, `warn`, `info`, `debug`, or a tracing filter.
    #[arg(long, env = "POINTSMAN_LOG", default_value = "info", value_parser = filter)]
    log: String,
    /// Write no line for each exchange.
    #[arg(long)]
    no_exchange_log: bool,
    /// How long exchanges under way may take after the signal to stop, seconds.
    #[arg(long, default_value_t = 30)]
    drain: u64,
    /// How long new connections are still taken after SIGTERM, while `/readyz` says no, seconds.
    #[arg(long, default_value_t = 5)]
    notice: u64,
    /// Threads that serve connections; by default one a core.
    #[arg(long)]
    workers: Option<usize>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let opened = match app::open(&args.path) {
        Ok(opened) => opened,
        Err(problems) => {
            output.note(render_problems(&problems, output.colour).trim_end());
            output.note("refused: nothing is served");
            return Exit::Configuration;
        }
    };
    if !opened.loaded.warnings.is_empty() {
        output.note(render_problems(&opened.loaded.warnings, output.colour).trim_end());
    }
    match start(args, opened, output) {
        Ok(()) => Exit::Ok,
        Err(text) => {
            output.note(format!("pointsman: {text}"));
            Exit::Internal
        }
    }
}

fn start(args: &Args, opened: Opened, output: &mut Output) -> Result<(), String> {
    let stdout = std::io::stdout();
    let people = output.format == Format::Human && stdout.is_terminal();
    let lines = if people { Lines::to(Watched::new(stdout)) } else { Lines::to(stdout) };
    let lines = lines.map_err(|error| format!("the log cannot be opened: {error}"))?;
    logging(args, &lines, people.then_some(output.colour))?;
    let quiet = args.no_exchange_log || args.log == "off";
    let options = Options {
        lines: if quiet { Lines::none() } else { lines },
        drain: Duration::from_secs(args.drain),
        workers: args.workers,
        bodies: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(worker::STACK)
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    let greeting = greeting(&args.path, &opened.loaded);
    let started = |addresses: &Addresses| {
        if output.format == Format::Human {
            output.note(greeting(addresses));
        }
    };
    runtime
        .block_on(async {
            app::run(opened, options, stop_signal(Duration::from_secs(args.notice)), started).await
        })
        .map_err(|e| e.to_string())
}

/// `text`, if it is one by which events can be filtered.
fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Lets log events join the lines of exchanges: on a terminal for people, with
/// colour or without, elsewhere as JSON.
fn logging(args: &Args, lines: &Lines, terminal: Option<bool>) -> Result<(), String> {
    let filter = EnvFilter::try_new(&args.log).map_err(|error| format!("--log {}: {error}", args.log))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(ToLines(lines.clone()));
    let set = match terminal {
        Some(colour) => builder.with_ansi(colour).with_target(false).try_init(),
        None => builder.json().flatten_event(true).try_init(),
    };
    set.map_err(|error| format!("logging cannot be set up: {error}"))
}

/// Gives tracing the lines to write to.
struct ToLines(Lines);

impl<'a> MakeWriter<'a> for ToLines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.0.clone()
    }
}

/// What is said once the ports are open: where, a line to try, a file to edit.
fn greeting(path: &Path, loaded: &Loaded) -> impl FnOnce(&Addresses) -> String + use<> {
    let bundle = &loaded.bundle;
    let folder = if path.is_dir() { path.to_owned() } else { path.parent().unwrap_or(path).to_owned() };
    let route = bundle.routes.first();
    let plain = route.and_then(|route| route.names.iter().find(|name| !name.contains('*')).cloned());
    let model = plain.or_else(|| bundle.models.keys().next().map(ToString::to_string)).unwrap_or_default();
    let policy = route.and_then(|route| route.policies.last()).map(|bound| bound.policy.name.to_string());
    let edit = policy.map_or_else(
        || folder.join(config::FILE_NAME),
        |name| folder.join("policies").join(format!("{name}.rhai")),
    );
    let (hash, key) = (
        bundle.hash.to_string(),
        if bundle.keys.is_empty() { "" } else { " -H 'authorization: Bearer YOUR_KEY'" },
    );
    move |at| {
        format!(
            "pointsman serves bundle {hash}\n  \
             data   http://{data}/v1\n  \
             admin  http://{admin}/status\n\n\
             try    curl -i http://{data}/v1/chat/completions{key} -H 'content-type: application/json' \
             -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n\
             edit   {edit} and send it again\n",
            data = at.data,
            admin = at.admin,
            edit = edit.display(),
        )
    }
}

/// Ready at SIGTERM or Ctrl-C; gives how long new connections are still taken.
/// Whoever presses Ctrl-C waits, and nobody is sent here.
async fn stop_signal(notice: Duration) -> Duration {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Duration::ZERO,
        _ = terminate.recv() => notice,
    }
}
