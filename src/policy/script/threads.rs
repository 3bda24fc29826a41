//! The script threads: one a core, started when the first hook needs them. A
//! script stays on the thread where it began, so a stuck one cannot stall the
//! threads that do IO, and nothing on its stack ever changes threads.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::run::{Given, Outcome};
use super::stage::Waiting;
use crate::policy::Scene;

/// Jobs that wait for a thread to take them.
const QUEUE: usize = 1024;

static THREADS: OnceLock<Vec<mpsc::Sender<Job>>> = OnceLock::new();
static NEXT: AtomicUsize = AtomicUsize::new(0);
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// A hook to run and where its outcome goes; nobody there any more: cancel.
struct Job {
    given: Given,
    reply: oneshot::Sender<Outcome>,
    _place: Place,
}

/// One of the places for scripts that run or wait.
struct Place;

impl Place {
    fn take(most: usize) -> Option<Self> {
        let taken = ALIVE
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |alive| (alive < most).then_some(alive + 1));
        // Made only when taken: dropping a place gives it back.
        taken.ok().map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Scripts that run or wait on the script threads.
#[must_use]
pub fn suspended() -> usize {
    ALIVE.load(Ordering::Relaxed)
}

/// Runs `given` on a script thread. `Err`: more than `most` are under way, or
/// there are no threads; the scene comes back.
pub(super) async fn submit(given: Given, most: usize) -> Result<Outcome, Box<Scene>> {
    let Some(place) = Place::take(most) else { return Err(given.scene) };
    let threads = THREADS.get_or_init(start);
    let turn = NEXT.fetch_add(1, Ordering::Relaxed);
    let Some(thread) = turn.checked_rem(threads.len()).and_then(|at| threads.get(at)) else {
        return Err(given.scene);
    };
    let spare = given.scene.clone();
    let (reply, outcome) = oneshot::channel();
    if let Err(lost) = thread.send(Job { given, reply, _place: place }).await {
        return Err(lost.0.given.scene);
    }
    outcome.await.map_err(|_| spare)
}

fn start() -> Vec<mpsc::Sender<Job>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (0..cores)
        .filter_map(|number| {
            let (sender, jobs) = mpsc::channel(QUEUE);
            let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
            let thread = std::thread::Builder::new().name(format!("policy-{number}"));
            thread.spawn(move || tokio::task::LocalSet::new().block_on(&runtime, serve(jobs))).ok()?;
            Some(sender)
        })
        .collect()
}

async fn serve(mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        tokio::task::spawn_local(attend(job));
    }
}

/// Runs one job until it ends or nobody waits for it any more.
async fn attend(job: Job) {
    let Job { given, mut reply, _place } = job;
    let outcome = match Waiting::start(given) {
        Err(outcome) => outcome,
        Ok(waiting) => tokio::select! {
            biased;
            () = reply.closed() => return,
            outcome = waiting => outcome,
        },
    };
    let _ = reply.send(outcome);
}
