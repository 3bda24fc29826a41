//! What batches cost that clients ordered themselves and do not ask after: the
//! provider is asked in time, and the cost is an exchange of its own, settled
//! once. After a restart between settling and noting that, the same record is
//! written again under the same id.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::conduct::{ANSWER, Conductor, TICK, get};
use crate::dialect::batch::LONGEST_LINE;
use crate::dialect::batch_bill::{Bill, Page, bill, used_by_line, used_by_page};
use crate::dialect::inbound;
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::attempt::slow_body;
use crate::gateway::depot::Counts;
use crate::gateway::exchange::End;
use crate::gateway::{Depot, Gateway};
use crate::ir::Dialect;
use crate::percent::escaped;
use crate::record::Outcome;
use crate::record::deferrals::Holding;
use crate::sse::{Framer, Framing};

/// Most batches that are asked after in one round.
const ROUND: u32 = 64;
/// So many at once.
const AT_ONCE: usize = 4;
/// Results on a page.
const PAGE: usize = 50;
/// How long providers keep results: 30 days at OpenAI, 29 at Anthropic.
const KEPT: Duration = Duration::from_secs(31 * 24 * 3600);
/// What is so new may not show at the provider yet.
const NEW: Duration = Duration::from_secs(600);

/// Asks after batches for as long as it runs.
pub(super) async fn run(gateway: Arc<Gateway>) {
    loop {
        let poll = gateway.bundle().settings.batches.poll;
        let Some(holdings) = gateway.known_holdings() else {
            sleep(poll).await;
            continue;
        };
        let conductor = Conductor::new(Arc::clone(&gateway), Arc::clone(holdings));
        if let Err(error) = conductor.bills(poll).await {
            tracing::error!("no batches are priced: {error}");
        }
        tokio::select! {
            () = sleep((poll / 2).max(TICK)) => {}
            () = holdings.billed.notified() => sleep(TICK).await,
        }
    }
}

