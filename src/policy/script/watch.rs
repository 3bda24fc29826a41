//! Watching scripts run: which lines were reached, and which values the
//! branches read. On an engine of its own, because it halves the speed; used by
//! cases and explanations, never by traffic.

use rhai::debugger::{DebuggerCommand, DebuggerEvent};
use rhai::{
    ASTNode, Dynamic, Engine, EvalContext, Expr, FlowControl, Position, Stmt, StmtBlock,
    SwitchCasesCollection,
};

use super::turn;
use crate::policy::trace::{Arm, Place};
use crate::policy::{Branch, Read, Way};

/// Longest text of a value that is kept, characters.
const SHOWN: usize = 80;

/// Makes `engine` tell the scene's trace what happens.
pub(super) fn register(engine: &mut Engine) {
    #[expect(deprecated, reason = "not deprecated, marked as volatile; the version of rhai is pinned")]
    engine.register_debugger(
        |_, debugger| debugger,
        |context, event, node, source, at| {
            if matches!(event, DebuggerEvent::Step) {
                step(context, node, source, at);
            }
            Ok(DebuggerCommand::StepInto)
        },
    );
}

fn step(
    mut context: EvalContext<'_, '_, '_, '_, '_, '_>,
    node: ASTNode<'_>,
    source: Option<&str>,
    at: Position,
) {
    let Some(line) = at.line() else { return };
    let Some((trace, policy)) = turn::peek(|run| {
        let trace = run.scene.try_borrow().ok().and_then(|scene| scene.trace.clone());
        trace
            .filter(|_| !run.probing.get())
            .map(|trace| (trace, std::sync::Arc::clone(&run.bound.policy.name)))
    })
    .flatten() else {
        return;
    };
    let file = source.filter(|source| !source.is_empty()).unwrap_or(&policy);
    trace.reached(file, line);
    trace.stepped(file, place(at));
    let (condition, arms) = match node {
        ASTNode::Stmt(Stmt::If(branch, _)) => (&branch.expr, ways(branch)),
        ASTNode::Stmt(Stmt::Switch(switch, _)) => (&switch.0, cases(&switch.1)),
        _ => return,
    };
    let mut read = Vec::new();
    let mut chains = Vec::new();
    reads(condition, &mut chains);
    for chain in chains {
        turn::peek(|run| run.probing.set(true));
        let value = context.eval_expression_tree(&chain.into());
        turn::peek(|run| run.probing.set(false));
        if let Ok(value) = value {
            read.push(Read { name: text(chain), value: shown(&value) });
        }
    }
    trace.branched(Branch { file: file.to_owned(), line, reads: read, way: None }, place(at), arms);
}

fn place(at: Position) -> Place {
    (at.line().unwrap_or(0), at.position().unwrap_or(0))
}

/// The blocks of an `if`.
fn ways(branch: &FlowControl) -> Vec<Arm> {
    let arm =
        |block: &StmtBlock, way| Arm { from: place(block.position()), to: place(block.end_position()), way };
    vec![arm(&branch.body, Way::Then), arm(&branch.branch, Way::Else)]
}

/// The cases of a `switch`, known by where they begin.
fn cases(cases: &SwitchCasesCollection) -> Vec<Arm> {
    let begins = cases.expressions.iter().map(|case| place(case.rhs.start_position()));
    begins.map(|at| Arm { from: at, to: at, way: Way::Case(at.0) }).collect()
}

/// The variables and chains of properties in `expr`: reading them again changes nothing.
fn reads<'a>(expr: &'a Expr, found: &mut Vec<&'a Expr>) {
    match expr {
        // The views themselves are no values.
        Expr::Variable(variable, ..) if matches!(variable.1.as_str(), "req" | "ctx" | "state") => {}
        Expr::Variable(..) => found.push(expr),
        Expr::Dot(pair, ..) if plain(&pair.rhs) && matches!(pair.lhs, Expr::Variable(..)) => found.push(expr),
        Expr::Dot(pair, ..) => reads(&pair.lhs, found),
        Expr::FnCall(call, _) => call.args.iter().for_each(|argument| reads(argument, found)),
        Expr::And(all, _) | Expr::Or(all, _) | Expr::Coalesce(all, _) => {
            all.iter().for_each(|one| reads(one, found));
        }
        _ => {}
    }
}

/// Whether this rest of a chain is made of properties alone.
fn plain(expr: &Expr) -> bool {
    match expr {
        Expr::Property(..) => true,
        Expr::Dot(pair, ..) => plain(&pair.lhs) && plain(&pair.rhs),
        Expr::Index(pair, ..) => plain(&pair.lhs) && matches!(pair.rhs, Expr::StringConstant(..)),
        _ => false,
    }
}

/// A chain as it stands in the script.
fn text(expr: &Expr) -> String {
    match expr {
        Expr::Variable(variable, ..) => variable.1.to_string(),
        Expr::Property(property, _) => property.2.to_string(),
        Expr::Dot(pair, ..) => format!("{}.{}", text(&pair.lhs), text(&pair.rhs)),
        Expr::Index(pair, ..) => format!("{}[{}]", text(&pair.lhs), text(&pair.rhs)),
        Expr::StringConstant(name, _) => format!("{name:?}"),
        _ => "..".to_owned(),
    }
}

fn shown(value: &Dynamic) -> String {
    let plain = value.is_unit() || value.is_string() || value.is_int() || value.is_float() || value.is_bool();
    let text = match value.is_unit() {
        true => "()".to_owned(),
        false if plain || value.is_array() || value.is_map() => value.to_string(),
        false => format!("({})", value.type_name().rsplit("::").next().unwrap_or_default()),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
