//! The bench's own programs, in one binary: `mock` (upstream), `load` and
//! `stream` (clients), `floor` (a bare proxy). `bench/run` starts them.

mod args;
mod client;
mod clock;
mod floor;
mod load;
mod mock;
mod proc;
mod samples;
mod stream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    let args = args::Args::from_env();
    match args.command.as_str() {
        "mock" => mock::run(&args),
        "load" => load::run(&args),
        "stream" => stream::run(&args),
        "floor" => floor::run(&args),
        other => {
            Err(std::io::Error::other(format!("unknown command `{other}`: mock, load, stream or floor")))
        }
    }
}
