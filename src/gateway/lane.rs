//! A streamed answer on its way: the provider's bytes in, the client's out.
//! Bytes pass as they came where both speak one dialect and nobody edits;
//! otherwise they are decoded and encoded anew. Does no IO.

use bytes::Bytes;

use crate::dialect::{
    Framing, Inbound, Outbound, ReplyFacts, Seen, StreamDecoder, StreamEncoder, untold_event,
};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Dialect, Event, Usage};
use crate::sse::Framer;

/// One streamed answer.
pub(super) struct Lane {
    framer: Framer,
    way: Way,
    seen: Seen,
    encoder: Box<dyn StreamEncoder>,
    /// Events that policies read before they are encoded; absent: they go straight on.
    unread: Option<Vec<Event>>,
    /// The client's dialect, and what it has no words for of what came.
    to: Dialect,
    pub(super) untold: Vec<String>,
}

enum Way {
    /// Bytes pass; frames are only looked at.
    Pass(&'static dyn Outbound),
    /// Frames are decoded into events.
    Translate { decoder: Box<dyn StreamDecoder>, events: Vec<Event> },
}

impl Lane {
    /// A lane from `outbound`'s stream, framed so, to `inbound`'s; `pass` when bytes may pass.
    pub(super) fn new(
        (outbound, framing): (&'static dyn Outbound, Framing),
        inbound: &dyn Inbound,
        reply: &ReplyFacts,
        pass: bool,
    ) -> Self {
        let way = if pass {
            Way::Pass(outbound)
        } else {
            Way::Translate { decoder: outbound.stream_decoder(), events: Vec::new() }
        };
        Self {
            framer: Framer::new(framing),
            way,
            seen: Seen::default(),
            encoder: inbound.stream_encoder(reply),
            unread: None,
            to: inbound.dialect(),
            untold: Vec::new(),
        }
    }

    /// The same; with `read`, a lane whose events wait for [`Lane::take_unread`]
    /// and come back by [`Lane::say`]. It must not be one whose bytes pass.
    pub(super) fn read_by_policies(self, read: bool) -> Self {
        Self { unread: read.then(Vec::new), ..self }
    }

    /// The events that came since the last look.
    pub(super) fn take_unread(&mut self) -> Vec<Event> {
        self.unread.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The client's bytes for one event that was read.
    pub(super) fn say(&mut self, event: &Event) -> Bytes {
        let mut out = Vec::new();
        self.encoder.push(event, &mut out);
        Bytes::from(out)
    }

    /// The client's last bytes, after all that was read.
    pub(super) fn end(&mut self) -> Bytes {
        let mut out = Vec::new();
        self.encoder.finish(&mut out);
        Bytes::from(out)
    }

    /// Takes a chunk and gives the client's bytes for it, maybe none.
    ///
    /// # Errors
    /// `InvalidResponse`: not this protocol; or the error that the provider
    /// reported in the stream of another dialect.
    pub(super) fn push(&mut self, chunk: Bytes) -> Result<Bytes> {
        let seen = &mut self.seen;
        match &mut self.way {
            Way::Pass(outbound) => {
                self.framer.push(&chunk, |frame| {
                    outbound.scan_frame(&frame, seen);
                    Ok(())
                })?;
                Ok(chunk)
            }
            Way::Translate { decoder, events } => {
                self.framer.push(&chunk, |frame| decoder.push(&frame, events))?;
                self.encode()
            }
        }
    }

    /// The provider's stream has ended: gives the client's last bytes.
    ///
    /// # Errors
    /// `StreamBroken` when it ended before its protocol's end.
    pub(super) fn finish(&mut self) -> Result<Bytes> {
        let seen = &mut self.seen;
        match &mut self.way {
            Way::Pass(outbound) => {
                self.framer.finish(|frame| {
                    outbound.scan_frame(&frame, seen);
                    Ok(())
                })?;
                match (&seen.error, seen.done) {
                    (Some(error), _) => Err((**error).clone()),
                    (None, true) => Ok(Bytes::new()),
                    (None, false) => Err(broken_off()),
                }
            }
            Way::Translate { decoder, events } => {
                self.framer.finish(|frame| decoder.push(&frame, events))?;
                decoder.finish(events)?;
                let mut out = self.encode()?.to_vec();
                if !self.seen.done {
                    return Err(broken_off());
                }
                if self.unread.is_none() {
                    self.encoder.finish(&mut out);
                }
                Ok(Bytes::from(out))
            }
        }
    }

    /// The client's bytes that end a broken stream: an error that its SDK
    /// raises, never a sign of success.
    pub(super) fn fail(&mut self, error: &Error) -> Bytes {
        let mut out = Vec::new();
        if let Way::Pass(_) = self.way {
            if self.seen.error.is_some() {
                // The provider has said it itself, in the client's dialect.
                return Bytes::new();
            }
            // The last frame may have been cut: end it, so that the error stands alone.
            out.extend_from_slice(b"\n\n");
        }
        self.encoder.fail(error, &mut out);
        Bytes::from(out)
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Tokens so far: the provider's count, else one a content frame.
    pub(super) fn usage(&self, input_estimate: u64) -> Usage {
        self.seen.usage.unwrap_or_else(|| Usage {
            input: input_estimate,
            output: self.seen.content_frames,
            estimated: true,
            ..Usage::default()
        })
    }

    /// Notes and encodes the events that have come.
    fn encode(&mut self) -> Result<Bytes> {
        let Way::Translate { events, .. } = &mut self.way else { return Ok(Bytes::new()) };
        let mut out = Vec::new();
        for event in events.drain(..) {
            match &event {
                Event::Text { .. }
                | Event::Refusal { .. }
                | Event::Thinking { .. }
                | Event::ThinkingSealed { .. }
                | Event::ToolCall { .. }
                | Event::ToolArguments { .. }
                | Event::Media { .. }
                | Event::Opaque { .. } => {
                    self.seen.content = true;
                    self.seen.content_frames += 1;
                }
                Event::Finish { .. } => self.seen.content = true,
                Event::Usage(usage) => self.seen.usage = Some(*usage),
                Event::Done => {
                    self.seen.done = true;
                    continue;
                }
                Event::Error(error) => {
                    self.seen.error = Some(error.clone());
                    return Err((**error).clone());
                }
                Event::Start { .. }
                | Event::Beside { .. }
                | Event::Citation { .. }
                | Event::Logprobs { .. }
                | Event::Ping => {}
            }
            for name in untold_event(&event, self.to) {
                if !self.untold.contains(&name) {
                    self.untold.push(name);
                }
            }
            match &mut self.unread {
                Some(unread) => unread.push(event),
                None => self.encoder.push(&event, &mut out),
            }
        }
        Ok(Bytes::from(out))
    }
}

fn broken_off() -> Error {
    Error::new(
        Kind::StreamBroken,
        Origin::Upstream,
        "the provider's stream ended before the answer was complete",
    )
}
