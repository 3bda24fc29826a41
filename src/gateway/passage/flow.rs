//! Bytes on their way to the client: sound, files, events. Never buffered
//! whole; the next chunk is read when the client has taken the last one. What
//! breaks off is cut off: no client takes it for whole.

use std::task::{Context, Poll};

use bytes::Bytes;

use crate::dialect::passage::{Metered, metered_frame};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::depot::Tally;
use crate::gateway::exchange::{End, Exchange};
use crate::gateway::ledger::Attempt;
use crate::gateway::term::Term;
use crate::ir::{Endpoint, Money, Usage};
use crate::sse::{Framer, Framing};
use crate::upstream;

/// An answer on its way.
pub(in crate::gateway) struct Flowing {
    pub(in crate::gateway) attempt: Attempt,
    pub(in crate::gateway) body: upstream::Body,
    pub(in crate::gateway) metered: Metered,
    pub(in crate::gateway) events: bool,
    pub(in crate::gateway) endpoint: Endpoint,
    /// Counts what it tells of a batch.
    pub(in crate::gateway) tally: Option<Tally>,
}

impl Flowing {
    /// All of it, `cap` bytes at most, and what it cost.
    ///
    /// # Errors
    /// It breaks off, or is larger.
    pub(super) async fn whole(self, cap: usize) -> Result<(Bytes, Usage, Option<Money>)> {
        let Self { mut attempt, body, metered, .. } = self;
        let usage = metered.usage.unwrap_or_default();
        attempt.counted(metered.units);
        let got = body.whole(cap).await;
        let now = attempt.now();
        match got {
            Ok(body) => Ok((body, usage, attempt.answered(&usage, now))),
            Err(error) => {
                attempt.failed(&error, &usage, now);
                Err(error)
            }
        }
    }
}

/// An answer under way.
pub struct Flow {
    exchange: Exchange,
    attempt: Option<Attempt>,
    body: upstream::Body,
    metered: Metered,
    endpoint: Endpoint,
    /// Cuts events, where the answer is some.
    framer: Option<Framer>,
    tally: Option<Tally>,
    term: Term,
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow").field("exchange", &self.exchange.id).finish_non_exhaustive()
    }
}

impl Flow {
    pub(super) fn new(exchange: Exchange, flowing: Flowing) -> Self {
        let term = Term::of(&exchange);
        Self {
            exchange,
            attempt: Some(flowing.attempt),
            body: flowing.body,
            metered: flowing.metered,
            endpoint: flowing.endpoint,
            framer: flowing.events.then(|| Framer::new(Framing::Sse)),
            tally: flowing.tally,
            term,
        }
    }

    /// The client's next bytes; none at the end; an error cuts the answer off.
    pub(in crate::gateway) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if self.attempt.is_none() {
            return Poll::Ready(None);
        }
        if let Some(error) = self.exchange.gateway.ended().or_else(|| self.term.overdue()) {
            return Poll::Ready(Some(Err(self.fail(error))));
        }
        match self.body.poll_chunk(cx) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.term.heard();
                self.look(&chunk);
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(self.fail(error)))),
            Poll::Ready(None) => {
                self.settle(None);
                Poll::Ready(None)
            }
            Poll::Pending => self.term.poll(cx).map(|error| Some(Err(self.fail(error)))),
        }
    }

    /// Reads usage out of events as they pass.
    fn look(&mut self, chunk: &Bytes) {
        if let Some(tally) = &mut self.tally {
            tally.push(chunk);
        }
        let (metered, endpoint) = (&mut self.metered, self.endpoint);
        let Some(framer) = &mut self.framer else { return };
        let looked = framer.push(chunk, |frame| {
            let states = memchr::memmem::find(frame.data, b"\"usage\"").is_some();
            if let Some(found) = states.then(|| metered_frame(endpoint, frame.data)).flatten() {
                metered.usage = found.usage;
                metered.units.images += found.units.images;
            }
            Ok(())
        });
        if looked.is_err() {
            self.framer = None;
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.settle(Some(&error));
        error
    }

    fn settle(&mut self, error: Option<&Error>) {
        let Some(mut attempt) = self.attempt.take() else { return };
        let now = self.exchange.gateway.clock.now();
        let usage = self.metered.usage.unwrap_or_default();
        attempt.counted(self.metered.units);
        let unmetered = self.metered == Metered::default() && self.endpoint == Endpoint::Transcriptions;
        if error.is_none() && unmetered {
            attempt.unmetered();
        }
        let outcome = attempt.flowed(error, &usage, now);
        let counted = self.tally.take().map(|tally| tally.end(&self.exchange.ledger, error.is_none()));
        let usage = counted.unwrap_or(usage);
        self.exchange.settle(&End { outcome, status: 200, error, usage });
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        if self.attempt.is_some() {
            let text = "the client left in the middle of the answer";
            self.settle(Some(&Error::new(Kind::Cancelled, Origin::Client, text)));
        }
    }
}
