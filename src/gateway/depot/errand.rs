//! What a client wants of a depot, and the ids by which it speaks of things there.

use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::dialect::Inbound;
use crate::error::{Error, Kind, Origin, Result};
use crate::gateway::{Bundle, Depot};
use crate::ir::{Dialect, Endpoint};

/// A client's request, less its body.
pub struct Errand {
    /// Files or batches.
    pub endpoint: Endpoint,
    /// The client's dialect: whose files and batches these are, and the shape of errors.
    pub inbound: &'static dyn Inbound,
    /// HTTP method.
    pub method: Method,
    /// What it is about.
    pub place: Place,
    /// The query, without `?`.
    pub query: Option<String>,
    /// Its headers.
    pub headers: HeaderMap,
}

/// A path: `files/ID/content`.
#[derive(Debug, Clone)]
pub struct Place {
    /// `files`, `batches` or `messages/batches`.
    pub root: &'static str,
    /// The id, as the client knows it.
    pub id: Option<String>,
    /// What of it: `content`, `cancel`, `requests`, `results`; `:cancel` as xAI writes it.
    pub part: Option<&'static str>,
}

/// Where a following page of a list begins.
pub(super) struct Cursor<'a> {
    /// The provider's id of the last thing that is known.
    pub(super) id: &'a str,
    /// Whether the page lies before it.
    pub(super) backwards: bool,
    /// Most things of the page.
    pub(super) limit: usize,
}

/// Fields of a query that hold ids.
const PAGES: [&str; 3] = ["after", "after_id", "before_id"];

impl Errand {
    /// Whether `depot` keeps such things for clients of this dialect.
    pub(super) fn kept_by(&self, depot: &Depot) -> bool {
        keeps(depot, self.endpoint, self.inbound.dialect())
    }

    /// Whether it is of a batch without files: xAI's, to which requests are added.
    pub(super) fn without_files(&self) -> bool {
        let own = |part: &str| match part {
            "requests" | ":cancel" => true,
            "results" => self.place.root == "batches",
            _ => false,
        };
        self.place.part.is_some_and(own)
    }

    /// The id in its path or query, as the client knows it.
    pub(super) fn id(&self) -> Option<&str> {
        let asked = || self.pairs().find(|(name, _)| PAGES.contains(name)).map(|(_, id)| id);
        self.place.id.as_deref().or_else(asked)
    }

    /// Path and query below the base URL of `depot`.
    ///
    /// # Errors
    /// `NotFound`: the id has letters that no id has.
    pub(super) fn path(&self, ids: &Ids<'_>) -> Result<String> {
        let mut path = self.place.root.to_owned();
        if let Some(id) = &self.place.id {
            let own = ids.own(id);
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            if own.is_empty() || own.starts_with('.') || !own.chars().all(plain) {
                return Err(Error::new(Kind::NotFound, Origin::Client, "there is nothing of this id")
                    .with_code("not_found"));
            }
            path.push('/');
            path.push_str(own);
        }
        if let Some(part) = self.place.part {
            path.push_str(if part.starts_with(':') { "" } else { "/" });
            path.push_str(part);
        }
        for (at, (name, value)) in self.pairs().enumerate() {
            let value = if PAGES.contains(&name) { ids.own(value) } else { value };
            path.push(if at == 0 { '?' } else { '&' });
            path.push_str(&format!("{name}={value}"));
        }
        Ok(path)
    }

    /// Whether it asks for a list.
    pub(super) fn lists(&self) -> bool {
        self.method == Method::GET && self.place.id.is_none()
    }

    /// How many things of a list it asks for, where it says so.
    pub(super) fn limit(&self) -> Option<usize> {
        self.pairs().find(|(name, _)| *name == "limit")?.1.parse().ok()
    }

    /// Whether it reads a list from its end.
    pub(super) fn pages_backwards(&self) -> bool {
        self.pairs().any(|(name, _)| name == "before_id")
    }

    /// Path and query of a following page of its list, as the provider knows them.
    pub(super) fn page(&self, place: &Cursor<'_>) -> String {
        let cursor = match (self.inbound.dialect(), place.backwards) {
            (Dialect::Anthropic, true) => "before_id",
            (Dialect::Anthropic, false) => "after_id",
            _ => "after",
        };
        let mut path = format!("{}?limit={}&{cursor}={}", self.place.root, place.limit, place.id);
        for (name, value) in self.pairs().filter(|(name, _)| *name != "limit" && !PAGES.contains(name)) {
            path.push_str(&format!("&{name}={value}"));
        }
        path
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.query.as_deref().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

/// Whether `depot` keeps what comes at `endpoint` for clients of `dialect`.
pub(super) fn keeps(depot: &Depot, endpoint: Endpoint, dialect: Dialect) -> bool {
    let kind = depot.model.provider.kind;
    kind.endpoints.contains(&endpoint) && kind.dialects.contains(&dialect)
}

/// The first depot that keeps such things: its ids stay as they are.
pub(super) fn first(bundle: &Bundle, endpoint: Endpoint, dialect: Dialect) -> Option<&Arc<Depot>> {
    bundle.depots.iter().find(|depot| keeps(depot, endpoint, dialect))
}

/// The ids of one depot's things.
pub(super) struct Ids<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) depot: &'a Depot,
    pub(super) dialect: Dialect,
}

impl Ids<'_> {
    /// The depot's own id of what the client calls `id`.
    pub(super) fn own<'i>(&self, id: &'i str) -> &'i str {
        strip(id, self.depot).unwrap_or(id)
    }

    /// What the client calls the depot's `id` of something that comes at `endpoint`.
    pub(super) fn told(&self, id: &str, endpoint: Endpoint) -> Option<String> {
        let provider = &self.depot.model.provider.name;
        let first = first(self.bundle, endpoint, self.dialect)?;
        (first.model.provider.name != *provider).then(|| format!("{id}.{provider}"))
    }
}

/// What the client calls `id`, without the name of a provider.
pub(super) fn own_id<'i>(bundle: &Bundle, id: &'i str) -> &'i str {
    named(bundle, id).and_then(|depot| strip(id, depot)).unwrap_or(id)
}

/// The depot that `id` names.
pub(super) fn named<'b>(bundle: &'b Bundle, id: &str) -> Option<&'b Arc<Depot>> {
    let naming = bundle.depots.iter().filter(|depot| strip(id, depot).is_some());
    // A provider's name may end like another's: the longer one is meant.
    naming.max_by_key(|depot| depot.model.provider.name.len())
}

pub(super) fn strip<'i>(id: &'i str, depot: &Depot) -> Option<&'i str> {
    id.strip_suffix(&*depot.model.provider.name)?.strip_suffix('.')
}
