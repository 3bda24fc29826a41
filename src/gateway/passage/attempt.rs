//! One attempt at one model: the client's bytes as they are, or translated step
//! by step; counts of tokens by the provider, or here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tokio::time::{sleep, timeout};

use super::answer::{Delivered, Passed};
use super::call::{self, Sent};
use super::form::Outward;
use super::load::Passenger;
use crate::dialect::passage::{Asked, Metered, Step, Translation, Way, characters, metered, translate};
use crate::dialect::{ReplyFacts, Target};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::attempt::slow_body;
use crate::gateway::attempts::{Bounds, Load};
use crate::gateway::exchange::Journey;
use crate::gateway::ledger::Attempt;
use crate::gateway::prepare::at_its_files;
use crate::ir::{Dialect, Endpoint, Usage};
use crate::model::Model;
use crate::model::tokens::{Tokenizer, near_request};
use crate::upstream::Reply;

/// What one attempt gave, still unaccounted.
struct Carried {
    content_type: HeaderValue,
    given: Given,
    metered: Metered,
    dropped: Vec<String>,
}

enum Given {
    Whole(Bytes),
    Flowing(Box<Reply>),
}

impl Load for Passenger {
    type Answer = Passed;

    fn attempt<'a>(
        &'a self,
        journey: &'a Journey,
        model: &'a Arc<Model>,
        bounds: Bounds,
    ) -> BoxFuture<'a, Result<Passed>> {
        Box::pin(self.try_at(journey, model, bounds))
    }

    fn spent(&self) -> bool {
        self.form().is_some_and(super::form::Form::spent)
    }
}

impl Passenger {
    async fn try_at(&self, journey: &Journey, model: &Arc<Model>, bounds: Bounds) -> Result<Passed> {
        if self.endpoint() == Endpoint::CountTokens && !counts_itself(self, model) {
            return self.count(model);
        }
        at_its_files(self.request(), model)?;
        let way = match self.endpoint() {
            Endpoint::CountTokens => Way::Same,
            endpoint => call::way(model, endpoint)?,
        };
        let estimate = self.request().raw().len() as u64 / 4;
        let mut attempt = Attempt::begin(&journey.gateway, &journey.ledger, model, bounds.cause, estimate)?;
        let carried = timeout(bounds.total, self.carry(journey, &mut attempt, way, bounds)).await;
        let now = journey.gateway.clock.now();
        journey.ledger.waited(now.since(&attempt.began()));
        match carried.unwrap_or_else(|_| Err(slow_body())) {
            Ok(carried) => Ok(self.account(attempt, carried, estimate)),
            Err(error) => {
                attempt.failed(&error, &Usage::default(), now);
                Err(error)
            }
        }
    }

    /// Puts a good answer into the account, or its beginning on the way.
    fn account(&self, mut attempt: Attempt, carried: Carried, estimate: u64) -> Passed {
        let Carried { content_type, given, metered, dropped } = carried;
        attempt.counted(metered.units);
        let model = Arc::clone(&attempt.model);
        let endpoint = self.endpoint();
        let delivered = match given {
            Given::Flowing(reply) => {
                Delivered::flowing(attempt, reply.body, metered, &content_type, endpoint)
            }
            Given::Whole(body) => {
                let stated = metered.usage.is_some() || !metered.units.is_none();
                let by_text = matches!(endpoint, Endpoint::Embeddings | Endpoint::Rerank);
                if !stated && matches!(endpoint, Endpoint::Transcriptions | Endpoint::Images) {
                    attempt.unmetered();
                }
                let estimated = Usage { input: estimate, estimated: true, ..Usage::default() };
                let usage = metered.usage.unwrap_or(if by_text { estimated } else { Usage::default() });
                let now = attempt.now();
                let cost = attempt.answered(&usage, now);
                Delivered::Whole(body, usage, cost)
            }
        };
        Passed { model, content_type, dropped, delivered }
    }

    async fn carry(
        &self,
        journey: &Journey,
        attempt: &mut Attempt,
        way: Way,
        bounds: Bounds,
    ) -> Result<Carried> {
        let model = Arc::clone(&attempt.model);
        let target = Target {
            model: &model.upstream,
            max_output_tokens: model.max_output_tokens,
            quirks: &model.provider.quirks,
        };
        if way != Way::Same {
            let (body, parts) = match self.form() {
                Some(form) => form.whole(journey.bundle.settings.max_body).await?,
                None => (self.json_for(&model.upstream), Vec::new()),
            };
            let asked = Asked { endpoint: self.endpoint(), path: &self.path, body: &body, parts: &parts };
            let reply = ReplyFacts {
                request_id: journey.id.to_string(),
                model: self.request().model().to_owned(),
                created: journey.gateway.clock.now().unix_seconds(),
                ..ReplyFacts::default()
            };
            if let Some(mut machine) = translate(way, &asked, &target, reply)? {
                refuse_dropped(journey, &model, machine.dropped())?;
                let mut carried = drive(journey, attempt, machine.as_mut(), bounds).await?;
                carried.dropped = machine.dropped().to_vec();
                return Ok(carried);
            }
        }
        self.carry_same(journey, attempt, &target, bounds).await
    }

