//! What the interpreter has looked up while it ran a policy: which registered
//! function each operator and call means for the types that it met. True for as
//! long as engine and syntax tree live, so it outlives the single evaluation.

use parking_lot::Mutex;
use rhai::Caches;

/// Most lookups kept: one for each thread that runs the policy at once.
const KEPT: usize = 16;

/// The lookups of one policy, lent to one evaluation at a time.
#[derive(Default)]
pub(super) struct Lookups(Mutex<Vec<Caches>>);

impl Lookups {
    /// Those of an earlier evaluation, or empty ones.
    pub(super) fn take(&self) -> Caches {
        self.0.lock().pop().unwrap_or_default()
    }

    /// Takes them back. Levels that an aborted evaluation left behind go.
    pub(super) fn put(&self, mut caches: Caches) {
        caches.rewind_fn_resolution_caches(1);
        let mut kept = self.0.lock();
        if kept.len() < KEPT {
            kept.push(caches);
        }
    }
}
