//! What the models and files that a batch names are called at its provider, and
//! whether its key may name them.

use std::sync::Arc;

use super::errand::{named, strip};
use super::keeper::{Keeper, unknown};
use crate::dialect::Named;
use crate::error::{Error, Result};
use crate::gateway::entry::unknown_model;
use crate::gateway::exchange::Journey;
use crate::gateway::identify::may_ask;
use crate::gateway::{Bundle, Depot, Gateway, Route};
use crate::ir::{Dialect, Endpoint};
use crate::principal::Principal;
use crate::record::deferrals::Thing;

/// What models and files are called at the provider of a depot.
pub(super) struct Names {
    gateway: Arc<Gateway>,
    bundle: Arc<Bundle>,
    principal: Arc<Principal>,
    depot: Arc<Depot>,
    dialect: Dialect,
    /// The last answer: most batches name one model on every line.
    last: Option<(String, Option<String>)>,
    /// Files that were named since the last look at whose they are.
    files: Vec<String>,
}

impl Names {
    /// At the provider of `depot`, for a client of `dialect`.
    pub(super) fn at(journey: &Journey, depot: &Arc<Depot>, dialect: Dialect) -> Self {
        Self {
            gateway: Arc::clone(&journey.gateway),
            bundle: Arc::clone(&journey.bundle),
            principal: Arc::clone(&journey.principal),
            depot: Arc::clone(depot),
            dialect,
            last: None,
            files: Vec::new(),
        }
    }

    /// What stands for `name`; `None`: itself. A name that gateway.yaml does not
    /// have is the provider's own, and passes for keys that may ask for all.
    pub(super) fn of(&mut self, named: Named, name: &str) -> Result<Option<String>> {
        if named == Named::File {
            return self.file(name).map(Some);
        }
        if let Some((_, answer)) = self.last.as_ref().filter(|(last, _)| last == name) {
            return Ok(answer.clone());
        }
        let answer = self.look_up(name)?;
        self.last = Some((name.to_owned(), answer.clone()));
        Ok(answer)
    }

    /// What the file `id` is called.
    fn file(&mut self, id: &str) -> Result<String> {
        let provider = &self.depot.model.provider.name;
        if let Some(other) = named(&self.bundle, id).filter(|at| at.model.provider.name != *provider) {
            let text = format!(
                "file `{id}` is not at provider `{provider}`, where this batch goes, but at `{}`",
                other.model.provider.name
            );
            return Err(Error::invalid(text).with_param("file_id"));
        }
        let own = strip(id, &self.depot).unwrap_or(id).to_owned();
        self.files.push(own.clone());
        Ok(own)
    }

    /// Refuses files of others before anything that names them goes on.
    pub(super) async fn check_files(&mut self) -> Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let files = std::mem::take(&mut self.files);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let keeper = Keeper::of(&self.gateway, &self.principal, &self.depot.model.provider.name).await?;
        let seen = keeper.sees(Thing::File, &files).await?;
        let hidden = files.iter().zip(seen).find(|(_, seen)| !seen);
        hidden.map_or(Ok(()), |(id, _)| Err(unknown(Thing::File, id).with_param("file_id")))
    }

    fn look_up(&self, name: &str) -> Result<Option<String>> {
        if !may_ask(&self.principal, name) {
            return Err(unknown_model(name));
        }
        let Some(route) = route_of(&self.bundle, self.dialect, name) else {
            return if self.principal.models.is_empty() { Ok(None) } else { Err(unknown_model(name)) };
        };
        let provider = &self.depot.model.provider.name;
        let there = route.candidates.iter().find(|model| model.provider.name == *provider);
        there.map(|model| Some(model.upstream.clone())).ok_or_else(|| {
            let text = format!(
                "model `{name}` is not at provider `{provider}`, where this batch goes: put it in a batch of its own"
            );
            Error::invalid(text).with_param("model")
        })
    }
}

/// The route of a model that a line of a batch names: one for batches, or the
/// one that takes such a line as a conversation.
pub(super) fn route_of<'b>(bundle: &'b Bundle, dialect: Dialect, model: &str) -> Option<&'b Arc<Route>> {
    let line: &[Endpoint] = match dialect {
        Dialect::Anthropic => &[Endpoint::Messages],
        _ => &[Endpoint::Chat, Endpoint::Responses, Endpoint::Embeddings, Endpoint::Completions],
    };
    std::iter::once(&Endpoint::Batches).chain(line).find_map(|endpoint| bundle.route(model, *endpoint))
}
