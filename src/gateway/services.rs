//! Declared services, as policies reach them.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::ServiceSpec;
use super::effects::undeclared;
use super::exchange::Journey;
use crate::error::{Error, Kind, Origin, Result};
use crate::policy::EffectValue;
use crate::upstream::ServiceCall;

/// An HTTP call to the service `name`: gives `{status, body}`, the body as JSON
/// where it is JSON and as text otherwise.
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
    let body = body.map(|body| Bytes::from(body.to_string()));
    let (status, body) = call(journey, service, method, path, body).await?;
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)));
    Ok(EffectValue::Json(json!({ "status": status, "body": body })))
}

/// Calls `service` with its credentials.
pub(super) async fn call(
    journey: &Journey,
    service: &ServiceSpec,
    method: Method,
    path: &str,
    body: Option<Bytes>,
) -> Result<(u16, Bytes)> {
    let mut headers: HeaderMap = service.headers.iter().cloned().collect();
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
            timeout,
        })
        .await
}
