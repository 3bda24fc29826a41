//! What is due, tick by tick. One task does all of it, so that nothing is done
//! twice; everything that it did stands in the file, so that it may end at any
//! point and go on after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use tokio::time::{Instant, sleep, timeout};

use super::BatchSettings;
use crate::dialect::batch::BatchForm;
use crate::dialect::batch_found::Sought;
use crate::dialect::passage::Outgoing;
use crate::dialect::{Target, Wire, outbound};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::attempt::{read_error, slow_body};
use crate::gateway::passage::call::{Filling, head_of, same_path};
use crate::gateway::{Depot, Gateway};
use crate::ir::Dialect;
use crate::record::deferrals::{Batch, Deferrals, Group, Thing};
use crate::upstream::{Call, Reply, Upload};

/// Shortest time between two looks.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// Longest wait for the head of a provider's answer once all was sent.
pub(super) const ANSWER: Duration = Duration::from_secs(60);
/// Largest answer about a batch, bytes.
const ABOUT: usize = 4 << 20;

/// Gathers, submits and collects batches for as long as it runs.
pub(super) async fn run(gateway: Arc<Gateway>) {
    let Some(deferrals) = gateway.deferrals.clone() else { return };
    let mut conductor = Conductor::new(gateway, deferrals);
    loop {
        let settings = conductor.gateway.bundle().settings.batches;
        conductor.tick(&settings).await;
        let pause = settings.window.min(settings.poll) / 2;
        tokio::select! {
            () = sleep(pause.max(TICK)) => {}
            // So that a full batch does not wait; a moment, so that many are one look.
            () = conductor.deferrals.came.notified() => sleep(TICK).await,
        }
    }
}

/// Who does it.
pub(super) struct Conductor {
    pub(super) gateway: Arc<Gateway>,
    pub(super) deferrals: Arc<Deferrals>,
    /// How each group that had trouble goes on.
    pub(super) pace: BTreeMap<Group, Pace>,
    /// When the providers were last asked.
    asked: Option<Instant>,
}

/// How a group that had trouble goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Not before.
    pub(super) not_before: Instant,
    /// With so many requests at most: a batch that is refused as a whole is
    /// split until the one is found that is at fault.
    pub(super) most: u32,
}

impl Conductor {
    pub(super) const fn new(gateway: Arc<Gateway>, deferrals: Arc<Deferrals>) -> Self {
        Self { gateway, deferrals, pace: BTreeMap::new(), asked: None }
    }

