//! Workers: one thread a core, each with a runtime of its own. A connection stays
//! on its worker, and so does what is done for it: no request changes threads, and
//! each worker keeps its own connections to providers. Work that would hold a worker
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
/// Time for what a worker does on blocking threads, when it ends.
const LAST: Duration = Duration::from_secs(1);

thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// The machine's cores: as many workers are useful.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The worker of this thread, from 1; 0 on threads that are none.
#[must_use]
pub fn number() -> usize {
    NUMBER.get()
}

/// Threads that serve connections. Dropping them cuts what is still under way.
#[derive(Debug)]
pub struct Workers {
    workers: Vec<Worker>,
    end: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

/// One of them.
#[derive(Debug, Clone)]
struct Worker {
    runtime: Handle,
    busy: Arc<AtomicUsize>,
}

/// A connection's place on a worker, given back when dropped.
#[derive(Debug)]
pub struct Place(Worker);

impl Workers {
    /// Starts `count` workers.
    ///
    /// # Errors
    /// The machine gives no thread, or no runtime.
    pub fn start(count: usize) -> io::Result<Self> {
        let mut workers = Self { workers: Vec::new(), end: CancellationToken::new(), threads: Vec::new() };
        for number in 1..=count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().thread_stack_size(STACK).build()?;
            workers.workers.push(Worker { runtime: runtime.handle().clone(), busy: Arc::default() });
            let end = workers.end.clone();
            let thread = thread::Builder::new().name(format!("worker-{number}")).stack_size(STACK);
            workers.threads.push(thread.spawn(move || {
                NUMBER.set(number);
                runtime.block_on(end.cancelled());
                runtime.shutdown_timeout(LAST);
            })?);
        }
        Ok(workers)
    }

    /// The caller's own runtime as the only worker.
    #[must_use]
    pub fn here() -> Self {
        let worker = Worker { runtime: Handle::current(), busy: Arc::default() };
        Self { workers: vec![worker], end: CancellationToken::new(), threads: Vec::new() }
    }

    /// A place on the worker with the fewest connections.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let worker = self.workers.iter().min_by_key(|worker| worker.busy.load(Ordering::Relaxed))?;
        worker.busy.fetch_add(1, Ordering::Relaxed);
        Some(Place(worker.clone()))
    }
}

impl Place {
    /// The runtime of the worker.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.0.runtime
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.end.cancel();
        for thread in self.threads.drain(..) {
            // One that panicked has said so already.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_go_to_the_thread_with_the_fewest() {
        let workers = Workers::start(3).unwrap();
        let number_of = |place: &Place| {
            let (tell, told) = std::sync::mpsc::channel();
            place.runtime().spawn(async move { tell.send(number()) });
            told.recv().unwrap()
        };
        let mut places: Vec<Place> = (0..6).map(|_| workers.place().unwrap()).collect();
        let mut numbers: Vec<usize> = places.iter().map(number_of).collect();
        assert_eq!(number(), 0);
        let left = number_of(&places.remove(4));
        assert_eq!(workers.place().as_ref().map(number_of), Some(left));
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn what_is_under_way_is_dropped_with_the_threads() {
        let workers = Workers::start(1).unwrap();
        let (held, dropped) = std::sync::mpsc::channel::<()>();
        workers.place().unwrap().runtime().spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(workers);
        assert!(dropped.try_recv().is_err_and(|error| error == std::sync::mpsc::TryRecvError::Disconnected));
    }
}
