//! Checks of a file against the words that are registered, beyond what the
//! parser finds: functions, arguments, properties, parameters, hooks.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{Engine, Position};

use super::facts::{Call, Facts, Function};
use super::head::Head;
use super::turn::{Ctx, Req};
use super::{effects, vocabulary};
use crate::policy::Hook;
use crate::problem::{Problem, did_you_mean};

/// Functions that the interpreter knows without a registration.
pub(super) const KEYWORDS: [(&str, usize); 5] =
    [("print", 1), ("debug", 1), ("type_of", 1), ("is_shared", 1), ("is_def_var", 1)];

/// The words that are registered.
pub(super) struct Known {
    pub(super) functions: BTreeMap<String, BTreeSet<usize>>,
    pub(super) properties: BTreeSet<String>,
    of: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Known {
    /// The words of `engine`.
    pub(super) fn of(engine: &Engine) -> Self {
        let mut known = Self { functions: BTreeMap::new(), properties: BTreeSet::new(), of: BTreeMap::new() };
        let all = engine.collect_fn_metadata(
            None,
            |info| {
                let receiver = info.metadata.param_types.first().copied();
                Some((info.metadata.name.to_string(), info.metadata.num_params, receiver))
            },
            true,
        );
        for (name, arity, receiver) in all {
            let property = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$"));
            if let Some(property) = property {
                known.properties.insert(property.to_owned());
                for (variable, id) in [("req", TypeId::of::<Req>()), ("ctx", TypeId::of::<Ctx>())] {
                    if receiver == Some(id) {
                        known.of.entry(variable).or_default().insert(property.to_owned());
                    }
                }
            } else {
                known.functions.entry(name).or_default().insert(arity);
            }
        }
        for (name, arity) in KEYWORDS {
            known.functions.entry(name.to_owned()).or_default().insert(arity);
        }
        known
    }
}

/// Views whose properties are whatever names the configuration or the client gave.
const FREE: [&str; 5] = [".with", ".tags", ".params", ".metadata", ".headers"];

/// Checks the file `name`; `files` are all files of the set, for imports.
pub(super) fn file(
    name: &str,
    head: &Head,
    known: &Known,
    files: &BTreeMap<&str, &Facts>,
    problems: &mut Vec<Problem>,
) {
    let Some(facts) = files.get(name) else { return };
    let check = Check { path: format!("{name}.rhai"), facts, known, files };
    for function in &facts.functions {
        for call in &function.calls {
            problems.extend(check.call(call));
        }
        problems.extend(check.properties(function));
        problems.extend(check.hook(function));
        problems.extend(function.lost.iter().filter_map(|(word, at)| check.lost(word, *at)));
        problems.extend(function.escapes.iter().map(|at| check.escape(*at)));
        problems.extend(function.races.iter().map(|(name, at)| check.race(name, *at)));
    }
    problems.extend(check.parameters(head));
    problems.extend(check.unused());
}

/// One file being checked.
struct Check<'a> {
    path: String,
    facts: &'a Facts,
    known: &'a Known,
    files: &'a BTreeMap<&'a str, &'a Facts>,
}

