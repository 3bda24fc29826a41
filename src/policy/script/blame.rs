//! From an error of the interpreter to a [`Fault`]: the innermost place, its
//! source line, and words that a policy's author understands.

use rhai::{EvalAltResult, Position};

use super::run::Run;
use crate::policy::{Fault, FaultKind};

/// The fault that `error` is.
pub(super) fn fault(run: &Run, error: &EvalAltResult) -> Fault {
    let (root, at, source) = innermost(error, Position::NONE, None);
    let kind = run.meter.breach().unwrap_or_else(|| kind(root));
    let message = match run.meter.breach() {
        Some(why) => run.words(why),
        None => words(root),
    };
    let own = &*run.bound.policy.name;
    match source.filter(|source| !source.is_empty() && *source != own) {
        Some(file) => placed(run, file, at, run.fault(kind, format!("in `{file}`: {message}"))),
        None if at.is_none() => whole(run, kind, message),
        None => placed(run, own, at, run.fault(kind, message)),
    }
}

/// A fault of the hook as a whole: it stands where the hook begins.
pub(super) fn whole(run: &Run, kind: FaultKind, message: String) -> Fault {
    let policy = &run.bound.policy;
    let at = begin(&policy.source, run.hook.function());
    placed(run, &policy.name, at, run.fault(kind, message))
}

/// The fault with its place and the line that stands there.
fn placed(run: &Run, file: &str, at: Position, fault: Fault) -> Fault {
    let text = run.bound.policy.library.source(file);
    let source_line = at.line().and_then(|line| text?.lines().nth(line.checked_sub(1)?)).map(str::to_owned);
    Fault { line: at.line(), column: at.position(), source_line, ..fault }
}

/// Where the text of the hook begins: the place of last resort.
fn begin(source: &str, hook: &str) -> Position {
    let line = source
        .lines()
        .position(|line| line.split_once("fn ").is_some_and(|(_, rest)| rest.trim_start().starts_with(hook)));
    let line = line.and_then(|line| u16::try_from(line + 1).ok());
    line.map_or(Position::NONE, |line| Position::new(line, 1))
}

/// The error at the bottom of nested calls, with the deepest place and file known.
fn innermost<'a>(
    error: &'a EvalAltResult,
    outer: Position,
    source: Option<&'a str>,
) -> (&'a EvalAltResult, Position, Option<&'a str>) {
    let here = error.position();
    let at = if here.is_none() { outer } else { here };
    match error {
        EvalAltResult::ErrorInFunctionCall(_, file, inner, _) => {
            let file = if file.is_empty() { source } else { Some(file.as_str()) };
            innermost(inner, at, file)
        }
        EvalAltResult::ErrorInModule(file, inner, _) => innermost(inner, at, Some(file)),
        _ => (error, at, source),
    }
}

/// What kind of failure `error` is.
fn kind(error: &EvalAltResult) -> FaultKind {
    match error {
        EvalAltResult::ErrorTooManyOperations(_) => FaultKind::Operations,
        EvalAltResult::ErrorStackOverflow(_) => FaultKind::Depth,
        EvalAltResult::ErrorDataTooLarge(..)
        | EvalAltResult::ErrorTooManyVariables(_)
        | EvalAltResult::ErrorTooManyModules(_) => FaultKind::Size,
        EvalAltResult::ErrorTerminated(..) => FaultKind::Cancelled,
        _ => FaultKind::Exception,
    }
}

/// The error in words, without its place.
fn words(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) if value.is_unit() => "it threw an error".to_owned(),
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorStackOverflow(_) => "it nests or calls itself too deeply".to_owned(),
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no property `{name}`"),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => not_found(signature),
        EvalAltResult::ErrorDataTooLarge(what, _) => format!("a value is too large: {}", what.to_lowercase()),
        other => {
            let mut plain = other.to_string();
            if let Some(end) = plain.rfind(" (line ") {
                plain.truncate(end);
            }
            plain
        }
    }
}

/// A call that no function fits: with `()` among its arguments, that is the likely cause.
fn not_found(signature: &str) -> String {
    let absent = signature.contains("()") && !signature.ends_with("()");
    let hint = if absent {
        "; one of its values is `()`, absent: test it with `!= ()` or give a default with `??`"
    } else {
        ""
    };
    format!("no function fits `{signature}`{hint}")
}
