//! What a depot answers: small answers with their ids as the client knows them,
//! contents and results as they come.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::timeout;

use super::errand::{Errand, Ids};
use super::keeper::Keeper;
use super::list;
use super::price::{self, Tally};
use crate::dialect::Splicer;
use crate::dialect::passage::Metered;
use crate::error::Result;
use crate::gateway::Depot;
use crate::gateway::attempt::slow_body;
use crate::gateway::exchange::{Exchange, Journey, request_id};
use crate::gateway::ledger::Attempt;
use crate::gateway::passage::answer::{self, Delivered, Passed};
use crate::gateway::passage::call::{Sent, send};
use crate::gateway::reply::Reply;
use crate::ir::{Endpoint, Usage};

/// Where answers have ids, and Anthropic's batches the address of their results.
const IDS: &[&str] = &[
    "id",
    "batch_id",
    "input_file_id",
    "output_file_id",
    "error_file_id",
    "results_url",
    "first_id",
    "last_id",
    "data[].id",
    "data[].input_file_id",
    "data[].output_file_id",
    "data[].error_file_id",
    "data[].results_url",
    "batches[].batch_id",
];

/// Headers of a provider that go on to the client.
const HEADERS: [HeaderName; 2] = [CONTENT_DISPOSITION, RETRY_AFTER];

/// What a depot gave.
pub(super) struct Brought {
    passed: Passed,
    headers: HeaderMap,
}

/// Asks the depot's provider. Once only: whether it may be asked again is the
/// client's to know.
pub(super) async fn fetch(
    journey: &Journey,
    errand: &Errand,
    depot: &Arc<Depot>,
    sent: Sent,
) -> Result<Brought> {
    let (gateway, model) = (&journey.gateway, &depot.model);
    let mut attempt = Attempt::begin(gateway, &journey.ledger, model, "plan", 0)?;
    let carried = timeout(journey.time_left(), carry(journey, errand, depot, (&mut attempt, sent))).await;
    let now = gateway.clock.now();
    journey.ledger.waited(now.since(&attempt.began()));
    match carried.unwrap_or_else(|_| Err(slow_body())) {
        Ok((headers, given)) => {
            let content_type = headers.get(CONTENT_TYPE).cloned();
            let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
            let delivered = match given {
                Given::Whole(body, usage) => {
                    attempt.answered(&Usage::default(), now);
                    Delivered::Whole(body, usage, None)
                }
                Given::Flowing(body, tally) => {
                    let metered = Metered::default();
                    Delivered::flowing(attempt, body, metered, &content_type, errand.endpoint)
                        .counted_by(tally)
                }
            };
            let passed = Passed { model: Arc::clone(model), content_type, dropped: Vec::new(), delivered };
            Ok(Brought { passed, headers })
        }
        Err(error) => {
            attempt.failed(&error, &Usage::default(), now);
            Err(error)
        }
    }
}

enum Given {
    Whole(Bytes, Usage),
    Flowing(crate::upstream::Body, Option<Tally>),
}

async fn carry(
    journey: &Journey,
    errand: &Errand,
    depot: &Arc<Depot>,
    (attempt, sent): (&mut Attempt, Sent),
) -> Result<(HeaderMap, Given)> {
    let (gateway, bundle) = (&journey.gateway, &journey.bundle);
    let ids = Ids { bundle, depot, dialect: errand.inbound.dialect() };
    let keeper = Keeper::of(gateway, &journey.principal, &depot.model.provider.name).await?;
    if errand.lists() && !keeper.sees_all() {
        let list = list::seen(journey, errand, &ids, (attempt, sent), &keeper).await?;
        keeper.note(journey, errand, &ids, &list).await?;
        return Ok((HeaderMap::new(), Given::Whole(told(&list, &ids, errand)?, Usage::default())));
    }
    let reply = send(journey, attempt, sent, journey.route.timeouts.first_byte).await?;
    if matches!(errand.place.part, Some("content" | "results")) {
        let id = ids.own(errand.place.id.as_deref().unwrap_or_default());
        let tally = Tally::of(gateway, bundle, depot, errand, id).await;
        return Ok((reply.headers, Given::Flowing(reply.body, tally)));
    }
    let body = reply.body.whole(bundle.settings.max_answer).await?;
    keeper.note(journey, errand, &ids, &body).await?;
    if errand.method == Method::POST && errand.place.part == Some("requests") {
        let id = ids.own(errand.place.id.as_deref().unwrap_or_default());
        keeper.goes_on(id, &request_id(gateway.clock.now())).await?;
    }
    let usage = if errand.endpoint == Endpoint::Batches {
        price::enter(gateway, bundle, depot, &journey.ledger, &body).await
    } else {
        Usage::default()
    };
    Ok((reply.headers, Given::Whole(told(&body, &ids, errand)?, usage)))
}

/// An answer with its ids as the client knows them.
fn told(body: &Bytes, ids: &Ids<'_>, errand: &Errand) -> Result<Bytes> {
    let mut out = Vec::with_capacity(body.len() + 64);
    let spliced = Splicer::new(IDS).push(body, &mut out, |path, id| {
        let field = path.rsplit(['.', ']']).next().unwrap_or_default();
        Ok(match field {
            "results_url" => results_url(id, ids, errand),
            _ if field.ends_with("file_id") => ids.told(id, Endpoint::Files),
            _ => ids.told(id, errand.endpoint),
        })
    });
    // What is no JSON has no ids.
    Ok(if spliced.is_ok() { Bytes::from(out) } else { body.clone() })
}

/// The address of a batch's results at this gateway: the provider's own would
/// get the client's key for us, and refuse it.
fn results_url(url: &str, ids: &Ids<'_>, errand: &Errand) -> Option<String> {
    let (before, _) = url.rsplit_once("/results")?;
    let id = before.rsplit('/').next()?;
    let id = ids.told(id, errand.endpoint).unwrap_or_else(|| id.to_owned());
    let text = |name: &HeaderName| errand.headers.get(name)?.to_str().ok();
    let scheme = text(&HeaderName::from_static("x-forwarded-proto")).unwrap_or("http");
    let host = text(&HeaderName::from_static("x-forwarded-host")).or_else(|| text(&HOST))?;
    Some(format!("{scheme}://{host}/v1/{}/{id}/results", errand.place.root))
}

/// The client's reply.
pub(super) fn reply(exchange: Exchange, brought: Brought) -> Reply {
    let mut reply = answer::reply(exchange, brought.passed);
    for name in HEADERS {
        if let Some(value) = brought.headers.get(&name) {
            reply.headers_mut().insert(name, value.clone());
        }
    }
    reply
}
