//! What an evaluation has used, against what it may use. Rhai's own counters
//! start anew in every callback, so these are the ones that hold: operations,
//! time, bytes, depth of the native stack, and the flag that ends it all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult, EvalContext, Position};

use super::turn::{self, Reply};
use crate::clock::Clock;
use crate::policy::{Budget, FaultKind};

/// Operations between two looks at the clock: one costs up to some 100 us.
const CLOCK_EVERY: u64 = 16;
/// Operations between two offers of the thread to others.
const YIELD_EVERY: u64 = 1024;
/// A longer gap between two looks at the clock counts as this: the machine was elsewhere.
const LONGEST_GAP: Duration = Duration::from_millis(2);
/// Stack left for what a native function needs, and for unwinding.
pub(super) const STACK_MARGIN: usize = 1 << 20;

/// What an evaluation has used.
pub(super) struct Meter {
    budget: Budget,
    operations: Cell<u64>,
    /// The operation at which there is more to look at than the stack.
    next_look: Cell<u64>,
    bytes_left: Cell<u64>,
    began: Cell<Option<Instant>>,
    looked: Cell<Option<Instant>>,
    ran: Cell<Duration>,
    floor: Cell<usize>,
    top: Cell<usize>,
    lowest: Cell<usize>,
    yields: bool,
    /// Bytes of the variables of each call level, as last seen.
    held: RefCell<Vec<u64>>,
    bytes: u64,
    breach: Cell<Option<FaultKind>>,
    stop: Option<Arc<AtomicBool>>,
}

/// What the guard does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Go on.
    Go,
    /// Let others run first.
    Yield,
    /// End.
    Stop,
}

impl Meter {
    /// A meter of `budget` and `bytes`. With `yields`, the script offers its
    /// thread to others now and then. `stop` ends it from outside.
    pub(super) fn new(budget: Budget, bytes: u64, yields: bool, stop: Option<Arc<AtomicBool>>) -> Self {
        Self {
            budget,
            operations: Cell::new(0),
            next_look: Cell::new(CLOCK_EVERY.min(budget.operations)),
            bytes_left: Cell::new(bytes),
            began: Cell::new(None),
            looked: Cell::new(None),
            ran: Cell::new(Duration::ZERO),
            floor: Cell::new(0),
            top: Cell::new(0),
            lowest: Cell::new(usize::MAX),
            yields,
            held: RefCell::default(),
            bytes,
            breach: Cell::new(None),
            stop,
        }
    }

    /// The script will run on a stack that ends at `limit`.
    pub(super) fn floor(&self, limit: usize) {
        self.floor.set(limit.saturating_add(STACK_MARGIN));
    }

    /// The script will run on this thread, which has a stack of `bytes`.
    pub(super) fn floor_here(&self, bytes: usize) {
        self.floor(address().saturating_sub(bytes));
    }

    /// The script begins here.
    pub(super) fn begin(&self) {
        let here = address();
        self.top.set(here);
        self.lowest.set(here);
        if self.yields {
            // Inline, the first operations are free of clocks.
            self.began.set(Some(Clock::mono()));
        }
    }

    /// Counts one operation. Called by the interpreter at each.
    #[inline]
    pub(super) fn operation(&self) -> Next {
        let count = self.operations.get() + 1;
        self.operations.set(count);
        let here = address();
        if here < self.lowest.get() {
            self.lowest.set(here);
            if here < self.floor.get() {
                return self.end(FaultKind::Depth);
            }
        }
        if count < self.next_look.get() { Next::Go } else { self.pause(count) }
    }

    /// What is looked at now and then, and at the end.
    fn pause(&self, count: u64) -> Next {
        if self.breach.get().is_some() {
            return Next::Stop;
        }
        if count > self.budget.operations {
            return self.end(FaultKind::Operations);
        }
        let last = self.budget.operations.saturating_add(1);
        self.next_look.set((count + CLOCK_EVERY).min(last));
        self.look(count)
    }

