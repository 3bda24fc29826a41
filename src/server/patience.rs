//! How long a client may keep the gateway waiting: for a head, for the next
//! request of a connection that rests, for taking what it has asked for.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::visit::{Doing, Visit};

/// How long a client may keep a connection waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a whole head, from its first byte; the first one from the beginning.
    pub(super) head: Duration,
    /// For the next request.
    pub(super) rest: Duration,
    /// The same while others wait for a place; how often that is looked at.
    pub(super) crowded: Duration,
    /// For taking another byte of what is sent.
    pub(super) take: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(10), rest: seconds(75), crowded: seconds(15), take: seconds(60) }
    }
}

/// Puts a client's connection and its service under `patience`. `places` are
/// those that connections share.
pub(super) fn patient<I, S>(
    io: I,
    service: S,
    patience: Patience,
    places: Arc<Semaphore>,
) -> (Patient<I>, Visit<S>) {
    let doing = Doing::default();
    let since = Instant::now();
    let patient = Patient {
        io,
        patience,
        places,
        doing: doing.clone(),
        known: (0, 0),
        begins: Begins::default(),
        waits: Waits::Head,
        since,
        alarm: Box::pin(sleep_until(since + patience.head)),
        taking: None,
    };
    (patient, Visit::new(service, doing, patience.take))
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// The rest of a head.
    Head,
    /// The next request.
    Request,
}

/// The first bytes of a connection: they tell HTTP/2 from HTTP/1.
#[derive(Debug, Default)]
struct Begins {
    bytes: [u8; 3],
    len: usize,
}

impl Begins {
    fn push(&mut self, came: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().skip(self.len).zip(came) {
            *place = *byte;
            self.len += 1;
        }
    }

    /// Bytes of HTTP/2 come at any time and begin no head.
    fn is_http2(&self) -> bool {
        self.bytes == *b"PRI"
    }
}

/// A client's connection that is closed when it keeps waiting for too long.
pub(super) struct Patient<I> {
    io: I,
    patience: Patience,
    places: Arc<Semaphore>,
    doing: Doing,
    /// Requests begun and ended, when last looked at.
    known: (u64, u64),
    begins: Begins,
    waits: Waits,
    since: Instant,
    alarm: Pin<Box<Sleep>>,
    /// Rings when the client has taken nothing for too long; absent while it takes.
    taking: Option<Pin<Box<Sleep>>>,
}

impl<I> Patient<I> {
    /// Whether a request is under way. After one the connection rests.
    fn is_busy(&mut self) -> bool {
        let (begun, ended) = self.doing.counts();
        if (begun, ended) != self.known {
            self.known = (begun, ended);
            (self.waits, self.since) = (Waits::Request, Instant::now());
        }
        begun != ended
    }

    fn came(&mut self, bytes: &[u8]) {
        self.begins.push(bytes);
        if !self.is_busy() && self.waits == Waits::Request && !self.begins.is_http2() {
            (self.waits, self.since) = (Waits::Head, Instant::now());
        }
    }

    /// Ready when the client has kept the connection waiting for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.is_busy() {
                return Poll::Pending;
            }
            let Patience { head, rest, crowded, .. } = self.patience;
            let patience = match self.waits {
                Waits::Head => head,
                Waits::Request if self.places.available_permits() == 0 => crowded,
                Waits::Request => rest,
            };
            let now = Instant::now();
            let due = self.since + patience;
            if now >= due {
                return Poll::Ready(());
            }
            let look = due.min(now + crowded);
            if look < self.alarm.deadline() || self.alarm.is_elapsed() {
                self.alarm.as_mut().reset(look);
            }
            ready!(self.alarm.as_mut().poll(cx));
        }
    }

    /// What a write came to; an error where the client has taken nothing for too long.
    fn taken<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.taking = None;
            return polled;
        }
        let take = self.patience.take;
        let taking = self.taking.get_or_insert_with(|| Box::pin(sleep(take)));
        taking.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Patient<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, into) {
            Poll::Ready(Ok(())) => {
                this.came(into.filled().get(before..).unwrap_or_default());
                Poll::Ready(Ok(()))
            }
            // To whoever reads, the client has closed.
            Poll::Pending => this.poll_patience(cx).map(Ok),
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Patient<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.taken(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, pieces);
        this.taken(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::visit::Place;
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3600);

    fn visit(patience: Patience, places: usize) -> (DuplexStream, Patient<DuplexStream>, Visit<()>) {
        let (client, server) = duplex(64);
        let (patient, visit) = patient(server, (), patience, Arc::new(Semaphore::new(places)));
        (client, patient, visit)
    }

    fn begun(visit: &Visit<()>) -> Place {
        visit.doing.begin()
    }

    #[tokio::test]
    async fn a_head_has_its_time_and_a_request_as_long_as_it_takes() {
        let patience = Patience { head: SHORT, rest: LONG, crowded: LONG, take: LONG };
        let (mut client, mut patient, visit) = visit(patience, 1);
        let mut byte = [0];
        client.write_all(b"G").await.unwrap();
        assert_eq!(patient.read(&mut byte).await.unwrap(), 1);
        let place = begun(&visit);
        let busy = tokio::time::timeout(SHORT * 3, patient.read(&mut byte)).await;
        assert!(busy.is_err(), "a request under way has no such end");
        drop(place);
        let rests = tokio::time::timeout(SHORT * 3, patient.read(&mut byte)).await;
        assert!(rests.is_err(), "it rests");
        client.write_all(b"G").await.unwrap();
        assert_eq!(patient.read(&mut byte).await.unwrap(), 1);
        assert_eq!(patient.read(&mut byte).await.unwrap(), 0, "half a head");
    }

    #[tokio::test]
    async fn who_says_nothing_or_rests_for_too_long_is_let_go() {
        for (begin, places, patience) in [
            ("", 1, Patience { head: SHORT, rest: LONG, crowded: LONG, take: LONG }),
            ("GET", 1, Patience { head: LONG, rest: SHORT, crowded: SHORT / 2, take: LONG }),
            // Nobody else has a place.
            ("GET", 0, Patience { head: LONG, rest: LONG, crowded: SHORT, take: LONG }),
            // Bytes of HTTP/2 are no head.
            ("PRI * HTTP/2.0", 1, Patience { head: LONG, rest: SHORT, crowded: SHORT, take: LONG }),
        ] {
            let (mut client, mut patient, visit) = visit(patience, places);
            client.write_all(begin.as_bytes()).await.unwrap();
            let mut bytes = vec![0; begin.len()];
            patient.read_exact(&mut bytes).await.unwrap();
            if !begin.is_empty() {
                drop(begun(&visit));
            }
            if begin.starts_with("PRI") {
                client.write_all(b"ping").await.unwrap();
                patient.read_exact(&mut [0; 4]).await.unwrap();
            }
            assert_eq!(patient.read(&mut [0]).await.unwrap(), 0, "{begin:?}");
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_is_let_go_and_who_takes_little_is_not() {
        let patience = Patience { head: LONG, rest: LONG, crowded: LONG, take: Duration::from_millis(200) };
        let (mut client, mut patient, _visit) = visit(patience, 1);
        let reading = tokio::spawn(async move {
            let mut piece = [0; 64];
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(30)).await;
                client.read_exact(&mut piece).await.unwrap();
            }
            client
        });
        patient.write_all(&[7; 640]).await.unwrap();
        let _client = reading.await.unwrap();
        let stuck = patient.write_all(&[7; 640]).await.unwrap_err();
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
    }
}
