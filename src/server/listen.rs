//! Connections: accepted with TCP_NODELAY, given to the worker with the fewest,
//! served as HTTP/1 or HTTP/2, drained when the time comes.

use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::front::Front;
use super::patience::{Patience, patient};
use super::places;
use crate::worker::Workers;

/// Largest head of a request, and buffer of a connection, bytes.
const HEAD: usize = 96 << 10;
/// The same in HTTP/2, as it counts: 32 bytes more a header.
const HEADER_LIST: u32 = 96 << 10;
/// Streams at once on an HTTP/2 connection.
const STREAMS: u32 = 200;
/// How long what is cut at the end may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Wait after an accept that failed for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Ends the serving of a port: no new connections, open ones finish.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    token: CancellationToken,
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Drain {
    /// Asks open connections to finish what is under way and waits, `patience` at most.
    /// Says whether all did.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.token.cancel();
        self.connections.close();
        tokio::time::timeout(patience, self.connections.wait()).await.is_ok()
    }

    /// Ends connections that are still open. What is under way is looked at
    /// once more, and may say that it ends.
    pub async fn cut(&self) {
        self.cut.cancel();
        drop(tokio::time::timeout(LAST_WORDS * 2, self.connections.wait()).await);
    }
}

/// Runs the streams of HTTP/2 on the shared runtime: a worker would be all that
/// a client with a single connection could use. They are part of what is drained.
#[derive(Clone)]
struct Shared(Handle, TaskTracker);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Shared {
    fn execute(&self, stream: F) {
        self.1.spawn_on(stream, &self.0);
    }
}

/// Serves what is behind `front` on `listener`, on `workers`, until `drain` says to stop.
pub async fn listen(listener: TcpListener, front: Front, workers: Arc<Workers>, drain: Drain) {
    let builder = Arc::new(builder(Shared(Handle::current(), drain.connections.clone())));
    let places = Arc::new(Semaphore::new(places::connections()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.token.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, most likely: wait for some to be given back.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&places).acquire_owned().await else { return };
        let (Some(place), Ok(stream)) = (workers.place(), stream.into_std()) else { continue };
        let runtime = place.runtime().clone();
        let (builder, front, places) = (Arc::clone(&builder), front.clone(), Arc::clone(&places));
        let ends = drain.clone();
        let serving = async move {
            let _held = (permit, place);
            // Here, so that the worker's own driver watches it.
            if let Ok(stream) = TcpStream::from_std(stream) {
                connection(stream, &builder, (front, places), &ends).await;
            }
        };
        drain.connections.spawn_on(serving, &runtime);
    }
}

fn builder(shared: Shared) -> Builder<Shared> {
    let mut builder = Builder::new(shared);
    builder
        .http1()
        .timer(TokioTimer::new())
        // Heads have their time in `patience`, which knows a connection that rests.
        .header_read_timeout(None)
        // Most headers: hyper's own hundred, for which it needs no memory of its own.
        // Without `pipeline_flush`: it takes from the client's side whatever comes, and holds it.
        .max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

async fn connection(
    stream: TcpStream,
    builder: &Builder<Shared>,
    (front, places): (Front, Arc<Semaphore>),
    drain: &Drain,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (stream, visit) = patient(stream, front, Patience::default(), places);
    let serving = builder.serve_connection(TokioIo::new(stream), visit);
    tokio::pin!(serving);
    // What fails here is the client's connection: nothing is left to be told.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = drain.token.cancelled() => {}
    }
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        _ = serving.as_mut() => return,
        () = drain.cut.cancelled() => {}
    }
    drop(tokio::time::timeout(LAST_WORDS, serving).await);
}
