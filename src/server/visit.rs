//! Requests as a connection sees them: each is under way from its head to the
//! end of its answer. How long that may take is not known here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use hyper::service::Service;

use super::taken::taken;

/// Requests begun and ended on a connection: what its two sides know of each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Doing(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Doing {
    /// A request begins; it ends when what is given is dropped.
    pub(super) fn begin(&self) -> Place {
        self.0.begun.fetch_add(1, Ordering::Release);
        Place(self.clone())
    }

    /// How many began and how many ended.
    pub(super) fn counts(&self) -> (u64, u64) {
        // In this order: more may begin meanwhile, not end.
        let ended = self.0.ended.load(Ordering::Acquire);
        (self.0.begun.load(Ordering::Acquire), ended)
    }
}

/// A request under way; ended when dropped.
#[derive(Debug)]
pub(super) struct Place(Doing);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// A service that tells its connection what is under way.
pub(super) struct Visit<S> {
    service: S,
    pub(super) doing: Doing,
    take: Duration,
}

impl<S> Visit<S> {
    /// `take`: how long an answer over HTTP/2 may not be taken.
    pub(super) const fn new(service: S, doing: Doing, take: Duration) -> Self {
        Self { service, doing, take }
    }
}

impl<B, S> Service<http::Request<B>> for Visit<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
    S::Future: Unpin,
{
    type Response = http::Response<Told>;
    type Error = S::Error;
    type Future = Visiting<S::Future>;

    fn call(&self, request: http::Request<B>) -> Self::Future {
        let place = Some(self.doing.begin());
        // A connection of HTTP/1 is held up by an answer that nobody takes, a stream of HTTP/2 only by itself.
        let take = (request.version() == http::Version::HTTP_2).then_some(self.take);
        Visiting { answering: self.service.call(request), place, take }
    }
}

/// A request on its way to its answer.
pub(super) struct Visiting<F> {
    answering: F,
    place: Option<Place>,
    /// How long its answer may not be taken, where that has to be watched.
    take: Option<Duration>,
}

impl<F, E> Future for Visiting<F>
where
    F: Future<Output = Result<http::Response<Body>, E>> + Unpin,
{
    type Output = Result<http::Response<Told>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answering).poll(cx));
        let (place, take) = (self.place.take(), self.take);
        let told = |body: Body| {
            let streams = body.size_hint().exact().is_none();
            let watched = take.filter(|_| streams);
            let body = match watched {
                Some(take) => taken(body, take),
                None => body,
            };
            Told { body, _place: place }
        };
        Poll::Ready(answer.map(|answer| answer.map(told)))
    }
}

/// An answer's body; its request ends with it.
pub(super) struct Told {
    body: Body,
    _place: Option<Place>,
}

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
