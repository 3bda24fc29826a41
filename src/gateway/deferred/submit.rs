//! A batch on its way to the provider: its requests are read from the file one
//! by one while they are sent.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde_json::Value;
use tokio::time::Instant;

use super::BatchSettings;
use super::conduct::{Conductor, Pace, outgoing};
use crate::dialect::batch::BatchForm;
use crate::dialect::passage::Outgoing;
use crate::error::{Error, Result};
use crate::gateway::Depot;
use crate::gateway::exchange::request_id;
use crate::record::deferrals::{Batch, Deferrals, Group};
use crate::upstream::{Feed, Reply, upload};

/// Batches up to this size are sent with their length, bytes.
const HELD: usize = 1 << 20;
/// The boundary of our forms; no request has it, since JSON would escape no line end into one.
const BOUNDARY: &str = "pointsman-batch-form";

impl Conductor {
    /// Gathers a batch of `group` and submits it.
    pub(super) async fn submit(&mut self, group: Group, settings: &BatchSettings) {
        let pace = self.pace.get(&group).copied();
        if pace.is_some_and(|pace| Instant::now() < pace.not_before) {
            return;
        }
        let most = pace.map_or(settings.max_requests, |pace| pace.most.min(settings.max_requests));
        let now = self.gateway.clock.now();
        let batch = Batch { id: request_id(now), group, created_ms: now.unix_ms, remote: None };
        let count = match self.deferrals.gather(&batch, most, settings.max_bytes).await {
            Ok(count) => count,
            Err(error) => return tracing::error!("no batch is gathered: {error}"),
        };
        let Err(trouble) = self.send(&batch).await else {
            tracing::info!(batch = %batch.id, provider = %batch.group.provider, count, "batch submitted");
            self.faster(batch.group, most, settings);
            return;
        };
        let error = trouble.error();
        tracing::warn!(batch = %batch.id, provider = %batch.group.provider, count, "batch not submitted: {error}");
        let pause = Instant::now() + settings.poll;
        match trouble {
            // The provider may have it: it is looked for when batches are asked after.
            Trouble::Unclear(_) => {
                self.pace.insert(batch.group, Pace { not_before: pause, most });
            }
            Trouble::Refused(error) if count <= 1 && is_final(&error) => {
                self.refuse_all(&batch, &error).await;
            }
            Trouble::Refused(error) => {
                if let Err(error) = self.deferrals.close(&batch.id).await {
                    tracing::error!("a batch cannot be given back: {error}");
                }
                let smaller = u32::try_from(count / 2).unwrap_or(u32::MAX).max(1);
                let pace = if is_final(&error) {
                    Pace { not_before: Instant::now(), most: smaller }
                } else {
                    Pace { not_before: pause, most }
                };
                self.pace.insert(batch.group, pace);
            }
        }
    }

    /// A batch went out: the next one may be larger again.
    fn faster(&mut self, group: Group, most: u32, settings: &BatchSettings) {
        let larger = most.saturating_mul(2);
        if larger >= settings.max_requests {
            self.pace.remove(&group);
        } else {
            self.pace.insert(group, Pace { not_before: Instant::now(), most: larger });
        }
    }

    /// Uploads and orders `batch`.
    async fn send(&self, batch: &Batch) -> std::result::Result<(), Trouble> {
        let (depot, form) = self.depot(&batch.group).map_err(Trouble::Refused)?;
        let remote = match form {
            BatchForm::OpenAi => {
                let file = self.upload_file(&depot, batch).await.map_err(Trouble::Refused)?;
                let order = BatchForm::order(&batch.id, &file, &batch.group.path);
                let order = outgoing(Method::POST, form.path(), order);
                self.fetch(&depot, order).await.and_then(|answer| id_of(&answer))
            }
            BatchForm::Anthropic => self.send_requests(&depot, batch).await,
        };
        let remote = remote.map_err(Trouble::of)?;
        self.deferrals.submitted(&batch.id, &remote).await.map_err(Trouble::Unclear)
    }

