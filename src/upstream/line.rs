//! A connection to the outside that knows its past. One that rested may be dead already:
//! what fails on it then is no fault of the provider's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use http::Extensions;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};

use super::failure::causes;
use crate::clock::Clock;

/// The past of a connection; goes with every answer and failure of it.
#[derive(Debug, Clone)]
struct Past {
    made: Instant,
    answered: Arc<AtomicBool>,
}

/// A connection to the outside.
#[derive(Debug)]
pub(super) struct Line<T> {
    io: T,
    past: Past,
    /// Whether a proxy at its end takes whole addresses.
    forwarded: bool,
}

impl<T> Line<T> {
    pub(super) fn new(io: T, forwarded: bool) -> Self {
        Self { io, past: Past { made: Clock::mono(), answered: Arc::default() }, forwarded }
    }
}

/// Notes that the connection of an answer with these `extensions` has answered.
pub(super) fn answered(extensions: &Extensions) {
    if let Some(Past { answered, .. }) = extensions.get() {
        answered.store(true, Ordering::Relaxed);
    }
}

/// Whether a request that began at `began` failed for the end of a connection that was
/// not made for it: one that had rested before, or had answered another meanwhile.
pub(super) fn was_dead(error: &legacy::Error, began: Instant) -> bool {
    let mut extensions = Extensions::new();
    error.connect_info().into_iter().for_each(|connected| connected.get_extras(&mut extensions));
    let past: Option<&Past> = extensions.get();
    past.is_some_and(|past| past.made < began || past.answered.load(Ordering::Relaxed))
        && causes(error).any(is_end)
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
        self.io.connected().proxy(self.forwarded).extra(self.past.clone())
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
