//! LiteLLM's proxy configuration.
//! Source: LiteLLM documentation, "Proxy config.yaml" and "Router", checked 2026-11-21.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::entries::{bounds, entry, spread};
use super::providers::{Account, account, secret};
use super::write::{list, quoted};
use super::{Imported, Notes};
use crate::yaml::{Node, Tree, Value};

/// What is read of `litellm_params`.
const PARAMS: [&str; 23] = [
    "model",
    "api_key",
    "api_base",
    "base_url",
    "api_version",
    "organization",
    "custom_llm_provider",
    "aws_region_name",
    "aws_profile_name",
    "aws_role_name",
    "azure_ad_token",
    "vertex_project",
    "vertex_location",
    "rpm",
    "tpm",
    "max_parallel_requests",
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "region_name",
    "drop_params",
    "extra_headers",
];
/// What is read of `model_info`, or serves LiteLLM's own housekeeping.
const INFO: [&str; 12] = [
    "max_input_tokens",
    "max_output_tokens",
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "id",
    "mode",
    "base_model",
    "db_model",
    "litellm_provider",
    "description",
];
const ROUTER: [&str; 9] = [
    "routing_strategy",
    "num_retries",
    "timeout",
    "stream_timeout",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "default_fallbacks",
    "model_group_alias",
];
const SETTINGS: [&str; 7] = [
    "num_retries",
    "request_timeout",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "default_fallbacks",
    "drop_params",
];

/// Their strategy, and the line of Rhai that ranks a group so.
const STRATEGIES: [(&str, &str); 6] = [
    ("simple-shuffle", "group.only([group.pick().name])"),
    ("least-busy", "group.sort_by(|m| m.in_flight)"),
    ("latency-based-routing", "group.fastest()"),
    ("cost-based-routing", "group.cheapest(req)"),
    ("usage-based-routing", "group.sort_by(|m| -m.headroom)"),
    ("usage-based-routing-v2", "group.sort_by(|m| -m.headroom)"),
];

/// Converts the text of `file`.
///
/// # Errors
/// The file's problems when it is no YAML or has no `model_list`.
pub fn litellm(file: &Path, text: &str) -> Result<Imported, Vec<crate::problem::Problem>> {
    let (tree, problems) = Tree::parse(file, text);
    let Some(tree) = tree else { return Err(problems) };
    let mut import = Import { notes: Notes::new(file), accounts: Vec::new(), groups: Vec::new() };
    let Some(models) = tree.root.get("model_list") else {
        let problem = crate::problem::Problem::error(file, "no_models", "there is no `model_list`");
        return Err(vec![problem.help("is this LiteLLM's config.yaml?")]);
    };
    import.models(models);
    let imported = import.finish(&tree.root);
    Ok(Imported { findings: [problems, imported.findings].concat(), ..imported })
}

/// A deployment: a model of ours.
struct Deployment {
    name: String,
    yaml: String,
}

/// The deployments that share a client's model name.
struct Group {
    name: String,
    models: Vec<Deployment>,
}

struct Import {
    notes: Notes,
    accounts: Vec<(String, Account)>,
    groups: Vec<Group>,
}

impl Import {
    fn models(&mut self, list: &Node) {
        let Value::List(items) = &list.value else {
            return self.notes.tell(list, "wrong_type", "`model_list` is no list", "");
        };
        for item in items {
            let (Some(name), Some(params)) = (item.get("model_name"), item.get("litellm_params")) else {
                self.notes.tell(item, "incomplete", "this entry lacks `model_name` or `litellm_params`", "");
                continue;
            };
            self.notes.leftovers(item, &["model_name", "litellm_params", "model_info"], "a model");
            let client = name.text().unwrap_or_default().to_owned();
            let upstream = params.get("model").and_then(Node::text).unwrap_or_default();
            if client.contains('*') || upstream.contains('*') {
                let help = "list its models under `models`, and give a route the glob";
                self.notes.tell(
                    name,
                    "wildcard",
                    format!("`{client}` stands for any model of a provider"),
                    help,
                );
                continue;
            }
            self.deployment(client, params, item.get("model_info"));
        }
        // Two deployments of one group need names of their own.
        for group in &mut self.groups {
            if group.models.len() > 1 {
                for (index, model) in group.models.iter_mut().enumerate() {
                    model.name = format!("{}-{}", group.name, index + 1);
                }
            }
        }
    }