    /// Sends the client's bytes with the model's name replaced.
    async fn carry_same(
        &self,
        journey: &Journey,
        attempt: &mut Attempt,
        target: &Target<'_>,
        bounds: Bounds,
    ) -> Result<Carried> {
        let path = self.path_for(target);
        let sent = match self.form() {
            None => Sent::of(call::same(path, self.json_for(target.model), None)),
            Some(form) => {
                let content_type = Some(form.content_type.clone());
                match form.outward(target.model).await? {
                    Outward::Whole(body) => Sent::of(call::same(path, body, content_type)),
                    Outward::Streamed(upload, filling) => Sent {
                        outgoing: call::same(path, Bytes::new(), content_type),
                        streamed: Some((upload, Box::pin(filling.fill()))),
                    },
                }
            }
        };
        let reply = call::send(journey, attempt, sent, bounds.first_byte).await?;
        let content_type = reply.headers.get(CONTENT_TYPE).cloned().unwrap_or(JSON);
        let mut carried = Carried {
            given: Given::Whole(Bytes::new()),
            metered: Metered::default(),
            dropped: Vec::new(),
            content_type,
        };
        if self.endpoint() == Endpoint::Speech {
            carried.metered.units = characters(self.request().raw());
        }
        if !carried.content_type.to_str().is_ok_and(|kind| kind.contains("json")) {
            carried.given = Given::Flowing(Box::new(reply));
            return Ok(carried);
        }
        let body = reply.body.whole(journey.bundle.settings.max_answer).await?;
        let found = metered(self.endpoint(), &body)?;
        if self.endpoint() != Endpoint::Speech {
            carried.metered = found;
        }
        carried.given = Given::Whole(body);
        Ok(carried)
    }

    fn path_for(&self, target: &Target<'_>) -> String {
        match (self.endpoint(), self.request().inbound().dialect()) {
            (Endpoint::CountTokens, Dialect::Gemini) => {
                call::same_path(&format!("models/{}:countTokens", target.model), target)
            }
            _ => call::same_path(&self.path, target),
        }
    }

    /// Counts tokens here, for providers that do not.
    fn count(&self, model: &Arc<Model>) -> Result<Passed> {
        let tokens = near_request(self.request(), Tokenizer::of(model))?;
        let body = match self.request().inbound().dialect() {
            Dialect::Gemini => serde_json::json!({ "totalTokens": tokens }),
            _ => serde_json::json!({ "input_tokens": tokens }),
        };
        let delivered = Delivered::Whole(Bytes::from(body.to_string()), Usage::default(), None);
        Ok(Passed { model: Arc::clone(model), content_type: JSON, dropped: Vec::new(), delivered })
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Whether the model's provider counts tokens in the client's own dialect.
fn counts_itself(passenger: &Passenger, model: &Model) -> bool {
    let kind = model.provider.kind;
    let dialect = passenger.request().inbound().dialect();
    kind.counts_tokens() && kind.dialects.contains(&dialect)
}

/// A strict route refuses what would be dropped.
fn refuse_dropped(journey: &Journey, model: &Model, dropped: &[String]) -> Result<()> {
    if !journey.route.strict || dropped.is_empty() {
        return Ok(());
    }
    let text = format!(
        "model `{}` cannot carry {}: the route is strict; leave the fields out or choose another model",
        model.name,
        dropped.join(", ")
    );
    Err(Error::new(Kind::Unsupported, Origin::Client, text))
}

/// Carries a translation call by call to its end.
async fn drive(
    journey: &Journey,
    attempt: &mut Attempt,
    machine: &mut dyn Translation,
    bounds: Bounds,
) -> Result<Carried> {
    let mut answer = None;
    loop {
        match machine.step(answer.take())? {
            Step::Ask { after, call } => {
                if after > Duration::ZERO {
                    sleep(after).await;
                }
                let reply = call::send(journey, attempt, Sent::of(call), bounds.first_byte).await?;
                answer = Some(reply.body.whole(journey.bundle.settings.max_answer).await?);
            }
            Step::Stream { call, units } => {
                let reply = call::send(journey, attempt, Sent::of(call), bounds.first_byte).await?;
                let content_type = reply.headers.get(CONTENT_TYPE).cloned();
                return Ok(Carried {
                    content_type: content_type
                        .unwrap_or(HeaderValue::from_static("application/octet-stream")),
                    given: Given::Flowing(Box::new(reply)),
                    metered: Metered { usage: None, units },
                    dropped: Vec::new(),
                });
            }
            Step::Done(done) => {
                return Ok(Carried {
                    content_type: HeaderValue::from_static(done.content_type),
                    given: Given::Whole(done.body),
                    metered: Metered { usage: done.usage, units: done.units },
                    dropped: Vec::new(),
                });
            }
        }
    }
}
