//! Coverage: the lines of each policy that its cases reach, and those that
//! none does. Only lines on which a statement begins count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::policy::Policies;
use crate::problem::Problem;

/// How much of a file the cases reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The policy's name.
    pub policy: Arc<str>,
    /// Lines that count.
    pub lines: usize,
    /// Those that no case reached, from 1, with their text.
    pub missed: Vec<(usize, String)>,
}

impl Coverage {
    /// The share that is reached, 0 to 100; a file without a line is covered.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.lines == 0 {
            return 100.0;
        }
        (self.lines - self.missed.len()) as f64 * 100.0 / self.lines as f64
    }

    /// What is wrong with less than `least` percent.
    #[must_use]
    pub fn below(&self, least: f64) -> Option<Problem> {
        let percent = self.percent();
        (percent < least).then(|| {
            let what = format!("cases reach {percent:.0} % of its lines, {least:.0} % are wanted");
            let (line, _) = self.missed.first().cloned().unwrap_or((1, String::new()));
            Problem::error(format!("{}.rhai", self.policy), "coverage", what).at(line, 1, 0)
        })
    }
}

/// What of each policy is among the lines that were `reached`.
pub(super) fn of(policies: &Policies, reached: &BTreeMap<String, BTreeSet<usize>>) -> Vec<Coverage> {
    let none = BTreeSet::new();
    policies
        .iter()
        .map(|policy| {
            let seen = reached.get(&*policy.name).unwrap_or(&none);
            let text = |line: &usize| {
                let text = policy.source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
                (*line, text.trim().to_owned())
            };
            let missed = policy.lines().difference(seen).map(text).collect();
            Coverage { policy: Arc::clone(&policy.name), lines: policy.lines().len(), missed }
        })
        .collect()
}
