//! `pointsman explain`: what a route makes of a request, offline.

mod live;
mod shown;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Map;

use super::load::load;
use super::recorded::Recorded;
use super::{Exit, Output, render_problems};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::dialect::{LazyRequest, PathFacts, inbound};
use crate::error::Error;
use crate::gateway::{Bundle, Caller, Route, Sighted, enclosed_offline, reachable};
use crate::ir::{Dialect, Endpoint};
use crate::model::{Candidate, Health, Model};
use crate::policy::explain::explain;
use crate::policy::speech::Spoken;
use crate::policy::{Bound, Catalog, Hook, JournalEntry, Policies, RouteFacts, Scene};
use crate::principal::Principal;
use crate::problem::instead;
use crate::record::deferrals::Deferrals;
use crate::state::MemoryStore;

/// Explains where a request would go and why: every hook, every branch with what it read, why each
/// candidate fell, the plan and its cost. Nobody is asked and nothing is sent.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The request: a chat body as JSON.
    #[arg(required_unless_present = "record")]
    request: Option<PathBuf>,
    /// A recorded exchange instead, by its id or the beginning of it; its journal answers what policies ask.
    #[arg(long, value_name = "ID", conflicts_with_all = ["request", "key", "endpoint"])]
    record: Option<String>,
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
    /// Take prices and health from a running gateway: the address of its admin port.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Exit {
    let explained = prepare(args).map(|prepared| {
        let Prepared { policies, bound, scene, past, unknown } = prepared;
        unknown.iter().for_each(|line| output.note(line));
        (explain(&bound, scene, &past), policies)
    });
    let facts = args.admin.as_deref();
    match explained {
        Ok((explained, _)) if output.is_json() => output.json(&shown::as_json(&explained, facts)),
        Ok((explained, policies)) => {
            shown::as_text(&explained, &policies, facts).iter().for_each(|line| output.line(line));
        }
        Err(text) => {
            output.note(text.trim_end());
            return Exit::Problems;
        }
    }
    Exit::Ok
}

/// What is explained.
struct Prepared {
    /// The policies, watched.
    policies: Policies,
    /// Those of the route, with its parameters.
    bound: Vec<Arc<Bound>>,
    scene: Scene,
    /// What is known of the answers to what they ask.
    past: Vec<(Hook, JournalEntry)>,
    /// What cannot be known offline, in words.
    unknown: Vec<String>,
}

fn prepare(args: &Args) -> Result<Prepared, String> {
    // What a request costs and where it goes does not hang on secrets.
    let loaded = load(&args.config)?;
    let live = args.admin.as_deref().map(live::Live::of).transpose()?;
    let facts = |model: &Arc<Model>| match &live {
        Some(live) => live.candidate(idle(model)),
        None => idle(model),
    };
    let bundle = Arc::clone(&loaded.bundle);
    let (route, scene, past, unknown) = match (&args.request, &args.record) {
        (_, Some(id)) => {
            let recorded = Recorded::find(loaded, id)?;
            let route = find_route(&bundle, args, &recorded.request)?;
            let scene = recorded.scene(&bundle, route, &facts);
            (route, scene, recorded.past, unrecorded(recorded.itself))
        }
        (Some(file), None) => {
            let (request, principal, unknown) = written(args, &loaded, file)?;
            let route = find_route(&bundle, args, &request)?;
            reachable(route, &request).map_err(|error| unread(file, &error))?;
            (route, scene(&bundle, route, request, principal, &facts), Vec::new(), unknown)
        }
        (None, None) => return Err("a request's file, or --record ID, is needed".to_owned()),
    };
    let policies = bundle.policies.watched().map_err(|problems| render_problems(&problems, false))?;
    let watched = |bound: &Arc<Bound>| {
        let again = policies.get(&bound.policy.name).map(|policy| policy.bind(&bound.with));
        again.and_then(Result::ok).unwrap_or_else(|| Arc::clone(bound))
    };
    let bound = route.policies.iter().map(watched).collect();
    Ok(Prepared { policies, bound, scene, past, unknown })
}

/// What a record cannot tell, in words.
fn unrecorded(itself: bool) -> Vec<String> {
    let likeness = "the record keeps no content: a request of the same size and features stands for it";
    (!itself).then(|| likeness.to_owned()).into_iter().collect()
}

