//! What breaks around the gateway, or is broken on purpose: the disk, the
//! machine's limits, the log's reader, clients that are slow or flood, providers
//! that cannot be found. The gateway runs as a process, as it does in earnest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::needless_pass_by_value,
    clippy::float_cmp,
    missing_docs,
    unreachable_pub,
    reason = "a test may fail loudly and at length"
)]

mod account;
mod connections;
mod disk;
mod http2;
mod log;
mod past;
#[path = "../shared/port.rs"]
mod port;
mod process;
mod provider;
mod proxy;
mod tls;
