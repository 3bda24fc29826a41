//! A stream on its way to the client. Never buffered whole: the next chunk is
//! read when the client has taken the last one. A client that leaves drops it,
//! and with it the provider's connection.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::attempt::Streaming;
use super::exchange::{End, Exchange};
use super::lane::Lane;
use super::ledger::Attempt;
use super::reading::{Read, Reading};
use super::rush::Rush;
use super::term::Term;
use crate::error::{Error, Kind, Origin};
use crate::ir::Event;
use crate::record::Outcome;
use crate::upstream;

/// A streamed answer under way.
pub struct Relay {
    exchange: Exchange,
    attempt: Option<Attempt>,
    body: Option<upstream::Body>,
    lane: Lane,
    held: VecDeque<Bytes>,
    rush: Rush,
    /// The policies that read the answer's sentences before the client does.
    reading: Option<Reading>,
    input_estimate: u64,
    term: Term,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("exchange", &self.exchange.id).finish_non_exhaustive()
    }
}

impl Relay {
    pub(super) fn new(exchange: Exchange, streaming: Streaming) -> Self {
        let term = Term::of(&exchange);
        Self {
            exchange,
            attempt: Some(streaming.attempt),
            body: Some(streaming.body),
            lane: streaming.lane,
            held: streaming.held.into(),
            rush: Rush::default(),
            reading: streaming.reading,
            input_estimate: streaming.input_estimate,
            term,
        }
    }

    /// The client's next bytes; none at the end.
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.held.pop_front() {
                return Poll::Ready(Some(bytes));
            }
            if let Some(ended) = self.attempt.as_ref().and_then(|_| self.exchange.gateway.ended()) {
                self.fail(&ended);
                continue;
            }
            if self.reading.is_some() && std::task::ready!(self.poll_reading(cx)) {
                continue;
            }
            if let Some(error) = self.body.as_ref().and_then(|_| self.term.overdue()) {
                self.fail(&error);
                continue;
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match body.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let silence = self.term.heard();
                    match self.lane.push(chunk) {
                        Ok(bytes) => self.held.extend(self.rush.push(bytes, silence)),
                        Err(error) => self.fail(&error),
                    }
                }
                Poll::Ready(Some(Err(error))) => self.fail(&error),
                Poll::Ready(None) => match (self.lane.finish(), &mut self.reading) {
                    (Ok(_), Some(reading)) => {
                        self.body = None;
                        reading.end(&mut self.lane);
                    }
                    (Ok(bytes), None) => self.complete(bytes),
                    (Err(error), _) => self.fail(&error),
                },
                Poll::Pending => {
                    let bytes = std::task::ready!(self.rush.pause(cx));
                    if bytes.is_empty() {
                        let error = std::task::ready!(self.term.poll(cx));
                        self.fail(&error);
                    }
                    self.hold(bytes);
                }
            }
        }
    }

    /// Lets policies read what has come. Ready with whether there is something
    /// to do other than to wait for more.
    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(false) };
        let read = std::task::ready!(reading.poll(cx, &mut self.lane, &mut self.exchange));
        match read {
            Read::More => return Poll::Ready(false),
            Read::Said(bytes) => self.hold(bytes),
            Read::Ended => {
                let last = self.lane.end();
                self.complete(last);
            }
            Read::Stopped(events) => self.stop(&events),
            Read::Failed(error) => self.fail(&error),
        }
        // The provider was not silent: nobody listened.
        self.term.heard();
        Poll::Ready(true)
    }

    /// A policy ended the answer with these last words: the rest of the
    /// provider's stream is not wanted any more.
    fn stop(&mut self, events: &[Event]) {
        self.body = None;
        let usage = self.lane.usage(self.input_estimate);
        for event in events.iter().chain([&Event::Usage(usage)]) {
            let bytes = self.lane.say(event);
            self.hold(bytes);
        }
        let last = self.lane.end();
        self.hold(last);
        self.reading = None;
        let Some(attempt) = self.attempt.take() else { return };
        attempt.cancelled(&usage, self.exchange.gateway.clock.now());
        self.exchange.dropped.append(&mut self.lane.untold);
        self.exchange.settle(&End { outcome: Outcome::Completed, status: 200, error: None, usage });
    }

    /// The provider's stream ended as it should.
    fn complete(&mut self, last: Bytes) {
        self.body = None;
        self.hold(last);
        self.settle(None);
    }

    /// The stream broke: the client gets an error that its SDK raises.
    fn fail(&mut self, error: &Error) {
        self.body = None;
        let last = self.lane.fail(error);
        self.hold(last);
        self.settle(Some(error));
    }

    /// What the client gets next, behind what came before.
    fn hold(&mut self, bytes: Bytes) {
        let before = self.rush.take();
        self.held.extend([before, bytes].into_iter().filter(|bytes| !bytes.is_empty()));
    }

    fn settle(&mut self, error: Option<&Error>) {
        // What policies ask ends with the exchange, before it is accounted for.
        self.reading = None;
        let Some(attempt) = self.attempt.take() else { return };
        let now = self.exchange.gateway.clock.now();
        let usage = self.lane.usage(self.input_estimate);
        let outcome = match error {
            // The provider had no part in it.
            Some(error) if error.origin == Origin::Policy => {
                attempt.cancelled(&usage, now);
                Outcome::Partial
            }
            error => attempt.flowed(error, &usage, now),
        };
        self.exchange.dropped.append(&mut self.lane.untold);
        self.exchange.settle(&End { outcome, status: 200, error, usage });
    }
}

impl Drop for Relay {
    /// The client left. If it has read the whole answer, that is how it should be.
    fn drop(&mut self) {
        if self.attempt.is_some() {
            let left =
                Error::new(Kind::Cancelled, Origin::Client, "the client left in the middle of the stream");
            let done = self.lane.seen().done;
            self.settle(if done { None } else { Some(&left) });
        }
    }
}
