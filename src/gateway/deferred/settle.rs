//! One answer: an exchange of its own in the account, then into keeping for
//! its client. After a restart between the two the same record is written again
//! under the same id.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::conduct::Conductor;
use crate::dialect::{Inbound, LazyRequest, ReplyFacts, inbound, outbound};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::decide::{Deciders, Reviewed, keep};
use crate::gateway::entry::journey_of;
use crate::gateway::exchange::{End, Exchange};
use crate::gateway::ledger::Booked;
use crate::gateway::{Route, reading};
use crate::ir::{Dialect, Endpoint, Request, Response, Usage};
use crate::policy::Hook;
use crate::principal::Principal;
use crate::record::Outcome;
use crate::record::deferrals::{Facts, Standing};

impl Conductor {
    /// Settles the request `id` with the provider's answer, or why there is none.
    pub(super) async fn settle(&self, id: &str, facts: &Facts, outcome: Result<Bytes>) {
        match self.deferrals.get(id).await {
            Ok(Some((_, Standing::Done(..))) | None) => return,
            Ok(Some(_)) => {}
            Err(error) => return tracing::error!("an answer waits at the provider: {error}"),
        }
        let Some(inbound) = Dialect::named(&facts.inbound).and_then(inbound) else { return };
        let mut exchange = self.exchange(facts, inbound);
        exchange.notes.insert("deferred".to_owned(), Value::from(id));
        let answered = match outcome {
            Ok(body) => self.answered(&mut exchange, facts, body).await,
            Err(error) => {
                self.book(&exchange, Usage::default(), Some(&error));
                Err(error)
            }
        };
        let (status, body) = match answered {
            Ok((body, usage)) => {
                exchange.settle(&End { outcome: Outcome::Completed, status: 200, error: None, usage });
                (200, body)
            }
            Err(error) => {
                exchange.refuse(&error);
                (error.http_status(), inbound.encode_error(&error, id))
            }
        };
        let now = self.gateway.clock.now().unix_ms;
        let body = String::from_utf8_lossy(&body);
        if let Err(error) = self.deferrals.answer(id, status, &body, now).await {
            tracing::error!(id, "an answer is not kept yet: {error}");
        }
    }

    /// The exchange of an answer, or of what a batch cost.
    pub(super) fn exchange(&self, facts: &Facts, inbound: &'static dyn Inbound) -> Exchange {
        let endpoint = Endpoint::named(&facts.endpoint).unwrap_or(Endpoint::Chat);
        let mut exchange = Exchange::accept(&self.gateway, endpoint, inbound);
        let text = |name: &Option<String>| name.as_deref().map(Arc::from);
        exchange.id = facts.answered_as.as_str().into();
        exchange.principal = Arc::new(Principal {
            key: facts.key.as_str().into(),
            user: text(&facts.user),
            team: text(&facts.team),
            department: text(&facts.department),
            ..Principal::default()
        });
        let bundle = Arc::clone(&exchange.bundle);
        let named = bundle.routes.iter().find(|route| *route.name == *facts.route);
        exchange.route = named.or_else(|| bundle.direct.get(facts.route.as_str())).cloned();
        exchange.model = bundle.models.get(facts.model.as_str()).cloned();
        exchange.asked.clone_from(&facts.asked);
        exchange.session = text(&facts.session);
        exchange
    }

    /// The client's body for the provider's `body`, and what it used.
    async fn answered(&self, exchange: &mut Exchange, facts: &Facts, body: Bytes) -> Result<(Bytes, Usage)> {
        let outbound = Dialect::named(&facts.outbound).and_then(outbound);
        let outbound = outbound.ok_or_else(|| Error::internal("no dialect of this name"))?;
        let response = outbound.decode_response(&body).inspect_err(|error| {
            self.book(exchange, Usage::default(), Some(error));
        })?;
        let usage = response.usage.unwrap_or(Usage { estimated: true, ..Usage::default() });
        self.book(exchange, usage, None);
        let reviewed = self.reviewed(exchange, facts, response.clone()).await?;
        if facts.inbound == facts.outbound && reviewed.is_none() {
            return Ok((body, usage));
        }
        let response = reviewed.unwrap_or(response);
        let reply = ReplyFacts {
            request_id: exchange.id.to_string(),
            model: facts.asked.clone(),
            created: exchange.started.unix_seconds(),
            ..ReplyFacts::default()
        };
        Ok((exchange.inbound.encode_response(&response, &reply), usage))
    }

    /// The answer as the policies of its route leave it; `None`: they have nothing to say.
    async fn reviewed(
        &self,
        exchange: &mut Exchange,
        facts: &Facts,
        response: Response,
    ) -> Result<Option<Response>> {
        let reads = |route: &Arc<Route>| route.has(Hook::Response) || route.has(Hook::Text);
        let Some(route) = exchange.route.clone().filter(reads) else { return Ok(None) };
        let journey = Arc::new(journey_of(exchange, route, &http::HeaderMap::new()));
        let request = Request::new(exchange.inbound.dialect(), facts.asked.as_str());
        let request = LazyRequest::built(exchange.endpoint, exchange.inbound, request);
        let mut deciders = Deciders::new(&journey, request, Arc::default());
        let reviewed = match deciders.on_response(response).await {
            Ok(Reviewed::Answer(response)) if deciders.has(Hook::Text) => {
                let read = reading::whole(&mut deciders, *response).await;
                read.map(|response| Reviewed::Answer(Box::new(response)))
            }
            other => other,
        };
        keep(exchange, &mut deciders);
        match reviewed? {
            Reviewed::Answer(response) => Ok(Some(*response)),
            Reviewed::Plan(_) => {
                let text = "a policy wants another plan for an answer out of a batch: let it reject instead";
                Err(Error::new(Kind::PolicyFailed, Origin::Policy, text))
            }
        }
    }

    /// Enters what the answer took, at the batch's price.
    fn book(&self, exchange: &Exchange, usage: Usage, error: Option<&Error>) {
        let Some(model) = &exchange.model else { return };
        let price = self.gateway.prices.load().price(model);
        let cost = price.filter(|_| error.is_none()).map(|price| price.at_batch().cost(&usage));
        let status = error.map_or(Some(200), |error| error.upstream_status);
        let error = error.map(|error| error.kind.row().code);
        exchange.ledger.book(&self.gateway, model, &Booked { usage, cost, status, error });
    }
}
