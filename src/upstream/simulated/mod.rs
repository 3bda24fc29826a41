//! The simulated provider: speaks OpenAI's chat dialect inside this process,
//! with the latencies, token rates and faults that a model's `simulate` states,
//! and keeps files and batches in memory.

mod batch;
mod chat;
mod depot;
mod marks;
mod works;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};

use self::chat::{duration, read, streamed, whole, write};
use self::depot::Accounts;
use super::call::Call;
use super::reply::{Body, Reply};
use crate::error::{Error, Result};
use crate::provider::Simulate;

/// The provider's memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Simulated {
    /// How often each model was asked.
    asked: Arc<Mutex<AHashMap<String, Arc<AtomicU64>>>>,
    /// What it keeps for clients.
    accounts: Arc<Accounts>,
}

/// Who answers.
pub(super) struct Actor<'a> {
    /// Our name of the model.
    pub(super) name: &'a str,
    /// The provider's.
    pub(super) upstream: &'a str,
    pub(super) behaviour: &'a Simulate,
}

/// What a seed gave for one request.
struct Draw {
    turn: u64,
    wait: Duration,
    /// Status, type and message of a simulated failure.
    fault: Option<(StatusCode, &'static str, &'static str)>,
}

/// An answer within a batch.
pub(super) struct Played {
    /// How long it took.
    pub(super) wait: Duration,
    /// HTTP status, as a single request would have got it.
    pub(super) status: StatusCode,
    /// The JSON of its body.
    pub(super) body: Value,
}

impl Simulated {
    /// Answers `call` after the simulated latency.
    pub(super) async fn answer(&self, call: Call<'_>) -> Result<Reply> {
        let model = call.model;
        let default = Simulate::default();
        let behaviour = model.simulate.as_ref().unwrap_or(&default);
        if Accounts::keep(&call.wire.path) {
            return self.accounts.answer(call, behaviour, self).await;
        }
        if let Some(upload) = call.upload {
            upload.drain().await.map_err(|_| Error::invalid("the body broke off"))?;
        }
        let actor = Actor { name: &model.name, upstream: &model.upstream, behaviour };
        let draw = self.draw(&actor);
        if !draw.wait.is_zero() {
            tokio::time::sleep(draw.wait).await;
        }
        if let Some((status, kind, message)) = draw.fault {
            return Ok(failure(status, kind, message));
        }
        let wire = &call.wire;
        if let Some((content_type, body)) = works::answer(&actor, &wire.path, &wire.body)? {
            return Ok(Reply {
                status: StatusCode::OK,
                headers: headers(content_type),
                body: later(Duration::ZERO, body),
            });
        }
        let asked = read(&wire.body)?;
        let script = write(&actor, &asked, draw.turn);
        if asked.stream {
            return Ok(streamed(&script));
        }
        Ok(Reply {
            status: StatusCode::OK,
            headers: headers("application/json"),
            body: later(duration(&script), whole(&script).to_string().into_bytes()),
        })
    }

    /// The answer of `actor` to a request within a batch.
    pub(super) fn play(&self, actor: &Actor<'_>, path: &str, body: &[u8]) -> Played {
        let draw = self.draw(actor);
        let refused =
            |status, kind, message: &str| Played { wait: draw.wait, status, body: error(kind, message) };
        if let Some((status, kind, message)) = draw.fault {
            return refused(status, kind, message);
        }
        let answered = works::answer(actor, path, body).and_then(|work| match work {
            Some((_, body)) => Ok((Duration::ZERO, serde_json::from_slice(&body).unwrap_or_default())),
            None => {
                let script = write(actor, &read(body)?, draw.turn);
                Ok((duration(&script), whole(&script)))
            }
        });
        match answered {
            Ok((said, body)) => Played { wait: draw.wait + said, status: StatusCode::OK, body },
            Err(error) => refused(StatusCode::BAD_REQUEST, "invalid_request_error", &error.message),
        }
    }

    fn draw(&self, actor: &Actor<'_>) -> Draw {
        let behaviour = actor.behaviour;
        let turn = self.turn(actor.name);
        let mut rng = fastrand::Rng::with_seed(behaviour.seed ^ turn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let wait = latency(behaviour, &mut rng);
        let dice = rng.f64();
        let fault = if dice < behaviour.error_rate {
            Some((StatusCode::INTERNAL_SERVER_ERROR, "server_error", "simulated failure"))
        } else if dice < behaviour.error_rate + behaviour.rate_limit_rate {
            Some((StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "simulated rate limit"))
        } else {
            None
        };
        Draw { turn, wait, fault }
    }

    /// Counts the requests of a model from 0.
    fn turn(&self, model: &str) -> u64 {
        let mut asked = self.asked.lock();
        let counter = match asked.get(model) {
            Some(counter) => Arc::clone(counter),
            None => Arc::clone(asked.entry(model.to_owned()).or_default()),
        };
        counter.fetch_add(1, Ordering::Relaxed)
    }
}

/// Draws from the log-normal distribution through the two percentiles.
fn latency(behaviour: &Simulate, rng: &mut fastrand::Rng) -> Duration {
    /// The 95th percentile of the standard normal distribution.
    const P95: f64 = 1.644_853_6;
    let median = behaviour.latency_p50.as_secs_f64();
    let p95 = behaviour.latency_p95.as_secs_f64();
    if median <= 0.0 || p95 <= median {
        return behaviour.latency_p50;
    }
    let spread = (p95 / median).ln() / P95;
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * rng.f64()).cos();
    Duration::try_from_secs_f64(median * (spread * normal).exp()).unwrap_or(Duration::MAX)
}

pub(super) fn headers(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

/// One body after a wait.
pub(super) fn later(wait: Duration, body: Vec<u8>) -> Body {
    Body::in_process(
        stream::once(async move {
            tokio::time::sleep(wait).await;
            Ok(Bytes::from(body))
        })
        .boxed(),
    )
}

pub(super) fn failure(status: StatusCode, kind: &str, message: &str) -> Reply {
    Reply {
        status,
        headers: headers("application/json"),
        body: later(Duration::ZERO, error(kind, message).to_string().into_bytes()),
    }
}

fn error(kind: &str, message: &str) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
}
