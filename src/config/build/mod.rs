//! A snapshot of files into a [`Bundle`]: every name looked up, every value in
//! range, every secret resolved. What is built and what is checked are one
//! thing, so that `check` cannot pass what would not load.

mod access;
mod batches;
mod depots;
mod models;
mod policies;
mod providers;
mod proxies;
mod routes;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::file::{GatewayFile, Listen};
use super::findings::Findings;
use super::fixed::Fixed;
use super::secrets::{Resolver, Sources};
use super::snapshot::Snapshot;
use crate::feed::Format;
use crate::gateway::{Bundle, Settings};
use crate::problem::{Place, Problem, Severity};
use crate::provider::Proxies;
use crate::yaml::{Node, Tree, decode};

/// A bundle and what stands around it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is live together.
    pub bundle: Arc<Bundle>,
    /// The data port.
    pub listen: SocketAddr,
    /// The admin port.
    pub admin: SocketAddr,
    /// Price feeds, the first one wins.
    pub feeds: Vec<FeedSpec>,
    /// Where records are kept; absent: nowhere.
    pub records: Option<RecordsSpec>,
    /// What only a start takes up.
    pub fixed: [Fixed; 4],
    /// What works but is probably not meant.
    pub warnings: Vec<Problem>,
}

/// A price feed to keep fresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSpec {
    /// As written: its name in status and log.
    pub name: String,
    /// Where it is.
    pub source: FeedSource,
    /// Its form.
    pub format: Format,
    /// How often it is read again.
    pub refresh: Duration,
    /// The proxies between an address and this machine.
    pub proxies: Option<Arc<Proxies>>,
}

/// Where a feed is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedSource {
    /// A file.
    File(PathBuf),
    /// An http(s) address.
    Url(String),
}

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsSpec {
    /// The folder.
    pub folder: PathBuf,
    /// Whether prompts and answers are kept too.
    pub content: bool,
    /// How long.
    pub keep: Duration,
}

/// What the parts of a build share.
struct Build<'a> {
    snapshot: &'a Snapshot,
    root: &'a Node,
    file: GatewayFile,
    resolver: Resolver<'a>,
    findings: Findings,
    /// The way out where nobody says another.
    proxies: Option<Arc<Proxies>>,
}

/// Builds `snapshot`, its references looked up in `sources`.
///
/// # Errors
/// Every problem of every file, warnings too, when one of them is an error.
pub fn build(snapshot: &Snapshot, sources: &Sources<'_>) -> Result<Loaded, Vec<Problem>> {
    build_tracked(snapshot, sources).0
}

/// The same, and the files outside the folder that decide on the result.
pub(super) fn build_tracked(
    snapshot: &Snapshot,
    sources: &Sources<'_>,
) -> (Result<Loaded, Vec<Problem>>, BTreeSet<PathBuf>) {
    let (tree, mut problems) = Tree::parse(&snapshot.file, &snapshot.text);
    problems.extend(snapshot.problems.iter().cloned());
    let Some(tree) = tree else { return (Err(problems), BTreeSet::new()) };
    let (file, more) = decode::<GatewayFile>(&snapshot.file, &tree.root);
    problems.extend(more);
    let mut build = Build {
        snapshot,
        root: &tree.root,
        file: file.unwrap_or_default(),
        resolver: Resolver::new(sources),
        findings: Findings::new(&snapshot.file),
        proxies: None,
    };
    build.findings.list = problems;
    let loaded = build.run();
    let mut problems = build.findings.list;
    if !problems.iter().any(|problem| problem.severity == Severity::Error) {
        problems.extend(cases(snapshot));
    }
    problems.sort_by(|a, b| (&a.file, a.at).cmp(&(&b.file, b.at)));
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    let result = if refused { Err(problems) } else { Ok(Loaded { warnings: problems, ..loaded }) };
    (result, build.resolver.files)
}

/// The cases that ship with the policies: what fails them does not go live.
fn cases(snapshot: &Snapshot) -> Vec<Problem> {
    if snapshot.cases.is_empty() {
        return Vec::new();
    }
    let report = crate::policy::case::run_all(&snapshot.policies, &snapshot.cases);
    report.problems.into_iter().map(|problem| snapshot.in_policies(problem)).collect()
}