fn unread(file: &Path, error: &Error) -> String {
    format!("{}: {}", file.display(), error.message)
}

/// The request in `file`, who calls with it, and what of it cannot be known offline.
fn written(
    args: &Args,
    loaded: &Loaded,
    file: &Path,
) -> Result<(LazyRequest, Arc<Principal>, Vec<String>), String> {
    let body = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let endpoint =
        Endpoint::named(&args.endpoint).ok_or_else(|| format!("there is no endpoint `{}`", args.endpoint))?;
    let dialect = match endpoint {
        Endpoint::Messages => Dialect::Anthropic,
        Endpoint::Responses => Dialect::OpenAiResponses,
        _ => Dialect::OpenAiChat,
    };
    let side = inbound(dialect).ok_or_else(|| format!("requests at `{}` cannot be read", args.endpoint))?;
    let principal = find_key(&loaded.bundle, args.key.as_deref())?;
    let caller = Caller { bundle: &loaded.bundle, principal: &principal, dialect };
    let folder = loaded.records.as_ref().map(|records| records.folder.as_path());
    let Sighted { raw, at, unknown } =
        sighted(&caller, folder, body.into()).map_err(|error| unread(file, &error))?;
    let request = LazyRequest::read(endpoint, side, raw, PathFacts::default());
    let request = request.map_err(|error| unread(file, &error))?.with_files_at(at);
    Ok((request, principal, unknown))
}

/// The body with its files' ids as their provider knows them, by the records in `folder`.
fn sighted(caller: &Caller<'_>, folder: Option<&Path>, body: Bytes) -> Result<Sighted, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::internal(error.to_string()))?;
    runtime.block_on(async {
        let holdings = match folder {
            Some(folder) => Deferrals::read(folder).await?,
            None => None,
        };
        enclosed_offline(caller, holdings.as_ref(), &body).await
    })
}

fn find_route<'a>(bundle: &'a Bundle, args: &Args, request: &LazyRequest) -> Result<&'a Arc<Route>, String> {
    match &args.route {
        Some(name) => {
            let hit = bundle.routes.iter().find(|route| *route.name == **name);
            let known = bundle.routes.iter().map(|route| &*route.name);
            hit.ok_or_else(|| format!("there is no route `{name}`; {}", instead(name, "route", known)))
        }
        None => {
            bundle.route(request.model(), request.endpoint()).ok_or_else(|| no_route(bundle, request.model()))
        }
    }
}

fn no_route(bundle: &Bundle, model: &str) -> String {
    let claimed = bundle.routes.iter().flat_map(|route| &route.names).map(|name| &**name);
    let known = claimed.chain(bundle.models.keys().map(|name| &**name));
    format!("no route claims the model `{model}`; {}", instead(model, "model", known))
}

fn find_key(bundle: &Bundle, name: Option<&str>) -> Result<Arc<Principal>, String> {
    let Some(name) = name else {
        return Ok(Arc::new(Principal { key: "anonymous".into(), ..Principal::default() }));
    };
    let hit = bundle.keys.iter().find(|entry| *entry.principal.key == *name);
    let known = bundle.keys.iter().map(|entry| &*entry.principal.key);
    hit.map(|entry| Arc::clone(&entry.principal))
        .ok_or_else(|| format!("there is no key `{name}`; {}", instead(name, "key", known)))
}

/// What policies see of `request`, each model as `facts` state it.
pub(super) fn scene(
    bundle: &Bundle,
    route: &Route,
    request: LazyRequest,
    principal: Arc<Principal>,
    facts: &dyn Fn(&Arc<Model>) -> Candidate,
) -> Scene {
    let candidates = route.candidates.iter().map(facts).collect();
    let models = bundle.models.values().map(facts).collect();
    Scene {
        request,
        route: Arc::new(RouteFacts { name: Arc::clone(&route.name), retries: route.retries.max }),
        catalog: Catalog::fixed(candidates, models),
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
        spoken: Spoken::Text,
        event: None,
        notes: Map::new(),
        trace: None,
    }
}

/// A model without traffic, at the price of the configuration.
pub(super) fn idle(model: &Arc<Model>) -> Candidate {
    Candidate {
        model: Arc::clone(model),
        price: model.price.clone(),
        usual_price: None,
        health: Health { healthy: true, headroom: 1.0, ..Health::default() },
    }
}
