//! Settings that only a start takes up: ports and the folder of records. A
//! reload that changes one goes live without it, and says so.

use std::path::Path;

use crate::problem::{Place, Problem};

/// A setting that holds from start to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Its key in gateway.yaml.
    pub(super) key: &'static str,
    /// What it comes to.
    pub(super) value: String,
    /// Where it is written; line 0: nowhere.
    pub(super) place: Place,
}

/// A warning for each setting of `file` that is another than at the start.
pub(super) fn changed(file: &Path, at_start: &[Fixed], now: &[Fixed]) -> Vec<Problem> {
    let differs = |pair: &(&Fixed, &Fixed)| pair.0.value != pair.1.value;
    at_start.iter().zip(now).filter(differs).map(|(before, after)| warning(file, before, after)).collect()
}

fn warning(file: &Path, before: &Fixed, after: &Fixed) -> Problem {
    let Fixed { key, value, place } = after;
    let message = format!("`{key}` is {value} now, but only a start takes it up");
    let help = format!("restart; until then it stays {}", before.value);
    let problem = Problem::warning(file, "needs_restart", message).help(help);
    if place.line == 0 { problem } else { problem.at(place.line, place.column, place.length) }
}
