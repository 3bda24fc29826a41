//! The application: a loaded configuration becomes a running gateway, and stops
//! in order.

mod machine;
mod open;
mod port;
mod run;

pub use open::{Opened, open};
pub use run::{Addresses, Failure, Options, run};
