//! Explanations: the hooks of a route run on one request with tracing on, and
//! what each policy saw, dropped, noted and said. Nobody is asked.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::query::{Need, elsewhere};
use super::{Bound, Branch, Catalog, Fall, Fault, Hook, JournalEntry, OnError, Scene, Trace, recall};
use crate::ir::Money;
use crate::model::tokens;
use crate::plan::{Plan, Verdict};

/// What happened at one hook of one policy.
#[derive(Debug)]
pub struct Stop {
    /// The policy's name.
    pub policy: Arc<str>,
    /// The hook.
    pub hook: Hook,
    /// What it returned, or how it failed.
    pub verdict: Result<Verdict, Fault>,
    /// Candidates that fell, in order.
    pub falls: Vec<Fall>,
    /// The branches that it came to, in order; only of a policy that is watched.
    pub branches: Vec<Branch>,
    /// What it noted.
    pub notes: Map<String, Value>,
    /// Whether it edited the request.
    pub edited: bool,
    /// Every effect, in order.
    pub journal: Vec<JournalEntry>,
}

/// A step of the plan with what it would cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The model.
    pub model: Arc<str>,
    /// The request's input tokens at this model.
    pub input_tokens: u64,
    /// Expected cost; absent: unpriced, or no such model.
    pub cost: Option<Money>,
    /// Why the model cannot serve the request, if it cannot.
    pub misfit: Option<String>,
}

/// What a route makes of a request.
#[derive(Debug)]
pub struct Explanation {
    /// Candidates that no policy saw: they are not where the request's files are.
    pub elsewhere: Vec<Fall>,
    /// Each hook of each policy, in the order of the exchange.
    pub stops: Vec<Stop>,
    /// What it came to: the last verdict, or the candidates in their order.
    pub verdict: Verdict,
    /// The plan's models, in order.
    pub estimates: Vec<Estimate>,
    /// The scene afterwards.
    pub scene: Scene,
}

/// Runs `on_request` and then `route` of each policy, as an exchange would.
/// Nobody is asked: answers come from `past`, the journal of an exchange.
#[must_use]
pub fn explain(policies: &[Arc<Bound>], scene: Scene, past: &[(Hook, JournalEntry)]) -> Explanation {
    let trace = Arc::new(Trace::default());
    let (scene, elsewhere) = at_its_files(scene);
    tokens::warm(scene.catalog.candidates().iter().map(|candidate| &*candidate.model));
    let mut scene = Box::new(Scene { trace: Some(Arc::clone(&trace)), ..scene });
    let mut stops: Vec<Stop> = Vec::new();
    for hook in [Hook::Request, Hook::Route] {
        for bound in policies.iter().filter(|bound| bound.policy.has(hook)) {
            let edited_before = scene.request.is_edited();
            let notes_before = scene.notes.clone();
            let own = |(at, entry): &&(Hook, JournalEntry)| *at == hook && entry.policy == bound.policy.name;
            let journal = past.iter().filter(own).map(|(_, entry)| entry.clone()).collect();
            let outcome = recall(bound, hook, scene, journal);
            scene = outcome.scene;
            let new = |(name, value): &(&String, &Value)| notes_before.get(*name) != Some(*value);
            let notes = scene.notes.iter().filter(new).map(|(name, value)| (name.clone(), value.clone()));
            stops.push(Stop {
                policy: Arc::clone(&bound.policy.name),
                hook,
                verdict: outcome.verdict,
                falls: trace.take(),
                branches: trace.take_branches(),
                notes: notes.collect(),
                edited: scene.request.is_edited() && !edited_before,
                journal: outcome.journal,
            });
            if let Some(verdict) = stops.last().and_then(|stop| ended(stop, bound.policy.on_error(hook))) {
                return finish((elsewhere, stops), verdict, *scene);
            }
        }
    }
    let all = scene.catalog.candidates().iter().map(|candidate| Arc::clone(&candidate.model.name));
    let verdict = Verdict::Route(Plan::of(all));
    finish((elsewhere, stops), verdict, *scene)
}

/// `scene` with the candidates that are at the provider which keeps the files
/// that its request names, and the others.
fn at_its_files(scene: Scene) -> (Scene, Vec<Fall>) {
    if scene.request.files_at().is_none() {
        return (scene, Vec::new());
    }
    let (mut there, mut falls) = (Vec::new(), Vec::new());
    for candidate in scene.catalog.candidates().iter() {
        match elsewhere(&scene.request, &candidate.model) {
            None => there.push(candidate.clone()),
            Some(why) => falls.push(Fall {
                model: Arc::clone(&candidate.model.name),
                query: "candidates".to_owned(),
                why: why.to_string(),
            }),
        }
    }
    let models = scene.catalog.models().to_vec();
    (Scene { catalog: Catalog::fixed(there, models), ..scene }, falls)
}

/// The verdict, if this stop ends the matter.
fn ended(stop: &Stop, on_error: OnError) -> Option<Verdict> {
    match &stop.verdict {
        Ok(Verdict::Continue) => None,
        Ok(verdict) => Some(verdict.clone()),
        Err(fault) if on_error == OnError::Deny => Some(Verdict::Reject {
            status: 500,
            code: "policy_failed".to_owned(),
            message: fault.to_string(),
        }),
        Err(_) => None,
    }
}

fn finish((elsewhere, stops): (Vec<Fall>, Vec<Stop>), verdict: Verdict, scene: Scene) -> Explanation {
    let estimates = match &verdict {
        Verdict::Route(plan) => plan.steps.iter().map(|step| estimate(&step.model, &scene)).collect(),
        _ => Vec::new(),
    };
    Explanation { elsewhere, stops, verdict, estimates, scene }
}

fn estimate(model: &Arc<str>, scene: &Scene) -> Estimate {
    let candidate = scene.catalog.models().iter().find(|candidate| candidate.model.name == *model);
    let need = Need::of(&scene.request).ok();
    let counted = |candidate: &crate::model::Candidate| {
        let tokenizer = tokens::Tokenizer::of(&candidate.model);
        tokens::near_request(&scene.request, tokenizer).unwrap_or(0)
    };
    Estimate {
        model: Arc::clone(model),
        input_tokens: candidate.map_or(0, counted),
        cost: candidate.zip(need).and_then(|(candidate, need)| need.cost(candidate)),
        misfit: candidate
            .zip(need)
            .and_then(|(one, need)| need.misfit(&one.model))
            .map(|why| why.to_string()),
    }
}
