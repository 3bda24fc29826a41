//! The gateway: carries exchanges from a client's request to settling.
//!
//! Read `pipeline` first: it is the whole journey as a list of calls.
//!
//! | module | its part of the journey |
//! | --- | --- |
//! | `pipeline` | the list of calls |
//! | `bundle`, `prices` | what is live together, and what it costs |
//! | `entry` | what every kind of exchange goes through at its door |
//! | `identify` | key to principal |
//! | `exchange` | the exchange from acceptance to settling |
//! | `decide` | policies at their hooks |
//! | `beside`, `shadow` | policies on trial: decided beside the acting ones, and how they do |
//! | `effects`, `questions`, `services` | what policies ask of the outside |
//! | `afterwards` | what policies learn from records and feedback |
//! | `attempts`, `attempt`, `ledger` | a plan carried out, and the account of it |
//! | `lesson` | how models without a public tokenizer count, learned from their answers |
//! | `lane`, `relay` | an answer on its way to the client |
//! | `reading` | policies that read its sentences, on the way or whole |
//! | `reply`, `ticket` | what the client gets, at once or later |
//! | `facts`, `journal` | what the record keeps of requests and effects |
//! | `passage` | the journey of what is no conversation: vectors, pictures, sound |
//! | `deferred` | requests that wait for a batch, and what comes of them |
//! | `depot` | files and batches that providers keep for clients |
//!
//! Two rounds in it are meant: a policy asks a plan, whose attempts ask policies
//! (`decide`, `effects`, `attempts`); an exchange that is settled is learned from
//! by asking policies (`exchange`, `afterwards`, `decide`).

mod afterwards;
mod attempt;
mod attempts;
mod beside;
mod bundle;
mod decide;
mod deferred;
mod depot;
mod effects;
mod entry;
mod exchange;
mod facts;
mod identify;
mod journal;
mod lane;
mod ledger;
mod lesson;
mod passage;
mod pipeline;
mod prepare;
mod prices;
mod questions;
mod reading;
mod relay;
mod reply;
mod room;
mod rush;
mod services;
mod shadow;
mod sounds;
mod stock;
mod term;
mod ticket;
mod trial;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use arc_swap::ArcSwap;
use tokio::sync::OnceCell;

pub use afterwards::feedback;
pub use bundle::{Bounds, Bundle, Depot, KeyEntry, Retries, Route, ServiceSpec, Settings, Shadow, Timeouts};
pub use deferred::{BatchSettings, Waiting, forget_result, result_of, run_batches};
pub use depot::{Caller, Errand, Place, Sighted, enclosed_offline, reachable, serve_errand};
pub use facts::request_of;
pub use journal::{recorded, restored};
pub use passage::{Flow, Passage, serve_passage};
pub use pipeline::{Call, serve};
pub use prices::{FeedStatus, PriceBook};
pub use reply::{Body, Reply};

use crate::clock::{Clock, Now};
use crate::error::{Error, Kind, Origin, Result};
use crate::model::Model;
use crate::observe::{Elsewhere, Lines, Meters, ModelNow};
use crate::record::{self, deferrals::Deferrals};
use crate::state::{MemoryStore, Models, RetryBudgets, Store};
use crate::upstream::Upstream;
use crate::upstream::vector::PgStores;

/// Everything that outlives an exchange.
#[derive(Debug)]
pub struct Gateway {
    live: ArcSwap<Bundle>,
    /// Prices of the feeds.
    pub prices: ArcSwap<PriceBook>,
    /// Health, breakers and limits of models, by name.
    pub models: Models,
    retry_budgets: RetryBudgets,
    /// State of policies.
    pub store: Arc<dyn Store>,
    /// The way to providers.
    pub upstream: Upstream,
    /// The way to vector stores in PostgreSQL.
    pub tables: PgStores,
    /// Where time comes from.
    pub clock: Clock,
    /// Metrics.
    pub meters: Meters,
    /// One line an exchange.
    pub lines: Lines,
    /// Where records go; absent: nowhere.
    pub records: Option<Arc<dyn record::Sink>>,
    /// Requests that wait for batches; absent: there is no place to keep them.
    deferrals: Option<Arc<Deferrals>>,
    /// Who keeps what at providers, where no folder says so.
    holdings: OnceCell<Arc<Deferrals>>,
    trial: trial::Trial,
    trials: shadow::Trials,
    recent: afterwards::Recent,
    /// Room for clients' bodies.
    room: room::Room,
    /// Whether what is under way is cut short.
    ending: AtomicBool,
}

/// The names that the caller may ask for: those of routes without globs, and models.
///
/// # Errors
/// `Unauthenticated`.
pub fn models_of(gateway: &Gateway, headers: &http::HeaderMap) -> Result<Vec<String>> {
    let bundle = gateway.bundle();
    let principal = identify::identify(&bundle, headers, gateway.clock.now())?;
    let of_routes = bundle.routes.iter().flat_map(|route| route.names.iter());
    let plain = of_routes.filter(|name| !name.contains(['*', '?', '[', '{'])).cloned();
    let all: std::collections::BTreeSet<String> =
        plain.chain(bundle.direct.keys().map(ToString::to_string)).collect();
    Ok(all.into_iter().filter(|name| identify::may_ask(&principal, name)).collect())
}

