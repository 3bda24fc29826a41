//! What a syntax tree says about a file: its functions, whom they call, which
//! properties, parameters and names they use. One walk, at load.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, Module, Position, Stmt};

use super::lost;
use super::policy::Literal;
use crate::policy::Hook;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Its functions; closures have names that begin with `anon$`.
    pub(super) functions: Vec<Function>,
    /// Aliases of imported files.
    pub(super) imports: BTreeMap<String, String>,
    /// Texts handed to functions, and those that `route` returns.
    pub(super) literals: Vec<Literal>,
    /// Lines on which a statement of a function begins.
    pub(super) lines: BTreeSet<usize>,
    /// Keys of object maps and names assigned to: properties that the file makes itself.
    pub(super) keys: BTreeSet<String>,
}

/// A function and what it uses.
#[derive(Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) arity: usize,
    /// Where its text begins: that of its first statement.
    pub(super) at: Position,
    pub(super) calls: Vec<Call>,
    pub(super) properties: Vec<Property>,
    /// Names that may be functions: variables, and closures that it makes.
    pub(super) names: BTreeSet<String>,
    /// Parameters read as `ctx.with.NAME`.
    pub(super) params: Vec<(String, Position)>,
    /// Variables whose method gets a closure that captures the same variable.
    pub(super) races: Vec<(String, Position)>,
    /// Texts in backticks with `\n` or `\t` in them, which are no escapes there.
    pub(super) escapes: Vec<Position>,
    /// Verdicts that it makes and throws away.
    pub(super) lost: Vec<(String, Position)>,
    /// Whether it uses `ctx.with` as a whole.
    pub(super) all_params: bool,
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) alias: Option<String>,
    pub(super) name: String,
    /// Arguments, the receiver of a method left out.
    pub(super) arity: usize,
    pub(super) method: bool,
    pub(super) operator: bool,
    pub(super) at: Position,
}

/// A property that is read or set.
#[derive(Debug)]
pub(super) struct Property {
    /// The variable or, with a dot in front, the property that it stands right behind.
    pub(super) of: Option<String>,
    pub(super) name: String,
    pub(super) at: Position,
}

impl Facts {
    /// What `ast` holds.
    pub(super) fn of(ast: &AST) -> Self {
        let mut facts = Self::default();
        for statement in ast.statements() {
            if let Stmt::Import(import, _) = statement
                && let Expr::StringConstant(file, _) = &import.0
            {
                facts.imports.insert(import.1.name.to_string(), file.to_string());
            }
        }
        for (_, _, name, arity, script) in ast.shared_lib().iter_script_fn_info() {
            let mut alone = Module::new();
            alone.set_script_fn(script.clone());
            let function =
                facts.function(&AST::new_from_module(alone), name, arity, script.body.start_position());
            facts.functions.push(function);
        }
        facts.functions.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        facts.literals.sort_by_key(|literal| (literal.line, literal.column, literal.argument));
        facts.literals.dedup();
        facts
    }

    /// Whether a function or method of one of these names is called.
    pub(super) fn calls(&self, names: &[&str]) -> bool {
        self.functions.iter().flat_map(|function| &function.calls).any(|call| names.contains(&&*call.name))
    }

