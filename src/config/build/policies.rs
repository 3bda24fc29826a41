//! The policies folder, and what routes pass to policies.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Build;
use crate::config::file::{PolicyBudget, PolicyLimits, PolicyUse};
use crate::gateway::Route;
use crate::policy::{Bound, Budget, Hook, Limits, ParamKind, Policies, Policy};
use crate::problem::{Place, Problem, did_you_mean};
use crate::yaml::At;

impl Build<'_> {
    /// Compiles every policy; problems keep their places. A set that does not
    /// compile stands empty, so that the rest of the file is still checked.
    pub(super) fn policies(&mut self) -> Arc<Policies> {
        let limits = limits(&self.file.policy_limits);
        let snapshot = self.snapshot;
        let sources = snapshot.policies.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let compiled = Policies::from_sources(sources, limits);
        let (policies, problems) = match compiled {
            Ok(policies) => {
                let warnings = policies.warnings.clone();
                (policies, warnings)
            }
            Err(problems) => (Policies::default(), problems),
        };
        let placed = problems.into_iter().map(|problem| self.in_its_file(problem));
        self.findings.list.extend(placed.collect::<Vec<_>>());
        for orphan in snapshot.cases.keys().filter(|name| !snapshot.policies.contains_key(*name)) {
            let file = snapshot.policies_folder.join(format!("{orphan}.cases.yaml"));
            let near = did_you_mean(orphan, snapshot.policies.keys().map(String::as_str));
            let problem =
                Problem::warning(file, "cases_without_policy", format!("there is no policy `{orphan}`"));
            self.findings.list.push(match near {
                Some(near) => problem.help(format!("did you mean `{near}.cases.yaml`?")),
                None => problem,
            });
        }
        Arc::new(policies)
    }

    /// Policies are compiled by name; people look for files.
    fn in_its_file(&self, problem: Problem) -> Problem {
        let name = problem.file.to_string_lossy();
        let name = name.strip_suffix(".rhai").unwrap_or(&name);
        let file = if self.snapshot.policies.contains_key(name) {
            self.snapshot.policy_file(name)
        } else {
            PathBuf::from(name)
        };
        Problem { file, ..problem }
    }

    /// The policy of `written` with its parameters; `None` when it is at fault, which is noted.
    pub(super) fn bind(&mut self, written: &PolicyUse, policies: &Policies) -> Option<Arc<Bound>> {
        let name = &written.name;
        let Some(policy) = policies.get(name) else {
            // One problem, not one for each name in a folder that is not there.
            if !self.snapshot.policies_unread && !self.snapshot.policies.contains_key(name.as_str()) {
                let known: Vec<&str> = self.snapshot.policies.keys().map(String::as_str).collect();
                self.findings.unknown(name, "policy", known);
            }
            return None;
        };
        let with: Map<String, Value> =
            written.with.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect();
        match policy.bind(&with) {
            Ok(bound) => {
                if policy.hooks.is_empty() {
                    let message =
                        format!("`{name}` has no hook: it would do nothing here", name = name.value);
                    self.findings.error(name.place, "no_hook", message, &hook_meant(policy));
                }
                self.names_in_parameters(written, &bound);
                Some(bound)
            }
            Err(problems) => {
                for problem in problems {
                    let place = place_of(written, &problem);
                    let help = problem.help.clone().unwrap_or_default();
                    let message = format!("{}: {}", name.value, problem.message);
                    self.findings.error(place, problem.rule, message, &help);
                }
                None
            }
        }
    }

    /// Parameters that are names of models or services must lead somewhere.
    fn names_in_parameters(&mut self, written: &PolicyUse, bound: &Bound) {
        for spec in &bound.policy.params {
            let (section, what) = match spec.kind {
                ParamKind::Model | ParamKind::Models => ("models", "model"),
                ParamKind::Service => ("services", "service"),
                _ => continue,
            };
            let known = self.declared(section);
            let place = written.with.get(&spec.name).map_or(written.name.place, |value| value.place);
            for name in texts(bound.with.get(&spec.name)) {
                if !known.contains(&name) {
                    let name = At { value: name, place };
                    self.findings.unknown(&name, what, known.iter().map(String::as_str));
                }
            }
        }
    }

    /// Names that policies write out themselves must lead somewhere.
    pub(super) fn names_in_policies(&mut self, policies: &Policies) {
        let (models, services) = (self.declared("models"), self.declared("services"));
        for policy in policies.iter() {
            for literal in policy.literals() {
                let (known, what) = match literal.function.as_str() {
                    "search" | "http" if literal.argument == 0 => (&services, "service"),
                    "return" | "plan" | "then" | "batch" | "ask" | "ask_all" | "race" | "embed"
                    | "moderate" | "transcribe" | "speak"
                        if literal.argument == 0 =>
                    {
                        (&models, "model")
                    }
                    _ => continue,
                };
                if known.contains(&literal.value) {
                    continue;
                }
                let message = format!("there is no {what} `{}` in gateway.yaml", literal.value);
                let length = literal.value.chars().count() + 2;
                let problem =
                    Problem::error(self.snapshot.policy_file(&policy.name), "unknown_name", message);
                let problem = problem.at(literal.line, literal.column, length);
                let near = did_you_mean(&literal.value, known.iter().map(String::as_str));
                self.findings.list.push(match near {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem,
                });
            }
        }
    }

    /// A policy that nothing runs is probably forgotten, unless others import it.
    pub(super) fn policies_in_use<'r>(
        &mut self,
        policies: &Policies,
        routes: impl Iterator<Item = &'r Arc<Route>>,
    ) {
        let mut used: BTreeSet<Arc<str>> = BTreeSet::new();
        for route in routes {
            let shadow = route.shadow.as_ref().map(|shadow| &shadow.policy);
            used.extend(route.policies.iter().chain(shadow).map(|bound| Arc::clone(&bound.policy.name)));
        }
        let written: Vec<&PolicyUse> = self.file.routes.iter().flat_map(|route| &route.policies).collect();
        for policy in policies.iter().filter(|policy| !policy.hooks.is_empty()) {
            let named = written.iter().any(|written| written.name.value == *policy.name);
            if !used.contains(&policy.name) && !named {
                let file = self.snapshot.policy_file(&policy.name);
                let message = format!("no route uses `{}`", policy.name);
                let problem = Problem::warning(file, "unused_policy", message);
                self.findings.list.push(problem.help("add it to `policies` of a route"));
            }
        }
    }
}

