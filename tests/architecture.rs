//! The shape of the code, executed: import order, budgets, headers, who may use what.
//!
//! Each test lists every offence at once. A new edge or exception is a change to a table here, reviewed as such.

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

use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the ground up. A module may import those on lines above its own;
/// modules of one line are siblings and never import each other.
const ORDER: &[&[&str]] = &[
    &["secret", "hex", "percent"],
    &["clock"],
    &["worker"],
    &["error"],
    &["problem"],
    &["yaml"],
    &["ir"],
    &["sse"],
    &["dialect"],
    &["provider"],
    &["model"],
    &["principal"],
    &["plan"],
    &["state"],
    &["observe"],
    &["policy", "limit", "cache", "route", "upstream", "record", "feed"],
    &["gateway"],
    &["config"],
    &["server"],
    &["app"],
    &["cli"],
    &["lib", "main"],
];

/// Crates that only some places may name: a prefix of the path below `src`.
const CONFINED: &[(&str, &[&str])] = &[
    ("axum", &["server/", "app/", "app.rs"]),
    ("hyper", &["server/", "app/", "app.rs", "upstream/"]),
    ("hyper_util", &["server/", "app/", "app.rs", "upstream/"]),
    ("hyper_rustls", &["upstream/"]),
    ("rhai", &["policy/script/"]),
    ("corosensei", &["policy/script/"]),
    ("sqlx", &["record/", "upstream/vector/"]),
    ("clap", &["cli/", "cli.rs", "main.rs"]),
    ("granit_parser", &["yaml/"]),
    ("prometheus", &["observe/", "server/", "app/"]),
];

/// Modules that compute only: no sockets, files, tasks or clocks in them.
const PURE: &[&str] = &["ir", "sse", "dialect", "provider", "model", "plan"];

/// What a pure module may not name.
const IMPURE: &[&str] = &[
    "tokio::",
    "std::net",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "Instant::now",
    "SystemTime",
];

/// Lines of a file without its tests.
const FILE_BUDGET: usize = 400;

/// A source file with its tests and comments taken out.
struct Source {
    /// Path below `src`, with `/`.
    path: String,
    /// The text as it stands.
    text: String,
    /// Line numbers and lines of code: no comment lines, no test modules.
    code: Vec<(usize, String)>,
}

impl Source {
    /// The module at the top that the file belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/") || self.path.ends_with("_tests.rs")
    }

    /// Modules between the crate's root and this file's own scope.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("mod.rs") { parts - 1 } else { parts }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut found = Vec::new();
    walk(&src, &mut |path| {
        if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let name = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source { path: name, code: code_of(&text), text });
        }
    });
    assert!(found.len() > 30, "the sources are at {}", src.display());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, see: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, see) } else { see(&path) }
    }
}

/// Drops comment lines and everything from `#[cfg(test)]` up to the end of the item below it.
fn code_of(text: &str) -> Vec<(usize, String)> {
    let mut code = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            let indent = line.len() - line.trim_start().len();
            let closes = format!("{}}}", " ".repeat(indent));
            for (_, inner) in lines.by_ref() {
                if inner.trim_end() == closes || (inner.trim_end().ends_with(';') && !inner.starts_with("  "))
                {
                    break;
                }
            }
        } else if !line.trim_start().starts_with("//") {
            code.push((number + 1, line.to_owned()));
        }
    }
    code
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

/// Whether `word` stands in `line` as a path's head: `word::`, `use word;`.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + word.len()..];
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '"' | '.'))
            && after.starts_with("::")
    })
}

