//! Lanes: one thread a core, each with a runtime of its own. A connection stays
//! on its lane, and so does what is done for it: no request changes threads, and
//! each lane keeps its own connections to providers. Work that would hold a lane
//! for long does not belong there: it goes to the shared runtime.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Stack of a thread that serves: policies run on it, and Rhai recurses.
pub const STACK: usize = 8 << 20;
/// Time for what a lane does on blocking threads, when it ends.
const LAST: Duration = Duration::from_secs(1);

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The machine's cores: as many lanes are useful.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The lane of this thread, from 1; 0 on threads that are none.
#[must_use]
pub fn number() -> usize {
    NUMBER.get()
}

/// Threads that serve connections. Dropping them cuts what is still under way.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    end: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

/// One of them.
#[derive(Debug, Clone)]
struct Lane {
    runtime: Handle,
    busy: Arc<AtomicUsize>,
}

/// A connection's place on a lane, given back when dropped.
#[derive(Debug)]
pub struct Place {
    runtime: Handle,
    busy: Arc<AtomicUsize>,
}

impl Lanes {
    /// Starts `count` lanes.
    ///
    /// # Errors
    /// The machine gives no thread, or no runtime.
    pub fn start(count: usize) -> io::Result<Self> {
        let mut lanes = Self { lanes: Vec::new(), end: CancellationToken::new(), threads: Vec::new() };
        for number in 1..=count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().thread_stack_size(STACK).build()?;
            lanes.lanes.push(Lane { runtime: runtime.handle().clone(), busy: Arc::default() });
            let end = lanes.end.clone();
            let thread = thread::Builder::new().name(format!("lane-{number}")).stack_size(STACK);
            lanes.threads.push(thread.spawn(move || {
                NUMBER.set(number);
                runtime.block_on(end.cancelled());
                runtime.shutdown_timeout(LAST);
            })?);
        }
        Ok(lanes)
    }

    /// The caller's own runtime as the only lane.
    #[must_use]
    pub fn here() -> Self {
        let lane = Lane { runtime: Handle::current(), busy: Arc::default() };
        Self { lanes: vec![lane], end: CancellationToken::new(), threads: Vec::new() }
    }

    /// A place on the lane with the fewest connections.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let lane = self.lanes.iter().min_by_key(|lane| lane.busy.load(Ordering::Relaxed))?;
        lane.busy.fetch_add(1, Ordering::Relaxed);
        Some(Place { runtime: lane.runtime.clone(), busy: Arc::clone(&lane.busy) })
    }
}

impl Place {
    /// The runtime of the lane.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.end.cancel();
        for thread in self.threads.drain(..) {
            // One that panicked has said so already.
            drop(thread.join());
        }
    }
}
