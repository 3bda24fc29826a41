//! Files that a conversation names: whose they are, which provider keeps them,
//! and what they are called there. Such a request goes to models at that
//! provider only.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::errand::{keeps, named, own_id};
use super::keeper::unknown;
use crate::dialect::{LazyRequest, PLACES, Splicer, may_name_files};
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::exchange::Exchange;
use crate::gateway::{Bundle, Depot, Route};
use crate::ir::{Dialect, Endpoint};
use crate::principal::{Principal, Sight};
use crate::record::deferrals::{Deferrals, Owner, Thing};

/// A body with its files' ids as their provider knows them, and that provider;
/// `None`: it names none that is known to be kept anywhere.
pub(in crate::gateway) type Enclosed = (Bytes, Option<Arc<str>>);

/// `raw` with the files that it names as their provider knows them. Nearly no
/// request names any: all others pay one look over their bytes.
///
/// # Errors
/// `NotFound`: one belongs to another key; `InvalidRequest`: no provider keeps
/// all of them. Both name the field.
pub(in crate::gateway) async fn enclosed(exchange: &Exchange, raw: Bytes) -> Result<Enclosed> {
    if may_name_files(&raw) { Box::pin(looked_up(exchange, raw)).await } else { Ok((raw, None)) }
}

async fn looked_up(exchange: &Exchange, raw: Bytes) -> Result<Enclosed> {
    let mut files = BTreeMap::new();
    named_in(&raw, &mut files)?;
    if files.is_empty() {
        return Ok((raw, None));
    }
    let caller = Caller {
        bundle: &exchange.bundle,
        principal: &exchange.principal,
        dialect: exchange.inbound.dialect(),
    };
    caller.looked_up(&files, exchange.gateway.holdings().await?, &raw).await
}

/// What is seen of the files of a request from outside.
#[derive(Debug)]
pub struct Sighted {
    /// The body with its files' ids as their provider knows them.
    pub raw: Bytes,
    /// The provider that keeps them, where it is known.
    pub at: Option<Arc<str>>,
    /// What is not known, in words.
    pub unknown: Vec<String>,
}

/// The same from outside, with what stands in `holdings`. Without them the ids
/// alone tell where files are; what they do not tell is said in words.
///
/// # Errors
/// As for an exchange.
pub async fn enclosed_offline(
    caller: &Caller<'_>,
    holdings: Option<&Deferrals>,
    raw: &Bytes,
) -> Result<Sighted> {
    let mut files = BTreeMap::new();
    named_in(raw, &mut files)?;
    if let Some(holdings) = holdings {
        let (raw, at) = caller.looked_up(&files, holdings, raw).await?;
        return Ok(Sighted { raw, at, unknown: Vec::new() });
    }
    let (mut found, mut unknown) = (Found::default(), Vec::new());
    for (id, place) in &files {
        let depot = named(caller.bundle, id);
        if depot.is_none() {
            unknown.push(format!(
                "which provider keeps `{id}` is not known without records: all candidates stay"
            ));
        }
        if !caller.bundle.keys.is_empty() {
            unknown.push(format!("whose `{id}` is, is not known without records: the key may get 404"));
        }
        found.add(id, place, depot.cloned())?;
    }
    let (raw, at) = found.told(raw)?;
    Ok(Sighted { raw, at, unknown })
}

/// Who names files, and how.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// What is live.
    pub bundle: &'a Bundle,
    /// The key.
    pub principal: &'a Principal,
    /// The dialect that it speaks.
    pub dialect: Dialect,
}

