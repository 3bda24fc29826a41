//! What the client gets of a passage.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::flow::{Flow, Flowing};
use crate::dialect::passage::Metered;
use crate::error::Result;
use crate::gateway::depot::Tally;
use crate::gateway::exchange::{End, Exchange};
use crate::gateway::ledger::Attempt;
use crate::gateway::reply::{Body, COST, Reply, headers, insert, respond, unbuffered};
use crate::ir::{Endpoint, Money, Usage};
use crate::model::Model;
use crate::record::Outcome;
use crate::upstream;

/// A passage that a provider answered.
pub(in crate::gateway) struct Passed {
    pub(in crate::gateway) model: Arc<Model>,
    pub(in crate::gateway) content_type: HeaderValue,
    pub(in crate::gateway) dropped: Vec<String>,
    pub(in crate::gateway) delivered: Delivered,
}

/// An answer that is there, or on its way.
pub(in crate::gateway) enum Delivered {
    Whole(Bytes, Usage, Option<Money>),
    Flowing(Box<Flowing>),
}

impl Delivered {
    pub(in crate::gateway) fn flowing(
        attempt: Attempt,
        body: upstream::Body,
        metered: Metered,
        content_type: &HeaderValue,
        endpoint: Endpoint,
    ) -> Self {
        let events = content_type.to_str().is_ok_and(|kind| kind.starts_with("text/event-stream"));
        Self::Flowing(Box::new(Flowing { attempt, body, metered, events, endpoint, tally: None }))
    }

    /// The same, counted by `tally`.
    pub(in crate::gateway) fn counted_by(mut self, tally: Option<Tally>) -> Self {
        if let Self::Flowing(flowing) = &mut self {
            flowing.tally = tally;
        }
        self
    }
}

/// What a policy gets of a passage: all of it.
pub(in crate::gateway) struct Sounded {
    pub(in crate::gateway) model: Arc<Model>,
    pub(in crate::gateway) content_type: HeaderValue,
    pub(in crate::gateway) body: Bytes,
    pub(in crate::gateway) usage: Usage,
    pub(in crate::gateway) cost: Option<Money>,
}

impl Passed {
    /// Waits for the rest, `cap` bytes at most, and puts it into the account.
    ///
    /// # Errors
    /// It breaks off, or is larger.
    pub(in crate::gateway) async fn whole(self, cap: usize) -> Result<Sounded> {
        let (body, usage, cost) = match self.delivered {
            Delivered::Whole(body, usage, cost) => (body, usage, cost),
            Delivered::Flowing(flowing) => flowing.whole(cap).await?,
        };
        Ok(Sounded { model: self.model, content_type: self.content_type, body, usage, cost })
    }
}

/// The client's reply.
pub(in crate::gateway) fn reply(mut exchange: Exchange, passed: Passed) -> Reply {
    exchange.first_byte = Some(exchange.gateway.clock.now());
    exchange.model = Some(passed.model);
    exchange.dropped.clone_from(&passed.dropped);
    let mut headers = headers(&exchange, false);
    headers.insert(CONTENT_TYPE, passed.content_type);
    match passed.delivered {
        Delivered::Flowing(flowing) => {
            unbuffered(&mut headers);
            respond(StatusCode::OK, headers, Body::Flow(Box::new(Flow::new(exchange, *flowing))))
        }
        Delivered::Whole(body, usage, _) => {
            let (cost, unpriced) = exchange.ledger.read(|ledger| (ledger.cost, ledger.unpriced));
            let cost = if unpriced { "unpriced".to_owned() } else { cost.to_string() };
            insert(&mut headers, COST, &cost);
            exchange.settle(&End { outcome: Outcome::Completed, status: 200, error: None, usage });
            respond(StatusCode::OK, headers, Body::Whole(Some(body)))
        }
    }
}