    /// Does what is due. What fails is told in the log and due again.
    async fn tick(&mut self, settings: &BatchSettings) {
        let now = self.gateway.clock.now().unix_ms;
        let before = |time: Duration| now.saturating_sub(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        match self.deferrals.due(settings.max_requests, before(settings.window)).await {
            Ok(groups) => {
                for group in groups {
                    self.submit(group, settings).await;
                }
            }
            Err(error) => tracing::error!("no batches are gathered: {error}"),
        }
        if self.asked.is_none_or(|asked| asked.elapsed() >= settings.poll) {
            self.asked = Some(Instant::now());
            self.ask_after(settings, before).await;
            self.give_up(before(settings.give_up)).await;
            if let Err(error) = self.deferrals.purge(before(settings.keep)).await {
                tracing::error!("old answers stay: {error}");
            }
        }
    }

    /// Asks providers after every batch.
    async fn ask_after(&mut self, settings: &BatchSettings, before: impl Fn(Duration) -> u64) {
        let batches = match self.deferrals.open_batches().await {
            Ok(batches) => batches,
            Err(error) => return tracing::error!("no batches are asked after: {error}"),
        };
        for batch in batches {
            let done = match &batch.remote {
                Some(remote) => self.collect(&batch, remote).await,
                None => self.find_again(&batch).await,
            };
            if let Err(error) = done {
                // Gone there, its requests go into another one; what is new may not show yet.
                let settled = batch.created_ms < before(settings.poll * 10);
                let gone = settled && error.kind == Kind::NotFound && error.upstream_status == Some(404);
                if gone && let Err(error) = self.deferrals.close(&batch.id).await {
                    tracing::error!("a batch cannot be given back: {error}");
                }
                tracing::warn!(batch = %batch.id, provider = %batch.group.provider, "asked again in {} s: {error}", settings.poll.as_secs());
            }
        }
    }

    /// A batch of which nobody knows whether the provider has it: the gateway
    /// ended, or the provider's answer was lost, while it was ordered.
    async fn find_again(&self, batch: &Batch) -> Result<()> {
        let (depot, form) = self.depot(&batch.group)?;
        let list = self.fetch(&depot, get(&format!("{}?limit=100", form.path()))).await?;
        let count = self.deferrals.unanswered(&batch.id).await?.len() as u64;
        let found = form.found(&list, Sought { id: &batch.id, created_ms: batch.created_ms, count });
        match self.nobodys(found).await? {
            Some(remote) => self.deferrals.submitted(&batch.id, &remote).await,
            None => self.deferrals.close(&batch.id).await,
        }
    }

    /// The first of the provider's batches that is neither another one of ours nor a client's.
    async fn nobodys(&self, found: Vec<String>) -> Result<Option<String>> {
        let ours = self.deferrals.open_batches().await?;
        let asked: Vec<&str> = found.iter().map(String::as_str).collect();
        let clients = self.deferrals.owners(Thing::Batch, &asked).await?;
        let known = |id: &String| {
            ours.iter().any(|batch| batch.remote.as_ref() == Some(id))
                || clients.iter().any(|owner| owner.remote == *id)
        };
        Ok(found.into_iter().find(|id| !known(id)))
    }

    /// Requests that have waited for too long.
    async fn give_up(&self, before_ms: u64) {
        let overdue = match self.deferrals.overdue(before_ms).await {
            Ok(overdue) => overdue,
            Err(error) => return tracing::error!("nothing is given up: {error}"),
        };
        for (id, facts) in overdue {
            let error =
                Error::new(Kind::TimedOut, Origin::Upstream, "no batch has answered the request in time");
            self.settle(&id, &facts, Err(error.with_code("batch_expired"))).await;
        }
    }

    /// The way to a group's provider, and the form of its batches.
    pub(super) fn depot(&self, group: &Group) -> Result<(Arc<Depot>, BatchForm)> {
        let bundle = self.gateway.bundle();
        let depot = bundle.depot_at(&group.provider);
        let form = depot.and_then(|depot| depot.model.provider.kind.batch_form());
        depot.cloned().zip(form).ok_or_else(|| {
            let text = format!("gateway.yaml has no provider `{}` that takes batches", group.provider);
            Error::new(Kind::Unavailable, Origin::Gateway, text)
        })
    }

    /// One call to a provider: its answer of status 2xx.
    pub(super) async fn call(
        &self,
        depot: &Depot,
        outgoing: Outgoing,
        streamed: Option<(Upload, Filling)>,
    ) -> Result<Reply> {
        let (upload, filling) = streamed.unzip();
        let model = &depot.model;
        let target = Target { model: "", max_output_tokens: None, quirks: &model.provider.quirks };
        let wire = Wire { path: same_path(&outgoing.wire.path, &target), ..outgoing.wire };
        let (method, content_type) = (outgoing.method, outgoing.content_type);
        let sending =
            self.gateway.upstream.send(Call { model, wire, method, upload, content_type, traceparent: None });
        let reply = head_of(sending, filling, ANSWER, slow_body).await?;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let reader = outbound(Dialect::OpenAiChat).ok_or_else(|| Error::internal("no reader of errors"))?;
        let now = self.gateway.clock.now().unix_seconds();
        Err(read_error(reader, reply, ANSWER, now).await)
    }

    /// A small answer, whole.
    pub(super) async fn fetch(&self, depot: &Depot, outgoing: Outgoing) -> Result<bytes::Bytes> {
        let reply = self.call(depot, outgoing, None).await?;
        timeout(ANSWER, reply.body.whole(ABOUT)).await.map_err(|_| slow_body())?
    }
}

pub(super) fn get(path: &str) -> Outgoing {
    outgoing(Method::GET, path, bytes::Bytes::new())
}

pub(super) fn outgoing(method: Method, path: &str, body: bytes::Bytes) -> Outgoing {
    let wire = Wire { path: path.to_owned(), body, headers: Vec::new(), dropped: Vec::new() };
    Outgoing { method, wire, content_type: Some(HeaderValue::from_static("application/json")) }
}
