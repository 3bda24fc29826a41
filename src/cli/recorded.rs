//! A recorded exchange as the commands take it that work offline: its request,
//! who called and when, what its policies asked and what came back.

use std::sync::Arc;

use super::explain::scene;
use super::records::{self, wait};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::dialect::LazyRequest;
use crate::gateway::{Bundle, Route, request_of, restored};
use crate::model::{Candidate, Model};
use crate::policy::{Hook, JournalEntry, Scene};
use crate::principal::Principal;
use crate::record::Exchange;

/// A recorded exchange.
pub(super) struct Recorded {
    /// The record.
    pub exchange: Exchange,
    /// Its request, or one of the same size and features.
    pub request: LazyRequest,
    /// Whether it is the request itself.
    pub itself: bool,
    /// What its policies asked and witnessed.
    pub past: Vec<(Hook, JournalEntry)>,
}

impl Recorded {
    /// `None`: the record keeps too little of the request.
    pub(super) fn of(exchange: Exchange) -> Option<Self> {
        let (request, itself) = request_of(&exchange)?;
        let past = restored(&exchange);
        Some(Self { exchange, request, itself, past })
    }

    /// The record of `id`, or of the only one that begins so, among those that `loaded` keeps.
    ///
    /// # Errors
    /// No such record, or one that keeps too little, in words.
    pub(super) fn find(loaded: Loaded, id: &str) -> Result<Self, String> {
        let archive = records::recorded(loaded)?;
        let absent = || format!("there is no record `{id}`, or several begin so");
        let exchange = wait(archive.get(id))?.ok_or_else(absent)?;
        Self::of(exchange)
            .ok_or_else(|| format!("record `{id}` is of no conversation, or keeps nothing of its request"))
    }

    /// The route that it takes in `bundle`.
    pub(super) fn route<'a>(&self, bundle: &'a Bundle) -> Option<&'a Arc<Route>> {
        bundle.route(&self.exchange.asked, self.request.endpoint())
    }

    /// What policies see of it in `bundle`, each model as `facts` state it.
    pub(super) fn scene(
        &self,
        bundle: &Bundle,
        route: &Route,
        facts: &dyn Fn(&Arc<Model>) -> Candidate,
    ) -> Scene {
        Scene {
            session: self.exchange.session.as_deref().map(Arc::from),
            now: Clock::manual(self.exchange.started_ms).now(),
            ..scene(bundle, route, self.request.clone(), self.caller(bundle), facts)
        }
    }

    /// Who called: the key of that name, else what the record says of it.
    pub(super) fn caller(&self, bundle: &Bundle) -> Arc<Principal> {
        let exchange = &self.exchange;
        let known = bundle.keys.iter().map(|entry| &entry.principal).find(|one| *one.key == *exchange.key);
        known.cloned().unwrap_or_else(|| {
            let shared = |text: &Option<String>| text.as_deref().map(Arc::from);
            Arc::new(Principal {
                key: exchange.key.as_str().into(),
                team: shared(&exchange.team),
                department: shared(&exchange.department),
                user: shared(&exchange.user),
                ..Principal::default()
            })
        })
    }
}
