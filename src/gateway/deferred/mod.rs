//! Requests that can wait: a policy answered `batch()`. They are taken in,
//! gathered, submitted to the provider's batch service and asked after until
//! the answers are there, which clients fetch by the id that they got.
//!
//! The exchange in which a request came settles when it is taken in (202). Its
//! answer is an exchange of its own, with the batch's price, settled when the
//! answer comes; its record notes the id of the first.
//!
//! | module | its part |
//! | --- | --- |
//! | this file | a request taken in |
//! | `conduct` | what is due: submitting, asking, giving up |
//! | `submit` | a batch on its way to the provider |
//! | `collect` | its results on their way back |
//! | `settle` | one answer into the account and into keeping |
//! | `bills` | what batches cost that clients ordered themselves |
//! | `fetch` | the client asks for its answer |

mod bills;
mod collect;
mod conduct;
mod fetch;
mod settle;
mod submit;

pub use fetch::{Waiting, forget_result, result_of};

use std::sync::Arc;
use std::time::Duration;

use super::Gateway;
use super::exchange::{Journey, request_id};
use super::prepare::encoded;
use super::ticket::Ticket;
use crate::dialect::LazyRequest;
use crate::error::{Error, Kind, Origin, Result};
use crate::model::Model;
use crate::plan::Plan;
use crate::record::deferrals::{Deferral, Facts, Group};

/// Gathers, submits and collects batches, and enters what clients' own cost, for as long as it runs.
pub async fn run_batches(gateway: Arc<Gateway>) {
    tokio::join!(conduct::run(Arc::clone(&gateway)), bills::run(gateway));
}

/// How requests are left to batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// How long a request waits for others.
    pub window: Duration,
    /// Most requests of a batch.
    pub max_requests: u32,
    /// Most bytes of a batch.
    pub max_bytes: u64,
    /// How often the provider is asked whether a batch is done.
    pub poll: Duration,
    /// How long after it came a request without an answer is given up.
    pub give_up: Duration,
    /// How long answers are kept.
    pub keep: Duration,
}

impl Default for BatchSettings {
    fn default() -> Self {
        const HOUR: u64 = 3_600;
        Self {
            window: Duration::from_secs(600),
            max_requests: 1_000,
            max_bytes: 64 << 20,
            poll: Duration::from_secs(60),
            give_up: Duration::from_secs(48 * HOUR),
            keep: Duration::from_secs(7 * 24 * HOUR),
        }
    }
}

/// Takes a request in: on disk when this returns.
///
/// # Errors
/// `PolicyFailed`: there is no place to keep it, or no model of the plan has a
/// batch service; errors of encoding.
pub(super) async fn take_in(journey: &Journey, request: &LazyRequest, plan: &Plan) -> Result<Ticket> {
    let deferrals = journey.gateway.deferrals.as_ref().ok_or_else(|| {
        let text = "a policy left the request to a batch, and this gateway keeps no records: add `records: { folder: ./records }`";
        Error::new(Kind::PolicyFailed, Origin::Policy, text)
    })?;
    let model = Arc::clone(choose(journey, request, plan)?);
    let mut request = request.clone();
    if request.stream() {
        request.edit(|request| request.stream = false)?;
    }
    let (outbound, wire) = encoded(journey, &model, &request)?;
    let path = wire.path.split('?').next().unwrap_or_default().to_owned();
    // The answer is no stream, and what belongs to one request's headers has no place in a batch.
    let headers = wire.headers.iter().filter(|(name, _)| name != "anthropic-version");
    let dropped = headers.map(|(name, _)| format!("headers.{name}")).chain(wire.dropped).collect();
    let body = String::from_utf8(wire.body.into())
        .map_err(|_| Error::internal("an encoded request is not UTF-8"))?;
    let text = |name: &Option<Arc<str>>| name.as_ref().map(ToString::to_string);
    let principal = &journey.principal;
    let deferral = Deferral {
        id: journey.id.to_string(),
        group: Group { provider: model.provider.name.to_string(), path, upstream: model.upstream.clone() },
        created_ms: journey.started.unix_ms,
        facts: Facts {
            answered_as: request_id(journey.gateway.clock.now()),
            endpoint: request.endpoint().name().to_owned(),
            inbound: request.inbound().dialect().name().to_owned(),
            outbound: outbound.name().to_owned(),
            route: journey.route.name.to_string(),
            model: model.name.to_string(),
            asked: request.model().to_owned(),
            key: principal.key.to_string(),
            user: text(&principal.user),
            team: text(&principal.team),
            department: text(&principal.department),
            session: text(&journey.session),
        },
        body,
    };
    deferrals.put(&deferral).await?;
    Ok(Ticket { model, dropped })
}

/// The first model of the plan, or of the route's candidates, whose provider
/// takes conversations in batches.
fn choose<'j>(journey: &'j Journey, request: &LazyRequest, plan: &Plan) -> Result<&'j Arc<Model>> {
    let batches = |model: &&Arc<Model>| {
        model.provider.kind.batch_form().is_some()
            && request.files_at().is_none_or(|at| model.provider.name == *at)
    };
    let found = if plan.steps.is_empty() {
        journey.route.candidates.iter().find(batches)
    } else {
        plan.steps.iter().filter_map(|step| journey.bundle.models.get(&step.model)).find(batches)
    };
    found.ok_or_else(|| {
        let text =
            "a policy left the request to a batch, and none of its models is at a provider that takes some";
        Error::new(Kind::PolicyFailed, Origin::Policy, text)
    })
}