    fn deployment(&mut self, client: String, params: &Node, info: Option<&Node>) {
        self.notes.leftovers(params, &PARAMS, "`litellm_params`");
        if let Some(info) = info {
            self.notes.leftovers(info, &INFO, "`model_info`");
        }
        let Some((account, upstream)) = account(params, &mut self.notes) else { return };
        let provider = self.provider(account);
        let yaml = entry(&provider, &upstream, params, info);
        let deployment = Deployment { name: client.clone(), yaml };
        match self.groups.iter_mut().find(|group| group.name == client) {
            Some(group) => group.models.push(deployment),
            None => self.groups.push(Group { name: client, models: vec![deployment] }),
        }
    }

    /// The name of the account, which is kept once.
    fn provider(&mut self, account: Account) -> String {
        if let Some((name, _)) = self.accounts.iter().find(|(_, other)| *other == account) {
            return name.clone();
        }
        let same = self.accounts.iter().filter(|(_, other)| other.kind == account.kind).count();
        let name = if same == 0 { account.kind.clone() } else { format!("{}-{}", account.kind, same + 1) };
        self.accounts.push((name.clone(), account));
        name
    }

    fn finish(mut self, root: &Node) -> Imported {
        let known = [
            "model_list",
            "router_settings",
            "litellm_settings",
            "general_settings",
            "environment_variables",
        ];
        self.notes.leftovers(root, &known, "the file");
        let empty = Node::empty();
        let router = root.get("router_settings").unwrap_or(&empty);
        let settings = root.get("litellm_settings").unwrap_or(&empty);
        self.notes.leftovers(router, &ROUTER, "`router_settings`");
        self.notes.leftovers(settings, &SETTINGS, "`litellm_settings`");
        let mut yaml = String::from(
            "# Converted from LiteLLM's config.yaml. `pointsman check` says whether it loads.\n\n",
        );
        yaml.push_str(&bounds(router, settings));
        yaml.push_str("providers:\n");
        for (name, account) in &self.accounts {
            let _ = writeln!(yaml, "  {}: {}", quoted(name), account.yaml());
        }
        yaml.push_str("\nmodels:\n");
        for model in self.groups.iter().flat_map(|group| &group.models) {
            let _ = writeln!(yaml, "  {}: {}", quoted(&model.name), model.yaml);
        }
        let (routes, policies) = self.routes(router, settings);
        yaml.push_str(&routes);
        yaml.push_str(&self.keys(root.get("general_settings").unwrap_or(&empty)));
        for (name, _) in root.get("environment_variables").map(Node::entries).unwrap_or_default() {
            let message = format!("`{}` is to be set where pointsman runs", name.text().unwrap_or_default());
            self.notes.tell(name, "environment", message, "");
        }
        Imported { yaml, policies, findings: self.notes.list }
    }

