//! Streams of providers, read by the decoders under test.

use pointsman::dialect::Outbound;
use pointsman::error::Error;
use pointsman::ir::Event;
use pointsman::sse::{Framer, Framing};

/// The events of a stream whose bytes arrive in `pieces`.
pub(crate) fn events<'a>(
    outbound: &dyn Outbound,
    framing: Framing,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Event>, Error> {
    let mut framer = Framer::new(framing);
    let mut decoder = outbound.stream_decoder();
    let mut events = Vec::new();
    for piece in pieces {
        framer.push(piece, |frame| decoder.push(&frame, &mut events))?;
    }
    framer.finish(|frame| decoder.push(&frame, &mut events))?;
    decoder.finish(&mut events)?;
    Ok(events)
}
