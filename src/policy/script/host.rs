//! Who answers when a script waits: the fiber's task, a thread that blocks, a
//! journal, or nobody.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::fiber::Gate;
use crate::error::{Error, Kind, Origin};
use crate::policy::{EffectValue, JournalEntry};

/// What an effect gives.
pub(super) type Answered = Result<EffectValue, Error>;
/// An effect under way; dropping it cancels it.
pub(super) type Work = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// Why a fiber stopped for the moment.
pub(super) enum Wait {
    /// For an effect.
    Effect(Work),
    /// To let others run.
    Tick,
}

/// With what a fiber goes on.
pub(super) enum Signal {
    /// Begin, or go on after a tick.
    Go,
    /// The effect's answer.
    Answer(Box<Answered>),
    /// End: the exchange is gone.
    Cancel,
}

/// Who answers when a script waits.
pub(super) trait HostCall {
    /// Waits for `work`. `None`: the script must end.
    fn wait(&self, work: Work) -> Option<Answered>;

    /// Lets others run. False: the script must end.
    fn tick(&self) -> bool {
        true
    }

    /// What a journal holds for the effect `name` with an input of this hash;
    /// `loosely`, an entry for another input may do as well.
    fn recorded(&self, _name: &str, _input_hash: &str, _loosely: bool) -> Past {
        Past::Unknown
    }
}

/// Waits by leaving the fiber; its task polls the effect.
pub(super) struct Fibered(pub(super) Rc<Gate<Signal, Wait>>);

impl HostCall for Fibered {
    fn wait(&self, work: Work) -> Option<Answered> {
        match self.0.suspend(Wait::Effect(work))? {
            Signal::Answer(answered) => Some(*answered),
            Signal::Go | Signal::Cancel => None,
        }
    }

    fn tick(&self) -> bool {
        matches!(self.0.suspend(Wait::Tick), Some(Signal::Go))
    }
}

/// Waits by blocking the thread: for targets without fibers, and as a second
/// opinion in tests.
pub(super) struct Blocking {
    /// The runtime on which effects run.
    pub(super) runtime: tokio::runtime::Handle,
    /// Completes when the exchange is gone.
    pub(super) gone: tokio_util::sync::CancellationToken,
}

impl HostCall for Blocking {
    fn wait(&self, work: Work) -> Option<Answered> {
        self.runtime.block_on(async {
            tokio::select! {
                answered = work => Some(answered),
                () = self.gone.cancelled() => None,
            }
        })
    }

    fn tick(&self) -> bool {
        !self.gone.is_cancelled()
    }
}

/// Answers nothing: for hooks that cannot reach an effect.
pub(super) struct Deny;

impl HostCall for Deny {
    fn wait(&self, _: Work) -> Option<Answered> {
        Some(Err(Error::internal("this hook runs where effects are not at hand")))
    }
}

/// What is known of an effect that was performed before.
pub(super) enum Past {
    /// Nothing: it is performed now.
    Unknown,
    /// What came back.
    Kept(Box<JournalEntry>),
    /// The script went another way: this, in words, is what came at its place.
    Parted(String),
}

/// Answers from a journal, which the script must follow.
pub(super) struct Replay(pub(super) RefCell<VecDeque<JournalEntry>>);

impl HostCall for Replay {
    fn wait(&self, _: Work) -> Option<Answered> {
        None
    }

    fn recorded(&self, name: &str, input_hash: &str, _loosely: bool) -> Past {
        match self.0.borrow_mut().pop_front() {
            Some(entry) if entry.effect == name && entry.input_hash == input_hash => {
                Past::Kept(Box::new(entry))
            }
            Some(entry) if entry.effect == name => Past::Parted(format!("`{name}` with another input")),
            Some(entry) => Past::Parted(format!("`{}`", entry.effect)),
            None => Past::Parted("`nothing more`".to_owned()),
        }
    }
}

/// Answers from a journal as far as that goes: a script that is not the one
/// which wrote it may ask for other things, or in another order.
pub(super) struct Recall(pub(super) RefCell<Vec<JournalEntry>>);

impl HostCall for Recall {
    fn wait(&self, _: Work) -> Option<Answered> {
        let message = "nobody is asked offline, and no record has an answer to this question";
        Some(Err(Error::new(Kind::Unavailable, Origin::Gateway, message)))
    }

    fn recorded(&self, name: &str, input_hash: &str, loosely: bool) -> Past {
        let mut journal = self.0.borrow_mut();
        let same = |entry: &JournalEntry| entry.effect == name && entry.input_hash == input_hash;
        let kind = |entry: &JournalEntry| loosely && entry.effect == name;
        match journal.iter().position(same).or_else(|| journal.iter().position(kind)) {
            Some(at) => Past::Kept(Box::new(journal.remove(at))),
            None => Past::Unknown,
        }
    }
}
