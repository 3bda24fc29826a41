//! What a traced evaluation tells: which candidate fell at which query, and
//! why; where the policies are watched, also which lines were reached, and which
//! way the branches went on which values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

/// A candidate that a query left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fall {
    /// The model's name.
    pub model: Arc<str>,
    /// The query, as a script would write it: `p95_under(2000)`.
    pub query: String,
    /// Why, in words: `p95 is 3100 ms`.
    pub why: String,
}

/// A branch that a script came to: an `if` or a `switch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The policy's file.
    pub file: String,
    /// The branch's line, from 1.
    pub line: usize,
    /// The values that its condition read.
    pub reads: Vec<Read>,
    /// Which way it went; `None`: past all of them.
    pub way: Option<Way>,
}

/// A value that a branch read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What was read, as the script writes it: `ctx.with.quality`.
    pub name: String,
    /// Its value, shortened.
    pub value: String,
}

/// The way that a branch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The condition held.
    Then,
    /// It did not, and there is an `else`.
    Else,
    /// The case of a `switch` that stands on this line.
    Case(usize),
}

/// Line and column, from 1.
pub(super) type Place = (usize, usize);

/// A stretch of the script that is reached only when its branch went that way.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) way: Way,
}

/// Most branches that are kept of one trace.
const BRANCHES: usize = 1000;

/// Collects what queries leave out. Without one, queries say nothing and pay nothing.
#[derive(Debug, Default)]
pub struct Trace {
    falls: Mutex<Vec<Fall>>,
    lines: Mutex<BTreeMap<String, BTreeSet<usize>>>,
    branches: Mutex<Branches>,
}

#[derive(Debug, Default)]
struct Branches {
    seen: Vec<Branch>,
    /// The latest visit of each branch, by file and place: where it is in `seen`, and its arms.
    latest: BTreeMap<(String, Place), (usize, Vec<Arm>)>,
}

impl Trace {
    /// Adds a candidate that fell.
    pub fn fell(&self, model: &Arc<str>, query: &str, why: String) {
        self.falls.lock().push(Fall { model: Arc::clone(model), query: query.to_owned(), why });
    }

    /// Takes what was collected so far.
    #[must_use]
    pub fn take(&self) -> Vec<Fall> {
        std::mem::take(&mut self.falls.lock())
    }

    /// Notes that a line of a file was reached.
    pub fn reached(&self, file: &str, line: usize) {
        let mut lines = self.lines.lock();
        match lines.get_mut(file) {
            Some(of) => drop(of.insert(line)),
            None => drop(lines.insert(file.to_owned(), BTreeSet::from([line]))),
        }
    }

    /// Adds a branch at its place; the first thousand are kept.
    pub(super) fn branched(&self, branch: Branch, at: Place, arms: Vec<Arm>) {
        let mut branches = self.branches.lock();
        if branches.seen.len() < BRANCHES {
            let visit = (branches.seen.len(), arms);
            branches.latest.insert((branch.file.clone(), at), visit);
            branches.seen.push(branch);
        }
    }

    /// Notes that the script came to this place: so the branches around it went that way.
    pub(super) fn stepped(&self, file: &str, at: Place) {
        let branches = &mut *self.branches.lock();
        for ((of, _), (visit, arms)) in &branches.latest {
            let arm = arms.iter().find(|arm| of == file && (arm.from..=arm.to).contains(&at));
            if let (Some(arm), Some(branch)) = (arm, branches.seen.get_mut(*visit)) {
                branch.way.get_or_insert(arm.way);
            }
        }
    }

    /// The lines of a policy's file that were reached so far.
    #[must_use]
    pub fn lines(&self, file: &str) -> BTreeSet<usize> {
        self.lines.lock().get(file).cloned().unwrap_or_default()
    }

    /// Takes the lines of every file that were reached so far.
    #[must_use]
    pub fn take_lines(&self) -> BTreeMap<String, BTreeSet<usize>> {
        std::mem::take(&mut self.lines.lock())
    }

    /// Takes the branches that were met so far, in order.
    #[must_use]
    pub fn take_branches(&self) -> Vec<Branch> {
        std::mem::take(&mut *self.branches.lock()).seen
    }
}