impl Check<'_> {
    fn error(&self, rule: &'static str, what: String, at: Position, length: usize) -> Problem {
        let (line, column) = (at.line().unwrap_or(1), at.position().unwrap_or(1));
        Problem::error(&*self.path, rule, what).at(line, column, length)
    }

    fn call(&self, call: &Call) -> Option<Problem> {
        // Closures are called by `call` with any arguments, and made by `curry`.
        if call.operator || matches!(&*call.name, "call" | "curry") || call.name.starts_with("anon$") {
            return None;
        }
        let length = call.name.chars().count();
        let arities = match &call.alias {
            Some(alias) if alias == "global" => return None,
            Some(alias) => {
                self.imported(alias)?.iter().filter(|f| f.name == call.name).map(|f| f.arity).collect()
            }
            None => self.arities(call),
        };
        if arities.is_empty() {
            let what = format!("there is no function `{}`", call.name);
            let problem = self.error("unknown_function", what, call.at, length);
            return Some(match self.meant(call) {
                Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                None => problem,
            });
        }
        if arities.contains(&call.arity) {
            return None;
        }
        let takes: Vec<String> = arities.iter().map(ToString::to_string).collect();
        let arguments = if takes == ["1"] { "argument" } else { "arguments" };
        let takes = takes.join(" or ");
        let what = format!("`{}` takes {takes} {arguments} here, not {}", call.name, call.arity);
        Some(self.error("wrong_arity", what, call.at, length))
    }

    /// How many arguments, without a method's receiver, the functions of the call's name take.
    fn arities(&self, call: &Call) -> BTreeSet<usize> {
        let own = self.facts.functions.iter().filter(|f| f.name == call.name).map(|f| f.arity);
        let native = self.known.functions.get(&call.name).into_iter().flatten().copied();
        if !call.method {
            return own.chain(native).collect();
        }
        if self.facts.keys.contains(&call.name) {
            return BTreeSet::from([call.arity]);
        }
        // The interpreter hands a method's receiver to a script's function as `this` alone.
        own.chain(native.filter_map(|arity| arity.checked_sub(1))).collect()
    }

    fn imported(&self, alias: &str) -> Option<&[Function]> {
        let file = self.facts.imports.get(alias)?;
        self.files.get(file.as_str()).map(|facts| facts.functions.as_slice())
    }

    fn meant(&self, call: &Call) -> Option<String> {
        let own = self.facts.functions.iter().map(|f| f.name.as_str());
        let imported = call.alias.as_ref().and_then(|alias| self.imported(alias));
        let meant = match imported {
            Some(functions) => did_you_mean(&call.name, functions.iter().map(|f| f.name.as_str())),
            None => {
                let native = self.known.functions.keys().map(String::as_str);
                let properties = self.known.properties.iter().map(String::as_str);
                let words =
                    own.chain(native).filter(|word| word.chars().all(|c| c.is_alphanumeric() || c == '_'));
                let words: Vec<&str> = words.chain(properties.filter(|_| call.method)).collect();
                // `length` is how others call `len`.
                let short = |word: &&str| word.len() >= 3 && call.name.starts_with(*word);
                let stem = || words.iter().copied().filter(short).max_by_key(|word| word.len());
                did_you_mean(&call.name, words.iter().copied()).or_else(stem)
            }
        };
        meant.map(str::to_owned)
    }

    fn properties(&self, function: &Function) -> Vec<Problem> {
        let mut problems = Vec::new();
        for property in &function.properties {
            if property.of.as_deref().is_some_and(|of| FREE.contains(&of)) {
                continue;
            }
            let own = property.of.as_deref().and_then(|variable| self.known.of.get(variable));
            let (fine, known) = match own {
                Some(own) => (own.contains(&property.name), own),
                None => {
                    let known = &self.known.properties;
                    let made = self.facts.keys.contains(&property.name);
                    // What comes out of JSON has any property: only a near miss is surely wrong.
                    let fine = known.contains(&property.name) || made || property.name.len() < 5;
                    let near = || did_you_mean(&property.name, known.iter().map(String::as_str)).is_some();
                    (fine || !near(), known)
                }
            };
            if fine {
                continue;
            }
            let what = match &property.of {
                Some(variable) if own.is_some() => {
                    format!("`{variable}` has no property `{}`", property.name)
                }
                _ => format!("nothing has a property `{}`", property.name),
            };
            let length = property.name.chars().count();
            let problem = self.error("unknown_property", what, property.at, length);
            problems.push(match did_you_mean(&property.name, known.iter().map(String::as_str)) {
                Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                None => problem,
            });
        }
        problems
    }

    fn hook(&self, function: &Function) -> Option<Problem> {
        let hook = Hook::ALL.into_iter().find(|hook| hook.function() == function.name)?;
        (function.arity > 0).then(|| {
            self.error("hook_with_parameters", format!("the hook `{}` takes no parameters", hook.function()), function.at, 0)
                .help("the request is `req`, everything else is `ctx`; parameters of the policy are `ctx.with.NAME`")
        })
    }

    fn lost(&self, word: &str, at: Position) -> Option<Problem> {
        let own = self.facts.functions.iter().any(|function| function.name == word);
        let what = format!("what `{word}` makes is thrown away here, and the function goes on");
        let problem = self.error("lost_verdict", what, at, word.chars().count());
        (!own).then(|| problem.help(format!("write `return {word}(..);`")))
    }

    fn escape(&self, at: Position) -> Problem {
        let (line, column) = (at.line().unwrap_or(1), at.position().unwrap_or(1));
        let what = "in backticks `\\n` and `\\t` are two characters each, as they stand";
        Problem::warning(&*self.path, "escape_in_backticks", what)
            .at(line, column, 0)
            .help("break the line in the source, or put the text together: `a + \"\\n\" + b`")
    }

    fn race(&self, name: &str, at: Position) -> Problem {
        let what = format!(
            "`{name}` is captured by the closure that its own method calls: it would wait for itself"
        );
        self.error("data_race", what, at, 0)
            .help(format!("copy it first: `let all = {name};`, and use `all` inside the closure"))
    }

    fn parameters(&self, head: &Head) -> Vec<Problem> {
        let mut problems = Vec::new();
        let library = self.facts.hooks().is_empty();
        for (name, at) in self.facts.functions.iter().flat_map(|function| &function.params) {
            if library || head.params.iter().any(|spec| spec.name == *name) {
                continue;
            }
            let what = format!("the parameter `{name}` is not declared in the head");
            let problem = self.error("undeclared_parameter", what, *at, name.chars().count());
            let names = head.params.iter().map(|spec| spec.name.as_str());
            problems.push(match did_you_mean(name, names) {
                Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                None => problem.help(format!("declare it: `//! with {name}: float = 0.5   what it means`")),
            });
        }
        let used = self.used_parameters();
        for spec in head
            .params
            .iter()
            .filter(|spec| used.as_ref().is_some_and(|used| !used.contains(spec.name.as_str())))
        {
            let what = format!("the parameter `{}` is declared and never used", spec.name);
            problems.push(Problem::warning(&*self.path, "unused_parameter", what).at(spec.line, 1, 0));
        }
        problems
    }

    /// The parameters that the file and its imports read; `None`: all of them, by name.
    fn used_parameters(&self) -> Option<BTreeSet<&str>> {
        let mut used = BTreeSet::new();
        let imported = self.facts.imports.values().filter_map(|file| self.files.get(file.as_str()).copied());
        for function in std::iter::once(self.facts).chain(imported).flat_map(|facts| &facts.functions) {
            if function.all_params {
                return None;
            }
            used.extend(function.params.iter().map(|(name, _)| name.as_str()));
        }
        Some(used)
    }

    /// Functions that are no hook and that nobody calls.
    fn unused(&self) -> Vec<Problem> {
        if self.facts.hooks().is_empty() {
            return Vec::new();
        }
        let idle = |function: &&Function| {
            let name = &function.name;
            let hook = Hook::ALL.iter().any(|hook| hook.function() == name);
            let named = |other: &Function| {
                other.names.contains(name)
                    || other.calls.iter().any(|call| call.alias.is_none() && call.name == *name)
            };
            !hook && !name.starts_with("anon$") && !self.facts.functions.iter().any(named)
        };
        let warn = |function: &Function| {
            let what = format!("the function `{}` is no hook, and nothing calls it", function.name);
            let at = function.at;
            let problem = Problem::warning(&*self.path, "unused_function", what);
            let problem = problem.at(at.line().unwrap_or(1), at.position().unwrap_or(1), 0);
            match did_you_mean(&function.name, Hook::ALL.map(Hook::function)) {
                Some(meant) => problem.help(format!("did you mean the hook `{meant}`?")),
                None => problem,
            }
        };
        self.facts.functions.iter().filter(idle).map(warn).collect()
    }
}

