//! The matrix: every kind of case, from every client's dialect to every
//! provider's, as requests, whole answers, streams and errors. The fixtures are
//! written from the vendors' documentation. A new dialect or a new kind does
//! not compile, or does not pass, without its row.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::too_many_arguments,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a test may fail loudly and at length"
)]

mod answers;
mod cited;
mod documented;
mod endings;
mod fields;
mod golden;
mod outward;
mod replayed;
mod requests;
mod said;
mod servers;
#[path = "../shared/streamed.rs"]
mod streamed;
