//! The client asks for an answer by the id that it got.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;

use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::Gateway;
use crate::gateway::identify::identify;
use crate::gateway::ticket::RESULTS;
use crate::record::deferrals::Standing;

/// What there is of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting {
    /// HTTP status: 202 while there is none.
    pub status: u16,
    /// JSON: the answer in the client's dialect, or how the request does.
    pub body: Bytes,
    /// Seconds after which asking again makes sense.
    pub again: Option<u64>,
}

/// The answer to the request `id`, or how it does.
///
/// # Errors
/// `Unauthenticated`; `NotFound`: no such request of this key.
pub async fn result_of(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<Waiting> {
    let standing = standing(gateway, headers, id).await?;
    let status = match standing {
        Standing::Done(status, body) => return Ok(Waiting { status, body: Bytes::from(body), again: None }),
        Standing::Queued => "queued",
        Standing::Submitted => "submitted",
    };
    let body = json!({
        "id": id, "object": "pointsman.deferred", "status": status, "result_url": format!("{RESULTS}/{id}"),
    });
    let poll = gateway.bundle().settings.batches.poll.as_secs().max(1);
    Ok(Waiting { status: 202, body: Bytes::from(body.to_string()), again: Some(poll) })
}

/// Lets go of the request `id` and of its answer.
///
/// # Errors
/// As [`result_of`]; `InvalidRequest` (409) while it is at the provider.
pub async fn forget_result(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<Bytes> {
    standing(gateway, headers, id).await?;
    let deferrals = gateway.deferrals.as_ref().ok_or_else(unknown)?;
    if deferrals.forget(id).await? {
        return Ok(Bytes::from(
            json!({ "id": id, "object": "pointsman.deferred", "deleted": true }).to_string(),
        ));
    }
    let mut error = Error::invalid("the request is at the provider: it can be deleted once it is answered");
    error.status = Some(409);
    Err(error.with_code("submitted"))
}

async fn standing(gateway: &Gateway, headers: &HeaderMap, id: &str) -> Result<Standing> {
    let principal = identify(&gateway.bundle(), headers, gateway.clock.now())?;
    let deferrals = gateway.deferrals.as_ref().ok_or_else(unknown)?;
    let found =
        deferrals.get(id).await?.filter(|(facts, _)| principal.sees(&facts.key, facts.team.as_deref()));
    found.map(|(_, standing)| standing).ok_or_else(unknown)
}

fn unknown() -> Error {
    let text = "no request of this key waits under this id: answers are kept for a while only";
    Error::new(Kind::NotFound, Origin::Client, text).with_code("unknown_result")
}
