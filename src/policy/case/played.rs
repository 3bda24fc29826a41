//! What came of a case.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Verdict;
use crate::policy::{Fall, Fault, JournalEntry, Scene};

/// What a case's hooks made of its scene.
#[derive(Debug)]
pub struct Played {
    /// The scene afterwards.
    pub scene: Box<Scene>,
    /// What the last hook returned, or how one failed.
    pub verdict: Result<Verdict, Fault>,
    /// Candidates that fell.
    pub falls: Vec<Fall>,
    /// The models asked, in order.
    pub asked: Vec<String>,
    /// Every effect, in order.
    pub journal: Vec<JournalEntry>,
    /// The lines that were reached, by file; only where the policy is watched.
    pub reached: BTreeMap<String, BTreeSet<usize>>,
}
