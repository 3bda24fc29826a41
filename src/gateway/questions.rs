//! Questions of policies that are no conversation: vectors of texts, and
//! whether a text is harmful. Each call is an attempt in the exchange's account.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::exchange::Journey;
use super::ledger::Attempt;
use crate::dialect::{Refused, Target, Wire, outbound};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::{Dialect, EmbedInput, EmbedRequest, Extra, Usage, VectorEncoding};
use crate::model::Model;
use crate::policy::EffectValue;
use crate::upstream::Call;

/// Vectors of `texts` by the embedding model `name`: `{vectors: [[...]]}`.
pub(super) async fn embed(journey: &Journey, name: &Arc<str>, texts: Vec<String>) -> Result<EffectValue> {
    let model = journey.bundle.models.get(name).ok_or_else(|| undeclared("model", name))?;
    let form = model.provider.kind.embed;
    let request = EmbedRequest {
        model: model.upstream.clone(),
        inputs: texts.into_iter().map(EmbedInput::Text).collect(),
        dimensions: None,
        purpose: None,
        encoding: VectorEncoding::Float,
        user: None,
        extra: Extra::NONE,
    };
    let mut vectors = Vec::new();
    for piece in request.pieces(form.most_inputs()) {
        let wire = form.encode(&piece, &target(model))?;
        let answer = ask(journey, model, wire, "embed", |body| {
            let answer = form.decode(body)?;
            let usage = answer.usage;
            Ok((answer, usage))
        });
        vectors.extend(answer.await?.vectors);
    }
    Ok(EffectValue::Json(json!({ "vectors": vectors })))
}

/// Whether `text` is harmful, by the moderation model `name`: `{flagged, categories, scores}`.
pub(super) async fn moderate(journey: &Journey, name: &Arc<str>, text: &str) -> Result<EffectValue> {
    let model = journey.bundle.models.get(name).ok_or_else(|| undeclared("model", name))?;
    let body = json!({ "model": model.upstream, "input": text }).to_string();
    let wire =
        Wire { path: "moderations".to_owned(), body: body.into(), headers: Vec::new(), dropped: Vec::new() };
    let judged = ask(journey, model, wire, "moderate", |body| {
        let answer: Value = serde_json::from_slice(body)
            .map_err(|at| Error::bad_answer(format!("the provider's answer is not JSON: {at}")))?;
        let result = answer.pointer("/results/0").cloned();
        Ok((result.ok_or_else(|| Error::bad_answer("the provider's answer holds no result"))?, None))
    })
    .await?;
    Ok(EffectValue::Json(json!({
        "flagged": judged.get("flagged").and_then(Value::as_bool).unwrap_or(false),
        "categories": judged.get("categories"),
        "scores": judged.get("category_scores"),
    })))
}

fn target(model: &Model) -> Target<'_> {
    Target {
        model: &model.upstream,
        max_output_tokens: model.max_output_tokens,
        quirks: &model.provider.quirks,
    }
}

/// Sends one call and reads its answer whole.
async fn ask<T>(
    journey: &Journey,
    model: &Arc<Model>,
    wire: Wire,
    cause: &'static str,
    read: impl FnOnce(&[u8]) -> Result<(T, Option<Usage>)>,
) -> Result<T> {
    let estimate = Usage { input: wire.body.len() as u64 / 4, estimated: true, ..Usage::default() };
    let mut attempt =
        Attempt::begin(&journey.gateway, &journey.ledger, model, journey.cause(cause), estimate.input)?;
    let limit = journey.route.timeouts.first_byte.min(journey.time_left());
    let got = timeout(limit, send(journey, model, wire, &mut attempt)).await;
    let got = got.unwrap_or_else(|_| {
        let text = format!("model `{}` did not answer within {} ms", model.name, limit.as_millis());
        Err(Error::new(Kind::TimedOut, Origin::Upstream, text))
    });
    let now = journey.gateway.clock.now();
    match got.and_then(|body| read(&body)) {
        Ok((value, usage)) => {
            attempt.answered(&usage.unwrap_or(estimate), now);
            Ok(value)
        }
        Err(error) => {
            attempt.failed(&error, &Usage::default(), now);
            Err(error)
        }
    }
}

async fn send(journey: &Journey, model: &Model, wire: Wire, attempt: &mut Attempt) -> Result<Bytes> {
    let traceparent = journey.traceparent.clone();
    let call = Call { model, wire, method: Method::POST, upload: None, content_type: None, traceparent };
    let reply = journey.gateway.upstream.send(call).await?;
    let now = journey.gateway.clock.now();
    attempt.head(reply.status.as_u16(), now);
    let (status, headers) = (reply.status, reply.headers);
    let body = reply.body.whole(journey.bundle.settings.max_answer).await?;
    if status.is_success() {
        return Ok(body);
    }
    let refused =
        Refused { status: status.as_u16(), headers: &headers, body: &body, unix_seconds: now.unix_seconds() };
    // Errors of every form are read in one place; any dialect leads there.
    let reader = outbound(Dialect::OpenAiChat).ok_or_else(|| Error::internal("no dialect reads errors"))?;
    Err(reader.decode_error(&refused))
}

pub(super) fn undeclared(what: &str, name: &str) -> Error {
    Error::new(Kind::NotFound, Origin::Policy, format!("no {what} `{name}` in gateway.yaml"))
}
