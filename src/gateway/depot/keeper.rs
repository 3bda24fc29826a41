//! Whose a file or batch is: the key's that made it. Others are told that it
//! does not exist.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::errand::{Errand, Ids};
use crate::dialect::batch;
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::Gateway;
use crate::gateway::exchange::{Journey, request_id};
use crate::ir::Endpoint;
use crate::principal::{Principal, Sight};
use crate::record::deferrals::{Deferrals, Facts, Holding, Thing};

/// What one principal keeps at one provider.
pub(super) struct Keeper<'a> {
    holdings: &'a Deferrals,
    principal: &'a Principal,
    provider: &'a str,
}

impl<'a> Keeper<'a> {
    /// What `principal` keeps at `provider`.
    ///
    /// # Errors
    /// `Internal`: what is known of it cannot be read.
    pub(super) async fn of(
        gateway: &'a Gateway,
        principal: &'a Principal,
        provider: &'a str,
    ) -> Result<Keeper<'a>> {
        Ok(Self { holdings: gateway.holdings().await?, principal, provider })
    }

    /// Whether it gets to see everything that the account keeps.
    pub(super) fn sees_all(&self) -> bool {
        self.principal.files == Sight::Account
    }

    /// Which of `remotes` it gets to see, in their order.
    pub(super) async fn sees(&self, thing: Thing, remotes: &[&str]) -> Result<Vec<bool>> {
        if self.sees_all() {
            return Ok(vec![true; remotes.len()]);
        }
        let owners = self.holdings.owners(thing, remotes).await?;
        let seen = |remote: &&str| {
            owners.iter().any(|owner| {
                owner.remote == **remote
                    && owner.provider == self.provider
                    && self.principal.sees(&owner.key, owner.team.as_deref())
            })
        };
        Ok(remotes.iter().map(seen).collect())
    }

    /// Refuses what it does not get to see: of the errand's own path, and
    /// `file`, which its body names.
    ///
    /// # Errors
    /// `NotFound`.
    pub(super) async fn check(&self, errand: &Errand, ids: &Ids<'_>, file: Option<&str>) -> Result<()> {
        let subject = errand.place.id.as_deref().map(|id| (thing(errand), id, None));
        let named = file.map(|id| (Thing::File, id, Some("input_file_id")));
        for (thing, id, param) in subject.into_iter().chain(named) {
            if !self.sees(thing, &[ids.own(id)]).await?.contains(&true) {
                let error = unknown(thing, id);
                return Err(param.map_or_else(|| error.clone(), |param| error.clone().with_param(param)));
            }
        }
        Ok(())
    }

    /// Remembers what came of an errand: what was made, what is no more, and
    /// the files that batches have made.
    ///
    /// # Errors
    /// `Internal`: it cannot be written.
    pub(super) async fn note(
        &self,
        journey: &Journey,
        errand: &Errand,
        ids: &Ids<'_>,
        answer: &Bytes,
    ) -> Result<()> {
        let Place { made, gone } = place(errand, ids);
        if let Some(remote) = gone {
            return self.holdings.let_go(self.provider, thing(errand), remote).await;
        }
        let made = made.then(|| serde_json::from_slice::<Value>(answer).ok()).flatten();
        let made = made.as_ref().and_then(batch::id_in);
        if let Some(remote) = made {
            let holding = Holding {
                provider: self.provider.to_owned(),
                thing: thing(errand),
                remote: remote.to_owned(),
                created_ms: journey.started.unix_ms,
                facts: self.facts(journey, errand),
            };
            self.holdings.hold(&holding).await?;
        }
        if errand.endpoint == Endpoint::Batches {
            for (batch, files) in batch::files(answer) {
                self.holdings.hold_files_of(self.provider, &batch, &files).await?;
            }
        }
        Ok(())
    }

    /// A batch got more requests.
    pub(super) async fn goes_on(&self, remote: &str, answered_as: &str) -> Result<()> {
        self.holdings.goes_on(self.provider, remote, answered_as).await
    }

    fn facts(&self, journey: &Journey, errand: &Errand) -> Facts {
        let text = |name: &Option<Arc<str>>| name.as_ref().map(ToString::to_string);
        Facts {
            answered_as: request_id(journey.gateway.clock.now()),
            endpoint: errand.endpoint.name().to_owned(),
            inbound: errand.inbound.dialect().name().to_owned(),
            route: journey.route.name.to_string(),
            key: self.principal.key.to_string(),
            user: text(&self.principal.user),
            team: text(&self.principal.team),
            department: text(&self.principal.department),
            session: text(&journey.session),
            ..Facts::default()
        }
    }
}

/// What an errand does to what is kept.
struct Place<'a> {
    made: bool,
    gone: Option<&'a str>,
}

fn place<'a>(errand: &'a Errand, ids: &Ids<'_>) -> Place<'a> {
    let id = errand.place.id.as_deref();
    Place {
        made: errand.method == Method::POST && id.is_none(),
        gone: id.filter(|_| errand.method == Method::DELETE).map(|id| ids.own(id)),
    }
}

/// What an errand is about.
pub(super) fn thing(errand: &Errand) -> Thing {
    if errand.endpoint == Endpoint::Files { Thing::File } else { Thing::Batch }
}

pub(super) fn unknown(thing: Thing, id: &str) -> Error {
    let text = match thing {
        Thing::File => format!("No such file: `{id}`"),
        Thing::Batch => format!("No such batch: `{id}`"),
    };
    Error::new(Kind::NotFound, Origin::Client, text).with_code("not_found")
}
