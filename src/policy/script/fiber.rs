//! Stacks of their own for scripts: a [`Fiber`] runs a script until it ends or
//! waits. The only unsafe code of the crate is here. Knows nothing of Rhai.
//!
//! # Why it is sound
//!
//! A script that waits must leave its stack from deep inside the interpreter.
//! [`Gate::suspend`] does so through the yielder that the fiber's body got by
//! reference; the gate keeps that reference as a pointer. Following it is sound
//! when the yielder is alive, on this thread, and its stack is the one that
//! runs now. Three facts give that:
//!
//! 1. The pointer is set when the body begins and cleared when it ends, by a
//!    guard that also acts on a panic: outside the body there is none.
//! 2. [`Gate`] and [`Fiber`] are `!Send` and `!Sync` (they hold an `Rc`, a
//!    `Cell` and a coroutine): nobody reaches them from another thread.
//! 3. [`Fiber::resume`] notes in `RUNNING` whose stack runs on this thread and
//!    restores the former value afterwards, so a gate that is not the innermost
//!    running one refuses to suspend.
//!
//! A fiber is always driven to its end before it is dropped, so the coroutine
//! is never unwound by force. Each stack ends in a guard page; the meter stops
//! a script before it gets there.

#![expect(unsafe_code, reason = "the one place that follows a yielder's pointer, argued above")]

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Virtual size of a stack; its pages are committed when first touched.
///
/// The longest chain of values that the operations of one evaluation can build
/// is dropped by recursion, 40 bytes of stack an operation; unoptimised code
/// needs several times as much.
pub(super) const STACK_BYTES: usize = if cfg!(debug_assertions) { 96 << 20 } else { 16 << 20 };
/// A stack that was used deeper than this goes back to the system.
const KEEP_BYTES: usize = 192 << 10;
/// Idle stacks that a thread keeps.
const KEEP_STACKS: usize = 64;

thread_local! {
    /// The gate whose fiber runs on this thread; null: none.
    static RUNNING: Cell<*const ()> = const { Cell::new(ptr::null()) };
    static POOL: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// The way out of a running fiber. `I` goes in at each resumption, `W` comes out at each wait.
pub(super) struct Gate<I, W> {
    yielder: Cell<Option<NonNull<Yielder<I, W>>>>,
}

/// A computation on a stack of its own.
pub(super) struct Fiber<I: 'static, W: 'static, R: 'static> {
    coroutine: Option<Coroutine<I, W, R, DefaultStack>>,
    gate: Rc<Gate<I, W>>,
    /// The lowest address that the body may use for its own ends.
    limit: usize,
}

/// What a resumption gave.
pub(super) enum Step<W, R> {
    /// The body waits.
    Waits(W),
    /// The body has ended.
    Ended(R),
}

impl<I, W> Gate<I, W> {
    /// A gate for the fiber that is about to start.
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self { yielder: Cell::new(None) })
    }

    /// Leaves the fiber with `wait` until it is resumed. `None`: this gate's
    /// fiber is not the one that runs here.
    pub(super) fn suspend(&self, wait: W) -> Option<I> {
        if RUNNING.get() != ptr::from_ref(self).cast() {
            return None;
        }
        let yielder = self.yielder.get()?;
        // SAFETY: the body of this gate's fiber is running on this thread and
        // on its own stack (facts 1 to 3 above), so the yielder is alive and
        // is that of the current stack.
        Some(unsafe { yielder.as_ref() }.suspend(wait))
    }
}

/// Clears a gate's pointer when the body ends, in whichever way.
struct Open<'a, I, W>(&'a Gate<I, W>);

impl<I, W> Drop for Open<'_, I, W> {
    fn drop(&mut self) {
        self.0.yielder.set(None);
    }
}

