//! A new bundle on trial: if more than half of its first policy evaluations
//! fail, the one before comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::Bundle;

/// Evaluations that decide.
const CALLS: u32 = 20;
/// Evaluations after which the trial is over, passed.
const CALLS_MOST: u32 = 200;

/// The trial of the newest bundle.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// Whether a trial is on: read at each evaluation, so that it costs nothing otherwise.
    on: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    previous: Option<Arc<Bundle>>,
    calls: u32,
    failures: u32,
    rolled_back: Option<Arc<str>>,
}

impl Trial {
    /// A bundle has replaced `previous`.
    pub(super) fn begin(&self, previous: Arc<Bundle>) {
        *self.inner.lock() = Inner { previous: Some(previous), ..Inner::default() };
        self.on.store(true, Ordering::Release);
    }

    /// An evaluation of the bundle `hash` ended. Gives the bundle to return to, once.
    pub(super) fn ran(&self, hash: &Arc<str>, failed: bool) -> Option<Arc<Bundle>> {
        if !self.on.load(Ordering::Acquire) {
            return None;
        }
        let mut inner = self.inner.lock();
        if inner.previous.as_ref().is_some_and(|previous| previous.hash == *hash) {
            return None;
        }
        inner.calls += 1;
        inner.failures += u32::from(failed);
        let fails = inner.calls >= CALLS && inner.failures * 2 > inner.calls;
        if fails || inner.calls >= CALLS_MOST {
            self.on.store(false, Ordering::Release);
        }
        if !fails {
            return None;
        }
        inner.rolled_back = Some(Arc::clone(hash));
        inner.previous.take()
    }

    /// The bundle that was taken back, if the last one was.
    pub(super) fn rolled_back(&self) -> Option<Arc<str>> {
        self.inner.lock().rolled_back.clone()
    }
}