    /// The hooks among the functions.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        let has = |hook: &Hook| self.functions.iter().any(|function| function.name == hook.function());
        Hook::ALL.into_iter().filter(has).collect()
    }

    /// What the only function of `ast` holds.
    fn function(&mut self, ast: &AST, name: &str, arity: usize, at: Position) -> Function {
        let mut function = Function { name: name.to_owned(), arity, at, ..Function::default() };
        let mut body = Vec::new();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push(Stmt::clone(statement));
            }
            self.node(path, &mut function);
            true
        });
        function.lost = lost::verdicts(&body);
        if let Some(Stmt::Expr(value)) = body.last()
            && name == Hook::Route.function()
        {
            self.texts(("return", 0), false, value);
        }
        function
    }

    fn node(&mut self, path: &[ASTNode<'_>], function: &mut Function) {
        if let Some(ASTNode::Stmt(statement)) = path.last() {
            let steps = !matches!(statement, Stmt::Noop(_) | Stmt::Block(_) | Stmt::Share(_));
            self.lines.extend(statement.position().line().filter(|_| steps));
        }
        match path.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, at))) => self.call(call, *at, false, function),
            // The walk of the interpreter leaves out the value of `break`.
            Some(ASTNode::Stmt(Stmt::BreakLoop(Some(value), ..))) => {
                value.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                    self.node(path, function);
                    true
                });
            }
            // What is thrown is no verdict.
            Some(ASTNode::Stmt(Stmt::Return(Some(value), how, _)))
                if function.name == Hook::Route.function() && !how.intersects(ASTFlags::BREAK) =>
            {
                self.texts(("return", 0), false, value);
            }
            Some(ASTNode::Expr(expr)) => self.expr(expr, path, function),
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr, path: &[ASTNode<'_>], function: &mut Function) {
        match expr {
            Expr::FnCall(call, at) => self.call(call, *at, false, function),
            Expr::MethodCall(call, at) => self.call(call, *at, true, function),
            Expr::Variable(variable, _, _) => {
                function.names.insert(variable.1.to_string());
            }
            Expr::DynamicConstant(value, _) => {
                if let Some(pointer) = value.read_lock::<rhai::FnPtr>() {
                    function.names.insert(pointer.fn_name().to_owned());
                }
            }
            Expr::InterpolatedString(parts, at) => {
                let slip = |part: &Expr| matches!(part, Expr::StringConstant(text, _) if text.contains("\\n") || text.contains("\\t"));
                function.escapes.extend(parts.iter().any(slip).then_some(*at));
            }
            Expr::Map(map, _) => {
                self.keys.extend(map.0.iter().map(|(name, _)| name.name.to_string()));
                self.keys.extend(map.1.keys().map(ToString::to_string));
            }
            Expr::Dot(pair, _, _) if is_with(&pair.lhs, &pair.rhs) => with(pair, function),
            Expr::Dot(pair, _, _) => function.races.extend(race(pair)),
            Expr::Property(property, at) => {
                let of = receiver(path);
                function.properties.push(Property { of, name: property.2.to_string(), at: *at });
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, method: bool, function: &mut Function) {
        for (argument, value) in call.args.iter().enumerate() {
            self.texts((&call.name, argument), method, value);
        }
        function.calls.push(Call {
            alias: call.is_qualified().then(|| call.namespace.root().to_owned()),
            name: call.name.to_string(),
            arity: call.args.len(),
            method,
            operator: call.is_operator_call(),
            at,
        });
    }

    /// Texts in `value`, an argument of a function or method.
    fn texts(&mut self, of: (&str, usize), method: bool, value: &Expr) {
        texts(value).into_iter().for_each(|(text, at)| self.literal(of, method, &text, at));
    }

    fn literal(&mut self, (function, argument): (&str, usize), method: bool, value: &str, at: Position) {
        let (line, column) = (at.line().unwrap_or(1), at.position().unwrap_or(1));
        let (function, value) = (function.to_owned(), value.to_owned());
        self.literals.push(Literal { function, argument, method, value, line, column });
    }
}

/// The texts that `value` is or lists.
fn texts(value: &Expr) -> Vec<(String, Position)> {
    match value {
        Expr::StringConstant(text, at) => vec![(text.to_string(), *at)],
        Expr::Array(all, _) => all.iter().flat_map(texts).collect(),
        Expr::DynamicConstant(all, at) => {
            let all = all.read_lock::<rhai::Array>();
            let strings = all.iter().flat_map(|all| all.iter()).filter(|one| one.is_string());
            strings.map(|text| (text.to_string(), *at)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether this is `ctx.with` or the start of `ctx.with.NAME`.
fn is_with(lhs: &Expr, rhs: &Expr) -> bool {
    let context = matches!(lhs, Expr::Variable(variable, ..) if variable.1 == "ctx");
    context && matches!(first(rhs), Expr::Property(property, _) if property.2 == "with")
}

/// The variable of `x.method(|..| .. x ..)`: the method holds the lock that the
/// closure then waits for.
fn race(pair: &rhai::BinaryExpr) -> Option<(String, Position)> {
    let (name, Expr::MethodCall(method, at)) = (variable(&pair.lhs)?, first(&pair.rhs)) else { return None };
    let curry = |call: &FnCallExpr| {
        call.name == "curry" && call.args.iter().any(|captured| variable(captured).as_ref() == Some(&name))
    };
    // A closure that captures is a block: share the variables, then curry.
    let captures = |argument: &Expr| match argument {
        Expr::FnCall(call, _) => curry(call),
        Expr::Stmt(block) => block.iter().any(|statement| match statement {
            Stmt::FnCall(call, _) => curry(call),
            Stmt::Expr(value) => matches!(&**value, Expr::FnCall(call, _) if curry(call)),
            _ => false,
        }),
        _ => false,
    };
    method.args.iter().any(captures).then(|| (name.clone(), *at))
}

/// The first link of the chain that `expr` is.
fn first(expr: &Expr) -> &Expr {
    match expr {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => &pair.lhs,
        other => other,
    }
}

/// Notes which parameter `ctx.with...` reads.
fn with(pair: &rhai::BinaryExpr, function: &mut Function) {
    let named = match &pair.rhs {
        Expr::Dot(inner, ..) => match &inner.rhs {
            Expr::Property(property, at) => Some((property.2.to_string(), *at)),
            Expr::Dot(deeper, ..) | Expr::Index(deeper, ..) => match &deeper.lhs {
                Expr::Property(property, at) => Some((property.2.to_string(), *at)),
                _ => None,
            },
            _ => None,
        },
        Expr::Index(inner, ..) => match &inner.rhs {
            Expr::StringConstant(name, at) => Some((name.to_string(), *at)),
            _ => None,
        },
        _ => None,
    };
    match named {
        Some(named) => function.params.push(named),
        None => function.all_params = true,
    }
}

/// What stands right before the property at the end of `path`: a variable's
/// name, or a property's with a dot in front.
fn receiver(path: &[ASTNode<'_>]) -> Option<String> {
    let mut above = path.iter().rev().skip(1);
    let Some(ASTNode::Expr(Expr::Dot(pair, ..) | Expr::Index(pair, ..))) = above.next() else { return None };
    let own = path.last()?;
    let ASTNode::Expr(own) = own else { return None };
    if std::ptr::eq(&raw const pair.rhs, std::ptr::from_ref(*own)) {
        return owner(&pair.lhs);
    }
    // `a.b.c` nests to the right: the property is the left side of what stands behind `a`.
    match above.next() {
        Some(ASTNode::Expr(Expr::Dot(outer, ..)))
            if std::ptr::eq(&raw const pair.lhs, std::ptr::from_ref(*own)) =>
        {
            owner(&outer.lhs)
        }
        _ => None,
    }
}

fn variable(expr: &Expr) -> Option<String> {
    owner(expr).filter(|name| !name.starts_with('.'))
}

fn owner(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        Expr::Property(property, _) => Some(format!(".{}", property.2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_apart() {
        let engine = crate::policy::script::engine::build(&crate::policy::script::compile::Make::default());
        let text = "fn f() { g(1) } fn g(x) { x } fn route() { let a = || f(); a.call(); \"m1\" }";
        let ast = engine.compile(text).unwrap();
        let facts = Facts::of(&ast);
        let calls = |name: &str| {
            let function = facts.functions.iter().find(|function| function.name == name).unwrap();
            function.calls.iter().map(|call| call.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(calls("f"), ["g"]);
        assert_eq!(calls("g"), Vec::<String>::new());
        assert_eq!(calls("route"), ["call"]);
        assert_eq!(facts.functions.len(), 4);
    }
}
