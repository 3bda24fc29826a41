//! Compiled expressions of a set of policies. Those that stand in the files are
//! compiled at load, so that no hook waits for them; those that come with the
//! parameters when a route binds them; others at their first use.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;
use moka::sync::Cache;
use regex::{Regex, RegexBuilder};

use super::facts::Facts;
use super::policy::Literal;
use crate::problem::Problem;

/// The words that take an expression: as a method's first argument.
pub(super) const WORDS: [&str; 4] = ["matches", "find_all", "capture", "replace_all"];

/// Expressions that are made while policies run and are kept.
const KEPT: u64 = 1_000;

/// Longest text that is taken for an expression before anybody uses it, bytes.
const LONGEST: usize = 500;

/// Largest compiled expression, bytes.
const SIZE: usize = 1 << 20;

/// The expressions of one set.
pub(super) struct Expressions {
    /// Those that stand in the files.
    written: AHashMap<String, Arc<Regex>>,
    others: Cache<String, Arc<Regex>>,
    /// Whether a file of the set uses expressions at all.
    used: bool,
}

impl Default for Expressions {
    fn default() -> Self {
        Self { written: AHashMap::new(), others: Cache::new(KEPT), used: false }
    }
}

impl Expressions {
    /// Compiles what stands in `files`; what does not compile is a problem.
    pub(super) fn of(files: &BTreeMap<&str, &Facts>, problems: &mut Vec<Problem>) -> Self {
        let used = files.values().any(|facts| facts.calls(&WORDS));
        let mut all = Self { used, ..Self::default() };
        for (name, facts) in files {
            for literal in facts.literals.iter().filter(|literal| takes(facts, literal)) {
                if all.written.contains_key(&literal.value) {
                    continue;
                }
                match compiled(&literal.value) {
                    Ok(expression) => drop(all.written.insert(literal.value.clone(), expression)),
                    Err(why) => {
                        let length = literal.value.chars().count() + 2;
                        let problem = Problem::error(format!("{name}.rhai"), "bad_expression", why);
                        problems.push(problem.at(literal.line, literal.column, length));
                    }
                }
            }
        }
        all
    }

    /// The compiled `pattern`.
    ///
    /// # Errors
    /// Why it is none, in words.
    pub(super) fn get(&self, pattern: &str) -> Result<Arc<Regex>, String> {
        if let Some(hit) = self.written.get(pattern) {
            return Ok(Arc::clone(hit));
        }
        if let Some(hit) = self.others.get(pattern) {
            return Ok(hit);
        }
        let expression = compiled(pattern)?;
        self.others.insert(pattern.to_owned(), Arc::clone(&expression));
        Ok(expression)
    }

    /// Compiles those of `texts` that are expressions: constants and parameters, which may be anything.
    pub(super) fn warm<'a>(&self, texts: impl Iterator<Item = &'a str>) {
        for text in texts.filter(|text| self.used && text.len() <= LONGEST) {
            drop(self.get(text));
        }
    }

    /// Whether `pattern` is compiled already.
    #[cfg(test)]
    fn has(&self, pattern: &str) -> bool {
        self.written.contains_key(pattern) || self.others.contains_key(pattern)
    }
}

/// Whether `literal` is the expression of one of the words, and not of a function of the file's own.
fn takes(facts: &Facts, literal: &Literal) -> bool {
    let word = WORDS.contains(&&*literal.function);
    let place = usize::from(!literal.method);
    word && literal.argument == place
        && !facts.functions.iter().any(|function| function.name == literal.function)
}

/// Compiles `pattern`.
///
/// # Errors
/// Why it is no expression, in words.
pub(super) fn compiled(pattern: &str) -> Result<Arc<Regex>, String> {
    let built = RegexBuilder::new(pattern).size_limit(SIZE).build();
    built.map(Arc::new).map_err(|error| {
        let text = error.to_string();
        // The parser draws the place before it says why.
        let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("`{pattern}` is no expression: {why}")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::policy::{Limits, Policies};
    use crate::problem::Severity;

    fn set(source: &str) -> Result<Policies, Vec<Problem>> {
        Policies::from_sources([("p", source)], Limits::default())
    }

    #[test]
    fn what_stands_in_a_file_is_compiled_at_load() {
        let source = r#"
            //! with also: list = []    more of them
            const WORDS = "kept \\d+";
            fn route() {
                let a = req.text.matches("(?i)alpha \\d+");
                let b = find_all(req.text, "beta");
                let c = if req.text.replace_all("gamma", "delta") == "x" { req.text.capture("(epsilon)") };
                for more in ctx.with.also { if req.text.matches(more) { return "m"; } }
                if req.text.matches(WORDS) { "m" }
            }
        "#;
        let policies = set(source.trim()).unwrap();
        let policy = policies.get("p").unwrap();
        let expressions = &policy.library.expressions;
        for (pattern, compiled) in [
            ("(?i)alpha \\d+", true),
            ("beta", true),
            ("gamma", true),
            ("(epsilon)", true),
            ("kept \\d+", true),
            ("delta", false),
            ("zeta", false),
        ] {
            assert_eq!(expressions.has(pattern), compiled, "{pattern}");
        }
        let with = json!({ "also": ["zeta", "("] });
        policy.bind(with.as_object().unwrap_or(&Map::new())).unwrap();
        assert!(expressions.has("zeta") && !expressions.has("("));
    }

    #[test]
    fn what_does_not_compile_is_told_with_its_place() {
        for (source, at, why) in [
            ("fn route() {\n  if req.text.matches(\"(abc\") { \"m\" }\n}", (2, 23), "unclosed group"),
            (
                "fn route() { replace_all(req.text, \"[z-a]\", \"\"); }",
                (1, 36),
                "invalid character class range",
            ),
            ("fn route() { req.text.find_all(\"(?:\\\\w{1000}){1000}\"); }", (1, 32), "size limit"),
            ("fn route() { let a = || req.text.matches(\"*\"); a.call(); }", (1, 42), "repetition operator"),
        ] {
            let problems = set(source).err().unwrap_or_default();
            let one = problems.iter().find(|problem| problem.rule == "bad_expression");
            let one = one.unwrap_or_else(|| panic!("{source}: {problems:?}"));
            assert!(one.severity == Severity::Error && one.message.contains(why), "{}", one.message);
            let found = one.at.unwrap();
            assert_eq!((found.line, found.column), at, "{source}");
        }
        // Functions of the file's own take what they like.
        let own =
            "fn matches(text, what) { text == what } fn route() { if matches(req.text, \"(\") { \"m\" } }";
        assert!(set(own).is_ok());
    }
}
