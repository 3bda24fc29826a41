//! Files and batches end to end: the gateway as a process before scripted
//! providers. Recorded answers come through right; ids lead back to their
//! provider; large files flow without being held.

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
    missing_docs,
    unreachable_pub,
    reason = "a test may fail loudly and at length"
)]

mod bills;
mod deferred;
mod enclosed;
mod journeys;
mod large;
mod owners;
#[path = "../shared/port.rs"]
mod port;
mod recordings;
mod simulated;
mod stage;
