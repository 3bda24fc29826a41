//! From texts to policies: heads, imports, constants, checks. All problems of
//! all files are collected; one error and nothing is compiled.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rhai::module_resolvers::StaticModuleResolver;
use rhai::{AST, Dynamic, Engine, Expr, Module, ParseError, ParseErrorType, Scope, Stmt};

use super::check::{self, Known};
use super::expressions::Expressions;
use super::facts::Facts;
use super::fiber::{Fiber, Gate};
use super::head::Head;
use super::library::Library;
use super::lookups::Lookups;
use super::meter::{self, Meter};
use super::policy::{Policies, Policy};
use super::slow::Slow;
use super::{ambient, engine, habits, head, imports, vocabulary};
use crate::policy::Limits;
use crate::problem::{Problem, Severity};

/// How a set is made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Make {
    pub(super) limits: Limits,
    /// Whether the scene's trace is told which lines are reached and what branches read.
    pub(super) watched: bool,
}

/// Texts by name.
pub(super) type Sources = BTreeMap<Arc<str>, Arc<str>>;

/// A file on its way to a policy.
struct File {
    head: Head,
    ast: AST,
    engine: Arc<Engine>,
    facts: Facts,
}

/// Compiles every file of `sources`; `problems` are those found so far.
///
/// # Errors
/// Every problem of every file.
pub(super) fn all(
    sources: Sources,
    make: Make,
    mut problems: Vec<Problem>,
) -> Result<Policies, Vec<Problem>> {
    let base = Arc::new(engine::build(&make));
    let known = Known::of(&base);
    let mut library = Library::default();
    let mut files: BTreeMap<Arc<str>, File> = BTreeMap::new();
    let mut modules = StaticModuleResolver::new();
    for name in imports::order(&sources, &mut problems) {
        let Some(source) = sources.get(&name) else { continue };
        let built = file((&name, source), &base, &make, &modules, &mut problems);
        let Some((file, constants, module)) = built else { continue };
        library.constants.insert(Arc::clone(&name), constants);
        modules.insert(name.to_string(), module);
        files.insert(name, file);
    }
    let facts = files_facts(&files);
    for (name, file) in &files {
        check::file(name, &file.head, &known, &facts, &mut problems);
    }
    library.expressions = Expressions::of(&facts, &mut problems);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        problems.sort_by(|a, b| (&a.file, a.at).cmp(&(&b.file, b.at)));
        return Err(problems);
    }
    library.sources.clone_from(&sources);
    let constants: Vec<_> = library.constants.values().flat_map(BTreeMap::values).collect();
    let texts = constants.into_iter().filter_map(|value| value.clone().into_immutable_string().ok());
    texts.for_each(|text| library.expressions.warm(std::iter::once(text.as_str())));
    let reach = check::reach(&facts);
    let library = Arc::new(library);
    let policies = files
        .into_iter()
        .filter_map(|(name, file)| {
            let source = Arc::clone(library.sources.get(&name)?);
            let suspends = reach.get(&name).cloned().unwrap_or_default();
            let policy = Policy {
                name: Arc::clone(&name),
                source,
                hooks: file.facts.hooks(),
                params: file.head.params.clone(),
                summary: file.head.summary.clone(),
                head: file.head,
                suspends,
                counts: file.facts.calls(&vocabulary::COUNTING),
                batches: file.facts.calls(&["batch"]),
                literals: file.facts.literals,
                engine: file.engine,
                ast: file.ast,
                limits: make.limits,
                lines: file.facts.lines,
                library: Arc::clone(&library),
                lookups: Lookups::default(),
                slow: Slow::default(),
            };
            Some((name, Arc::new(policy)))
        })
        .collect();
    Ok(Policies { policies, warnings: problems, sources, make })
}

fn files_facts(files: &BTreeMap<Arc<str>, File>) -> BTreeMap<&str, &Facts> {
    files.iter().map(|(name, file)| (&**name, &file.facts)).collect()
}

type Built = (File, BTreeMap<String, Dynamic>, Module);

/// One file: parsed, its constants evaluated, made a module for others.
fn file(
    (name, source): (&Arc<str>, &Arc<str>),
    base: &Arc<Engine>,
    make: &Make,
    modules: &StaticModuleResolver,
    problems: &mut Vec<Problem>,
) -> Option<Built> {
    let path = format!("{name}.rhai");
    let head = head::read(&path, source, problems);
    let aliases = imports::aliases(source);
    let engine =
        if aliases.is_empty() { Arc::clone(base) } else { Arc::new(importing(make, modules, &aliases)) };
    let scope = scope(source);
    let mut ast = match engine.compile_with_scope(&scope, &**source) {
        Ok(ast) => ast,
        Err(error) => {
            problems.push(syntax(&path, source, &error));
            return None;
        }
    };
    ast.set_source(name.to_string());
    let before = problems.len();
    top_level(&path, &ast, problems);
    if problems.len() > before {
        return None;
    }
    match evaluate(&engine, &ast, &make.limits) {
        Ok((constants, module)) => {
            let facts = Facts::of(&ast);
            Some((File { head, ast, engine, facts }, constants, module))
        }
        Err(what) => {
            problems.push(Problem::error(path, "bad_constant", format!("the top level fails: {what}")));
            None
        }
    }
}

