//! Where a hook runs: inline on the request's task, on the script threads, on a
//! blocking thread, or against a journal.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::fiber::{Fiber, Gate, STACK_BYTES, Step};
use super::host::{Blocking, Deny, Fibered, HostCall, Recall, Replay, Signal, Wait, Work};
use super::meter::Meter;
use super::policy::Bound;
use super::run::{Given, Outcome, Outside, Run, fault};
use super::{threads, turn};
use crate::plan::Verdict;
use crate::policy::{Effects, Fault, FaultKind, Hook, JournalEntry, Scene};

/// A script on its stack.
type Script = Fiber<Signal, Wait, Result<Verdict, Fault>>;

/// Runs a hook that cannot reach an effect, here and now. A hook that the
/// policy does not have gives [`Verdict::Continue`].
#[must_use]
pub fn run_inline(bound: &Arc<Bound>, hook: Hook, scene: impl Into<Box<Scene>>) -> Outcome {
    here(bound, hook, scene.into(), Box::new(Deny))
}

/// Runs a hook with the effects of a journal: same policy, same scene, same
/// journal give the same verdict. Asking for anything else is a fault.
#[must_use]
pub fn replay(
    bound: &Arc<Bound>,
    hook: Hook,
    scene: impl Into<Box<Scene>>,
    journal: Vec<JournalEntry>,
) -> Outcome {
    here(bound, hook, scene.into(), Box::new(Replay(RefCell::new(journal.into()))))
}

/// Runs a hook offline: what it asks and witnesses comes from `journal` as far
/// as that goes, which another policy may have written. What is not there is
/// looked at anew (time, chance, state) or fails (questions).
#[must_use]
pub fn recall(
    bound: &Arc<Bound>,
    hook: Hook,
    scene: impl Into<Box<Scene>>,
    journal: Vec<JournalEntry>,
) -> Outcome {
    here(bound, hook, scene.into(), Box::new(Recall(RefCell::new(journal))))
}

/// Runs a hook where it belongs: inline when it cannot reach an effect and was
/// quick so far, else on the script threads.
pub async fn dispatch(
    bound: &Arc<Bound>,
    hook: Hook,
    scene: impl Into<Box<Scene>>,
    effects: &Arc<dyn Effects>,
) -> Outcome {
    let scene: Box<Scene> = scene.into();
    if bound.policy.can_suspend(hook) || bound.policy.slow.has(hook) {
        // On the heap, so that hooks that never wait do not carry its room around.
        Box::pin(run(bound, hook, scene, Arc::clone(effects))).await
    } else {
        run_inline(bound, hook, scene)
    }
}

/// Runs a hook on the script threads, where it may wait for effects; these run
/// on the runtime of the caller. Dropping the future cancels the script and
/// what it waits for.
pub async fn run(
    bound: &Arc<Bound>,
    hook: Hook,
    scene: impl Into<Box<Scene>>,
    effects: Arc<dyn Effects>,
) -> Outcome {
    let given = match given(bound, hook, scene.into(), effects) {
        Ok(given) => given,
        Err(outcome) => return outcome,
    };
    match threads::submit(given, bound.policy.limits.suspended).await {
        Ok(outcome) => outcome,
        Err(scene) => refused(bound, hook, scene),
    }
}

/// The same as [`run`] on a thread of its own that blocks at each wait: for
/// targets without fibers, and as a second opinion in tests.
pub async fn run_blocking(
    bound: &Arc<Bound>,
    hook: Hook,
    scene: impl Into<Box<Scene>>,
    effects: Arc<dyn Effects>,
) -> Outcome {
    let given = match given(bound, hook, scene.into(), effects) {
        Ok(given) => given,
        Err(outcome) => return outcome,
    };
    let scene = given.scene.clone();
    let gone = CancellationToken::new();
    let (reply, outcome) = tokio::sync::oneshot::channel();
    let host = Blocking { runtime: Handle::current(), gone: gone.clone() };
    let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK_BYTES);
    let started = thread.spawn(move || {
        let limits = given.bound.policy.limits;
        let meter = Meter::new(limits.budget(given.hook, true), limits.bytes, true, None);
        meter.floor_here(STACK_BYTES);
        let run = Run::new(given, meter, Box::new(host));
        let entered = turn::enter(Some(Rc::clone(&run)));
        let verdict = run.evaluate();
        drop(entered);
        let _ = reply.send(run.ended(verdict));
    });
    let _gone = gone.drop_guard();
    match (started, outcome.await) {
        (Ok(_), Ok(outcome)) => outcome,
        _ => refused(bound, hook, scene),
    }
}

/// What a script with effects is given. `Err`: the policy does not have the hook.
fn given(
    bound: &Arc<Bound>,
    hook: Hook,
    scene: Box<Scene>,
    effects: Arc<dyn Effects>,
) -> Result<Given, Outcome> {
    if !bound.policy.has(hook) {
        return Err(nothing(scene));
    }
    let outside = Outside { effects, runtime: Handle::current() };
    Ok(Given { bound: Arc::clone(bound), hook, scene, outside: Some(outside) })
}

