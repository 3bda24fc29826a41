//! The command line: arguments in, text or JSON out, an exit code.
//!
//! Each command is a file with its arguments and a `run`. What a command works
//! out is worked out elsewhere; here it is asked for and shown.

mod check;
mod exit;
mod explain;
mod fresh;
mod import;
mod init;
mod load;
mod output;
mod providers;
mod recorded;
mod records;
mod render;
mod replay;
mod schema;
mod serve;
mod settings;
mod test;
mod told;

pub use exit::Exit;
pub use output::{Format, Output};
pub use render::render_problems;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::{Parser, Subcommand};

/// An LLM gateway that teams program: YAML says what exists, Rhai policies say
/// what happens.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, about, max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    /// How to show results.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a configuration until told to stop.
    Serve(serve::Args),
    /// Check gateway.yaml, policies and cases, and list every problem.
    Check(check::Args),
    /// Run the cases of policies.
    Test(test::Args),
    /// Explain offline where a request would go, and why.
    Explain(explain::Args),
    /// List and show what was recorded.
    Records(records::Args),
    /// Hold recorded exchanges against a candidate configuration.
    Replay(replay::Args),
    /// Write a commented gateway.yaml with policies to start from.
    Init(init::Args),
    /// Convert another gateway's configuration.
    Import(import::Args),
    /// Print or write the JSON Schemas that editors complete by.
    Schema(schema::Args),
}

/// Runs the command line `args` (the program's name first). A panic ends the
/// command, not the process around it.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // The message goes where it belongs; a closed terminal is no failure.
            drop(error.print());
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let mut output = Output::terminal(arguments.format);
    let done = catch_unwind(AssertUnwindSafe(|| dispatch(arguments.command, &mut output)));
    done.unwrap_or_else(|_| {
        output.note("pointsman: this is a bug; the message above says where");
        Exit::Internal
    })
}

fn dispatch(command: Command, output: &mut Output) -> Exit {
    match command {
        Command::Serve(args) => serve::run(&args, output),
        Command::Check(args) => check::run(&args, output),
        Command::Test(args) => test::run(&args, output),
        Command::Explain(args) => explain::run(&args, output),
        Command::Records(args) => records::run(&args, output),
        Command::Replay(args) => replay::run(&args, output),
        Command::Init(args) => init::run(&args, output),
        Command::Import(args) => import::run(&args, output),
        Command::Schema(args) => schema::run(&args, output),
    }
}

#[cfg(test)]
mod tests;