impl<I: 'static, W: 'static, R: 'static> Fiber<I, W, R> {
    /// A fiber that will run `body`. `None`: the system has no memory for a stack.
    pub(super) fn new(gate: Rc<Gate<I, W>>, body: impl FnOnce(I) -> R + 'static) -> Option<Self> {
        let pooled = POOL.with(|pool| pool.borrow_mut().pop());
        let stack = pooled.or_else(|| DefaultStack::new(STACK_BYTES).ok())?;
        let limit = stack.limit().get();
        let inner = Rc::clone(&gate);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<I, W>, first: I| {
            inner.yielder.set(Some(NonNull::from(yielder)));
            let _open = Open(&inner);
            body(first)
        });
        Some(Self { coroutine: Some(coroutine), gate, limit })
    }

    /// The lowest address of the stack.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Runs the body until it waits or ends; `None` once it has ended. A panic
    /// of the body goes on here.
    pub(super) fn resume(&mut self, input: I) -> Option<Step<W, R>> {
        let mut coroutine = self.coroutine.take_if(|coroutine| !coroutine.done())?;
        let before = RUNNING.replace(Rc::as_ptr(&self.gate).cast());
        let _restore = Restore(before);
        match coroutine.resume(input) {
            CoroutineResult::Yield(wait) => {
                self.coroutine = Some(coroutine);
                Some(Step::Waits(wait))
            }
            CoroutineResult::Return(result) => {
                self.coroutine = Some(coroutine);
                Some(Step::Ended(result))
            }
        }
    }

    /// Gives the stack of an ended fiber back to this thread's pool; `depth` is
    /// how many bytes of it the body used.
    pub(super) fn recycle(mut self, depth: usize) {
        let Some(coroutine) = self.coroutine.take().filter(Coroutine::done) else { return };
        let stack = coroutine.into_stack();
        if depth > KEEP_BYTES {
            return;
        }
        POOL.with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEEP_STACKS {
                pool.push(stack);
            }
        });
    }
}

/// Puts the former value back into `RUNNING`.
struct Restore(*const ());

impl Drop for Restore {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fiber_waits_and_goes_on() {
        let gate = Gate::<u32, u32>::new();
        let inner = Rc::clone(&gate);
        let mut fiber = Fiber::new(gate, move |first: u32| inner.suspend(first + 1).unwrap() * 10).unwrap();
        assert!(matches!(fiber.resume(1), Some(Step::Waits(2))));
        assert!(matches!(fiber.resume(7), Some(Step::Ended(70))));
        assert!(fiber.resume(1).is_none());
        fiber.recycle(0);
        assert_eq!(POOL.with(|pool| pool.borrow().len()), 1);
    }

    #[test]
    fn a_gate_refuses_outside_its_own_fiber() {
        let gate = Gate::<u32, u32>::new();
        assert_eq!(gate.suspend(1), None, "not started");
        let (outer, held) = (Rc::clone(&gate), Rc::clone(&gate));
        let mut fiber = Fiber::new(gate, move |_: u32| {
            let own = Gate::<u32, u32>::new();
            let mut inner = Fiber::new(own, move |_: u32| outer.suspend(5).is_none()).unwrap();
            let refused = matches!(inner.resume(0), Some(Step::Ended(true)));
            inner.recycle(0);
            refused
        })
        .unwrap();
        assert!(
            matches!(fiber.resume(0), Some(Step::Ended(true))),
            "an inner fiber may not suspend an outer one"
        );
        assert_eq!(held.suspend(1), None, "ended");
        fiber.recycle(0);
    }

    #[test]
    fn a_panic_goes_to_the_caller_and_closes_the_gate() {
        let gate = Gate::<u32, u32>::new();
        let held = Rc::clone(&gate);
        let mut fiber = Fiber::<u32, u32, u32>::new(gate, |_| panic!("inside")).unwrap();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fiber.resume(0).is_some()));
        assert!(caught.is_err());
        assert_eq!(held.suspend(1), None);
        assert!(RUNNING.get().is_null());
    }
}
