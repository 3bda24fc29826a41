//! The application: a loaded configuration becomes a running gateway, and stops
//! in order.

mod run;

pub use run::{Addresses, Failure, Options, run};