    /// Looks at the clock and at the flag.
    fn look(&self, count: u64) -> Next {
        if self.stopped() {
            return self.end(FaultKind::Cancelled);
        }
        let now = Clock::mono();
        let began = self.began.get().unwrap_or(now);
        self.began.set(Some(began));
        let gap = self.looked.get().map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        self.looked.set(Some(now));
        self.ran.set(self.ran.get() + gap.min(LONGEST_GAP));
        if self.ran.get() > self.budget.cpu {
            return self.end(if self.yields { FaultKind::Cpu } else { FaultKind::Deadline });
        }
        if now.saturating_duration_since(began) > self.budget.wall {
            return self.end(FaultKind::Deadline);
        }
        if self.yields && count.is_multiple_of(YIELD_EVERY) { Next::Yield } else { Next::Go }
    }

    /// How long the script has run since it began, or since its last wait, as of the last look.
    pub(super) fn ran(&self) -> Duration {
        self.ran.get()
    }

    /// The thread was elsewhere: what passed meanwhile is not the script's.
    pub(super) fn paused(&self) {
        self.looked.set(None);
    }

    /// The script waited for an effect: its time between waits begins anew.
    pub(super) fn waited(&self) {
        self.looked.set(None);
        self.ran.set(Duration::ZERO);
        if self.wall_left().is_zero() {
            self.end(FaultKind::Deadline);
        }
    }

    /// What is left of the time from start to end.
    pub(super) fn wall_left(&self) -> Duration {
        let Some(began) = self.began.get() else { return self.budget.wall };
        self.budget.wall.saturating_sub(Clock::mono().saturating_duration_since(began))
    }

    /// Counts `bytes` that the script is about to hold.
    pub(super) fn charge(&self, bytes: usize) -> Reply<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.bytes_left.get().checked_sub(bytes) {
            Some(left) => {
                self.bytes_left.set(left);
                Ok(())
            }
            None => {
                self.end(FaultKind::Size);
                Err(terminated())
            }
        }
    }

    /// Sees the variables of one call level hold `bytes`.
    fn hold(&self, level: usize, bytes: u64) -> Reply<()> {
        let Ok(mut held) = self.held.try_borrow_mut() else { return Ok(()) };
        held.resize(level, 0);
        held.push(bytes);
        if held.iter().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes)) <= self.bytes {
            return Ok(());
        }
        self.end(FaultKind::Size);
        Err(terminated())
    }

    /// Ends the script for this reason, unless it has ended for another.
    pub(super) fn end(&self, why: FaultKind) -> Next {
        if self.breach.get().is_none() {
            self.breach.set(Some(why));
        }
        self.next_look.set(0);
        Next::Stop
    }

    /// Why the script was ended, if it was.
    pub(super) fn breach(&self) -> Option<FaultKind> {
        self.breach.get()
    }

    /// Whether the script was told from outside to end.
    pub(super) fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Tells the script to end.
    pub(super) fn stop(&self) {
        if let Some(stop) = &self.stop {
            stop.store(true, Ordering::Relaxed);
        }
        self.end(FaultKind::Cancelled);
    }

    /// Bytes of stack that the script used, as far as the operations show.
    pub(super) fn depth(&self) -> usize {
        self.top.get().saturating_sub(self.lowest.get())
    }

    /// The breach in words.
    pub(super) fn words(&self, why: FaultKind) -> String {
        let Budget { operations, wall, cpu, effects, .. } = self.budget;
        let bounds = if self.yields { "policy_limits.effects" } else { "policy_limits.inline" };
        match why {
            FaultKind::Operations => {
                format!(
                    "it ran more than {operations} operations (`{bounds}.operations`): a loop without an end?"
                )
            }
            FaultKind::Deadline if self.ran.get() > cpu => {
                format!("it ran longer than {cpu:?} (`{bounds}.cpu`): a loop without an end?")
            }
            FaultKind::Deadline => format!("it ran longer than {wall:?} (`{bounds}.wall`)"),
            FaultKind::Cpu => format!("it computed for more than {cpu:?} without a wait (`{bounds}.cpu`)"),
            FaultKind::Depth => "it nests or calls itself too deeply".to_owned(),
            FaultKind::Size => {
                format!("its values are larger than {} bytes together (`policy_limits.bytes`)", self.bytes)
            }
            FaultKind::Cancelled => "its exchange ended".to_owned(),
            FaultKind::Effects => format!("it asked for more than {effects} effects (`{bounds}.effects`)"),
            FaultKind::Exception | FaultKind::BadVerdict | FaultKind::Saturated | FaultKind::Panic => {
                "it failed".to_owned()
            }
        }
    }
}

