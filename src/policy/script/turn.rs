//! The turn of the script that runs on this thread: how views and words reach
//! the scene. The views themselves hold no data; `req` and `ctx` are ambient,
//! so that a closure has nothing to capture.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, Position};

use super::run::Run;
use crate::policy::Scene;

/// What a native function gives: a value, or an error that the script may catch.
pub(super) type Reply<T> = Result<T, Box<EvalAltResult>>;

/// `req`: the request of the scene.
#[derive(Debug, Clone, Copy)]
pub(super) struct Req;

/// `ctx`: everything else of the scene.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ctx;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Run>>> = const { RefCell::new(None) };
}

/// Puts `run` in this thread's turn until the guard is dropped; what was there
/// before comes back.
pub(super) fn enter(run: Option<Rc<Run>>) -> Entered {
    Entered { before: CURRENT.with(|current| current.replace(run)) }
}

/// See [`enter`].
pub(super) struct Entered {
    before: Option<Rc<Run>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(self.before.take()));
    }
}

/// The run whose script asks. Ask again after every wait.
///
/// # Errors
/// No script runs on this thread.
pub(super) fn current() -> Reply<Rc<Run>> {
    CURRENT
        .with(|current| current.borrow().clone())
        .ok_or_else(|| raise("this can be used only inside a hook"))
}

/// Looks at the run without keeping it; `None`: no script runs here.
pub(super) fn peek<R>(look: impl FnOnce(&Run) -> R) -> Option<R> {
    CURRENT.with(|current| current.borrow().as_deref().map(look))
}

/// Looks at the scene. `look` must not call the script.
///
/// # Errors
/// No script runs on this thread.
pub(super) fn read<R>(look: impl FnOnce(&Scene) -> R) -> Reply<R> {
    peek(|run| run.scene.try_borrow().ok().map(|scene| look(&scene))).flatten().ok_or_else(no_scene)
}

/// Changes the scene. `change` must not call the script nor look at the scene
/// by another way.
///
/// # Errors
/// No script runs on this thread.
pub(super) fn edit<R>(change: impl FnOnce(&mut Scene) -> R) -> Reply<R> {
    peek(|run| run.scene.try_borrow_mut().ok().map(|mut scene| change(&mut scene)))
        .flatten()
        .ok_or_else(no_scene)
}

/// `()` for a field, header or tag that is not there. It remembers `name`, so
/// that a comparison with it says what was missing.
pub(super) fn absent(name: impl Into<String>) -> Dynamic {
    let mut unit = Dynamic::UNIT;
    if let Some(tag) = peek(|run| run.missing(name.into())) {
        unit.set_tag(tag);
    }
    unit
}

/// `value`, or [`absent`].
pub(super) fn or_absent<T: Into<Dynamic>>(value: Option<T>, name: impl FnOnce() -> String) -> Dynamic {
    value.map_or_else(|| absent(name()), Into::into)
}

/// Counts `bytes` that the script is about to hold against its budget.
///
/// # Errors
/// The budget is used up: the script ends.
pub(super) fn charge(bytes: usize) -> Reply<()> {
    peek(|run| run.meter.charge(bytes)).unwrap_or(Ok(()))
}

/// The name of the policy whose script runs.
pub(super) fn policy_name() -> Option<std::sync::Arc<str>> {
    peek(|run| std::sync::Arc::clone(&run.bound.policy.name))
}

/// An error that the script may catch; the place is filled in by the host.
pub(super) fn raise(message: impl Into<String>) -> Box<EvalAltResult> {
    let message: String = message.into();
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}

fn no_scene() -> Box<EvalAltResult> {
    raise("the scene is not at hand: this can be used only inside a hook, and not within another view")
}
