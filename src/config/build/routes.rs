//! `routes:`, and the routes of models that are asked for by their own names.

use std::collections::HashMap;
use std::sync::Arc;

use globset::{Glob, GlobMatcher, GlobSet, GlobSetBuilder};

use super::{Build, ByName};
use crate::config::file;
use crate::gateway::{Bounds, Retries, Route, Shadow, Timeouts};
use crate::ir::{Endpoint, Money};
use crate::model::Model;
use crate::policy::{Bound, Hook, Policies};
use crate::yaml::At;

/// What earlier routes claim.
struct Claimed {
    route: String,
    pattern: String,
    matcher: GlobMatcher,
    endpoints: Option<Vec<Endpoint>>,
}

impl Build<'_> {
    pub(super) fn routes(&mut self, models: &ByName<Model>, policies: &Policies) -> Vec<Arc<Route>> {
        let declared = std::mem::take(&mut self.file.routes);
        let mut claimed = Vec::new();
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut built = Vec::new();
        for written in &declared {
            if let Some(line) = names.insert(&written.name, written.name.place.line) {
                let message = format!("a second route `{}`", written.name.value);
                let help = format!("the first stands in line {line}; names are unique");
                self.findings.error(written.name.place, "duplicate_name", message, &help);
            }
            let names = written.models.clone().unwrap_or_else(|| vec![written.name.clone()]);
            let claims = self.claims(written, &names, &mut claimed);
            let candidates = self.candidates(written, models);
            let bound = self.bound(&written.policies, policies);
            self.unheard(written, &bound);
            let mut route = Route {
                name: written.name.value.as_str().into(),
                names: names.into_iter().map(|name| name.value).collect(),
                claims,
                endpoints: written.endpoints.as_ref().map(|list| list.iter().map(|at| at.value.0).collect()),
                candidates,
                policies: bound,
                shadow: None,
                timeouts: timeouts(&written.timeouts, &timeouts(&self.file.timeouts, &Timeouts::default())),
                retries: retries(&written.retries, retries(&self.file.retries, Retries::default())),
                strict: written.strict.unwrap_or(self.file.strict),
            };
            route.shadow = written.shadow.as_ref().and_then(|shadow| self.shadow(shadow, &route, policies));
            built.push(Arc::new(route));
        }
        self.file.routes = declared;
        built
    }

    /// A route for each model, for clients that ask for it by its name.
    pub(super) fn direct_routes(&mut self, models: &ByName<Model>, policies: &Policies) -> ByName<Route> {
        let written = std::mem::take(&mut self.file.default_policies);
        let bound = self.bound(&written, policies);
        self.file.default_policies = written;
        let route = |model: &Arc<Model>| Route {
            name: Arc::clone(&model.name),
            names: vec![model.name.to_string()],
            claims: GlobSet::empty(),
            endpoints: None,
            candidates: vec![Arc::clone(model)],
            policies: bound.clone(),
            shadow: None,
            timeouts: timeouts(&self.file.timeouts, &Timeouts::default()),
            retries: retries(&self.file.retries, Retries::default()),
            strict: self.file.strict,
        };
        models.iter().map(|(name, model)| (Arc::clone(name), Arc::new(route(model)))).collect()
    }

    fn bound(&mut self, written: &[file::PolicyUse], policies: &Policies) -> Vec<Arc<Bound>> {
        written.iter().filter_map(|written| self.bind(written, policies)).collect()
    }

    /// Refuses hooks that look at answers on a route of which no answer can be looked at.
    fn unheard(&mut self, route: &file::Route, bound: &[Arc<Bound>]) {
        let listed = route.endpoints.as_deref().filter(|list| !list.is_empty()).unwrap_or_default();
        if listed.is_empty() || listed.iter().any(|at| at.value.0.is_conversation()) {
            return;
        }
        let hooks = [(Hook::Text, "on_text"), (Hook::Response, "on_response")];
        for (policy, (hook, name)) in bound.iter().flat_map(|bound| hooks.map(|hook| (&bound.policy, hook))) {
            if policy.has(hook) {
                let message =
                    format!("`{name}` of `{}` would never run: answers here are no text", policy.name);
                let help = "list conversations among the route's `endpoints`, or take the policy out";
                self.findings.error(route.name.place, "unheard_hook", message, help);
            }
        }
    }

    fn shadow(&mut self, written: &file::Shadow, route: &Route, policies: &Policies) -> Option<Shadow> {
        let policy = self.bind(&written.policy, policies)?;
        let share = written.share.map_or(0.0, |share| share.0);
        let asks = policy.policy.can_suspend(Hook::Route);
        let sample = written.sample.map_or(if asks { 0.0 } else { 1.0 }, |sample| sample.0);
        if share == 0.0 && sample == 0.0 && asks {
            let message = format!(
                "`{}` asks models or services, which costs beside every exchange that it is tried on",
                policy.policy.name
            );
            let help = "say beside how many: `sample: 5%`; or let it act on some: `share: 5%`";
            self.findings.error(written.policy.name.place, "shadow_waits", message, help);
        }
        let above = &written.return_above;
        let bounds = Bounds {
            errors: above.errors.map_or(Bounds::default().errors, |share| share.0),
            cost: above.cost.map(|cost| Money(cost.0)),
            p95: above.p95.map(|time| time.0),
        };
        let route = Arc::new(Route {
            name: format!("{}/shadow", route.name).into(),
            names: Vec::new(),
            claims: GlobSet::empty(),
            endpoints: route.endpoints.clone(),
            candidates: route.candidates.clone(),
            policies: Vec::new(),
            shadow: None,
            timeouts: route.timeouts,
            retries: route.retries,
            strict: route.strict,
        });
        Some(Shadow { policy, share, sample, route, bounds })
    }

    /// The globs of a route, compiled; names that an earlier route takes are told.
    fn claims(&mut self, route: &file::Route, names: &[At<String>], claimed: &mut Vec<Claimed>) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        let endpoints: Option<Vec<Endpoint>> =
            route.endpoints.as_ref().map(|list| list.iter().map(|at| at.value.0).collect());
        let mut own = Vec::new();
        for name in names {
            let Some(glob) = self.glob(name) else { continue };
            let taken = claimed.iter().find(|other| other.covers(name, endpoints.as_deref()));
            if let Some(other) = taken {
                let message = format!("no request for `{}` comes here", name.value);
                let help = format!(
                    "route `{}` takes it first by `{}`; put this route before it",
                    other.route, other.pattern
                );
                self.findings.warn(name.place, "shadowed", message, &help);
            }
            own.push(Claimed {
                route: route.name.value.clone(),
                pattern: name.value.clone(),
                matcher: glob.compile_matcher(),
                endpoints: endpoints.clone(),
            });
            set.add(glob);
        }
        claimed.extend(own);
        set.build().unwrap_or_else(|_| GlobSet::empty())
    }

    fn glob(&mut self, name: &At<String>) -> Option<Glob> {
        match Glob::new(name) {
            Ok(glob) if !name.is_empty() => Some(glob),
            Ok(_) => {
                self.findings.error(name.place, "invalid_glob", "a name must not be empty", "");
                None
            }
            Err(error) => {
                let message = format!("`{}` is no pattern: {}", name.value, error.kind());
                let help = "`*` stands for any text, `?` for one character, `{a,b}` for one of several";
                self.findings.error(name.place, "invalid_glob", message, help);
                None
            }
        }
    }

    /// The models that a route allows, each once, in its order.
    fn candidates(&mut self, route: &file::Route, models: &ByName<Model>) -> Vec<Arc<Model>> {
        let Some(written) = &route.candidates else { return self.all_models(models) };
        if written.is_empty() {
            let help = "name models, or leave `candidates` out to allow all";
            let message = format!("route `{}` has no candidates", route.name.value);
            self.findings.error(route.name.place, "no_candidates", message, help);
        }
        let mut chosen: Vec<Arc<Model>> = Vec::new();
        let known = self.declared("models");
        for name in written {
            let found: Vec<Arc<Model>> = match models.get(name.as_str()) {
                Some(model) => vec![Arc::clone(model)],
                None if known.contains(&name.value) => continue,
                None if is_glob(name) => self.matching(name, models),
                None => Vec::new(),
            };
            if found.is_empty() {
                self.findings.unknown(name, "model", known.iter().map(String::as_str));
            }
            for model in found {
                if !chosen.iter().any(|other| other.name == model.name) {
                    chosen.push(model);
                }
            }
        }
        chosen
    }

    fn matching(&mut self, name: &At<String>, models: &ByName<Model>) -> Vec<Arc<Model>> {
        let Some(glob) = self.glob(name) else { return Vec::new() };
        let matcher = glob.compile_matcher();
        self.all_models(models).into_iter().filter(|model| matcher.is_match(&*model.name)).collect()
    }

    /// All models in the order of the file.
    fn all_models(&self, models: &ByName<Model>) -> Vec<Arc<Model>> {
        self.file.models.names().filter_map(|name| models.get(name).cloned()).collect()
    }
}

impl Claimed {
    /// Whether every request for `name` ends at this claim.
    fn covers(&self, name: &str, endpoints: Option<&[Endpoint]>) -> bool {
        let endpoints_covered = match (&self.endpoints, endpoints) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.iter().all(|endpoint| mine.contains(endpoint)),
        };
        let name_covered =
            self.pattern == name || (!is_glob(name) && self.matcher.is_match(name)) || self.pattern == "*";
        endpoints_covered && name_covered
    }
}

fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

pub(super) fn timeouts(written: &file::Timeouts, base: &Timeouts) -> Timeouts {
    Timeouts {
        first_byte: written.first_byte.map_or(base.first_byte, |time| time.0),
        idle: written.idle.map_or(base.idle, |time| time.0),
        total: written.total.map_or(base.total, |time| time.0),
    }
}

pub(super) fn retries(written: &file::Retries, base: Retries) -> Retries {
    Retries {
        max: written.max.unwrap_or(base.max),
        budget: written.budget.map_or(base.budget, |share| share.0),
    }
}