    /// A route for each name that stands for several models.
    fn routes(&mut self, router: &Node, settings: &Node) -> (String, Vec<(String, String)>) {
        let mut fallbacks = Fallbacks::default();
        for from in [router, settings] {
            fallbacks.read(from, &mut self.notes);
        }
        let aliases = router.get("model_group_alias").map(Node::entries).unwrap_or_default();
        let strategy = router.get("routing_strategy");
        let named = strategy.and_then(Node::text).unwrap_or("simple-shuffle");
        let rank = STRATEGIES.iter().find(|(theirs, _)| *theirs == named).map(|(_, rank)| *rank);
        if let (None, Some(node)) = (rank, strategy) {
            let message = format!("the strategy `{named}` has no equal here");
            self.notes.tell(
                node,
                "no_equal",
                message,
                "write it as a policy: `route()` may rank as it likes",
            );
        }
        let (mut text, mut spreads) = (String::new(), false);
        for group in &self.groups {
            let others: Vec<&str> = aliases
                .iter()
                .filter(|(_, target)| target.text() == Some(&group.name))
                .filter_map(|(alias, _)| alias.text())
                .collect();
            let behind = fallbacks.of(&group.name);
            if group.models.len() < 2 && others.is_empty() && behind.is_empty() {
                continue;
            }
            let own: Vec<String> = group.models.iter().map(|model| model.name.clone()).collect();
            let mut candidates = own.clone();
            for name in behind {
                let found = self.groups.iter().find(|group| group.name == *name);
                candidates.extend(
                    found.into_iter().flat_map(|group| group.models.iter().map(|model| model.name.clone())),
                );
            }
            let mut seen = std::collections::BTreeSet::new();
            candidates.retain(|name| seen.insert(name.clone()));
            let mut names = vec![group.name.clone()];
            names.extend(others.iter().map(|name| (*name).to_owned()));
            let _ = writeln!(text, "  - name: {}\n    models: {}", quoted(&group.name), list(&names));
            let _ = writeln!(text, "    candidates: {}", list(&candidates));
            if own.len() > 1 && rank.is_some() {
                spreads = true;
                let _ = writeln!(text, "    policies:\n      - route/spread: {{ over: {} }}", list(&own));
            }
        }
        let policies =
            rank.filter(|_| spreads).map(|rank| ("route/spread.rhai".to_owned(), spread(named, rank)));
        let text = if text.is_empty() { text } else { format!("\nroutes:\n{text}") };
        (text, policies.into_iter().collect())
    }

    fn keys(&mut self, general: &Node) -> String {
        let known = ["master_key"];
        self.notes.leftovers(general, &known, "`general_settings`");
        let Some(key) = general.get("master_key") else { return String::new() };
        let reference = secret(key, "POINTSMAN_MASTER", &mut self.notes).unwrap_or_default();
        self.notes.tell(
            key,
            "master_key",
            "the master key became a static key",
            "it has no rights beyond asking",
        );
        format!("\nkeys:\n  - {{ name: master, secret: {} }}\n", quoted(&reference))
    }
}

/// Fallbacks of all classes in one: which errors move on, the gateway knows itself.
#[derive(Default)]
struct Fallbacks {
    by_name: BTreeMap<String, Vec<String>>,
    for_all: Vec<String>,
}

impl Fallbacks {
    fn read(&mut self, from: &Node, notes: &mut Notes) {
        for class in ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"] {
            let Some(Value::List(items)) = from.get(class).map(|node| &node.value) else { continue };
            for (name, targets) in items.iter().flat_map(Node::entries) {
                let name = name.text().unwrap_or_default();
                let names = texts(targets);
                if name == "*" {
                    self.for_all.extend(names);
                } else {
                    self.by_name.entry(name.to_owned()).or_default().extend(names);
                }
            }
            if let Some(node) = from.get(class).filter(|_| class != "fallbacks") {
                let message = format!("`{class}` stand among the other candidates");
                let help = "by a policy's on_failure() they can be kept apart";
                notes.tell(node, "merged", message, help);
            }
        }
        self.for_all.extend(from.get("default_fallbacks").map(texts).unwrap_or_default());
    }

    fn of(&self, name: &str) -> Vec<&String> {
        let own = self.by_name.get(name).into_iter().flatten();
        own.chain(&self.for_all).filter(|other| *other != name).collect()
    }
}

fn texts(node: &Node) -> Vec<String> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(|item| item.text().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