/// The hook that a policy without any was probably to have, else all of them.
fn hook_meant(policy: &Policy) -> String {
    let near = |name: &str| did_you_mean(name, Hook::ALL.map(Hook::function));
    let meant = policy.functions().find_map(|name| near(name).map(|hook| (name, hook)));
    match meant {
        Some((name, hook)) => format!("it has `fn {name}()`: did you mean `fn {hook}()`?"),
        None => {
            format!("hooks are {}", Hook::ALL.map(|hook| format!("`fn {}()`", hook.function())).join(", "))
        }
    }
}

/// The place of the parameter that `problem` names in backticks, or of its value
/// where that is at fault, else the policy's.
fn place_of(written: &PolicyUse, problem: &Problem) -> Place {
    let named = written.with.iter().find(|(name, _)| problem.message.contains(&format!("`{}`", name.value)));
    named.map_or(written.name.place, |(name, value)| match problem.rule {
        "bad_parameter" => value.place,
        _ => name.place,
    })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn limits(written: &PolicyLimits) -> Limits {
    let base = Limits::default();
    Limits {
        inline: budget(base.inline, &written.inline),
        effects: budget(base.effects, &written.effects),
        bytes: written.bytes.map_or(base.bytes, |bytes| bytes.0),
        sentence: written.sentence.map_or(base.sentence, |time| time.0),
        suspended: written.suspended.unwrap_or(base.suspended),
    }
}

fn budget(base: Budget, written: &PolicyBudget) -> Budget {
    Budget {
        operations: written.operations.unwrap_or(base.operations),
        wall: written.wall.map_or(base.wall, |time| time.0),
        cpu: written.cpu.map_or(base.cpu, |time| time.0),
        effects: written.effects.unwrap_or(base.effects),
        cost: written.cost.map(|cost| crate::ir::Money(cost.0)).or(base.cost),
    }
}
