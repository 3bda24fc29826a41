//! How much an evaluation may use.

use std::time::Duration;

use super::Hook;
use crate::ir::Money;

/// Bounds on policies. The defaults are those of the documentation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// A hook that can reach no effect: it runs on the request's own task.
    pub inline: Budget,
    /// A hook that can reach an effect: it runs on the script threads.
    pub effects: Budget,
    /// Duration for one sentence in `on_text`, waits included: meanwhile the client waits.
    pub sentence: Duration,
    /// Most bytes that the values of one evaluation may add up to.
    pub bytes: u64,
    /// Most policies that wait for an effect at once, in the whole process.
    pub suspended: usize,
}

/// Bounds on one evaluation of a hook.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Operations of the script.
    pub operations: u64,
    /// Duration from start to end, waits included.
    pub wall: Duration,
    /// Duration between two waits; what the machine gave to others counts little.
    pub cpu: Duration,
    /// Effects; an `ask_all` counts one for each of its legs.
    pub effects: u32,
    /// What its effects may cost together; absent: no bound.
    pub cost: Option<Money>,
}

impl Default for Limits {
    fn default() -> Self {
        // More from start to end than of its own running: a busy machine is no fault of the script.
        let inline = Budget {
            operations: 100_000,
            wall: Duration::from_millis(50),
            cpu: Duration::from_millis(5),
            effects: 0,
            cost: None,
        };
        let effects = Budget {
            operations: 300_000,
            wall: Duration::from_secs(60),
            cpu: Duration::from_millis(250),
            effects: 64,
            cost: None,
        };
        Self { inline, effects, sentence: Duration::from_secs(5), bytes: 16 << 20, suspended: 20_000 }
    }
}

impl Limits {
    /// What one evaluation of `hook` may use, which can wait or not.
    #[must_use]
    pub fn budget(&self, hook: Hook, waits: bool) -> Budget {
        let budget = if waits { self.effects } else { self.inline };
        match hook {
            Hook::Text => Budget { wall: budget.wall.min(self.sentence), ..budget },
            _ => budget,
        }
    }
}
