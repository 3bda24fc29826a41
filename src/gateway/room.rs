//! Room for what clients send. Bodies that are held at once are bounded
//! together, so that many large ones cannot take the process' memory: who finds
//! no room waits for a moment and is then sent away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Kind, Origin, Result, Retry};

/// Bodies up to this size are held without asking: connections bound them, bytes.
const SMALL: u64 = 64 << 10;
/// Bytes that are counted as one.
const PIECE: u64 = 4 << 10;
/// Longest wait for room.
const PATIENCE: Duration = Duration::from_secs(1);

/// Room for so many bytes of bodies.
#[derive(Debug)]
pub(super) struct Room {
    pieces: Arc<Semaphore>,
    most: u32,
}

/// What a body takes of it, until dropped.
pub(super) type Held = OwnedSemaphorePermit;

impl Room {
    /// Room for `bytes` bytes.
    pub(super) fn of(bytes: u64) -> Self {
        let most = u32::try_from(bytes / PIECE).unwrap_or(u32::MAX).max(1);
        let places = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { pieces: Arc::new(Semaphore::new(places)), most }
    }

    /// Room for a body of `size` bytes; none is needed for a small one. A body
    /// larger than all of it has it alone.
    ///
    /// # Errors
    /// `Overloaded`: too much is held.
    pub(super) async fn hold(&self, size: u64) -> Result<Option<Held>> {
        if size <= SMALL {
            return Ok(None);
        }
        let pieces = u32::try_from(size.div_ceil(PIECE)).unwrap_or(u32::MAX).min(self.most);
        let room = timeout(PATIENCE, Arc::clone(&self.pieces).acquire_many_owned(pieces)).await;
        room.ok().and_then(std::result::Result::ok).map(Some).ok_or_else(|| {
            let text = "the gateway holds as many large requests as its memory allows: send it again later";
            Error::new(Kind::Overloaded, Origin::Gateway, text).with_retry(Retry::After(PATIENCE))
        })
    }

    /// Gives back what `held` has beyond `size` bytes.
    pub(super) fn keep(held: Held, size: u64) -> Option<Held> {
        let mut held = held;
        let needed = usize::try_from(size.div_ceil(PIECE)).unwrap_or(usize::MAX);
        drop(held.split(held.num_permits().saturating_sub(needed)));
        (size > SMALL).then_some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_share_the_room_and_give_back_what_they_do_not_need() {
        let room = Room::of(1 << 20);
        assert!(room.hold(SMALL).await.unwrap().is_none());
        let all = room.hold(20 << 20).await.unwrap().unwrap();
        assert_eq!(room.hold(SMALL + 1).await.unwrap_err().kind, Kind::Overloaded);
        assert!(room.hold(SMALL).await.is_ok(), "small ones come in");
        let half = Room::keep(all, 512 << 10).unwrap();
        let other = room.hold(512 << 10).await.unwrap();
        assert!(other.is_some() && room.hold(100 << 10).await.is_err());
        assert!(Room::keep(half, 10).is_none(), "what turned out small needs none");
        assert!(room.hold(512 << 10).await.is_ok());
    }
}
