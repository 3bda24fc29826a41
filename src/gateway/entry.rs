//! What every kind of exchange goes through at its door: refusals from headers
//! alone, the body under its cap, the route, the facts of the journey.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::{Instant, timeout};

use super::Route;
use super::exchange::{Exchange, Journey};
use crate::dialect::LazyRequest;
use crate::error::{Error, Kind, Origin, Result};

/// Longest time for a client to send its body.
pub(super) const BODY_TIME: Duration = Duration::from_secs(60);

/// Longest name of a model or session that the account keeps, letters.
const LONGEST_NAME: usize = 512;

/// Refuses a request that has passed through this process before.
pub(super) fn refuse_loop(exchange: &Exchange, headers: &HeaderMap) -> Result<()> {
    if headers.get_all(http::header::VIA).iter().any(|via| via == exchange.gateway.upstream.via()) {
        let text =
            "the request has passed through this gateway before: a provider's base_url points back at it";
        return Err(Error::new(Kind::LoopDetected, Origin::Gateway, text));
    }
    Ok(())
}

/// Refuses a compressed body.
pub(super) fn refuse_encoded(headers: &HeaderMap) -> Result<()> {
    if let Some(encoding) = headers.get(http::header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        let text = "the body is compressed: send it without content-encoding";
        return Err(Error::new(Kind::UnsupportedMedia, Origin::Client, text));
    }
    Ok(())
}

/// Reads the body under its cap.
pub(super) async fn read_body<B>(body: B, cap: usize) -> Result<Bytes>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if usize::try_from(body.size_hint().lower()).is_ok_and(|size| size > cap) {
        return Err(too_large(cap));
    }
    match timeout(BODY_TIME, Limited::new(body, cap).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(cap)),
        Ok(Err(_)) => Err(Error::invalid("the body broke off")),
        Err(_) => {
            let mut error = Error::invalid("the body did not arrive in time").with_code("request_timeout");
            error.status = Some(408);
            Err(error)
        }
    }
}

pub(super) fn too_large(cap: usize) -> Error {
    Error::new(Kind::TooLarge, Origin::Client, format!("the body is larger than {cap} bytes"))
}

/// Finds the route that claims the model's name and pins it to the exchange.
pub(super) fn select_route(
    exchange: &mut Exchange,
    headers: &HeaderMap,
    request: &LazyRequest,
) -> Result<Arc<Journey>> {
    exchange.asked = cut(request.model());
    exchange.stream = request.stream();
    exchange.bare_sound = request.bare_sound();
    exchange.session = session(headers);
    let route = exchange
        .bundle
        .route(request.model(), request.endpoint())
        .filter(|_| super::identify::may_ask(&exchange.principal, request.model()))
        .ok_or_else(|| unknown_model(request.model()))?;
    let route = Arc::clone(route);
    exchange.route = Some(Arc::clone(&route));
    Ok(Arc::new(journey_of(exchange, route, headers)))
}

pub(super) fn unknown_model(model: &str) -> Error {
    let text = format!(
        "The model `{model}` does not exist or you do not have access to it: GET /v1/models lists what you can ask for"
    );
    Error::new(Kind::NotFound, Origin::Client, text).with_param("model")
}

pub(super) fn journey_of(exchange: &Exchange, route: Arc<Route>, headers: &HeaderMap) -> Journey {
    Journey {
        gateway: Arc::clone(&exchange.gateway),
        bundle: Arc::clone(&exchange.bundle),
        ledger: Arc::clone(&exchange.ledger),
        id: Arc::clone(&exchange.id),
        principal: Arc::clone(&exchange.principal),
        session: exchange.session.clone(),
        started: exchange.started,
        deadline: Instant::now() + route.timeouts.total,
        traceparent: headers.get("traceparent").cloned(),
        companions: companions(exchange.inbound, headers),
        beside: false,
        route,
    }
}

/// A name that a client made up, as the account keeps it.
fn cut(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

/// The headers that belong to the request in the client's dialect.
fn companions(inbound: &dyn crate::dialect::Inbound, headers: &HeaderMap) -> HeaderMap {
    let mut found = HeaderMap::new();
    for name in inbound.companions() {
        // Several lines of one name are one list.
        let lines: Vec<&str> = headers.get_all(*name).iter().filter_map(|line| line.to_str().ok()).collect();
        if let Ok(value) = http::HeaderValue::from_str(&lines.join(","))
            && !lines.is_empty()
        {
            found.insert(*name, value);
        }
    }
    found
}

/// The session that the client names, in any of the headers that tools use.
fn session(headers: &HeaderMap) -> Option<Arc<str>> {
    let value = ["x-pointsman-session", "x-session-id"].iter().find_map(|name| headers.get(*name))?;
    value.to_str().ok().map(|name| Arc::from(cut(name)))
}

/// The headers that the configuration lets policies see.
pub(super) fn policy_headers(exchange: &Exchange, headers: &HeaderMap) -> Arc<Vec<(String, String)>> {
    let seen = exchange.bundle.settings.policy_headers.iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.clone(), value.to_owned()))
    });
    Arc::new(seen.collect())
}
