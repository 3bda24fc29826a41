//! What a script sees: one value an exchange, handed in and handed back.

use std::sync::Arc;

use serde_json::{Map, Value};

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

/// Models with live prices and health: taken once, when first looked at.
#[derive(Clone)]
pub struct Catalog {
    take: Arc<dyn Fn() -> Snapshot + Send + Sync>,
    taken: Arc<std::sync::OnceLock<Snapshot>>,
}

/// Candidates and all models of one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The models that the route allows, in its order.
    pub candidates: Arc<[Candidate]>,
    /// All models of the bundle, by name.
    pub models: Arc<[Candidate]>,
}

impl Catalog {
    /// A catalog that calls `take` at the first look.
    #[must_use]
    pub fn lazy(take: Arc<dyn Fn() -> Snapshot + Send + Sync>) -> Self {
        Self { take, taken: Arc::default() }
    }

    /// A catalog of fixed values, for cases and tests.
    #[must_use]
    pub fn fixed(candidates: Vec<Candidate>, models: Vec<Candidate>) -> Self {
        let snapshot = Snapshot { candidates: candidates.into(), models: models.into() };
        Self::lazy(Arc::new(move || snapshot.clone()))
    }

    /// The models that the route allows, in its order.
    #[must_use]
    pub fn candidates(&self) -> &Arc<[Candidate]> {
        &self.taken.get_or_init(|| (self.take)()).candidates
    }

    /// All models of the bundle, by name.
    #[must_use]
    pub fn models(&self) -> &Arc<[Candidate]> {
        &self.taken.get_or_init(|| (self.take)()).models
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("taken", &self.taken.get()).finish()
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