impl Build<'_> {
    fn run(&mut self) -> Loaded {
        let policies = self.policies();
        let proxy = self.file.proxy.take();
        self.proxies = self.proxies(proxy.as_ref());
        let providers = self.providers();
        let models = self.models(&providers);
        let routes = self.routes(&models, &policies);
        let direct = self.direct_routes(&models, &policies);
        let depots = self.depots(&providers, &models);
        let services = self.services();
        self.policies_in_use(&policies, routes.iter().chain(direct.values()));
        self.names_in_policies(&policies);
        let keys = self.keys();
        let listen = self.ports();
        let batches = self.batches(&routes, &direct);
        let counts_tokens = policies.iter().any(|policy| policy.counts_tokens());
        let bundle = Bundle {
            hash: self.snapshot.hash.as_str().into(),
            settings: Settings { batches, ..self.settings() },
            providers,
            models,
            routes,
            direct,
            keys,
            services,
            counts_tokens,
            policies,
            depots,
        };
        Loaded {
            bundle: Arc::new(bundle),
            listen: listen.0,
            admin: listen.1,
            feeds: self.feeds(),
            records: self.records(),
            fixed: self.fixed(listen),
            warnings: Vec::new(),
        }
    }

    fn fixed(&self, (data, admin): (SocketAddr, SocketAddr)) -> [Fixed; 4] {
        let (file, records) = (&self.file, self.file.records.as_ref());
        let place = |at: Option<Place>| at.unwrap_or_default();
        let fixed = |key, value, at| Fixed { key, value, place: place(at) };
        let folder = records.map(|records| &records.folder);
        let keep = records.and_then(|records| records.keep).map_or(services::KEEP, |time| time.0);
        [
            fixed("listen", data.to_string(), file.listen.as_ref().map(|at| at.place)),
            fixed("admin.listen", admin.to_string(), file.admin.listen.as_ref().map(|at| at.place)),
            fixed(
                "records.folder",
                folder.map_or("unset".to_owned(), |at| at.value.clone()),
                folder.map(|at| at.place),
            ),
            fixed("records.keep", format!("{keep:?}"), folder.map(|at| at.place)),
        ]
    }

    fn settings(&self) -> Settings {
        let base = Settings::default();
        let size = |bytes: Option<super::file::Bytes>, default| {
            bytes.map_or(default, |bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX))
        };
        Settings {
            max_body: size(self.file.max_body, base.max_body),
            max_upload: size(self.file.max_upload, base.max_upload),
            max_answer: size(self.file.max_answer, base.max_answer),
            open: self.file.open,
            record_content: self.file.records.as_ref().is_some_and(|records| records.content),
            policy_headers: self.file.policy_headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            batches: base.batches,
        }
    }

    /// The names that stand under `section`, also of entries that could not be
    /// read: a reference to one of them is not at fault.
    fn declared(&self, section: &str) -> Vec<String> {
        let section = self.root.get(section).map(Node::entries).unwrap_or_default();
        section.iter().filter_map(|(name, _)| name.text().map(str::to_owned)).collect()
    }

    /// Both ports; neither may be open to anyone by accident.
    fn ports(&mut self) -> (SocketAddr, SocketAddr) {
        let data = self.file.listen.clone();
        let admin = self.file.admin.listen.clone();
        let no_keys = self.file.keys.is_empty();
        let findings = &mut self.findings;
        if let Some(at) =
            data.as_ref().filter(|at| !at.value.0.ip().is_loopback() && no_keys && !self.file.open)
        {
            let message = format!("`{}` can be reached from outside, and no key is asked for", at.value.0);
            let help = "declare `keys`, listen on 127.0.0.1, or say `open: true` if anybody may call";
            findings.error(at.place, "open_port", message, help);
        }
        if let Some(at) = admin.as_ref().filter(|at| !at.value.0.ip().is_loopback() && !self.file.admin.open)
        {
            let message = format!("the admin port `{}` can be reached from outside", at.value.0);
            let help = "listen on 127.0.0.1, or say `admin: { open: true }` if anybody may read it";
            findings.error(at.place, "open_port", message, help);
        }
        let data_address = data.map_or(Listen::loopback(8080), |at| at.value).0;
        let admin_address = admin.as_ref().map_or(Listen::loopback(8081), |at| at.value).0;
        if data_address == admin_address && data_address.port() != 0 {
            let place = admin.map(|at| at.place).unwrap_or_default();
            let message = format!("both ports are {data_address}");
            findings.error(place, "same_port", message, "give the admin port another number");
        }
        (data_address, admin_address)
    }
}

/// A map by name.
type ByName<T> = BTreeMap<Arc<str>, Arc<T>>;