fn none(offences: &[String]) {
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

#[test]
fn imports_point_downwards() {
    let mut offences = Vec::new();
    for source in sources().iter().filter(|s| !s.is_test()) {
        let Some(own) = rank(source.module()) else {
            offences.push(format!("{}: module `{}` has no place in ORDER", source.path, source.module()));
            continue;
        };
        for (number, line) in &source.code {
            for (at, _) in line.match_indices("crate::") {
                let target: String =
                    line[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let allowed = target == source.module() || rank(&target).is_some_and(|r| r < own);
                if !allowed && rank(&target).is_some() {
                    offences.push(format!(
                        "{}:{number}: `{}` may not import `{target}`",
                        source.path,
                        source.module()
                    ));
                }
            }
            if line.contains("use crate::{") || line.contains("use crate::*") {
                offences.push(format!("{}:{number}: one `use crate::module::..` a module", source.path));
            }
            let climbs = line.matches("super::").count();
            if line.trim_start().starts_with("use super::") && climbs >= source.depth() && source.depth() > 0
            {
                offences
                    .push(format!("{}:{number}: climbs to the crate's root; write `crate::`", source.path));
            }
        }
    }
    none(&offences);
}

#[test]
fn crates_stay_where_they_belong() {
    let mut offences = Vec::new();
    for source in sources() {
        for (name, places) in CONFINED {
            if places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for (number, line) in source.code.iter().filter(|(_, line)| names(line, name)) {
                offences.push(format!(
                    "{}:{number}: `{name}` only in {places:?}: {}",
                    source.path,
                    line.trim()
                ));
            }
        }
    }
    none(&offences);
}

#[test]
fn pure_modules_touch_nothing_outside() {
    let mut offences = Vec::new();
    for source in sources().iter().filter(|s| PURE.contains(&s.module()) && !s.is_test()) {
        for (number, line) in &source.code {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                offences.push(format!("{}:{number}: `{word}` in a pure module", source.path));
            }
        }
    }
    none(&offences);
}

#[test]
fn files_keep_their_budget_and_say_what_they_own() {
    let mut offences = Vec::new();
    for source in sources() {
        let lines =
            source.code.len() + source.text.lines().filter(|l| l.trim_start().starts_with("//")).count();
        if lines > FILE_BUDGET && !source.is_test() {
            offences.push(format!("{}: {lines} lines, {FILE_BUDGET} at most", source.path));
        }
        if !source.text.starts_with("//!") && !source.is_test() {
            offences.push(format!("{}: opens without `//!`", source.path));
        }
    }
    none(&offences);
}

#[test]
fn names_say_what_is_inside() {
    let vague = ["utils", "util", "helpers", "helper", "common", "misc", "shared", "types"];
    let offences: Vec<String> = sources()
        .iter()
        .filter(|s| s.path.split('/').any(|part| vague.contains(&part.trim_end_matches(".rs"))))
        .map(|s| format!("{}: a name that says nothing", s.path))
        .collect();
    none(&offences);
}

#[test]
fn lints_are_met_not_silenced() {
    let mut offences = Vec::new();
    for source in sources() {
        for (number, line) in &source.code {
            if line.contains("#[allow") || line.contains("#![allow") {
                offences.push(format!("{}:{number}: `#[expect(.., reason)]`, not `allow`", source.path));
            }
            if line.contains("unsafe ") && source.path != "policy/script/fiber.rs" {
                offences.push(format!("{}:{number}: unsafe", source.path));
            }
        }
    }
    none(&offences);
}

/// Functions have their budget from clippy; this holds the budget itself.
#[test]
fn function_budgets_stand() {
    let clippy = fs::read_to_string(root().join("clippy.toml")).unwrap();
    assert!(clippy.contains("too-many-lines-threshold = 60"));
    assert!(clippy.contains("too-many-arguments-threshold = 5"));
}

/// A vendor is an entry of a table: no other module names one in a `match`.
#[test]
fn vendors_are_data() {
    let vendors =
        ["openai", "anthropic", "deepseek", "groq", "mistral", "openrouter", "xai", "azure", "together"];
    let mut offences = Vec::new();
    for source in sources().iter().filter(|s| s.module() != "provider" && !s.is_test()) {
        for (number, line) in &source.code {
            for vendor in vendors {
                if line.contains("=>")
                    && line.split("=>").next().unwrap_or_default().contains(&format!("\"{vendor}\""))
                {
                    offences.push(format!("{}:{number}: matches on the vendor {vendor}", source.path));
                }
            }
        }
    }
    none(&offences);
}

/// The tests of this file must be able to fail: each check finds a planted offence.
#[test]
fn checks_see_what_they_look_for() {
    let planted = "//! Owns.\nuse crate::cli::Main;\nfn f() { axum::serve(); }\n#[cfg(test)]\nmod tests {\n    use rhai::X;\n}\nfn g() {}\n";
    let code = code_of(planted);
    assert_eq!(code.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [2, 3, 8]);
    assert!(names("    axum::serve()", "axum"));
    assert!(names("use rhai::Engine;", "rhai"));
    assert!(!names("crate::axum::x", "axum"), "a module of ours is not the crate");
    assert!(!names("my_axum::x", "axum"));
    assert!(rank("cli") > rank("ir"));
    assert_eq!(rank("policy"), rank("upstream"));
}
