//! What is seen from outside: metrics and the log. Call sites say what
//! happened; names, labels and levels live here.

mod lines;
mod meters;
mod process;
mod standing;

pub use lines::{Lines, harmless};
pub use meters::{Listed, Meters, ModelMeters};
pub use standing::{Elsewhere, ModelNow};
