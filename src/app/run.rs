//! From a loaded configuration to open ports, and back: readiness goes first,
//! then new connections, then what is under way gets its time.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;

use super::machine;
use super::open::Opened;
use super::port::Port;
use crate::clock::Clock;
use crate::config::watch::{Pace, Watch};
use crate::config::{Loaded, RecordsSpec};
use crate::error::Error;
use crate::gateway::{Gateway, run_batches};
use crate::observe::Lines;
use crate::record::deferrals::Deferrals;
use crate::record::{Archive, Sink, Writer};
use crate::server::{Admin, Front, admin_router};
use crate::worker::{self, Workers};

/// How the application runs, besides its configuration.
#[derive(Debug)]
pub struct Options {
    /// Where the line of each exchange goes.
    pub lines: Lines,
    /// How long exchanges under way may take after the signal to stop.
    pub drain: Duration,
    /// Threads that serve connections; by default one a core.
    pub workers: Option<usize>,
    /// Bytes of clients' bodies that are held at once; by default an eighth of the memory.
    pub bodies: Option<u64>,
}

/// Where the ports are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The data port.
    pub data: SocketAddr,
    /// The admin port.
    pub admin: SocketAddr,
}

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A port is taken, or not ours to take.
    #[error("cannot listen on {address}: {cause}; stop what holds it or change `{key}` in gateway.yaml")]
    Port {
        /// The address.
        address: SocketAddr,
        /// The key that names it.
        key: &'static str,
        /// What the machine said.
        cause: std::io::Error,
    },
    /// Something that is needed cannot be set up.
    #[error("{0}")]
    Setup(#[from] Error),
}

/// Serves what was opened, and what becomes of its files, until `stop` is ready,
/// which gives how long new connections are still taken after that. `started` learns where.
///
/// # Errors
/// A port cannot be opened, or TLS, metrics or records cannot be set up.
pub async fn run(
    opened: Opened,
    options: Options,
    stop: impl Future<Output = Duration>,
    started: impl FnOnce(&Addresses),
) -> Result<(), Failure> {
    let Opened { loaded, reloader, feeds, live } = opened;
    let data = bind(loaded.listen, "listen").await?;
    let admin = bind(loaded.admin, "admin.listen").await?;
    let (gateway, writer) = standing(&loaded, &options).await?;
    let addresses = addresses(&data, &admin)?;
    let prices = feeds.renew(&loaded.feeds, &loaded.bundle.models, gateway.clock.now());
    gateway.prices.store(Arc::new(prices));
    let priced = Arc::clone(&gateway);
    let batching = tokio::spawn(run_batches(Arc::clone(&gateway)));
    let pricing = tokio::spawn(async move { feeds.keep_fresh(&priced).await });

    let ready = Arc::new(AtomicBool::new(true));
    let workers = serving(options.workers)?;
    // From here on what the watcher accepts goes to the gateway.
    drop(live.set(Arc::clone(&gateway)));
    let reloads = reloader.status();
    let watch = Watch::start(reloader, Pace::default())
        .map_err(|cause| Error::internal(format!("the folder cannot be watched: {cause}")))?;
    let about = Admin { gateway: Arc::clone(&gateway), ready: Arc::clone(&ready), reloads };
    let data = Port::serve(data, Front::data(Arc::clone(&gateway)), workers);
    let admin = Port::serve(admin, admin_router(about).into(), Workers::here());
    started(&addresses);

    let notice = stop.await;
    tracing::info!(
        notice_s = notice.as_secs(),
        drain_s = options.drain.as_secs(),
        "told to stop: what is under way ends first"
    );
    ready.store(false, Ordering::Release);
    // Whoever sends clients here has to hear of it first.
    tokio::time::sleep(notice).await;
    if !data.drain(options.drain).await {
        tracing::warn!(
            "some exchanges were still under way after {} s and were cut",
            options.drain.as_secs()
        );
        gateway.end();
        data.cut().await;
    }
    // What is cut here is settled here, while the records still take it.
    data.close().await;
    admin.drain(Duration::from_secs(1)).await;
    admin.close().await;
    drop(watch);
    pricing.abort();
    // What it did stands in its file: it goes on from there.
    batching.abort();
    drop(batching.await);
    if let Some(writer) = writer {
        writer.close().await;
    }
    tracing::info!("stopped");
    options.lines.flush(Duration::from_secs(1));
    Ok(())
}

/// The gateway, and the way to its records where the configuration wants any.
async fn standing(loaded: &Loaded, options: &Options) -> Result<(Arc<Gateway>, Option<Arc<Writer>>), Error> {
    let writer = records(loaded.records.as_ref()).await?;
    let deferrals = match &loaded.records {
        Some(spec) => Some(Arc::new(Deferrals::open(&spec.folder).await?)),
        None => None,
    };
    let sink = writer.clone().map(|writer| writer as Arc<dyn Sink>);
    let gateway = Gateway::new(Arc::clone(&loaded.bundle), options.lines.clone(), sink)?.deferring(deferrals);
    let bodies = options.bodies.unwrap_or_else(|| machine::memory() / 8);
    let gateway = Arc::new(gateway.holding(bodies));
    Ok((gateway, writer))
}

/// The threads of connections.
fn serving(workers: Option<usize>) -> Result<Workers, Error> {
    Workers::start(workers.unwrap_or_else(worker::cores))
        .map_err(|cause| Error::internal(format!("no thread can be started: {cause}")))
}

/// The way to the records, where the configuration wants any.
async fn records(spec: Option<&RecordsSpec>) -> Result<Option<Arc<Writer>>, Error> {
    let Some(spec) = spec else { return Ok(None) };
    let archive = Archive::create(&spec.folder).await?;
    archive.writer(spec.keep, Clock::System).await.map(Some)
}

async fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|cause| Failure::Port { address, key, cause })
}

fn addresses(data: &TcpListener, admin: &TcpListener) -> Result<Addresses, Failure> {
    let local = |listener: &TcpListener| {
        listener.local_addr().map_err(|cause| Error::internal(format!("a port has no address: {cause}")))
    };
    Ok(Addresses { data: local(data)?, admin: local(admin)? })
}
