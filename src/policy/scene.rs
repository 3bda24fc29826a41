//! What a script sees: one value an exchange, handed in and handed back.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::speech::Spoken;
use crate::clock::Now;
use crate::dialect::LazyRequest;
use crate::error::Error;
use crate::model::Candidate;
use crate::principal::Principal;

/// What the hooks of one exchange see and may change. The gateway makes it
/// after authentication and lends it to each hook in turn.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The request; `on_request` may edit it.
    pub request: LazyRequest,
    /// The route that serves it.
    pub route: Arc<RouteFacts>,
    /// The models of the route and of the bundle, with prices and health now.
    pub catalog: Catalog,
    /// Who calls.
    pub principal: Arc<Principal>,
    /// The headers that policies may see, names in lower case.
    pub headers: Arc<Vec<(String, String)>>,
    /// The client's session, where it names one.
    pub session: Option<Arc<str>>,
    /// The exchange's id.
    pub request_id: Arc<str>,
    /// The time of the exchange's start: what `now()` says in hooks without effects.
    pub now: Now,
    /// Seed of `random()` and of sticky choices; drawn once an exchange.
    pub seed: u64,
    /// State kept between exchanges, in memory or shared.
    pub state: Arc<dyn crate::state::Store>,
    /// What `on_failure` looks at.
    pub attempt: Option<Arc<AttemptFacts>>,
    /// What `on_response` looks at and may edit.
    pub response: Option<Arc<crate::ir::Response>>,
    /// The sentence that `on_text` looks at.
    pub text: Option<Arc<str>>,
    /// The part of the answer to which it belongs.
    pub spoken: Spoken,
    /// What `on_settled` looks at (`record`) or `on_feedback` does (`feedback`).
    pub event: Option<Arc<Value>>,
    /// What policies noted (`ctx.note(name, value)`), for headers, log and record.
    pub notes: Map<String, Value>,
    /// Where queries write why a candidate fell; absent outside `explain` and cases.
    pub trace: Option<Arc<super::Trace>>,
}

/// The facts of a route that policies see.
#[derive(Debug, Clone, Default)]
pub struct RouteFacts {
    /// Its name; the model's own name when a client asks for a model directly.
    pub name: Arc<str>,
    /// Retries that a step has unless its plan says otherwise.
    pub retries: u32,
}

/// Which models a [`Catalog`] is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// The models that the route allows, in its order.
    Candidates,
    /// All models of the bundle, by name.
    Models,
}

/// Where a [`Catalog`] takes its models from.
pub trait Stock: Send + Sync {
    /// A shelf's models with the prices and health of the moment.
    fn take(&self, shelf: Shelf) -> Arc<[Candidate]>;

    /// The name of the model `name`, if there is one: without a look at prices and health.
    fn name(&self, name: &str) -> Option<Arc<str>>;
}

/// Models with live prices and health: each shelf taken once, when first looked at.
#[derive(Clone)]
pub struct Catalog(Arc<Shelves>);

struct Shelves {
    stock: Box<dyn Stock>,
    candidates: OnceLock<Arc<[Candidate]>>,
    models: OnceLock<Arc<[Candidate]>>,
}

impl Catalog {
    /// A catalog that takes a shelf from `stock` at the first look at it.
    #[must_use]
    pub fn lazy(stock: Box<dyn Stock>) -> Self {
        Self(Arc::new(Shelves { stock, candidates: OnceLock::new(), models: OnceLock::new() }))
    }

    /// A catalog of fixed values, for cases and tests.
    #[must_use]
    pub fn fixed(candidates: Vec<Candidate>, models: Vec<Candidate>) -> Self {
        Self::lazy(Box::new(Fixed { candidates: candidates.into(), models: models.into() }))
    }

    /// The models that the route allows, in its order.
    #[must_use]
    pub fn candidates(&self) -> &Arc<[Candidate]> {
        self.0.candidates.get_or_init(|| self.0.stock.take(Shelf::Candidates))
    }

    /// All models of the bundle, by name.
    #[must_use]
    pub fn models(&self) -> &Arc<[Candidate]> {
        self.0.models.get_or_init(|| self.0.stock.take(Shelf::Models))
    }

    /// The name of the model `name`, if there is one.
    #[must_use]
    pub fn name(&self, name: &str) -> Option<Arc<str>> {
        self.0.stock.name(name)
    }
}

/// Models that stay as they are.
struct Fixed {
    candidates: Arc<[Candidate]>,
    models: Arc<[Candidate]>,
}

impl Stock for Fixed {
    fn take(&self, shelf: Shelf) -> Arc<[Candidate]> {
        Arc::clone(match shelf {
            Shelf::Candidates => &self.candidates,
            Shelf::Models => &self.models,
        })
    }

    fn name(&self, name: &str) -> Option<Arc<str>> {
        let found = self.models.iter().find(|candidate| &*candidate.model.name == name);
        found.map(|candidate| Arc::clone(&candidate.model.name))
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("candidates", &self.0.candidates.get()).finish_non_exhaustive()
    }
}

/// A failed attempt, as `on_failure` sees it.
#[derive(Debug, Clone)]
pub struct AttemptFacts {
    /// The model that was tried.
    pub model: Arc<str>,
    /// Its place among the exchange's attempts, from 1.
    pub number: u32,
    /// Why it failed.
    pub error: Error,
    /// How long it took, milliseconds.
    pub elapsed_ms: u64,
    /// How many steps of the plan are left.
    pub steps_left: u32,
}