impl Caller<'_> {
    async fn looked_up(
        &self,
        files: &BTreeMap<String, String>,
        holdings: &Deferrals,
        raw: &Bytes,
    ) -> Result<Enclosed> {
        let ids: Vec<&str> = files.keys().map(|id| own_id(self.bundle, id)).collect();
        let owners = holdings.owners(Thing::File, &ids).await?;
        let mut found = Found::default();
        for (id, place) in files {
            let depot = self.holder(id, &owners).ok_or_else(|| unknown(Thing::File, id).with_param(place))?;
            found.add(id, place, depot)?;
        }
        found.told(raw)
    }

    /// Who keeps the file `id`, unless it is known to be another key's: `Some(None)`
    /// where nobody knows. An id that was not given here came from the provider
    /// itself: whoever has it may go on using it.
    fn holder(&self, id: &str, owners: &[Owner]) -> Option<Option<Arc<Depot>>> {
        let stated = named(self.bundle, id);
        let own = own_id(self.bundle, id);
        let kept = |depot: &&Arc<Depot>| {
            let provider = &*depot.model.provider.name;
            stated.is_none_or(|stated| *stated.model.provider.name == *provider)
                && owners.iter().any(|owner| {
                    owner.remote == own
                        && owner.provider == provider
                        && self.principal.sees(&owner.key, owner.team.as_deref())
                })
        };
        // Two providers may call two files alike: the client means that of its own dialect.
        let same = |depot: &&Arc<Depot>| keeps(depot, Endpoint::Files, self.dialect);
        let (alike, others): (Vec<_>, Vec<_>) = self.bundle.depots.iter().partition(same);
        match alike.into_iter().chain(others).find(kept) {
            Some(depot) => Some(Some(Arc::clone(depot))),
            None => {
                let another = owners.iter().any(|owner| owner.remote == own);
                (self.principal.files == Sight::Account || !another).then(|| stated.cloned())
            }
        }
    }
}

/// Refuses a request whose files are kept where no candidate of its route is.
///
/// # Errors
/// `Unsupported`, naming the provider.
pub fn reachable(route: &Route, request: &LazyRequest) -> Result<()> {
    let Some(at) = request.files_at() else { return Ok(()) };
    if route.candidates.iter().any(|model| model.provider.name == *at) {
        return Ok(());
    }
    let text = format!(
        "the request names a file that provider `{at}` keeps, and no candidate of route `{}` is there",
        route.name
    );
    Err(Error::new(Kind::Unsupported, Origin::Client, text).with_param("file_id"))
}

/// The ids that `raw` names, and where.
fn named_in(raw: &[u8], files: &mut BTreeMap<String, String>) -> Result<()> {
    // What is no JSON is refused by who decodes it.
    Splicer::new(PLACES).push(raw, &mut Vec::new(), |place, id| {
        files.entry(id.to_owned()).or_insert_with(|| place.to_owned());
        Ok(None)
    })
}

/// Files with what they are called at their provider.
#[derive(Default)]
struct Found<'a> {
    at: Option<Arc<str>>,
    names: BTreeMap<&'a str, &'a str>,
}

impl<'a> Found<'a> {
    fn add(&mut self, id: &'a str, place: &str, depot: Option<Arc<Depot>>) -> Result<()> {
        let Some(depot) = depot else { return Ok(()) };
        let provider = &depot.model.provider.name;
        if let Some(other) = self.at.as_ref().filter(|at| *at != provider) {
            let text = format!(
                "the request names files that `{other}` and `{provider}` keep: no model is at both, upload them to one provider"
            );
            return Err(Error::invalid(text).with_param(place));
        }
        self.at = Some(Arc::clone(provider));
        self.names.insert(id, super::errand::strip(id, &depot).unwrap_or(id));
        Ok(())
    }

    /// The body with these names.
    fn told(self, raw: &Bytes) -> Result<Enclosed> {
        if self.names.iter().all(|(id, own)| id == own) {
            return Ok((raw.clone(), self.at));
        }
        let mut out = Vec::with_capacity(raw.len());
        Splicer::new(PLACES).push(raw, &mut out, |_, id| Ok(self.names.get(id).map(ToString::to_string)))?;
        Ok((Bytes::from(out), self.at))
    }
}
