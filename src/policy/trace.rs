//! What a traced evaluation tells: which candidate fell at which query, and why.

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

/// Collects what queries leave out. Without one, queries say nothing and pay nothing.
#[derive(Debug, Default)]
pub struct Trace {
    falls: Mutex<Vec<Fall>>,
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
}
