//! What policies choose from: candidates and models as they are now, and the
//! plan that stands where no policy makes one.

use std::sync::Arc;

use super::exchange::Journey;
use super::prices::snapshot;
use crate::model::{Candidate, Model};
use crate::plan::Plan;
use crate::policy::{Shelf, Stock};

/// Candidates and models with prices and health, taken when first looked at.
pub(super) struct Live {
    pub(super) journey: Arc<Journey>,
    /// Files that the request names leave the candidates where they are kept.
    pub(super) files_at: Option<Arc<str>>,
}

impl Stock for Live {
    fn take(&self, shelf: Shelf) -> Arc<[Candidate]> {
        let Journey { gateway, bundle, route, .. } = &*self.journey;
        let (book, now) = (gateway.prices.load(), gateway.clock.now());
        let there = |model: &&Arc<Model>| self.files_at.as_ref().is_none_or(|at| model.provider.name == *at);
        match shelf {
            Shelf::Candidates => snapshot(route.candidates.iter().filter(there), &book, &gateway.models, now),
            Shelf::Models => snapshot(bundle.models.values(), &book, &gateway.models, now),
        }
    }

    fn name(&self, name: &str) -> Option<Arc<str>> {
        self.journey.bundle.models.get_key_value(name).map(|(name, _)| Arc::clone(name))
    }
}

/// The route's candidates in their order, those whose breaker is open last.
pub(super) fn default_plan(journey: &Journey) -> Plan {
    let now = journey.gateway.clock.now();
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for model in &journey.route.candidates {
        let healthy = journey.gateway.models.of(&model.name).healthy(now);
        if healthy { &mut first } else { &mut last }.push(Arc::clone(&model.name));
    }
    Plan::of(first.into_iter().chain(last))
}
