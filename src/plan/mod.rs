//! What a policy decides: a [`Verdict`], and the [`Plan`] of attempts in it.
//! Values only; `policy` makes them, `gateway` carries them out.

use std::sync::Arc;
use std::time::Duration;

use crate::ir::Response;

/// What a hook returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing: the next policy, or the plan's next step, or the defaults.
    Continue,
    /// The exchange ends with an error for the client.
    Reject {
        /// HTTP status, 400 to 599.
        status: u16,
        /// `error.code`.
        code: String,
        /// `error.message`.
        message: String,
    },
    /// The exchange ends with this answer; no provider is asked.
    Respond(Box<Response>),
    /// Where the request goes.
    Route(Plan),
    /// The request can wait: it goes to the batch service of the first of these
    /// models that has one; without steps, of the route's candidates.
    Batch(Plan),
    /// After a failure: the same step again.
    Retry {
        /// Wait first.
        after: Duration,
    },
    /// After a failure: the client gets the error.
    GiveUp,
    /// In a stream: this text in place of the sentence.
    Replace(String),
    /// In a stream: it ends here, with this message as its last words.
    Stop(String),
}

/// Ordered attempts. Absent time-outs are the route's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The attempts, in order; the next one runs when one fails in a way that may fall back.
    pub steps: Vec<Step>,
    /// Bound on everything until the client's first byte, and on the whole answer.
    pub total: Option<Duration>,
    /// Error kinds that move on to the next step; absent: [`crate::error::Kind::may_fall_back`].
    pub fall_back_on: Option<Vec<crate::error::Kind>>,
}

impl Plan {
    /// A plan that tries these models in order.
    #[must_use]
    pub fn of(models: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self { steps: models.into_iter().map(Step::of).collect(), ..Self::default() }
    }
}

/// One attempt of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The model's name.
    pub model: Arc<str>,
    /// Longest wait for the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Longest silence within a stream.
    pub idle: Option<Duration>,
    /// Longest duration of this attempt.
    pub total: Option<Duration>,
    /// How often to try the same model again; absent: the route's.
    pub retries: Option<u32>,
    /// Start the next step beside this one when it is silent for so long; the first to answer wins.
    pub hedge_after: Option<Duration>,
}

impl Step {
    /// An attempt at `model` with the route's bounds.
    #[must_use]
    pub fn of(model: Arc<str>) -> Self {
        Self { model, first_byte: None, idle: None, total: None, retries: None, hedge_after: None }
    }
}
