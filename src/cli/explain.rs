//! `pointsman explain`: what a route makes of a request, offline.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Exit, Output, render_problems};
use crate::clock::Clock;
use crate::config::{self, Snapshot as Files, Sources};
use crate::dialect::{LazyRequest, PathFacts, inbound};
use crate::gateway::{Bundle, Route};
use crate::ir::{Dialect, Endpoint, Money};
use crate::model::{Candidate, Health, Model};
use crate::plan::{Step, Verdict};
use crate::policy::explain::{Explanation, Offline, Stop, explain};
use crate::policy::{Catalog, Effects, RouteFacts, Scene, Snapshot};
use crate::principal::Principal;
use crate::state::MemoryStore;

/// Explains, without a network, where a request would go and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The request: a chat body as JSON.
    request: PathBuf,
    /// A gateway.yaml or its folder.
    #[arg(long, default_value = ".")]
    config: PathBuf,
    /// The route; else the one that claims the request's model.
    #[arg(long)]
    route: Option<String>,
    /// The name of the key that calls.
    #[arg(long)]
    key: Option<String>,
    /// The endpoint: chat, responses or messages.
    #[arg(long, default_value = "chat")]
    endpoint: String,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let explained = prepare(args).and_then(|(policies, scene)| {
        let effects: Arc<dyn Effects> = Arc::new(Offline);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(runtime.block_on(explain(&policies, scene, &effects)))
    });
    match explained {
        Ok(explained) if output.is_json() => output.json(&as_json(&explained)),
        Ok(explained) => as_text(&explained).iter().for_each(|line| output.line(line)),
        Err(text) => {
            output.note(text.trim_end());
            return Exit::Problems;
        }
    }
    Exit::Ok
}

type Prepared = (Vec<Arc<crate::policy::Bound>>, Scene);

fn prepare(args: &Args) -> Result<Prepared, String> {
    let shown = |problems: &[crate::problem::Problem]| render_problems(problems, false);
    let files = Files::read(&args.config).map_err(|problem| shown(&[*problem]))?;
    // What a request costs and where it goes does not hang on secrets.
    let sources = Sources { env: &config::environment, folder: &files.folder, pretend: true };
    let loaded = config::build(&files, &sources).map_err(|problems| shown(&problems))?;
    let body =
        std::fs::read(&args.request).map_err(|error| format!("{}: {error}", args.request.display()))?;
    let endpoint =
        Endpoint::named(&args.endpoint).ok_or_else(|| format!("there is no endpoint `{}`", args.endpoint))?;
    let dialect = match endpoint {
        Endpoint::Messages => Dialect::Anthropic,
        Endpoint::Responses => Dialect::OpenAiResponses,
        _ => Dialect::OpenAiChat,
    };
    let side = inbound(dialect).ok_or_else(|| format!("requests at `{}` cannot be read", args.endpoint))?;
    let request = LazyRequest::read(endpoint, side, body.into(), PathFacts::default())
        .map_err(|error| format!("{}: {}", args.request.display(), error.message))?;
    let bundle = &loaded.bundle;
    let route = find_route(bundle, args, &request)?;
    let principal = find_key(bundle, args.key.as_deref())?;
    let policies = route.policies.clone();
    Ok((policies, scene(bundle, route, request, principal)))
}

fn find_route<'a>(bundle: &'a Bundle, args: &Args, request: &LazyRequest) -> Result<&'a Arc<Route>, String> {
    match &args.route {
        Some(name) => {
            let hit = bundle.routes.iter().find(|route| *route.name == **name);
            hit.ok_or_else(|| format!("there is no route `{name}`"))
        }
        None => bundle
            .route(request.model(), request.endpoint())
            .ok_or_else(|| format!("no route claims the model `{}`", request.model())),
    }
}

fn find_key(bundle: &Bundle, name: Option<&str>) -> Result<Arc<Principal>, String> {
    let Some(name) = name else {
        return Ok(Arc::new(Principal { key: "anonymous".into(), ..Principal::default() }));
    };
    let hit = bundle.keys.iter().find(|entry| *entry.principal.key == *name);
    hit.map(|entry| Arc::clone(&entry.principal)).ok_or_else(|| format!("there is no key `{name}`"))
}

pub(super) fn scene(
    bundle: &Bundle,
    route: &Route,
    request: LazyRequest,
    principal: Arc<Principal>,
) -> Scene {
    let candidates = route.candidates.iter().map(idle).collect();
    let models = bundle.models.values().map(idle).collect();
    Scene {
        request,
        route: Arc::new(RouteFacts { name: Arc::clone(&route.name), retries: route.retries.max }),
        catalog: catalog(candidates, models),
        principal,
        headers: Arc::default(),
        session: None,
        request_id: "explain".into(),
        now: Clock::System.now(),
        seed: 0,
        state: Arc::new(MemoryStore::default()),
        attempt: None,
        response: None,
        text: None,
        event: None,
        notes: Map::new(),
        trace: None,
    }
}