impl Conductor {
    /// One round.
    async fn bills(&self, poll: Duration) -> Result<()> {
        let pause = u64::try_from(poll.as_millis()).unwrap_or(u64::MAX);
        let due = self.deferrals.bills(self.gateway.clock.now().unix_ms, pause, ROUND).await?;
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |batch| async move {
                if let Err(error) = self.enter_bill(&batch).await {
                    tracing::warn!(batch = %batch.remote, provider = %batch.provider, "not priced yet: {error}");
                }
            })
            .await;
        Ok(())
    }

    /// Asks after `batch` and enters what it cost, if it is over.
    async fn enter_bill(&self, batch: &Holding) -> Result<()> {
        let now = self.gateway.clock.now().unix_ms;
        self.deferrals.asked(batch, now).await?;
        let age = Duration::from_millis(now.saturating_sub(batch.created_ms));
        let too_old = age > KEPT;
        match self.counted(batch).await {
            Ok(None) if !too_old => Ok(()),
            Ok(Some((counts, requests))) => {
                self.settle_bill(batch, counts).await?;
                self.deferrals.note_priced(batch, &requests).await?;
                self.deferrals.bill_entered(batch).await
            }
            Err(error) if !(too_old || age > NEW && is_gone(&error)) => Err(error),
            Ok(None) | Err(_) => {
                tracing::warn!(batch = %batch.remote, provider = %batch.provider, "never priced: its results are gone");
                self.deferrals.bill_entered(batch).await
            }
        }
    }

    /// What `batch` used, and the requests that say so one by one; `None`: it is not over.
    async fn counted(&self, batch: &Holding) -> Result<Option<(Counts, Vec<String>)>> {
        let bundle = self.gateway.bundle();
        let depot = bundle.depot_at(&batch.provider).ok_or_else(|| {
            let text = format!("gateway.yaml has no provider `{}`", batch.provider);
            Error::new(Kind::Unavailable, Origin::Gateway, text)
        })?;
        let anthropic = batch.facts.inbound == Dialect::Anthropic.name();
        let root = if anthropic { "messages/batches" } else { "batches" };
        let about = self.fetch(depot, get(&format!("{root}/{}", batch.remote))).await?;
        let (mut counts, mut requests) = (Counts::default(), Vec::new());
        match bill(&about)? {
            Bill::Open => return Ok(None),
            Bill::Stated(used) => counts.add(&self.gateway, &bundle, depot, &used),
            Bill::Lines(paths) => {
                for path in paths {
                    self.count_lines(depot, &path, &mut counts).await?;
                }
            }
            Bill::Pages(path) => {
                let priced = self.deferrals.priced(batch).await?;
                requests = self.count_pages(depot, &path, (&mut counts, &priced)).await?;
            }
        }
        Ok(Some((counts, requests)))
    }

    async fn count_lines(&self, depot: &Depot, path: &str, counts: &mut Counts) -> Result<()> {
        let bundle = self.gateway.bundle();
        let mut body = self.call(depot, get(path), None).await?.body;
        let mut framer = Framer::capped(Framing::Ndjson, LONGEST_LINE);
        let mut count = |line: crate::sse::Frame<'_>| {
            if let Some(used) = used_by_line(line.data) {
                counts.add(&self.gateway, &bundle, depot, &used);
            }
            Ok(())
        };
        while let Some(chunk) = timeout(ANSWER, body.chunk()).await.map_err(|_| slow_body())?.transpose()? {
            framer.push(&chunk, &mut count)?;
        }
        framer.finish(&mut count)
    }

    /// Counts what was not `priced` before; gives the ids of what was counted.
    async fn count_pages(
        &self,
        depot: &Depot,
        path: &str,
        (counts, priced): (&mut Counts, &HashSet<String>),
    ) -> Result<Vec<String>> {
        let mut requests = Vec::new();
        let bundle = self.gateway.bundle();
        let mut token = String::new();
        loop {
            let reply = self.call(depot, get(&format!("{path}?limit={PAGE}{token}")), None).await?;
            let page = reply.body.whole(bundle.settings.max_answer);
            let Page { used, next } = used_by_page(&timeout(ANSWER, page).await.map_err(|_| slow_body())??)?;
            for (id, used) in used.into_iter().filter(|(id, _)| !priced.contains(id)) {
                counts.add(&self.gateway, &bundle, depot, &used);
                requests.push(id);
            }
            let Some(next) = next else { return Ok(requests) };
            let following = format!("&pagination_token={}", escaped(&next));
            if following == token {
                return Err(Error::bad_answer("the provider's pages of results do not go on"));
            }
            token = following;
        }
    }

    /// Enters `counts` in an exchange of its own, unless somebody else has.
    async fn settle_bill(&self, batch: &Holding, counts: Counts) -> Result<()> {
        if !self.deferrals.claim_bill(batch).await? {
            return Ok(());
        }
        let inbound = Dialect::named(&batch.facts.inbound).and_then(inbound);
        if let Some(inbound) = inbound.filter(|_| !counts.is_empty()) {
            let bundle = self.gateway.bundle();
            let mut exchange = self.exchange(&batch.facts, inbound);
            if let Some(depot) = bundle.depot_at(&batch.provider) {
                let model = counts.only().and_then(|name| bundle.models.get(&name).cloned());
                exchange.asked = model.as_ref().map(|model| model.name.to_string()).unwrap_or_default();
                exchange.model = Some(model.unwrap_or_else(|| Arc::clone(&depot.model)));
                exchange.notes.insert("batch".to_owned(), Value::from(batch.remote.as_str()));
                let usage = counts.book(&self.gateway, &bundle, depot, &exchange.ledger);
                exchange.settle(&End { outcome: Outcome::Completed, status: 200, error: None, usage });
            }
        }
        Ok(())
    }
}

/// Whether the provider does not have it any more.
fn is_gone(error: &Error) -> bool {
    error.kind == Kind::NotFound && error.upstream_status == Some(404)
}
