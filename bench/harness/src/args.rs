//! The command line: a command, then `--name value` pairs.

use std::str::FromStr;

/// The command line, read.
pub struct Args {
    /// The first word.
    pub command: String,
    pairs: Vec<(String, String)>,
}

impl Args {
    /// Reads the process's own command line.
    pub fn from_env() -> Self {
        let mut words = std::env::args().skip(1);
        let command = words.next().unwrap_or_default();
        let mut pairs = Vec::new();
        while let Some(name) = words.next() {
            pairs.push((name.trim_start_matches("--").to_owned(), words.next().unwrap_or_default()));
        }
        Self { command, pairs }
    }

    /// The value of `name`, or `default`.
    pub fn get<T: FromStr>(&self, name: &str, default: T) -> T {
        self.all(name).last().and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// Every value of `name`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }
}
