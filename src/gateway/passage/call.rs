//! One call of a passage to a provider, and which way a provider takes what.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Method};
use tokio::time::timeout;

use crate::dialect::passage::{Outgoing, Way};
use crate::dialect::{Target, Wire, outbound};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::attempt::{read_error, too_slow};
use crate::gateway::exchange::Journey;
use crate::gateway::ledger::Attempt;
use crate::ir::{Dialect, Endpoint};
use crate::model::Model;
use crate::upstream::{Call, Reply, Upload};

/// Fills an upload from what is still arriving.
pub(in crate::gateway) type Filling = BoxFuture<'static, Result<()>>;

/// What goes out: the call, and a body that is still arriving.
pub(in crate::gateway) struct Sent {
    pub(in crate::gateway) outgoing: Outgoing,
    pub(in crate::gateway) streamed: Option<(Upload, Filling)>,
}

impl Sent {
    pub(super) const fn of(outgoing: Outgoing) -> Self {
        Self { outgoing, streamed: None }
    }
}

/// The way in which the model's provider takes the endpoint.
///
/// # Errors
/// `Unsupported`: it has none.
pub(super) fn way(model: &Model, endpoint: Endpoint) -> Result<Way> {
    model.provider.kind.way(endpoint).ok_or_else(|| {
        let (name, title) = (&model.name, model.provider.kind.title);
        let text = format!("model `{name}` cannot serve {}: {title} has no such endpoint", endpoint.name());
        Error::new(Kind::Unsupported, Origin::Client, text)
    })
}

/// Whether `model` can carry the endpoint.
pub(super) fn carries(model: &Model, endpoint: Endpoint) -> bool {
    endpoint == Endpoint::CountTokens || model.provider.kind.way(endpoint).is_some()
}

/// The path for bytes that go on as they are.
pub(in crate::gateway) fn same_path(path: &str, target: &Target<'_>) -> String {
    let mut whole = if target.quirks.deployment_paths {
        format!("openai/deployments/{}/{path}", target.model)
    } else {
        path.to_owned()
    };
    if let Some(query) = &target.quirks.query {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(query);
    }
    whole
}

/// A call with the client's own bytes.
pub(super) fn same(path: String, body: bytes::Bytes, content_type: Option<HeaderValue>) -> Outgoing {
    let wire = Wire { path, body, headers: Vec::new(), dropped: Vec::new() };
    Outgoing { method: Method::POST, wire, content_type }
}

/// Waits for the head of the answer: without end while the body is still
/// arriving by `filling`, then for as long as `patience`; `late` says that it passed.
///
/// # Errors
/// Those of either side, and `late`'s.
pub(in crate::gateway) async fn head_of(
    sending: impl Future<Output = Result<Reply>>,
    filling: Option<Filling>,
    patience: Duration,
    late: impl FnOnce() -> Error,
) -> Result<Reply> {
    tokio::pin!(sending);
    if let Some(filling) = filling {
        tokio::select! {
            biased;
            reply = &mut sending => return reply,
            filled = filling => filled?,
        }
    }
    timeout(patience, sending).await.map_err(|_| late())?
}

/// Sends and waits for the head of an answer that is no error. The time for the
/// first byte begins when the body is handed on.
pub(in crate::gateway) async fn send(
    journey: &Journey,
    attempt: &mut Attempt,
    sent: Sent,
    first_byte: Duration,
) -> Result<Reply> {
    let model = std::sync::Arc::clone(&attempt.model);
    let (upload, filling) = sent.streamed.unzip();
    let call = Call {
        model: &model,
        wire: sent.outgoing.wire,
        method: sent.outgoing.method,
        upload,
        content_type: sent.outgoing.content_type,
        traceparent: journey.traceparent.clone(),
    };
    let sending = journey.gateway.upstream.send(call);
    let reply = head_of(sending, filling, first_byte, || too_slow(&model, first_byte)).await?;
    let now = journey.gateway.clock.now();
    attempt.head(reply.status.as_u16(), now);
    if reply.status.is_success() {
        return Ok(reply);
    }
    // Errors have OpenAI's form or one that its reader knows: one reader for all vendors.
    let reader = outbound(Dialect::OpenAiChat).ok_or_else(|| Error::internal("no reader of errors"))?;
    Err(read_error(reader, reply, first_byte, now.unix_seconds()).await)
}
