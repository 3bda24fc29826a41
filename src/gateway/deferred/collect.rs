//! A batch's results on their way back: line by line as they come.

use std::collections::HashMap;

use super::conduct::{Conductor, get};
use crate::dialect::batch::{BatchForm, LONGEST_LINE, Outcome, Progress};
use crate::dialect::{Refused, outbound};
use crate::error::{Error, Result};
use crate::gateway::Depot;
use crate::ir::Dialect;
use crate::record::deferrals::{Batch, Facts};
use crate::sse::{Framer, Framing};

impl Conductor {
    /// Asks after `batch`, which the provider calls `remote`; takes its results when it is over.
    pub(super) async fn collect(&self, batch: &Batch, remote: &str) -> Result<()> {
        let (depot, form) = self.depot(&batch.group)?;
        let about = self.fetch(&depot, get(&format!("{}/{remote}", form.path()))).await?;
        let Progress::Ended { results, refused, missing } = form.progress(&about)? else { return Ok(()) };
        let lines = self.deferrals.unanswered(&batch.id).await?;
        let mut open: HashMap<String, Facts> = lines.iter().cloned().collect();
        for path in results {
            self.take_results(&depot, form, &path, &mut open).await?;
        }
        for (line, error) in refused {
            if let Some((id, facts)) = line.checked_sub(1).and_then(|at| lines.get(at)) {
                self.settle(id, facts, Err(error)).await;
            }
        }
        match missing {
            Some(error) => self.refuse_all(batch, &error).await,
            None => self.deferrals.close(&batch.id).await?,
        }
        tracing::info!(batch = %batch.id, provider = %batch.group.provider, "batch collected");
        Ok(())
    }

    /// Reads results at `path`; what is answered leaves `open`.
    async fn take_results(
        &self,
        depot: &Depot,
        form: BatchForm,
        path: &str,
        open: &mut HashMap<String, Facts>,
    ) -> Result<()> {
        let mut body = self.call(depot, get(path), None).await?.body;
        let mut framer = Framer::capped(Framing::Ndjson, LONGEST_LINE);
        let mut outcomes = Vec::new();
        loop {
            let chunk = body.chunk().await.transpose()?;
            let ended = chunk.is_none();
            let mut take = |frame: crate::sse::Frame<'_>| {
                outcomes.push(form.outcome(frame.data)?);
                Ok(())
            };
            match chunk {
                Some(chunk) => framer.push(&chunk, &mut take)?,
                None => framer.finish(&mut take)?,
            }
            for (id, outcome) in outcomes.drain(..) {
                let Some(facts) = open.remove(&id) else { continue };
                match outcome {
                    Outcome::Answered(body) => self.settle(&id, &facts, Ok(body)).await,
                    Outcome::Refused(status, body) => {
                        let error = self.refusal(&facts, status, &body);
                        self.settle(&id, &facts, Err(error)).await;
                    }
                    Outcome::Untried => {}
                }
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// The error of a single request in a batch.
    fn refusal(&self, facts: &Facts, status: u16, body: &[u8]) -> Error {
        let dialect = Dialect::named(&facts.outbound).and_then(outbound);
        let Some(reader) = dialect else { return Error::internal("no reader of errors") };
        let unix_seconds = self.gateway.clock.now().unix_seconds();
        reader.decode_error(&Refused { status, headers: &http::HeaderMap::new(), body, unix_seconds })
    }
}
