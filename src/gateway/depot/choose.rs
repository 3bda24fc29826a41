//! Which provider an errand goes to, and by which route.

use std::sync::Arc;

use super::errand::{Errand, named};
use super::luggage::Label;
use super::names::route_of;
use crate::dialect::LazyRequest;
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::decide::{Deciders, Decision, keep};
use crate::gateway::entry::{journey_of, policy_headers, unknown_model};
use crate::gateway::exchange::Exchange;
use crate::gateway::identify::may_ask;
use crate::gateway::passage::defers_conversations;
use crate::gateway::{Bundle, Depot, Route};
use crate::ir::{Endpoint, Request};
use crate::plan::Plan;

/// The header by which a client names a provider.
const PROVIDER: &str = "x-pointsman-provider";

/// Where an errand goes.
pub(super) struct Chosen {
    pub(super) depot: Arc<Depot>,
    /// The route that chose it; the depot's own without a model.
    pub(super) route: Arc<Route>,
}

/// Chooses.
///
/// # Errors
/// `NotFound`: no such provider, or none keeps such things; errors of policies.
pub(super) async fn choose(exchange: &mut Exchange, errand: &Errand, label: &Label) -> Result<Chosen> {
    let bundle = Arc::clone(&exchange.bundle);
    let alone = |depot: &Arc<Depot>| Chosen { depot: Arc::clone(depot), route: Arc::clone(&depot.route) };
    if let Some(depot) = label.id.as_deref().or(errand.id()).and_then(|id| named(&bundle, id)) {
        return able(errand, depot).map(alone);
    }
    if let Some(name) = errand.headers.get(PROVIDER) {
        let depot = name.to_str().ok().and_then(|name| bundle.depot_at(name));
        return able(errand, depot.ok_or_else(|| no_provider(&bundle, errand))?).map(alone);
    }
    if let Some(model) = &label.model
        && let Some(route) = route_of(&bundle, errand.inbound.dialect(), model)
    {
        if !may_ask(&exchange.principal, model) {
            return Err(unknown_model(model));
        }
        model.clone_into(&mut exchange.asked);
        let route = Arc::clone(route);
        let depot = by_policies(exchange, errand, &route, model).await?;
        return Ok(Chosen { depot, route });
    }
    let files = !(errand.without_files() || label.without_files);
    let keeps = |depot: &&Arc<Depot>| {
        errand.kept_by(depot)
            && (errand.endpoint == Endpoint::Files
                || files == depot.model.provider.kind.endpoints.contains(&Endpoint::Files))
    };
    let any = || bundle.depots.iter().find(|depot| errand.kept_by(depot));
    let found = bundle.depots.iter().find(keeps).or_else(any);
    found.map(alone).ok_or_else(|| no_provider(&bundle, errand))
}

/// Where the policies of `route` send a batch whose first model is `model`.
async fn by_policies(
    exchange: &mut Exchange,
    errand: &Errand,
    route: &Arc<Route>,
    model: &str,
) -> Result<Arc<Depot>> {
    exchange.route = Some(Arc::clone(route));
    let journey = Arc::new(journey_of(exchange, Arc::clone(route), &errand.headers));
    let request = Request::new(errand.inbound.dialect(), model);
    let request = LazyRequest::built(errand.endpoint, errand.inbound, request);
    let mut deciders = Deciders::new(&journey, request, policy_headers(exchange, &errand.headers));
    let plan = decide(&mut deciders).await;
    keep(exchange, &mut deciders);
    let bundle = &exchange.bundle;
    let depot_of = |model: &Arc<str>| {
        bundle.depot_at(&bundle.models.get(model)?.provider.name).filter(|depot| errand.kept_by(depot))
    };
    let mut depots = plan?.steps.into_iter().filter_map(|step| depot_of(&step.model).cloned());
    depots.next().ok_or_else(|| {
        let text = format!(
            "no candidate of route `{}` is at a provider that takes batches in this form",
            route.name
        );
        Error::new(Kind::Unsupported, Origin::Client, text).with_param("model")
    })
}

async fn decide(deciders: &mut Deciders) -> Result<Plan> {
    let own = || {
        let text =
            "a policy answered by itself, which it can do for conversations only: let it reject instead";
        Error::new(Kind::PolicyFailed, Origin::Policy, text)
    };
    if deciders.on_request().await?.is_some() {
        return Err(own());
    }
    match deciders.route().await? {
        Decision::Go(plan) => Ok(plan),
        Decision::Answer(_) => Err(own()),
        Decision::Later(_) => Err(defers_conversations()),
    }
}

fn able<'d>(errand: &Errand, depot: &'d Arc<Depot>) -> Result<&'d Arc<Depot>> {
    if errand.kept_by(depot) {
        return Ok(depot);
    }
    let (name, what) = (&depot.model.provider.name, errand.endpoint.name());
    let text = format!("provider `{name}` keeps no {what} in this API's form");
    Err(Error::new(Kind::Unsupported, Origin::Client, text))
}

fn no_provider(bundle: &Bundle, errand: &Errand) -> Error {
    let able = bundle.depots.iter().filter(|depot| errand.kept_by(depot));
    let names: Vec<&str> = able.map(|depot| &*depot.model.provider.name).collect();
    let what = errand.endpoint.name();
    let text = if names.is_empty() {
        format!("no provider of this gateway keeps {what} in this API's form")
    } else {
        format!("`{PROVIDER}` names no provider that keeps {what}: it can be {}", names.join(", "))
    };
    Error::new(Kind::NotFound, Origin::Client, text).with_code("unknown_provider")
}
