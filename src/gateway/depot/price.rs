//! What batches cost that clients ordered themselves. It is entered once, by
//! the exchange that first sees what a batch used: in OpenAI's form in the
//! batch itself, in Anthropic's in its results, while they pass. What no
//! client's exchange sees is asked for in time (`deferred::bills`).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::errand::Errand;
use crate::dialect::batch::LONGEST_LINE;
use crate::dialect::batch_bill::{Bill, Used, bill, id_of, used_by_line};
use crate::gateway::ledger::{Booked, Ledger};
use crate::gateway::{Bundle, Depot, Gateway};
use crate::ir::{Dialect, Endpoint, Money, Usage};
use crate::model::Model;
use crate::sse::{Framer, Framing};

/// Whether the cost of the batch `id` is to be entered now.
async fn first_sight(gateway: &Gateway, provider: &str, id: &str) -> bool {
    let seen = match gateway.holdings().await {
        Ok(holdings) => holdings.first_sight(provider, id).await,
        Err(error) => Err(error),
    };
    seen.unwrap_or_else(|error| {
        tracing::error!("a batch is not priced: {error}");
        false
    })
}

/// Enters what the batch in `answer` used, if it says so and nobody has seen it yet.
pub(super) async fn enter(
    gateway: &Gateway,
    bundle: &Bundle,
    depot: &Depot,
    ledger: &Ledger,
    answer: &[u8],
) -> Usage {
    let (Some(id), Ok(bill)) = (id_of(answer), bill(answer)) else { return Usage::default() };
    let provider = &depot.model.provider.name;
    let used = match bill {
        Bill::Stated(used) => used,
        Bill::Pages(_) => return look_now(gateway, provider, &id).await,
        Bill::Lines(paths) if paths.iter().any(|path| path.starts_with("files/")) => {
            return look_now(gateway, provider, &id).await;
        }
        Bill::Open | Bill::Lines(_) => return Usage::default(),
    };
    if !first_sight(gateway, provider, &id).await {
        return Usage::default();
    }
    let mut tally = Counts::default();
    tally.add(gateway, bundle, depot, &used);
    tally.book(gateway, bundle, depot, ledger)
}

/// The batch is over and does not state what it used: its results are looked
/// at beside, in an exchange of their own.
async fn look_now(gateway: &Gateway, provider: &str, id: &str) -> Usage {
    let told = match gateway.holdings().await {
        Ok(holdings) => holdings.bill_due(provider, id).await,
        Err(error) => Err(error),
    };
    if let Err(error) = told {
        tracing::error!("a batch is priced later: {error}");
    }
    Usage::default()
}

/// Counts the results of a batch while they pass.
pub(in crate::gateway) struct Tally {
    gateway: Arc<Gateway>,
    bundle: Arc<Bundle>,
    depot: Arc<Depot>,
    id: String,
    framer: Option<Framer>,
    counts: Counts,
}

impl Tally {
    /// For the results that `errand` asks for, if nobody has seen them yet.
    pub(super) async fn of(
        gateway: &Arc<Gateway>,
        bundle: &Arc<Bundle>,
        depot: &Arc<Depot>,
        errand: &Errand,
        id: &str,
    ) -> Option<Self> {
        let results = errand.endpoint == Endpoint::Batches
            && errand.inbound.dialect() == Dialect::Anthropic
            && errand.place.part == Some("results");
        (results && first_sight(gateway, &depot.model.provider.name, id).await).then(|| Self {
            gateway: Arc::clone(gateway),
            bundle: Arc::clone(bundle),
            depot: Arc::clone(depot),
            id: id.to_owned(),
            framer: Some(Framer::capped(Framing::Ndjson, LONGEST_LINE)),
            counts: Counts::default(),
        })
    }

    /// Looks into what passes.
    pub(in crate::gateway) fn push(&mut self, chunk: &Bytes) {
        let (gateway, bundle, depot) = (&self.gateway, &self.bundle, &self.depot);
        let counts = &mut self.counts;
        let Some(framer) = &mut self.framer else { return };
        let looked = framer.push(chunk, |line| {
            if let Some(used) = used_by_line(line.data) {
                counts.add(gateway, bundle, depot, &used);
            }
            Ok(())
        });
        if looked.is_err() {
            self.framer = None;
        }
    }

    /// The results are over. What broke off is counted when it is read again.
    pub(in crate::gateway) fn end(mut self, ledger: &Ledger, whole: bool) -> Usage {
        if whole {
            self.push(&Bytes::from_static(b"\n"));
            return self.counts.book(&self.gateway, &self.bundle, &self.depot, ledger);
        }
        let (gateway, provider) = (self.gateway, Arc::clone(&self.depot.model.provider.name));
        tokio::spawn(async move {
            let unseen = match gateway.holdings().await {
                Ok(holdings) => holdings.unsee(&provider, &self.id).await,
                Err(error) => Err(error),
            };
            if let Err(error) = unseen {
                tracing::error!("a batch is not priced: {error}");
            }
        });
        Usage::default()
    }
}

/// What requests used together, by our names of their models; no name: none of ours.
#[derive(Default)]
pub(in crate::gateway) struct Counts(BTreeMap<Option<Arc<str>>, (Usage, Option<Money>)>);

impl Counts {
    /// Adds what one request, or all of one model, used.
    pub(in crate::gateway) fn add(&mut self, gateway: &Gateway, bundle: &Bundle, depot: &Depot, used: &Used) {
        let model = model_of(bundle, depot, &used.model);
        let price = model.and_then(|model| gateway.prices.load().price(model));
        let cost = price.map(|price| price.at_batch().cost(&used.usage));
        let sum = self.0.entry(model.map(|model| Arc::clone(&model.name)));
        let (usage, total) = sum.or_insert((Usage::default(), Some(Money::ZERO)));
        usage.input += used.usage.input;
        usage.output += used.usage.output;
        *total = total.zip(cost).map(|(total, cost)| total.plus(cost));
    }

    /// The only model of ours in it.
    pub(in crate::gateway) fn only(&self) -> Option<Arc<str>> {
        let mut names = self.0.keys();
        names.next().filter(|_| names.next().is_none()).cloned().flatten()
    }

    /// Whether nothing was used.
    pub(in crate::gateway) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Enters it into `ledger`.
    pub(in crate::gateway) fn book(
        self,
        gateway: &Gateway,
        bundle: &Bundle,
        depot: &Depot,
        ledger: &Ledger,
    ) -> Usage {
        let mut all = Usage::default();
        for (name, (usage, cost)) in self.0 {
            let model = name.and_then(|name| bundle.models.get(&name)).unwrap_or(&depot.model);
            ledger.book(gateway, model, &Booked { usage, cost, status: Some(200), error: None });
            all.input += usage.input;
            all.output += usage.output;
        }
        all
    }
}

/// Our model for the provider's name of it. Answers name the dated edition of
/// what was asked for: `m-2026-01-01` of `m`.
fn model_of<'b>(bundle: &'b Bundle, depot: &Depot, upstream: &str) -> Option<&'b Arc<Model>> {
    let there = bundle.models.values().filter(|model| model.provider.name == depot.model.provider.name);
    let named = there.filter(|model| {
        upstream
            .strip_prefix(model.upstream.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    });
    named.max_by_key(|model| model.upstream.len())
}