    /// Uploads the file of OpenAI's form; gives its id.
    async fn upload_file(&self, depot: &Depot, batch: &Batch) -> Result<String> {
        let name = &batch.id;
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}.jsonl\"\r\n\
             Content-Type: application/jsonl\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let mut call = outgoing(Method::POST, "files", Bytes::new());
        call.content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={BOUNDARY}")).ok();
        let reply =
            self.send_lines(depot, call, Lines::new(self, batch, (BatchForm::OpenAi, head, tail))).await?;
        id_of(&reply.body.whole(64 << 10).await?)
    }

    /// Sends the requests of Anthropic's form; gives the batch's id.
    async fn send_requests(&self, depot: &Depot, batch: &Batch) -> Result<String> {
        let form = BatchForm::Anthropic;
        let call = outgoing(Method::POST, form.path(), Bytes::new());
        let around = (form, String::new(), String::new());
        let reply = self.send_lines(depot, call, Lines::new(self, batch, around)).await?;
        id_of(&reply.body.whole(64 << 10).await?)
    }

    /// Sends what is small with its length, since not every server reads a body
    /// without one, and what is large while it is read.
    async fn send_lines(&self, depot: &Depot, mut call: Outgoing, mut lines: Lines) -> Result<Reply> {
        let mut body = String::new();
        while body.len() <= HELD {
            let Some(piece) = lines.next().await? else {
                call.wire.body = Bytes::from(body);
                return self.call(depot, call, None).await;
            };
            body.push_str(&piece);
        }
        let (feed, upload) = upload(None);
        self.call(depot, call, Some((upload, Box::pin(fill(feed, body, lines))))).await
    }

    /// Every request of the batch gets `error`.
    pub(super) async fn refuse_all(&self, batch: &Batch, error: &Error) {
        match self.deferrals.unanswered(&batch.id).await {
            Ok(all) => {
                for (id, facts) in all {
                    self.settle(&id, &facts, Err(error.clone())).await;
                }
            }
            Err(error) => return tracing::error!("a batch cannot be read: {error}"),
        }
        if let Err(error) = self.deferrals.close(&batch.id).await {
            tracing::error!("a batch cannot be closed: {error}");
        }
    }
}

/// Why a batch was not submitted.
enum Trouble {
    /// The provider does not have it.
    Refused(Error),
    /// It may have it.
    Unclear(Error),
}

impl Trouble {
    /// What an order's error says of whether the provider has taken it.
    fn of(error: Error) -> Self {
        if error.upstream_status.is_some_and(|status| status < 500) {
            Self::Refused(error)
        } else {
            Self::Unclear(error)
        }
    }

    const fn error(&self) -> &Error {
        match self {
            Self::Refused(error) | Self::Unclear(error) => error,
        }
    }
}

/// Whether the same batch would be refused again: its requests are at fault,
/// not the account, the provider or the network.
fn is_final(error: &Error) -> bool {
    use crate::error::Kind::{ContentRefused, ContextTooLong, InvalidRequest, TooLarge, Unsupported};
    matches!(error.kind, InvalidRequest | TooLarge | ContextTooLong | ContentRefused | Unsupported)
        && error.upstream_status.is_some()
}

/// A batch's body, piece by piece.
struct Lines {
    deferrals: Arc<Deferrals>,
    batch: Batch,
    form: BatchForm,
    /// What stands before the next request.
    before: String,
    /// What stands behind the last one; taken when it was given.
    tail: Option<String>,
    /// The last request.
    last: String,
}

impl Lines {
    fn new(conductor: &Conductor, batch: &Batch, (form, head, tail): (BatchForm, String, String)) -> Self {
        let [begin, _, end] = form.frame();
        Self {
            deferrals: Arc::clone(&conductor.deferrals),
            batch: batch.clone(),
            form,
            before: head + begin,
            tail: Some(format!("{end}{tail}")),
            last: String::new(),
        }
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<String>> {
        let Some((id, body)) = self.deferrals.next(&self.batch.id, &self.last).await? else {
            return Ok(self.tail.take());
        };
        let mut piece = std::mem::take(&mut self.before);
        piece.push_str(&self.form.request(&id, &self.batch.group.path, &body));
        let [_, between, _] = self.form.frame();
        between.clone_into(&mut self.before);
        self.last = id;
        Ok(Some(piece))
    }
}

/// Sends `begin` and what follows it.
async fn fill(feed: Feed, begin: String, mut lines: Lines) -> Result<()> {
    let mut piece = Some(begin);
    while let Some(text) = piece {
        if !feed.push(Bytes::from(text)).await {
            return Ok(());
        }
        piece = lines.next().await?;
    }
    feed.end().await;
    Ok(())
}

/// The id in an answer.
fn id_of(answer: &[u8]) -> Result<String> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let id = answer.get("id").and_then(Value::as_str);
    id.map(str::to_owned).ok_or_else(|| Error::bad_answer("the provider's answer has no id"))
}
