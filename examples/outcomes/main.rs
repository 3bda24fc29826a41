//! What the shipped ideas bring, measured on public data: consensus, routing,
//! bandits. Reads the data in place (`../shared/data` or `$POINTSMAN_SHARED/data`)
//! and prints tables: `cargo run --example outcomes`.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a script that prints tables"
)]
#![expect(clippy::disallowed_methods, reason = "a script may read the environment")]

mod bandits;
mod consensus;
mod routing;

use std::path::PathBuf;

use serde_json::Value;

fn main() {
    let base = std::env::var("POINTSMAN_SHARED")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let read = |name: &str| -> Option<Vec<Value>> {
        let text = std::fs::read_to_string(base.join("data").join(name)).ok()?;
        Some(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    };
    match read("consensus_gsm8k_4models_sample.jsonl") {
        Some(rows) => consensus::table(&rows),
        None => println!("consensus: skipped, {} has no data\n", base.display()),
    }
    match read("routellm_pairs_sample.jsonl") {
        Some(rows) => routing::table(&rows),
        None => println!("routing: skipped, {} has no data\n", base.display()),
    }
    bandits::table();
}

/// A share in percent.
fn share(part: usize, whole: usize) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:5.1} %", part as f64 / whole as f64 * 100.0) }
}
