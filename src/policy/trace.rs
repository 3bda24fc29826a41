//! What a traced evaluation tells: which candidate fell at which query, and
//! why; where the policies are watched, also which lines were reached and what
//! the branches read.

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

/// A value that a branch read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The policy's file.
    pub file: String,
    /// The branch's line, from 1.
    pub line: usize,
    /// What was read, as the script writes it: `ctx.with.quality`.
    pub name: String,
    /// Its value, shortened.
    pub value: String,
}

/// Most values that are kept of one trace.
const READS: usize = 1000;

/// Collects what queries leave out. Without one, queries say nothing and pay nothing.
#[derive(Debug, Default)]
pub struct Trace {
    falls: Mutex<Vec<Fall>>,
    lines: Mutex<BTreeMap<String, BTreeSet<usize>>>,
    reads: Mutex<Vec<Read>>,
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

    /// Adds a value that a branch read; the first thousand are kept.
    pub fn read(&self, read: Read) {
        let mut reads = self.reads.lock();
        if reads.len() < READS {
            reads.push(read);
        }
    }

    /// The lines of a policy's file that were reached so far.
    #[must_use]
    pub fn lines(&self, file: &str) -> BTreeSet<usize> {
        self.lines.lock().get(file).cloned().unwrap_or_default()
    }

    /// Takes the values that branches read so far.
    #[must_use]
    pub fn take_reads(&self) -> Vec<Read> {
        std::mem::take(&mut self.reads.lock())
    }
}