fn nothing(scene: Box<Scene>) -> Outcome {
    Outcome { scene, verdict: Ok(Verdict::Continue), journal: Vec::new() }
}

fn refused(bound: &Bound, hook: Hook, scene: Box<Scene>) -> Outcome {
    let message = "too many policies run or wait at once".to_owned();
    let verdict = Err(fault(bound, hook, FaultKind::Saturated, message));
    Outcome { scene, verdict, journal: Vec::new() }
}

/// Runs a hook on this thread to its end; it never waits.
fn here(bound: &Arc<Bound>, hook: Hook, scene: Box<Scene>, host: Box<dyn HostCall>) -> Outcome {
    if !bound.policy.has(hook) {
        return nothing(scene);
    }
    let limits = &bound.policy.limits;
    let budget = limits.budget(hook, bound.policy.can_suspend(hook));
    let meter = Meter::new(budget, limits.bytes, false, None);
    let given = Given { bound: Arc::clone(bound), hook, scene, outside: None };
    let run = Run::new(given, meter, host);
    let Some(mut script) = script(&run, Gate::new()) else {
        let verdict = Err(run.fault(FaultKind::Saturated, "there is no memory for its stack".to_owned()));
        return run.ended(verdict);
    };
    let entered = turn::enter(Some(Rc::clone(&run)));
    let verdict = to_the_end(&mut script, &run, Signal::Go);
    drop(entered);
    script.recycle(run.meter.depth());
    run.ended(verdict)
}

/// A fiber that will evaluate `run`.
fn script(run: &Rc<Run>, gate: Rc<Gate<Signal, Wait>>) -> Option<Script> {
    let inner = Rc::clone(run);
    let script = Fiber::new(gate, move |_| inner.evaluate())?;
    run.meter.floor(script.limit());
    Some(script)
}

/// Resumes a script that must not wait any more until it has ended.
fn to_the_end(script: &mut Script, run: &Run, first: Signal) -> Result<Verdict, Fault> {
    let mut input = first;
    loop {
        match script.resume(input) {
            Some(Step::Ended(verdict)) => return verdict,
            Some(Step::Waits(_)) => {
                run.meter.stop();
                input = Signal::Cancel;
            }
            None => return Err(run.fault(FaultKind::Panic, "the script ended without a verdict".to_owned())),
        }
    }
}

/// A script on the thread that polls it. Dropping it ends the script: first the
/// effect under way is dropped, then the script runs to its end with every
/// operation and wait failing.
pub(super) struct Waiting {
    run: Rc<Run>,
    script: Option<Script>,
    work: Option<Work>,
}

impl Waiting {
    /// Prepares the evaluation of `given`. `Err`: there is no memory for a stack.
    pub(super) fn start(given: Given) -> Result<Self, Outcome> {
        let limits = given.bound.policy.limits;
        let gate = Gate::new();
        let stop = Arc::new(AtomicBool::new(false));
        let waits = given.bound.policy.can_suspend(given.hook);
        let meter = Meter::new(limits.budget(given.hook, waits), limits.bytes, waits, Some(stop));
        // A slow hook is the same here as it is inline.
        let host: Box<dyn HostCall> =
            if waits { Box::new(Fibered(Rc::clone(&gate))) } else { Box::new(Deny) };
        let run = Run::new(given, meter, host);
        match script(&run, gate) {
            Some(script) => Ok(Self { run, script: Some(script), work: None }),
            None => {
                let verdict =
                    Err(run.fault(FaultKind::Saturated, "there is no memory for its stack".to_owned()));
                Err(run.ended(verdict))
            }
        }
    }
}

impl Future for Waiting {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut input = Signal::Go;
        if let Some(work) = &mut self.work {
            let Poll::Ready(answered) = work.as_mut().poll(cx) else { return Poll::Pending };
            self.work = None;
            input = Signal::Answer(Box::new(answered));
        }
        loop {
            let run = Rc::clone(&self.run);
            let Some(script) = &mut self.script else { return Poll::Pending };
            let entered = turn::enter(Some(Rc::clone(&run)));
            let step = script.resume(input);
            drop(entered);
            match step {
                Some(Step::Waits(Wait::Tick)) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Waits(Wait::Effect(mut work))) => match work.as_mut().poll(cx) {
                    Poll::Ready(answered) => input = Signal::Answer(Box::new(answered)),
                    Poll::Pending => {
                        self.work = Some(work);
                        return Poll::Pending;
                    }
                },
                Some(Step::Ended(verdict)) => {
                    if let Some(script) = self.script.take() {
                        script.recycle(run.meter.depth());
                    }
                    return Poll::Ready(run.ended(verdict));
                }
                None => return Poll::Pending,
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.work = None;
        let Some(mut script) = self.script.take() else { return };
        self.run.meter.stop();
        let entered = turn::enter(Some(Rc::clone(&self.run)));
        let _ = to_the_end(&mut script, &self.run, Signal::Cancel);
        drop(entered);
        script.recycle(self.run.meter.depth());
    }
}