/// The hooks of each file that can reach an effect, through functions, closures and imports.
pub(super) fn reach(files: &BTreeMap<&str, &Facts>) -> BTreeMap<Arc<str>, Vec<Hook>> {
    let mut waiting: BTreeSet<(&str, &str)> = BTreeSet::new();
    loop {
        let before = waiting.len();
        for (file, facts) in files {
            for function in &facts.functions {
                let calls = function.calls.iter().any(|call| match &call.alias {
                    Some(alias) => {
                        let target = facts.imports.get(alias).map_or("", String::as_str);
                        waiting.contains(&(target, call.name.as_str()))
                    }
                    None => waits(&call.name) || waiting.contains(&(*file, call.name.as_str())),
                });
                if calls || function.names.iter().any(|name| waiting.contains(&(*file, name.as_str()))) {
                    waiting.insert((file, &function.name));
                }
            }
        }
        if waiting.len() == before {
            break;
        }
    }
    let hooks = |file: &str| -> Vec<Hook> {
        Hook::ALL.into_iter().filter(|hook| waiting.contains(&(file, hook.function()))).collect()
    };
    files.keys().map(|file| (Arc::from(*file), hooks(file))).collect()
}

fn waits(name: &str) -> bool {
    effects::WAITING.contains(&name) || vocabulary::WAITING.contains(&name)
}
