//! Verdicts that are made and thrown away: `if bad { reject(..); }` in the
//! middle of a function decides nothing. A verdict counts where it is returned
//! or is the last value of its function. Knows syntax trees alone.

use rhai::{Expr, FnCallExpr, Position, Stmt};

/// The words that make a verdict and do nothing else.
const WORDS: [&str; 7] = ["reject", "respond", "plan", "batch", "stop", "retry", "give_up"];

/// The verdicts that a function with these statements throws away.
pub(super) fn verdicts(body: &[Stmt]) -> Vec<(String, Position)> {
    let mut lost = Vec::new();
    block(body, true, &mut lost);
    lost
}

/// `value`: what the block's last statement gives is the function's value.
fn block(statements: &[Stmt], value: bool, lost: &mut Vec<(String, Position)>) {
    let last = statements.iter().rposition(|statement| !statement.is_noop());
    for (at, one) in statements.iter().enumerate() {
        statement(one, value && Some(at) == last, lost);
    }
}

fn statement(statement: &Stmt, value: bool, lost: &mut Vec<(String, Position)>) {
    match statement {
        Stmt::FnCall(call, at) if !value => lost.extend(verdict(call, *at)),
        Stmt::Expr(of) => expression(of, value, lost),
        Stmt::Block(inner) => block(inner.statements(), value, lost),
        Stmt::If(flow, _) | Stmt::TryCatch(flow, _) => {
            block(flow.body.statements(), value, lost);
            block(flow.branch.statements(), value, lost);
        }
        Stmt::Switch(switch, _) => {
            switch.1.expressions.iter().for_each(|case| expression(&case.rhs, value, lost));
        }
        Stmt::While(flow, _) | Stmt::Do(flow, ..) => block(flow.body.statements(), false, lost),
        Stmt::For(flow, _) => block(flow.2.body.statements(), false, lost),
        _ => {}
    }
}

fn expression(of: &Expr, value: bool, lost: &mut Vec<(String, Position)>) {
    match of {
        Expr::Stmt(inner) => block(inner.statements(), value, lost),
        Expr::FnCall(call, at) if !value => lost.extend(verdict(call, *at)),
        // A plan with its bounds: `plan(..).retries(1)`.
        Expr::Dot(chain, ..) => expression(&chain.lhs, value, lost),
        _ => {}
    }
}

fn verdict(call: &FnCallExpr, at: Position) -> Option<(String, Position)> {
    let word = !call.is_qualified() && WORDS.contains(&&*call.name);
    word.then(|| (call.name.to_string(), at))
}

#[cfg(test)]
mod tests {

    #[test]
    fn what_decides_nothing_is_found() {
        let engine = crate::policy::script::engine::build(&crate::policy::script::compile::Make::default());
        for (body, expected) in [
            ("if a { reject(1) } 5", "reject"),
            ("if a { return reject(1); } 5", ""),
            ("if a { reject(1) } else { plan(2) }", ""),
            ("if a { reject(1); } else { plan(2); }", ""),
            ("if a { reject(1); plan(3) } else { if a { stop(1); } 5 }", "reject stop"),
            ("plan(1).retries(2); 5", "plan"),
            ("plan(1).retries(2)", ""),
            ("let p = plan(1); p.retries(2)", ""),
            ("let p = if a { plan(1) } else { plan(2) }; p", ""),
            ("for m in a { if m { respond(m); } }", "respond"),
            ("loop { give_up(); } while a { batch(1) }", "give_up batch"),
            ("switch a { 1 => reject(1), _ => { plan(1); plan(2) } }", "plan"),
            ("switch a { 1 => reject(1), _ => 3 } 5", "reject"),
            ("try { retry(1) } catch { give_up() }", ""),
        ] {
            let ast = engine.compile(format!("fn route(a) {{ {body} }}")).unwrap();
            let facts = super::super::facts::Facts::of(&ast);
            let lost = &facts.functions[0].lost;
            let names: Vec<&str> = lost.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names.join(" "), expected, "{body}");
        }
    }
}
