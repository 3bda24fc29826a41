//! What goes to a model: the client's bytes where both speak one dialect, the
//! request encoded anew otherwise.

use super::exchange::Journey;
use crate::dialect::{LazyRequest, Outbound, Target, Wire, outbound};
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::Dialect;
use crate::model::Model;
use crate::policy::query::elsewhere;

/// An encoded request and how its answer goes back.
pub(super) struct Prepared {
    pub(super) outbound: &'static dyn Outbound,
    pub(super) wire: Wire,
    /// Whether the answer's bytes can go to the client as they are.
    pub(super) pass: bool,
}

/// Encodes the request for the model, or takes its bytes as they came.
///
/// # Errors
/// `Unsupported`: the model's provider carries no conversations, keeps none of the
/// files, or the route is strict and something would be lost.
pub(super) fn prepare(journey: &Journey, model: &Model, request: &LazyRequest) -> Result<Prepared> {
    let inbound = request.inbound().dialect();
    let provider = &model.provider;
    if provider.kind.dialects.is_empty() {
        return Err(Error::new(
            Kind::Unsupported,
            Origin::Client,
            format!("model `{}` is at {}, which carries no conversations", model.name, provider.kind.title),
        ));
    }
    at_its_files(request, model)?;
    let dialect = if provider.kind.dialects.contains(&inbound) { inbound } else { provider.dialect };
    let outbound = outbound(dialect).ok_or_else(|| no_dialect(model, dialect))?;
    let target = Target {
        model: &model.upstream,
        max_output_tokens: model.max_output_tokens,
        quirks: &provider.quirks,
    };
    let same = dialect == inbound;
    let raw = (same && !request.is_edited()).then(|| request.raw_for(&model.upstream));
    let passed = raw.and_then(|raw| outbound.pass_through(&raw, &target, request.stream()));
    let wire = match passed {
        Some(mut wire) => {
            let companions = journey.companions.iter();
            wire.headers.extend(companions.map(|(name, value)| (name.clone(), value.clone())));
            wire
        }
        None if journey.companions.is_empty() => outbound.encode_request(request.decoded()?, &target)?,
        None => {
            let mut adopted = request.decoded()?.as_ref().clone();
            request.inbound().adopt(&mut adopted, &journey.companions);
            outbound.encode_request(&adopted, &target)?
        }
    };
    if journey.route.strict && !wire.dropped.is_empty() {
        let text = format!(
            "model `{}` cannot carry {}: the route is strict; leave the fields out or choose another model",
            model.name,
            wire.dropped.join(", ")
        );
        return Err(Error::new(Kind::Unsupported, Origin::Client, text));
    }
    Ok(Prepared { outbound, wire, pass: same })
}

/// Refuses a model at another provider than the files that `request` names.
pub(super) fn at_its_files(request: &LazyRequest, model: &Model) -> Result<()> {
    elsewhere(request, model).map_or(Ok(()), |why| {
        let text = format!("model `{}` {why}", model.name);
        Err(Error::new(Kind::Unsupported, Origin::Client, text))
    })
}

/// The request as it goes to `model` by itself, whole: dialect, path, body.
pub(super) fn encoded(journey: &Journey, model: &Model, request: &LazyRequest) -> Result<(Dialect, Wire)> {
    let prepared = prepare(journey, model, request)?;
    Ok((prepared.outbound.dialect(), prepared.wire))
}

fn no_dialect(model: &Model, dialect: Dialect) -> Error {
    let text = format!("model `{}` speaks {}, which carries no conversations", model.name, dialect.name());
    Error::new(Kind::Unsupported, Origin::Client, text)
}

/// Input tokens before anybody has counted: four bytes each.
pub(super) fn estimate(request: &LazyRequest) -> u64 {
    let bytes = request.raw().len();
    if bytes > 0 {
        return bytes as u64 / 4;
    }
    request.decoded().map_or(0, |request| {
        request.messages.iter().map(|message| message.joined_text().len() as u64 / 4 + 3).sum()
    })
}
