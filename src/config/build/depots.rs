//! The providers that keep files and batches for clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::GlobSet;

use super::routes::{retries, timeouts};
use super::{Build, ByName};
use crate::gateway::{Depot, Retries, Route, Timeouts};
use crate::ir::Endpoint;
use crate::model::{Limits, Model};
use crate::provider::{Provider, Simulate};

impl Build<'_> {
    /// A depot for each of them, in the order of the file; what is simulated comes last.
    pub(super) fn depots(&self, providers: &ByName<Provider>, models: &ByName<Model>) -> Vec<Arc<Depot>> {
        let declared = self.file.providers.names().filter_map(|name| providers.get(name));
        let keeps = |provider: &&Arc<Provider>| {
            provider.kind.endpoints.iter().any(|served| matches!(served, Endpoint::Files | Endpoint::Batches))
        };
        let mut keeping: Vec<&Arc<Provider>> = declared.filter(keeps).collect();
        keeping.sort_by_key(|provider| provider.kind.in_process);
        keeping.into_iter().map(|provider| Arc::new(self.depot(provider, models))).collect()
    }

    fn depot(&self, provider: &Arc<Provider>, models: &ByName<Model>) -> Depot {
        let name: Arc<str> = format!("{}/files", provider.name).into();
        let model = Model {
            name: Arc::clone(&name),
            provider: Arc::clone(provider),
            upstream: String::new(),
            context_window: None,
            max_output_tokens: None,
            input: Vec::new(),
            output: Vec::new(),
            capabilities: None,
            price: None,
            tags: BTreeMap::new(),
            limits: Limits::default(),
            simulate: provider.kind.in_process.then(|| cast(provider, models)),
        };
        let route = Route {
            name,
            names: Vec::new(),
            claims: GlobSet::empty(),
            endpoints: None,
            candidates: Vec::new(),
            policies: Vec::new(),
            shadow: None,
            timeouts: timeouts(&self.file.timeouts, &Timeouts::default()),
            retries: retries(&self.file.retries, Retries::default()),
            strict: false,
        };
        Depot { model: Arc::new(model), route: Arc::new(route) }
    }
}

/// What a simulated provider needs to know of its models to answer batches.
fn cast(provider: &Provider, models: &ByName<Model>) -> Simulate {
    let own = models.values().filter(|model| model.provider.name == provider.name);
    let behaviour = |model: &Arc<Model>| {
        let part = (Arc::clone(&model.name), model.simulate.clone().unwrap_or_default());
        (model.upstream.clone(), part)
    };
    Simulate { cast: own.map(behaviour).collect(), ..Simulate::default() }
}
