//! Compiled policies, and policies bound to the parameters of a route.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine};
use serde_json::{Map, Value};

use super::compile::{Make, Sources};
use super::head::Head;
use super::library::Library;
use super::lookups::Lookups;
use super::slow::Slow;
use super::{compile, param};
use crate::policy::{Hook, Limits, OnError, ParamKind, ParamSpec};
use crate::problem::Problem;

/// A set of policies that are live together.
#[derive(Default)]
pub struct Policies {
    pub(super) policies: BTreeMap<Arc<str>, Arc<Policy>>,
    /// What works but is probably not meant.
    pub warnings: Vec<Problem>,
    pub(super) sources: Sources,
    pub(super) make: Make,
}

/// One compiled `.rhai` file.
pub struct Policy {
    /// Its path below the policies folder, without the ending.
    pub name: Arc<str>,
    /// Its text.
    pub source: Arc<str>,
    /// The hooks that it has, in the order of an exchange. None: a file that others import.
    pub hooks: Vec<Hook>,
    /// The parameters that its head declares.
    pub params: Vec<ParamSpec>,
    /// What it is for: the head's other lines.
    pub summary: String,
    pub(super) head: Head,
    pub(super) suspends: Vec<Hook>,
    pub(super) counts: bool,
    pub(super) batches: bool,
    pub(super) literals: Vec<Literal>,
    pub(super) lines: BTreeSet<usize>,
    pub(super) engine: Arc<Engine>,
    pub(super) ast: AST,
    pub(super) limits: Limits,
    pub(super) library: Arc<Library>,
    pub(super) lookups: Lookups,
    pub(super) slow: Slow,
}

/// A name that a policy writes out, for `check` to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// The function that it is handed to (`plan`, `ask`, `search`, ...); `return` for a hook's result.
    pub function: String,
    /// Which argument, from 0; the receiver of a method left out.
    pub argument: usize,
    /// Whether it is called as a method.
    pub method: bool,
    /// The text.
    pub value: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// A policy with the parameters that a route passes.
#[derive(Debug)]
pub struct Bound {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Every parameter, defaults filled in.
    pub with: Map<String, Value>,
    values: Vec<(String, Dynamic)>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.policies.keys()).finish()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("name", &self.name).field("hooks", &self.hooks).finish_non_exhaustive()
    }
}

impl Policies {
    /// Compiles and checks policies, from `(name, text)` pairs.
    ///
    /// # Errors
    /// Every problem of every text.
    pub fn from_sources<'a>(
        sources: impl IntoIterator<Item = (&'a str, &'a str)>,
        limits: Limits,
    ) -> Result<Self, Vec<Problem>> {
        let sources = sources.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
        compile::all(sources, Make { limits, watched: false }, Vec::new())
    }

    /// The same policies on an engine that tells [`Scene::trace`](crate::policy::Scene)
    /// which lines are reached and what branches read, at half the speed: for
    /// cases and explanations.
    ///
    /// # Errors
    /// Never for a set that compiled; the problems otherwise.
    pub fn watched(&self) -> Result<Self, Vec<Problem>> {
        compile::all(self.sources.clone(), Make { watched: true, ..self.make }, Vec::new())
    }

    /// The policy of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Policy>> {
        self.policies.get(name)
    }

    /// Every policy, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.policies.values()
    }
}

impl Policy {
    /// Whether the policy has this hook.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains(&hook)
    }

    /// The names of its functions, hooks and others.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.ast.iter_functions().map(|function| function.name)
    }

    /// Whether it may leave requests to a batch.
    #[must_use]
    pub const fn batches(&self) -> bool {
        self.batches
    }

    /// Whether this hook can reach an effect, and so may wait.
    #[must_use]
    pub fn can_suspend(&self, hook: Hook) -> bool {
        self.suspends.contains(&hook)
    }

    /// Whether it counts by the tokenizers of models, whose vocabularies are
    /// then best loaded ahead of the traffic.
    #[must_use]
    pub fn counts_tokens(&self) -> bool {
        self.counts
    }

    /// What follows when this hook fails: as the head says
    /// (`//! on_error: deny`, `fallback` or `ignore`), else the hook's own.
    #[must_use]
    pub fn on_error(&self, hook: Hook) -> OnError {
        self.head.on_error.unwrap_or_else(|| hook.on_error())
    }

    /// The names that the policy writes out: texts handed to functions, and
    /// those that `route()` returns.
    #[must_use]
    pub fn literals(&self) -> &[Literal] {
        &self.literals
    }

    /// The lines on which a statement begins: what coverage counts.
    #[must_use]
    pub fn lines(&self) -> &BTreeSet<usize> {
        &self.lines
    }

    /// Checks `with` against the declared parameters and fills in defaults.
    /// Problems have no file or place: the caller knows where `with` stands.
    ///
    /// # Errors
    /// Undeclared, missing and ill-typed parameters, all at once.
    pub fn bind(self: &Arc<Self>, with: &Map<String, Value>) -> Result<Arc<Bound>, Vec<Problem>> {
        let with = param::bind(&self.name, &self.params, with)?;
        let texts = with
            .values()
            .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
        self.library.expressions.warm(texts.filter_map(Value::as_str));
        let values = with
            .iter()
            .map(|(name, value)| (name.clone(), rhai::serde::to_dynamic(value).unwrap_or(Dynamic::UNIT)))
            .collect();
        Ok(Arc::new(Bound { policy: Arc::clone(self), with, values }))
    }
}

impl Bound {
    /// The value of a parameter, as scripts see it.
    pub(super) fn parameter(&self, name: &str) -> Option<Dynamic> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// The names of models that parameters of the kinds `model` and `models` hold, with the parameter's name.
    pub fn models(&self) -> impl Iterator<Item = (&str, &str)> {
        self.named(|kind| matches!(kind, ParamKind::Model | ParamKind::Models))
    }

    /// The names of services that parameters of the kind `service` hold, with the parameter's name.
    pub fn services(&self) -> impl Iterator<Item = (&str, &str)> {
        self.named(|kind| matches!(kind, ParamKind::Service))
    }

    fn named(&self, of: impl Fn(&ParamKind) -> bool) -> impl Iterator<Item = (&str, &str)> {
        self.policy.params.iter().filter(move |spec| of(&spec.kind)).flat_map(|spec| {
            let value = self.with.get(&spec.name);
            let one = value.and_then(Value::as_str);
            let many = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            one.into_iter().chain(many).map(|name| (spec.name.as_str(), name))
        })
    }
}