/// Called by the interpreter before it makes a variable: what is held so far
/// counts against the budget of bytes.
pub(super) fn hold(context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Reply<()> {
    // A shared value may be locked by the method whose closure runs here: leave it alone.
    let size = |value: &Dynamic| match value.as_immutable_string_ref() {
        _ if value.is_shared() => 0,
        Ok(text) => text.len(),
        Err(_) => value.as_array_ref().map_or(0, |array| {
            array
                .iter()
                .map(|one| size_of::<Dynamic>() + one.as_immutable_string_ref().map_or(0, |text| text.len()))
                .sum()
        }),
    };
    let bytes = context.scope().iter_raw().map(|(_, _, value)| size(value)).sum::<usize>();
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    turn::peek(|run| run.meter.hold(context.call_level(), bytes)).unwrap_or(Ok(()))
}

/// The error that no script can catch.
pub(super) fn terminated() -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE))
}

/// Roughly where the stack pointer stands.
#[inline(never)]
fn address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

thread_local! {
    /// The meter of a top level that is evaluated at load.
    static LOADING: RefCell<Option<Rc<Meter>>> = const { RefCell::new(None) };
}

/// Makes `meter` count what no run counts, until the guard is dropped.
pub(super) fn loading(meter: Rc<Meter>) -> Loading {
    LOADING.with(|loading| loading.replace(Some(meter)));
    Loading
}

/// See [`loading`].
pub(super) struct Loading;

impl Drop for Loading {
    fn drop(&mut self) {
        LOADING.with(|loading| loading.replace(None));
    }
}

/// Called by the interpreter at each operation; a value ends the script.
pub(super) fn guard() -> Option<Dynamic> {
    let next = turn::peek(|run| run.meter.operation()).unwrap_or_else(|| {
        LOADING.with(|loading| loading.borrow().as_ref().map_or(Next::Go, |meter| meter.operation()))
    });
    match next {
        Next::Go => None,
        Next::Stop => Some(Dynamic::UNIT),
        Next::Yield => {
            // No borrow of the turn may last across the pause.
            let run = turn::current().ok()?;
            let go_on = run.host.tick();
            if !go_on {
                run.meter.stop();
                return Some(Dynamic::UNIT);
            }
            run.meter.paused();
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Limits;

    /// Operations up to the next look at the clock.
    fn stretch(meter: &Meter) -> Next {
        (0..CLOCK_EVERY).map(|_| meter.operation()).find(|next| *next != Next::Go).unwrap_or(Next::Go)
    }

    #[test]
    fn time_that_the_machine_gave_to_others_is_not_the_scripts() {
        let usual = Limits::default().inline;
        assert!(usual.wall > usual.cpu);
        let budget = Budget { wall: Duration::MAX, ..usual };
        let meter = Meter::new(budget, 0, false, None);
        meter.begin();
        assert_eq!(stretch(&meter), Next::Go);
        // The thread does not run for more than its whole budget.
        std::thread::sleep(budget.cpu * 2);
        assert_eq!(stretch(&meter), Next::Go);
        // But what is long again and again is the script's own.
        let ended = (0..3).map(|_| {
            std::thread::sleep(LONGEST_GAP);
            stretch(&meter)
        });
        assert_eq!(ended.last(), Some(Next::Stop));
        assert!(meter.words(FaultKind::Deadline).starts_with("it ran longer than 5ms"));
    }
}
