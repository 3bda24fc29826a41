//! A body that arrives while it is sent: a few chunks are under way at a time,
//! so that a client sends no faster than its provider reads.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// Chunks under way.
const CHUNKS: usize = 4;

/// The end that is filled.
#[derive(Debug)]
pub struct Feed(mpsc::Sender<Option<Bytes>>);

/// The end that is sent. When its feed is dropped before [`Feed::end`] the
/// request breaks off: what was cut short never looks whole.
#[derive(Debug)]
pub struct Upload {
    chunks: mpsc::Receiver<Option<Bytes>>,
    length: Option<u64>,
    ended: bool,
}

/// An upload of `length` bytes, where that is known, and its feed.
#[must_use]
pub fn upload(length: Option<u64>) -> (Feed, Upload) {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    (Feed(sender), Upload { chunks, length, ended: false })
}

impl Feed {
    /// Hands on `chunk` when there is room. False: nobody takes it any more.
    pub async fn push(&self, chunk: Bytes) -> bool {
        chunk.is_empty() || self.0.send(Some(chunk)).await.is_ok()
    }

    /// All is handed on.
    pub async fn end(self) {
        // Nobody there any more: the request has ended otherwise.
        drop(self.0.send(None).await);
    }
}

impl Upload {
    /// Reads all of it and keeps nothing; gives its size.
    ///
    /// # Errors
    /// It broke off.
    pub(super) async fn drain(mut self) -> io::Result<u64> {
        let mut size = 0;
        loop {
            match self.chunks.recv().await {
                Some(Some(chunk)) => size += chunk.len() as u64,
                Some(None) => return Ok(size),
                None => return Err(broken_off()),
            }
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// It broke off, or is longer than `cap` bytes.
    pub(super) async fn whole(mut self, cap: usize) -> io::Result<Bytes> {
        let mut all = BytesMut::new();
        loop {
            match self.chunks.recv().await {
                Some(Some(chunk)) if all.len() + chunk.len() > cap => {
                    return Err(io::Error::from(io::ErrorKind::FileTooLarge));
                }
                Some(Some(chunk)) => all.extend_from_slice(&chunk),
                Some(None) => return Ok(all.freeze()),
                None => return Err(broken_off()),
            }
        }
    }
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the client broke off")
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = std::task::ready!(self.chunks.poll_recv(cx));
        Poll::Ready(match next {
            Some(Some(chunk)) => Some(Ok(Frame::data(chunk))),
            Some(None) => {
                self.ended = true;
                None
            }
            None => {
                self.ended = true;
                Some(Err(broken_off()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
