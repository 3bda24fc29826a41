//! Lists as a key gets to see them: what others made is left out, and pages are
//! filled from the following ones, so that cursors stay right.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::errand::{Cursor, Errand, Ids};
use super::keeper::{Keeper, thing};
use crate::dialect::batch::id_in;
use crate::dialect::passage::Outgoing;
use crate::dialect::{Target, Wire};
use crate::error::{Error, Result};
use crate::gateway::exchange::Journey;
use crate::gateway::ledger::Attempt;
use crate::gateway::passage::call::{Sent, same_path, send};

/// Most pages of the provider's list that are read for one of the client's.
const PAGES: usize = 50;
/// Things on a page that is read to fill another.
const MORE: usize = 100;

/// One page of a provider's list.
struct Page {
    whole: Value,
    items: Vec<Value>,
    more: bool,
}

/// The list that `errand` asks for, as `keeper` gets to see it. `first` asks for its first page.
///
/// # Errors
/// Those of the provider; `InvalidResponse`: it gave no list.
pub(super) async fn seen(
    journey: &Journey,
    errand: &Errand,
    ids: &Ids<'_>,
    (attempt, first): (&mut Attempt, Sent),
    keeper: &Keeper<'_>,
) -> Result<Bytes> {
    let mut page = fetch(journey, attempt, first).await?;
    let wanted = errand.limit().unwrap_or(page.items.len());
    let mut whole = std::mem::take(&mut page.whole);
    let backwards = errand.pages_backwards();
    let (mut seen, mut more): (Vec<Value>, bool) = (Vec::new(), false);
    for turn in 1..=PAGES {
        let edge = if backwards { page.items.first() } else { page.items.last() };
        let edge = edge.and_then(id_in).map(str::to_owned);
        let ours = own(keeper, errand, page.items).await?;
        let (before, after) =
            if backwards { (ours, std::mem::take(&mut seen)) } else { (std::mem::take(&mut seen), ours) };
        seen = [before, after].concat();
        more = page.more;
        let Some(edge) = edge.filter(|_| page.more && seen.len() < wanted && turn < PAGES) else { break };
        let place = Cursor { id: &edge, backwards, limit: wanted.max(MORE) };
        page = fetch(journey, attempt, ask(errand, ids, &place)?).await?;
    }
    let surplus = seen.len().saturating_sub(wanted);
    if backwards {
        seen.drain(..surplus);
    } else {
        seen.truncate(wanted);
    }
    put(&mut whole, seen, more || surplus > 0);
    Ok(Bytes::from(whole.to_string()))
}

/// A call for the page behind `place`.
fn ask(errand: &Errand, ids: &Ids<'_>, place: &Cursor<'_>) -> Result<Sent> {
    let target = Target { model: "", max_output_tokens: None, quirks: &ids.depot.model.provider.quirks };
    let path = same_path(&errand.page(place), &target);
    let wire = Wire { path, body: Bytes::new(), headers: Vec::new(), dropped: Vec::new() };
    let outgoing = Outgoing { method: Method::GET, wire, content_type: None };
    Ok(Sent { outgoing, streamed: None })
}

async fn fetch(journey: &Journey, attempt: &mut Attempt, sent: Sent) -> Result<Page> {
    let reply = send(journey, attempt, sent, journey.route.timeouts.first_byte).await?;
    let body = reply.body.whole(journey.bundle.settings.max_answer).await?;
    let no_list = || Error::bad_answer("the provider's list cannot be read");
    let mut whole: Value = serde_json::from_slice(&body).map_err(|_| no_list())?;
    let more = whole.get("has_more").and_then(Value::as_bool).unwrap_or(false);
    let items = items_of(&mut whole).map(std::mem::take).ok_or_else(no_list)?;
    Ok(Page { whole, items, more })
}

fn items_of(list: &mut Value) -> Option<&mut Vec<Value>> {
    let name = ["data", "batches"].into_iter().find(|name| list.get(name).is_some())?;
    list.get_mut(name)?.as_array_mut()
}

/// Those of `items` that the principal gets to see.
async fn own(keeper: &Keeper<'_>, errand: &Errand, items: Vec<Value>) -> Result<Vec<Value>> {
    let ids: Vec<&str> = items.iter().map(|item| id_in(item).unwrap_or_default()).collect();
    let seen = keeper.sees(thing(errand), &ids).await?;
    Ok(items.into_iter().zip(seen).filter_map(|(item, seen)| seen.then_some(item)).collect())
}

/// Makes `seen` the content of the list.
fn put(list: &mut Value, seen: Vec<Value>, more: bool) {
    let edges = [("first_id", seen.first()), ("last_id", seen.last())];
    let edges = edges.map(|(name, item)| (name, item.and_then(id_in).map_or(Value::Null, Value::from)));
    for (name, value) in edges.into_iter().chain([("has_more", Value::from(more))]) {
        if let Some(field) = list.get_mut(name) {
            *field = value;
        }
    }
    if let Some(items) = items_of(list) {
        *items = seen;
    }
}