impl Gateway {
    /// A gateway that serves `bundle`.
    ///
    /// # Errors
    /// `Internal`: TLS or metrics cannot be set up.
    pub fn new(bundle: Arc<Bundle>, lines: Lines, records: Option<Arc<dyn record::Sink>>) -> Result<Self> {
        let instance = format!("{:08x}", fastrand::u32(..));
        let meters = Meters::new().map_err(|error| Error::internal(format!("metrics: {error}")))?;
        Ok(Self {
            live: ArcSwap::new(bundle),
            prices: ArcSwap::default(),
            models: Models::default(),
            retry_budgets: RetryBudgets::default(),
            store: Arc::new(MemoryStore::default()),
            upstream: Upstream::new(&instance)?,
            tables: PgStores::default(),
            clock: Clock::System,
            meters,
            lines,
            records,
            deferrals: None,
            holdings: OnceCell::new(),
            trial: trial::Trial::default(),
            trials: shadow::Trials::default(),
            recent: afterwards::Recent::default(),
            room: room::Room::of(u64::MAX),
            ending: AtomicBool::new(false),
        })
    }

    /// The same with a place for requests that wait for batches; they go out
    /// while [`run_batches`] runs.
    #[must_use]
    pub fn deferring(self, deferrals: Option<Arc<Deferrals>>) -> Self {
        Self { deferrals, ..self }
    }

    /// The same with room for so many bytes of clients' bodies at once.
    #[must_use]
    pub fn holding(self, bodies: u64) -> Self {
        Self { room: room::Room::of(bodies), ..self }
    }

    /// Who keeps what at providers: beside the records, or in memory where there are none.
    async fn holdings(&self) -> Result<&Arc<Deferrals>> {
        let in_memory = || async {
            if !self.bundle().keys.is_empty() {
                tracing::warn!(
                    "which key made which file or batch is kept in memory and forgotten at the end: add `records: {{ folder: ./records }}` to gateway.yaml"
                );
            }
            Deferrals::in_memory().await.map(Arc::new)
        };
        match &self.deferrals {
            Some(deferrals) => Ok(deferrals),
            None => self.holdings.get_or_try_init(in_memory).await,
        }
    }

    /// The same, where anybody has kept something.
    fn known_holdings(&self) -> Option<&Arc<Deferrals>> {
        self.deferrals.as_ref().or_else(|| self.holdings.get())
    }

    /// Whatever is under way ends with an error when it is looked at next: the process ends.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// The error for what is under way when the gateway ends.
    fn ended(&self) -> Option<Error> {
        let text = "the gateway is shutting down: send the request again";
        let ending = self.ending.load(Ordering::Acquire);
        ending.then(|| Error::new(Kind::Unavailable, Origin::Gateway, text))
    }

    /// What `work` comes to, unless the gateway ends before.
    async fn unless_ended<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| match (work.as_mut().poll(cx), self.ended()) {
            (Poll::Pending, Some(error)) => Poll::Ready(Err(error)),
            (polled, _) => polled,
        })
        .await
    }

    /// How the keeping of records goes, where any are kept.
    #[must_use]
    pub fn keeping(&self) -> Option<record::Keeping> {
        self.records.as_ref().map(|sink| sink.keeping())
    }

    /// All metrics in Prometheus' text form; `configuration_is_live` and `reloads_refused` are the caller's to know.
    #[must_use]
    pub fn exposition(&self, configuration_is_live: bool, reloads_refused: u64) -> Vec<u8> {
        let keeping = self.keeping().unwrap_or_default();
        let now = self.clock.now();
        self.meters.exposition(&Elsewhere {
            records_written: keeping.written,
            records_lost: keeping.lost,
            records_refused: keeping.refused,
            records_waiting: keeping.waiting,
            lines_dropped: self.lines.dropped(),
            reloads_refused,
            configuration_is_live: configuration_is_live && self.rolled_back().is_none(),
            models: self.bundle().models.values().map(|model| self.standing(model, now)).collect(),
            feeds: self.prices.load().ages(now),
        })
    }

    fn standing(&self, model: &Model, now: Now) -> ModelNow {
        let health = self.models.of(&model.name).health(&model.limits, now);
        ModelNow { name: Arc::clone(&model.name), healthy: health.healthy, in_flight: health.in_flight }
    }

    /// The bundle that new exchanges get.
    #[must_use]
    pub fn bundle(&self) -> Arc<Bundle> {
        self.live.load_full()
    }

    /// Makes `bundle` live. Exchanges under way keep theirs. For its first
    /// evaluations it is on trial: see [`Gateway::rolled_back`].
    pub fn swap(&self, bundle: Arc<Bundle>) {
        let before = self.live.swap(bundle);
        self.trial.begin(before);
    }

    /// The hash of a bundle that was taken back because its policies failed, if the last one was.
    #[must_use]
    pub fn rolled_back(&self) -> Option<Arc<str>> {
        self.trial.rolled_back()
    }

    /// How the policies on trial do, for `/status`.
    #[must_use]
    pub fn shadows(&self) -> Vec<serde_json::Value> {
        let bundle = self.bundle();
        let on_trial = bundle.routes.iter().filter_map(|route| Some((route, route.shadow.as_ref()?)));
        on_trial.map(|(route, shadow)| self.trials.status(&bundle, route, shadow)).collect()
    }

    /// An evaluation of a policy of `bundle` ended; too many failures take the bundle back.
    fn policy_ran(&self, bundle: &Arc<Bundle>, failed: bool) {
        if let Some(previous) = self.trial.ran(&bundle.hash, failed) {
            self.meters.reloads.with_label_values(&["rolled_back"]).inc();
            tracing::error!(bundle = %bundle.hash, back_to = %previous.hash, "policies of the new bundle fail: the previous bundle is back");
            self.live.store(previous);
        }
    }
}
