//! What comes in through dependencies: licences, sources, bans and how many there are.
//! The same facts stand in `deny.toml` for `cargo deny`; here they need no further tool.

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

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Crates that may be compiled into the program, this one among them.
const CRATE_BUDGET: usize = 300;

/// Licences that we accept; of `A OR B` one is enough, of `A AND B` both must be here.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates under another licence, with the reason why that is fine.
const EXCEPTIONS: &[(&str, &str)] = &[("smartstring", "MPL-2.0: used unchanged, as rhai's string")];

/// Crates that may not come in.
const BANNED: &[&str] = &["openssl", "openssl-sys", "native-tls", "aws-lc-sys", "serde_yaml", "async-std"];

fn cargo(args: &[&str]) -> String {
    let out =
        Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn packages() -> Vec<Value> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--locked"])).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether an SPDX expression (or the old `A/B`) is met by [`LICENCES`].
fn accepted(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ").replace(" WITH LLVM-exception", "").replace(['(', ')'], "");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|name| LICENCES.contains(&name.trim())))
}

#[test]
fn licences_are_ones_we_accept() {
    let offences: Vec<String> = packages()
        .iter()
        .filter(|package| !EXCEPTIONS.iter().any(|(name, _)| package["name"] == *name))
        .filter(|package| !package["license"].as_str().is_some_and(accepted))
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    assert!(offences.is_empty(), "{offences:#?}");
    assert!(accepted("(MIT OR GPL-3.0) AND ISC") && !accepted("MIT AND GPL-3.0") && !accepted("GPL-3.0"));
}

#[test]
fn sources_are_the_registry_and_nothing_banned_comes_in() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        assert!(!BANNED.contains(&name), "{name} is banned");
        let source = package["source"].as_str();
        assert!(
            name == "pointsman" || source.is_some_and(|s| s.starts_with("registry+")),
            "{name} from {source:?}"
        );
    }
}

#[test]
fn the_program_stays_within_its_crate_budget() {
    let tree = cargo(&["tree", "--locked", "-e", "normal", "--prefix", "none"]);
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(" (").next()).collect();
    assert!(crates.len() <= CRATE_BUDGET, "{} crates, {CRATE_BUDGET} at most", crates.len());
    assert!(crates.len() > 100, "the tree was read: {crates:?}");
}
