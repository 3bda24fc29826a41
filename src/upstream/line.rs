//! A connection to the outside that knows whether it has answered before. One that
//! rested may be dead already: what fails on it then is no fault of the provider's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Extensions;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};

/// Whether a connection has answered; goes with every answer and failure of it.
#[derive(Debug, Clone, Default)]
struct Answered(Arc<AtomicBool>);

/// A connection to the outside.
#[derive(Debug)]
pub(super) struct Line<T> {
    io: T,
    answered: Answered,
}

impl<T> Line<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, answered: Answered::default() }
    }
}

/// Notes an answer's connection as one that has answered.
pub(super) fn answered(extensions: &Extensions) {
    if let Some(Answered(answered)) = extensions.get() {
        answered.store(true, Ordering::Relaxed);
    }
}

/// Whether a request failed for the end of a connection that had answered others before.
pub(super) fn was_dead(error: &legacy::Error) -> bool {
    let mut extensions = Extensions::new();
    error.connect_info().into_iter().for_each(|connected| connected.get_extras(&mut extensions));
    let used = extensions.get().is_some_and(|Answered(answered)| answered.load(Ordering::Relaxed));
    used && std::iter::successors(std::error::Error::source(error), |cause| cause.source()).any(is_end)
}

/// Whether this says that a connection has ended.
fn is_end(cause: &(dyn std::error::Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let http = cause.downcast_ref::<hyper::Error>();
    let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    http.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed())
        || matches!(io, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}

impl<T: Connection> Connection for Line<T> {
    fn connected(&self) -> Connected {
        self.io.connected().extra(self.answered.clone())
    }
}

impl<T: Read + Unpin> Read for Line<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl<T: Write + Unpin> Write for Line<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, from)
    }
}
