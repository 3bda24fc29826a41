//! How long an answer under way may take: between two pieces, and in all.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::exchange::Exchange;
use crate::error::{Error, Kind, Origin};

/// The time of an answer under way.
pub(super) struct Term {
    /// Longest silence.
    idle: Duration,
    /// When the last piece came.
    last: Instant,
    /// When the answer must be complete.
    deadline: Instant,
    /// Wakes to look at the two; re-armed only when it fires, not with each piece.
    alarm: Pin<Box<Sleep>>,
}

impl Term {
    /// What is left to `exchange`, whose answer begins now.
    pub(super) fn of(exchange: &Exchange) -> Self {
        let now = Instant::now();
        let timeouts = exchange.route.as_ref().map(|route| route.timeouts).unwrap_or_default();
        let passed = exchange.gateway.clock.now().since(&exchange.started);
        let deadline = now + timeouts.total.saturating_sub(passed);
        let idle = timeouts.idle;
        Self { idle, last: now, deadline, alarm: Box::pin(sleep_until((now + idle).min(deadline))) }
    }

    /// The provider is not silent; how long it was before.
    pub(super) fn heard(&mut self) -> Duration {
        let before = std::mem::replace(&mut self.last, Instant::now());
        self.last - before
    }

    /// The error once the time is up, also where the provider goes on and the
    /// client takes little of it. As of the last piece: it reads no clock.
    pub(super) fn overdue(&self) -> Option<Error> {
        (self.last >= self.deadline).then(|| too_late("the exchange's time is up"))
    }

    /// Ready once the answer is to be given up, for silence or lack of time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.deadline {
                return Poll::Ready(too_late("the exchange's time is up"));
            }
            let due = (self.last + self.idle).min(self.deadline);
            if now >= due {
                return Poll::Ready(too_late("the provider fell silent"));
            }
            self.alarm.as_mut().reset(due);
        }
    }
}

fn too_late(what: &str) -> Error {
    Error::new(Kind::TimedOut, Origin::Upstream, format!("{what} in the middle of the answer"))
}
