//! A configuration opened for serving: what is loaded now, and the way by which
//! its changes reach the gateway.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::clock::Clock;
use crate::config::Loaded;
use crate::config::feeds::Feeds;
use crate::config::watch::Reloader;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// A configuration that is ready to be served.
#[derive(Debug)]
pub struct Opened {
    /// What was loaded.
    pub loaded: Loaded,
    pub(super) reloader: Reloader,
    /// The price feeds of what is live.
    pub(super) feeds: Arc<Feeds>,
    /// The gateway that takes what is loaded later; set once it stands.
    pub(super) live: Arc<OnceLock<Arc<Gateway>>>,
}

/// Opens `path`, a `gateway.yaml` or its folder.
///
/// # Errors
/// Every problem of every file.
pub fn open(path: &Path) -> Result<Opened, Vec<Problem>> {
    let live: Arc<OnceLock<Arc<Gateway>>> = Arc::default();
    let gateway = Arc::clone(&live);
    let feeds = Arc::new(Feeds::default());
    let of_bundle = Arc::clone(&feeds);
    let accept = Box::new(move |loaded: Loaded| {
        if let Some(gateway) = gateway.get() {
            loaded.bundle.load_vocabularies();
            let warnings = loaded.warnings.len();
            tracing::info!(bundle = %loaded.bundle.hash, warnings, "a new bundle is live");
            gateway.meters.reloads.with_label_values(&["accepted"]).inc();
            let prices = of_bundle.renew(&loaded.feeds, &loaded.bundle.models, gateway.clock.now());
            gateway.prices.store(Arc::new(prices));
            gateway.swap(loaded.bundle);
        }
    });
    let (loaded, reloader) = Reloader::open(path, Clock::System, accept)?;
    loaded.bundle.load_vocabularies();
    Ok(Opened { loaded, reloader, feeds, live })
}