/// An engine for a file that imports others: they are bound under its aliases,
/// because an `import` does not reach into functions that are called alone.
fn importing(make: &Make, modules: &StaticModuleResolver, aliases: &[(String, String)]) -> Engine {
    let mut engine = engine::build(make);
    let mut resolver = StaticModuleResolver::new();
    for (file, alias) in aliases {
        if let Some((_, module)) = modules.iter().find(|(name, _)| *name == file.as_str()) {
            engine.register_static_module(alias.as_str(), Arc::clone(module));
            resolver.insert(file.clone(), Module::clone(module));
        }
    }
    engine.set_module_resolver(resolver);
    engine
}

/// The names that a file may use without declaring them inside a function.
fn scope(source: &str) -> Scope<'static> {
    let mut scope = ambient::names();
    for line in source.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix("const ") {
            let name: String =
                rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            scope.push(name, ());
        }
    }
    scope
}

/// Only constants, imports and functions may stand at the top level.
fn top_level(path: &str, ast: &AST, problems: &mut Vec<Problem>) {
    for statement in ast.statements() {
        let fine = match statement {
            Stmt::Var(of, flags, _) => {
                flags.intersects(rhai::ASTFlags::CONSTANT)
                    && !matches!(of.1, Expr::DynamicConstant(ref value, _) if value.is_fnptr())
            }
            Stmt::Import(..) | Stmt::Export(..) | Stmt::Noop(_) => true,
            _ => false,
        };
        if !fine {
            let at = statement.position();
            let problem = Problem::error(path, "top_level", "this runs in no hook")
                .help("at the top level stand `const`, `import` and functions; put this into a hook");
            problems.push(problem.at(at.line().unwrap_or(1), at.position().unwrap_or(1), 0));
        }
    }
}

/// Evaluates the top level under limits, on a stack of its own.
fn evaluate(
    engine: &Arc<Engine>,
    ast: &AST,
    limits: &Limits,
) -> Result<(BTreeMap<String, Dynamic>, Module), String> {
    let (engine, ast) = (Arc::clone(engine), ast.clone());
    let meter = Rc::new(Meter::new(limits.inline, limits.bytes, false, None));
    let inner = Rc::clone(&meter);
    let body = move |(): ()| {
        inner.begin();
        let _loading = meter::loading(Rc::clone(&inner));
        let mut scope = Scope::new();
        engine.run_ast_with_scope(&mut scope, &ast).map_err(|error| error.to_string())?;
        let constants = scope.iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
        let module =
            Module::eval_ast_as_new(Scope::new(), &ast, &engine).map_err(|error| error.to_string())?;
        Ok((constants, module))
    };
    let mut fiber = Fiber::<(), (), _>::new(Gate::new(), body).ok_or("there is no memory for its stack")?;
    meter.floor(fiber.limit());
    let result = match fiber.resume(()) {
        Some(super::fiber::Step::Ended(result)) => result,
        _ => Err("it waits".to_owned()),
    };
    fiber.recycle(meter.depth());
    result
}

/// A problem from the parser's error.
fn syntax(path: &str, source: &str, error: &ParseError) -> Problem {
    let at = error.position();
    let (line, column) = (at.line().unwrap_or(1), at.position().unwrap_or(1));
    let (rule, message, help) = match error.err_type() {
        ParseErrorType::VariableUndefined(name) => {
            let names = ambient::NAMES.into_iter().chain(words(source));
            let meant = crate::problem::did_you_mean(name, names.filter(|word| word != name));
            let help = meant.map(|meant| format!("did you mean `{meant}`?"));
            ("unknown_variable", format!("there is no variable `{name}`"), help)
        }
        ParseErrorType::ModuleUndefined(name) => (
            "unknown_module",
            format!("there is no module `{name}`"),
            Some(format!("`import \"folder/file\" as {name};`")),
        ),
        ParseErrorType::MissingToken(token, _) => {
            let help = match token.as_str() {
                ";" => Some("the statement before this place needs a `;` at its end".to_owned()),
                "}" => Some("a `{` above has no `}` that ends its block".to_owned()),
                _ => None,
            };
            ("syntax", error.err_type().to_string(), help)
        }
        other => ("syntax", other.to_string(), None),
    };
    let help = habits::advice(source, line, column).or(help);
    let problem = Problem::error(path, rule, message).at(line, column, 0);
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// The names that `source` declares.
fn words(source: &str) -> impl Iterator<Item = &str> {
    source
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .scan("", |before, word| {
            let declared = matches!(*before, "let" | "const" | "for").then_some(word);
            if !word.is_empty() {
                *before = word;
            }
            Some(declared)
        })
        .flatten()
}
