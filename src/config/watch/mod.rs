//! Keeps a configuration live: looks at the folder when it changes and every
//! few seconds besides, builds what stands there beside what is live, and hands
//! over only what is whole and free of errors.
//!
//! A half-written file never becomes live: changes settle first, and what was
//! built is handed over only if the files still are what was built.

mod look;

pub use look::{Accept, ReloadStatus, Reloader};

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use look::Look;

/// How patiently a folder is watched.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Silence after a change before it is looked at.
    pub settle: Duration,
    /// Longest wait for silence.
    pub patience: Duration,
    /// How often the folder is looked at without an event.
    pub poll: Duration,
    /// Whether the file system's events are used.
    pub events: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(100),
            patience: Duration::from_millis(400),
            poll: Duration::from_secs(5),
            events: true,
        }
    }
}

/// Ends the watching when dropped.
#[derive(Debug)]
pub struct Watch {
    signals: SyncSender<Signal>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Changed,
    Stop,
}

impl Watch {
    /// Watches on a thread of its own until dropped.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(reloader: Reloader, pace: Pace) -> std::io::Result<Self> {
        // One pending signal says all there is to say; the second place is for the stop.
        let (signals, inbox) = sync_channel(2);
        let from_events = signals.clone();
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
            let eyes = Eyes::open(pace.events, from_events);
            Loop { reloader, pace, inbox, eyes }.run();
        })?;
        Ok(Self { signals, thread: Some(thread) })
    }

    /// Looks at the folder now, as a signal of the process asks for.
    pub fn look_now(&self) {
        let _ = self.signals.try_send(Signal::Changed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.signals.send(Signal::Stop);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Loop {
    reloader: Reloader,
    pace: Pace,
    inbox: Receiver<Signal>,
    eyes: Eyes,
}

impl Loop {
    fn run(mut self) {
        self.eyes.turn_to(self.reloader.places());
        self.reloader.set_watching(self.eyes.see());
        // What changed between the first load and now is found at once.
        let mut wait = Duration::ZERO;
        loop {
            let told = match self.inbox.recv_timeout(wait) {
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Signal::Changed) if !self.settle() => return,
                Ok(Signal::Changed) => true,
                Err(RecvTimeoutError::Timeout) => false,
            };
            let look = self.reloader.look();
            if look == Look::Refused {
                self.confirm();
            }
            wait = if look == Look::Same && !told {
                self.pace.poll
            } else {
                // What changes while the eyes turn is seen by the look that follows.
                self.eyes.turn_to(self.reloader.places());
                self.pace.settle
            };
        }
    }

    /// Waits until nothing has changed for a while; `false` at the end.
    fn settle(&self) -> bool {
        let rounds = self.pace.patience.as_millis() / self.pace.settle.as_millis().max(1);
        for _ in 0..rounds.max(1) {
            match self.inbox.recv_timeout(self.pace.settle) {
                Ok(Signal::Changed) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => break,
            }
            // Signals come faster than they are worth: drop those that wait.
            while let Ok(signal) = self.inbox.try_recv() {
                if signal == Signal::Stop {
                    return false;
                }
            }
        }
        true
    }

    /// Tells of what was refused if it still stands there after a moment: an
    /// editor that empties a file before it fills it is no reason for an alarm.
    fn confirm(&mut self) {
        std::thread::park_timeout(self.pace.settle);
        self.reloader.confirm_refusal();
    }
}

/// The file system's events, where there are any.
struct Eyes {
    watcher: Option<RecommendedWatcher>,
    places: Vec<(PathBuf, RecursiveMode)>,
}

impl Eyes {
    fn open(wanted: bool, signals: SyncSender<Signal>) -> Self {
        let notice = move |event: notify::Result<notify::Event>| {
            // An error may mean that events were lost: look.
            let reading = event.as_ref().is_ok_and(|event| event.kind.is_access());
            if !reading {
                let _ = signals.try_send(Signal::Changed);
            }
        };
        let watcher = if wanted { notify::recommended_watcher(notice).ok() } else { None };
        Self { watcher, places: Vec::new() }
    }

    /// Whether anything is seen besides by polling.
    fn see(&self) -> bool {
        self.watcher.is_some() && !self.places.is_empty()
    }

    /// Watches `places` anew: a folder that was replaced is another one now.
    fn turn_to(&mut self, places: Vec<(PathBuf, bool)>) {
        let Some(watcher) = &mut self.watcher else { return };
        for (old, _) in self.places.drain(..) {
            drop(watcher.unwatch(&old));
        }
        for (place, deep) in places {
            let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            if watcher.watch(&place, mode).is_ok() {
                self.places.push((place, mode));
            }
        }
    }
}

#[cfg(test)]
mod tests;
