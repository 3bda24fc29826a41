//! Pieces of a stream that come in quick succession leave together: one write on
//! the client's connection for many. A piece that comes alone never waits.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// Pieces closer to each other come in a rush. Models speak at some milliseconds a piece.
const QUICK: Duration = Duration::from_micros(250);
/// Looks for more before a rush is over: hyper looks twice in one turn of its
/// connection, and the provider's connection has to have its turn in between.
const LOOKS: u8 = 2;
/// Bytes that are enough for one write.
const ENOUGH: usize = 16 << 10;

/// What has come and not left.
#[derive(Debug, Default)]
pub(super) struct Rush {
    pieces: Vec<Bytes>,
    bytes: usize,
    /// Looks for more that are left.
    looks: u8,
}

impl Rush {
    /// Takes a piece that came `gap` after the one before it. Gives back what
    /// leaves now, when there is enough of it.
    pub(super) fn push(&mut self, piece: Bytes, gap: Duration) -> Option<Bytes> {
        if !piece.is_empty() {
            if gap < QUICK {
                self.looks = LOOKS;
            }
            self.bytes += piece.len();
            self.pieces.push(piece);
        }
        (self.bytes >= ENOUGH).then(|| self.take())
    }

    /// Nothing more is there for now. Ready with what leaves; pending, and
    /// woken at once, to let the provider's connection have its turn first.
    pub(super) fn pause(&mut self, cx: &Context<'_>) -> Poll<Bytes> {
        if self.looks > 0 && self.bytes > 0 {
            self.looks -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.take())
    }

    /// All of it, maybe nothing.
    pub(super) fn take(&mut self) -> Bytes {
        let bytes = std::mem::take(&mut self.bytes);
        if self.pieces.len() < 2 {
            return self.pieces.pop().unwrap_or_default();
        }
        let mut all = BytesMut::with_capacity(bytes);
        for piece in self.pieces.drain(..) {
            all.extend_from_slice(&piece);
        }
        all.freeze()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const AT_ONCE: Duration = Duration::from_micros(3);
    const LATER: Duration = Duration::from_millis(9);

    /// What leaves when pieces come like this, each followed by a pause.
    fn leaves(pieces: &[(&'static str, Duration)]) -> Vec<Poll<Bytes>> {
        let (mut rush, cx) = (Rush::default(), Context::from_waker(Waker::noop()));
        let mut leave = |(text, gap): &(&'static str, Duration)| {
            assert_eq!(rush.push(Bytes::from_static(text.as_bytes()), *gap), None);
            rush.pause(&cx)
        };
        pieces.iter().map(&mut leave).collect()
    }

    fn ready(text: &'static str) -> Poll<Bytes> {
        Poll::Ready(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn what_comes_alone_leaves_at_once() {
        assert_eq!(leaves(&[("a", LATER), ("b", LATER)]), [ready("a"), ready("b")]);
    }

    #[test]
    fn what_comes_in_a_rush_leaves_together_when_no_more_comes() {
        let pieces = [("a", LATER), ("b", AT_ONCE), ("c", AT_ONCE), ("", AT_ONCE), ("", AT_ONCE)];
        let waits = || Poll::Pending;
        assert_eq!(leaves(&pieces), [ready("a"), waits(), waits(), waits(), ready("bc")]);
    }

    #[test]
    fn enough_leaves_without_a_pause() {
        let mut rush = Rush::default();
        let half = Bytes::from(vec![b'x'; ENOUGH / 2]);
        assert_eq!(rush.push(half.clone(), AT_ONCE), None);
        assert_eq!(rush.push(half, AT_ONCE).map(|all| all.len()), Some(ENOUGH));
        assert!(rush.take().is_empty());
    }
}
