//! Declared services, as policies reach them.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::ServiceSpec;
use super::exchange::Journey;
use super::questions::{embed, undeclared};
use crate::error::{Error, Kind, Origin, Result};
use crate::policy::EffectValue;
use crate::upstream::ServiceCall;
use crate::upstream::vector::{HttpStore, Query, as_json, vector};

/// An HTTP call to the service `name`: gives `{status, body}`, the body as JSON
/// where it is JSON and as text otherwise. Beside an exchange only what changes
/// nothing is sent, going by the method.
pub(super) async fn http(
    journey: &Journey,
    name: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<EffectValue> {
    let service = journey.bundle.services.get(name).ok_or_else(|| undeclared("service", name))?;
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).map_err(|_| {
        Error::new(Kind::InvalidRequest, Origin::Policy, format!("`{method}` is no HTTP method"))
    })?;
    if journey.beside && !method.is_safe() {
        let text = format!("not sent: a policy on trial changes nothing, and {method} may");
        return Err(Error::new(Kind::PolicyDenied, Origin::Gateway, text));
    }
    let body = body.map(|body| Bytes::from(body.to_string()));
    let (status, body) = call(journey, service, Outgoing { method, path, body, headers: &[] }).await?;
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)));
    Ok(EffectValue::Json(json!({ "status": status, "body": body })))
}

/// The nearest passages in the vector store `name`: gives `{passages}`. A text
/// becomes a vector by the service's `embed_with` where it has one.
pub(super) async fn search(journey: &Arc<Journey>, name: &str, written: &Value) -> Result<EffectValue> {
    let service = journey.bundle.services.get(name).ok_or_else(|| undeclared("service", name))?;
    let store = HttpStore::named(&service.kind);
    if store.is_none() && service.kind != PGVECTOR {
        let text = format!("service `{name}` is no vector store: its kind is {}", service.kind);
        return Err(Error::new(Kind::InvalidRequest, Origin::Policy, text));
    }
    let mut query = Query::read(written, &service.settings)?;
    if query.vector.is_none()
        && let Some(text) = &query.text
        && let Some(model) = service.settings.get("embed_with").and_then(Value::as_str)
    {
        query.vector = Some(embedded(journey, model, text).await?);
    }
    let timeout = service.timeout.min(journey.time_left());
    let passages = match store {
        Some(store) => {
            let asked = store.request(&service.settings, &query)?;
            let body = Some(Bytes::from(asked.body.to_string()));
            let outgoing = Outgoing { method: Method::POST, path: &asked.path, body, headers: asked.headers };
            let (status, body) = call(journey, service, outgoing).await?;
            store.response(&service.settings, status, &body)?
        }
        None => {
            let address = (service.base_url.as_str(), service.api_key.as_ref());
            journey.gateway.tables.search(address, &service.settings, &query, timeout).await?
        }
    };
    Ok(EffectValue::Json(as_json(&passages)))
}

/// The kind of service that is a table in PostgreSQL.
const PGVECTOR: &str = "pgvector";

/// The vector of a text, as any policy would get it.
async fn embedded(journey: &Arc<Journey>, model: &str, text: &str) -> Result<Vec<f32>> {
    match embed(journey, &model.into(), vec![text.to_owned()]).await? {
        EffectValue::Json(vectors) => vector(vectors.get(0).unwrap_or(&Value::Null)),
        EffectValue::Answers(_) => Err(Error::internal("an embedding model gave no vectors")),
    }
}

/// What goes to a service, besides its credentials.
pub(super) struct Outgoing<'a> {
    method: Method,
    path: &'a str,
    body: Option<Bytes>,
    headers: &'static [(&'static str, &'static str)],
}

/// Calls `service` with its credentials.
pub(super) async fn call(
    journey: &Journey,
    service: &ServiceSpec,
    outgoing: Outgoing<'_>,
) -> Result<(u16, Bytes)> {
    let Outgoing { method, path, body, headers } = outgoing;
    let fixed =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let mut headers: HeaderMap = fixed.chain(service.headers.iter().cloned()).collect();
    if let Some(key) = &service.api_key {
        // Bearer is what plain HTTP services read; Qdrant and Pinecone read `api-key` as well.
        for (name, text) in
            [("authorization", format!("Bearer {}", key.expose())), ("api-key", key.expose().to_owned())]
        {
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_| Error::internal("a service's key has characters that no header may have"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    let upstream = &journey.gateway.upstream;
    let timeout = service.timeout.min(journey.time_left());
    upstream
        .service(ServiceCall {
            name: &service.name,
            base_url: &service.base_url,
            method,
            path,
            body,
            headers,
            proxies: service.proxies.as_ref(),
            timeout,
        })
        .await
}
