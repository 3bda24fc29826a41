//! Queries over candidates: filters that say why a candidate fell, ranks, and
//! choices. Plain Rust over one snapshot; knows no script.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `need` | what a request asks of a model, and whether a model has it |
//! | `filter` | who stays |
//! | `rank` | in which order |
//! | `pick` | one of several, by weight, by chance or for good |

mod filter;
mod need;
mod pick;
mod rank;

pub use filter::{TagTest, price_ratio, supports};
pub use need::{EXPECTED_OUTPUT, Misfit, Need, elsewhere, expected_cost};
pub use pick::{Weights, chance, sticky};
pub use rank::{Axis, Score};

use std::sync::Arc;

use crate::model::Candidate;
use crate::policy::Trace;

/// Some of the candidates of one snapshot, in an order. Cheap to clone; a
/// query makes a new one and leaves the old as it was.
#[derive(Debug, Clone)]
pub struct Selection {
    all: Arc<[Candidate]>,
    kept: Arc<[u16]>,
    trace: Option<Arc<Trace>>,
}

impl Selection {
    /// All of `all`, in its order (of more than 65,535 the first).
    #[must_use]
    pub fn all(all: Arc<[Candidate]>, trace: Option<Arc<Trace>>) -> Self {
        let kept = (0..u16::try_from(all.len()).unwrap_or(u16::MAX)).collect();
        Self { all, kept, trace }
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Those that are kept, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Candidate> + Clone {
        self.kept.iter().filter_map(|at| self.all.get(usize::from(*at)))
    }

    /// The one at `place`, from 0.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Candidate> {
        self.kept.get(place).and_then(|at| self.all.get(usize::from(*at)))
    }

    /// The one of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Candidate> {
        self.iter().find(|candidate| &*candidate.model.name == name)
    }

    /// Keeps those at which `keep` says yes. `query` and `why` are called only
    /// when somebody traces.
    #[must_use]
    pub fn keep(
        &self,
        query: impl FnOnce() -> String,
        keep: impl Fn(&Candidate) -> bool,
        why: impl Fn(&Candidate) -> String,
    ) -> Self {
        let stays = |at: &u16| self.all.get(usize::from(*at)).is_some_and(&keep);
        let mut kept = Vec::with_capacity(self.kept.len());
        kept.extend(self.kept.iter().copied().filter(stays));
        if let Some(trace) = self.trace.as_deref().filter(|_| kept.len() < self.kept.len()) {
            let query = query();
            for candidate in self.iter().filter(|candidate| !keep(candidate)) {
                trace.fell(&candidate.model.name, &query, why(candidate));
            }
        }
        self.with(kept.into())
    }

    /// The same snapshot with other candidates kept.
    fn with(&self, kept: Arc<[u16]>) -> Self {
        Self { all: Arc::clone(&self.all), kept, trace: self.trace.clone() }
    }

    /// Keeps those of these places, in the order given; places beyond are left out.
    #[must_use]
    pub fn at(&self, places: impl IntoIterator<Item = usize>) -> Self {
        self.with(places.into_iter().filter_map(|place| self.kept.get(place).copied()).collect())
    }

    /// Keeps those of these places, in their order; a trace says that the policy's own test left the others out.
    #[must_use]
    pub fn keep_places(&self, places: &[usize], query: &str) -> Self {
        if let Some(trace) = &self.trace {
            for (_, candidate) in self.iter().enumerate().filter(|(place, _)| !places.contains(place)) {
                trace.fell(&candidate.model.name, query, "the policy's test said no".to_owned());
            }
        }
        self.at(places.iter().copied())
    }

    /// The first `most`.
    #[must_use]
    pub fn top(&self, most: usize) -> Self {
        self.with(self.kept.iter().take(most).copied().collect())
    }

    /// The same, the last one first.
    #[must_use]
    pub fn reversed(&self) -> Self {
        self.with(self.kept.iter().rev().copied().collect())
    }

    /// These, then those of `other` that are not among them.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let news = other.iter().filter(|candidate| self.named(&candidate.model.name).is_none());
        let both: Vec<Candidate> = self.iter().chain(news).cloned().collect();
        Self::all(both.into(), self.trace.clone())
    }

    /// These without those of `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.keep(
            || "without(..)".to_owned(),
            |candidate| other.named(&candidate.model.name).is_none(),
            |_| "left out by the policy".to_owned(),
        )
    }
}

#[cfg(test)]
pub(crate) mod tests;