fn catalog(candidates: Vec<Candidate>, models: Vec<Candidate>) -> Catalog {
    let snapshot = Snapshot { candidates: candidates.into(), models: models.into() };
    Catalog::lazy(Arc::new(move || snapshot.clone()))
}

/// A model without traffic, at the price of the configuration.
fn idle(model: &Arc<Model>) -> Candidate {
    Candidate {
        model: Arc::clone(model),
        price: model.price.clone().map(Arc::new),
        usual_price: None,
        health: Health { healthy: true, headroom: 1.0, ..Health::default() },
    }
}

fn as_text(explained: &Explanation) -> Vec<String> {
    let mut lines = Vec::new();
    for stop in &explained.stops {
        lines.push(format!("{} {}: {}", stop.policy, stop.hook.function(), said(stop)));
        lines.extend(
            stop.falls.iter().map(|fall| format!("    - {}: {}, {}", fall.model, fall.query, fall.why)),
        );
        lines.extend(stop.notes.iter().map(|(name, value)| format!("    note {name} = {value}")));
        if stop.edited {
            lines.push("    edited the request".to_owned());
        }
        lines.extend(
            stop.journal.iter().map(|entry| format!("    effect {} ({} ms)", entry.effect, entry.elapsed_ms)),
        );
    }
    lines.push(format!("=> {}", in_words(&explained.verdict)));
    for (at, one) in explained.estimates.iter().enumerate() {
        let cost = one.cost.map_or("unpriced".to_owned(), |cost| format!("about {cost} USD"));
        let misfit =
            one.misfit.as_deref().map(|why| format!(" (cannot serve it: {why})")).unwrap_or_default();
        lines.push(format!(
            "   {}. {}: {} input tokens, {cost}{misfit}",
            at + 1,
            one.model,
            one.input_tokens
        ));
    }
    lines
}

fn said(stop: &Stop) -> String {
    match &stop.verdict {
        Ok(verdict) => in_words(verdict),
        Err(fault) => format!("failed: {fault}"),
    }
}

fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Continue => "nothing".to_owned(),
        Verdict::Reject { status, code, message } => format!("refuses with {status} {code}: {message}"),
        Verdict::Respond(response) => format!("answers {:?}", response.text()),
        Verdict::Route(plan) => {
            let steps: Vec<String> = plan.steps.iter().map(step_in_words).collect();
            format!("tries {}", steps.join(", then "))
        }
        Verdict::Retry { after } => format!("tries again after {} ms", after.as_millis()),
        Verdict::GiveUp => "gives up".to_owned(),
        Verdict::Replace(text) => format!("says {text:?} instead"),
        Verdict::Stop(text) => format!("ends with {text:?}"),
    }
}

fn step_in_words(step: &Step) -> String {
    let mut bounds = Vec::new();
    bounds.extend(step.first_byte.map(|time| format!("first byte {} ms", time.as_millis())));
    bounds.extend(step.idle.map(|time| format!("idle {} ms", time.as_millis())));
    bounds.extend(step.total.map(|time| format!("total {} ms", time.as_millis())));
    bounds.extend(step.hedge_after.map(|time| format!("hedged after {} ms", time.as_millis())));
    bounds.extend(step.retries.map(|times| format!("{times} retries")));
    if bounds.is_empty() { step.model.to_string() } else { format!("{} ({})", step.model, bounds.join(", ")) }
}

fn as_json(explained: &Explanation) -> Value {
    let stops: Vec<Value> = explained.stops.iter().map(stop_as_json).collect();
    let steps = explained.estimates.iter().map(|one| {
        json!({
            "model": &*one.model,
            "input_tokens": one.input_tokens,
            "cost_usd": one.cost.map(Money::as_usd),
            "misfit": one.misfit,
        })
    });
    json!({ "stops": stops, "verdict": in_words(&explained.verdict), "steps": steps.collect::<Vec<_>>() })
}

fn stop_as_json(stop: &Stop) -> Value {
    let falls: Vec<Value> = stop
        .falls
        .iter()
        .map(|fall| json!({ "model": &*fall.model, "query": fall.query, "why": fall.why }))
        .collect();
    json!({
        "policy": &*stop.policy,
        "hook": stop.hook.function(),
        "verdict": said(stop),
        "failed": stop.verdict.is_err(),
        "falls": falls,
        "notes": stop.notes,
        "edited": stop.edited,
        "effects": stop.journal.iter().map(|entry| entry.effect).collect::<Vec<_>>(),
    })
}
