//! The journey of files and batches, which a provider keeps for clients.
//!
//! There is no model to route by, except in a new batch: the first model that
//! it names selects a route, whose policies decide where the batch goes. All
//! else goes to a provider ([`choose`]):
//!
//! 1. to the one that the id names. The first provider of gateway.yaml that
//!    keeps such things keeps them under its own ids; those of any other carry
//!    its name at their end: `file-abc.azure`.
//! 2. to the one that `x-pointsman-provider` names.
//! 3. to the first of gateway.yaml that keeps such things.

mod answer;
mod choose;
mod enclosed;
mod errand;
mod keeper;
mod list;
mod luggage;
mod names;
mod price;

pub(super) use enclosed::enclosed;
pub use enclosed::{Caller, Sighted, enclosed_offline, reachable};
pub use errand::{Errand, Place};
pub(super) use price::{Counts, Tally};

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;

use super::entry::{journey_of, refuse_encoded, refuse_loop};
use super::exchange::{Exchange, Journey};
use super::identify::identify;
use super::passage::ClientBody;
use super::passage::call::Sent;
use super::reply::{self, Reply};
use super::{Depot, Gateway};
use crate::error::{Error, Result};
use choose::Chosen;
use errand::Ids;
use keeper::Keeper;
use luggage::{Label, Luggage};

/// Carries one errand from acceptance to the client's first byte.
pub async fn serve_errand<B>(gateway: Arc<Gateway>, errand: Errand, body: B) -> Reply
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut exchange = Exchange::accept(&gateway, errand.endpoint, errand.inbound);
    let body = body.map_err(|_| Error::invalid("the body broke off")).boxed_unsync();
    let Ready { journey, depot, sent } = match ready(&mut exchange, &errand, body).await {
        Ok(ready) => ready,
        Err(error) => return reply::error(exchange, &error),
    };
    let changes = errand.method != Method::GET;
    let carried = async move {
        match answer::fetch(&journey, &errand, &depot, sent).await {
            Ok(brought) => answer::reply(exchange, brought),
            Err(error) => reply::error(exchange, &error),
        }
    };
    if changes { to_its_end(carried).await } else { carried.await }
}

/// What changes something at the provider goes on when its client leaves, until
/// its deadline: else nobody would know whose the thing is that was made.
async fn to_its_end(carried: impl Future<Output = Reply> + Send + 'static) -> Reply {
    match tokio::spawn(carried).await {
        Ok(reply) => reply,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}

/// An errand that may go to its provider.
struct Ready {
    journey: Journey,
    depot: Arc<Depot>,
    sent: Sent,
}

async fn ready(exchange: &mut Exchange, errand: &Errand, body: ClientBody) -> Result<Ready> {
    refuse_loop(exchange, &errand.headers)?;
    refuse_encoded(&errand.headers)?;
    exchange.principal = identify(&exchange.bundle, &errand.headers, exchange.started)?;
    let luggage = Luggage::read(errand, body, &exchange.bundle.settings).await?;
    let label = luggage.label();
    let Chosen { depot, route } = choose::choose(exchange, errand, &label).await?;
    check(exchange, errand, &depot, &label).await?;
    exchange.route = Some(Arc::clone(&route));
    let journey = journey_of(exchange, route, &errand.headers);
    let sent = luggage.into_sent(&journey, errand, &depot).await?;
    Ok(Ready { journey, depot, sent })
}

/// Refuses what belongs to another key.
async fn check(exchange: &Exchange, errand: &Errand, depot: &Depot, label: &Label) -> Result<()> {
    let provider = &depot.model.provider.name;
    let keeper = Keeper::of(&exchange.gateway, &exchange.principal, provider).await?;
    let ids = Ids { bundle: &exchange.bundle, depot, dialect: errand.inbound.dialect() };
    keeper.check(errand, &ids, label.id.as_deref()).await
}
