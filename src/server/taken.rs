//! Answers over HTTP/2 that nobody takes. A client may keep its connection alive
//! and open no window for a stream: nothing ever asks for the stream's next
//! piece then, and what stands behind it would wait for good.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// `body`, let go of when the client asks for no other piece for `patience`.
pub(super) fn taken(body: Body, patience: Duration) -> Body {
    let state = Arc::new(Mutex::new(State { body: Some(body), given: Some(Instant::now()) }));
    tokio::spawn(watch(Arc::downgrade(&state), patience));
    Body::new(Taken(state))
}

/// An answer on its way.
struct State {
    /// Absent: it is over, or nobody took it.
    body: Option<Body>,
    /// Since when it is the client's turn; absent while the provider's.
    given: Option<Instant>,
}

struct Taken(Arc<Mutex<State>>);

impl http_body::Body for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = self.0.lock();
        let Some(body) = &mut state.body else {
            return Poll::Ready(Some(Err(axum::Error::new(std::io::Error::from(
                std::io::ErrorKind::TimedOut,
            )))));
        };
        let polled = Pin::new(body).poll_frame(cx);
        state.given = polled.is_ready().then(Instant::now);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().body.as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// Looks after an answer for as long as somebody has it.
async fn watch(state: Weak<Mutex<State>>, patience: Duration) {
    let mut next = patience;
    loop {
        sleep(next).await;
        let Some(state) = state.upgrade() else { return };
        let mut state = state.lock();
        let waits = state.given.map(|given| given.elapsed());
        if waits.is_some_and(|waits| waits >= patience) {
            let body = state.body.take();
            drop(state);
            // Outside of the lock: what ends here may take a while.
            drop(body);
            return;
        }
        next = waits.map_or(patience, |waits| patience.saturating_sub(waits));
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const SHORT: Duration = Duration::from_millis(30);

    /// A body that gives `pieces` at once, then none, and tells when it is dropped.
    fn body(pieces: usize) -> (Body, tokio::sync::oneshot::Receiver<()>) {
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        let mut left = pieces;
        let stream = futures_util::stream::poll_fn(move |_| {
            let _held = &held;
            if left == 0 {
                return Poll::Pending;
            }
            left -= 1;
            Poll::Ready(Some(Ok::<_, std::io::Error>(Bytes::from_static(b"x"))))
        });
        (Body::from_stream(stream), dropped)
    }

    #[tokio::test]
    async fn what_nobody_takes_is_let_go() {
        for asked in [0, 1] {
            let (inner, dropped) = body(5);
            let mut taken = taken(inner, SHORT);
            for _ in 0..asked {
                taken.frame().await.unwrap().unwrap();
            }
            assert!(tokio::time::timeout(Duration::from_secs(10), dropped).await.is_ok(), "{asked}");
            assert!(taken.frame().await.unwrap().is_err(), "a cut answer is not taken for whole");
        }
    }

    #[tokio::test]
    async fn a_client_that_waits_for_the_provider_is_left_alone() {
        let (inner, mut dropped) = body(1);
        let mut taken = taken(inner, SHORT);
        taken.frame().await.unwrap().unwrap();
        let waiting = tokio::time::timeout(SHORT * 5, taken.frame()).await;
        assert!(waiting.is_err() && dropped.try_recv().is_err(), "{waiting:?}");
    }
}
