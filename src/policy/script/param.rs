//! Values of parameters against what the head declares.

use serde_json::{Map, Value};

use crate::policy::{ParamKind, ParamSpec};
use crate::problem::{Problem, did_you_mean};

/// Every parameter of `specs`, from `with` or by default.
///
/// # Errors
/// Undeclared, missing and ill-typed parameters, all at once.
pub(super) fn bind(
    policy: &str,
    specs: &[ParamSpec],
    with: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut problems = Vec::new();
    for name in with.keys().filter(|name| !specs.iter().any(|spec| spec.name == **name)) {
        let what = format!("`{policy}` declares no parameter `{name}`");
        let problem = Problem::error("", "unknown_parameter", what);
        let names = specs.iter().map(|spec| spec.name.as_str());
        problems.push(match did_you_mean(name, names.clone()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None if specs.is_empty() => problem.help("it takes no parameters"),
            None => problem.help(format!("it takes {}", names.collect::<Vec<_>>().join(", "))),
        });
    }
    let mut bound = Map::new();
    for spec in specs {
        let Some(value) = with.get(&spec.name).or(spec.default.as_ref()) else {
            let what = format!("`{policy}` needs the parameter `{}`", spec.name);
            problems.push(Problem::error("", "missing_parameter", what).help(spec.meaning.clone()));
            continue;
        };
        if let Err(why) = check(&spec.kind, value) {
            let what = format!("the parameter `{}` of `{policy}` {why}", spec.name);
            problems.push(Problem::error("", "bad_parameter", what));
            continue;
        }
        let value = match (&spec.kind, value.as_f64()) {
            (ParamKind::Float(_), Some(number)) => Value::from(number),
            _ => value.clone(),
        };
        bound.insert(spec.name.clone(), value);
    }
    if problems.is_empty() { Ok(bound) } else { Err(problems) }
}

/// Whether `value` is one of `kind`; why not, as `must be ..., not ...`.
pub(super) fn check(kind: &ParamKind, value: &Value) -> Result<(), String> {
    let must = |what: String| Err(format!("must be {what}, not {value}"));
    let strings = || value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
    match kind {
        ParamKind::Float(None) if value.is_number() => Ok(()),
        ParamKind::Float(None) => must("a number".to_owned()),
        ParamKind::Float(Some((from, to))) => match value.as_f64() {
            Some(number) if (*from..=*to).contains(&number) => Ok(()),
            _ => must(format!("a number from {from} to {to}")),
        },
        ParamKind::Int(None) if value.is_i64() => Ok(()),
        ParamKind::Int(None) => must("a whole number".to_owned()),
        ParamKind::Int(Some((from, to))) => match value.as_i64() {
            Some(number) if (*from..=*to).contains(&number) => Ok(()),
            _ => must(format!("a whole number from {from} to {to}")),
        },
        ParamKind::Bool if value.is_boolean() => Ok(()),
        ParamKind::Bool => must("true or false".to_owned()),
        ParamKind::Text if value.is_string() => Ok(()),
        ParamKind::Text => must("a text".to_owned()),
        ParamKind::OneOf(choices) => match value.as_str() {
            Some(text) if choices.iter().any(|choice| choice == text) => Ok(()),
            _ => must(format!("one of {}", choices.join(", "))),
        },
        ParamKind::List if strings() => Ok(()),
        ParamKind::List => must("a list of texts".to_owned()),
        ParamKind::Model if value.is_string() => Ok(()),
        ParamKind::Model => must("the name of a model".to_owned()),
        ParamKind::Models if strings() => Ok(()),
        ParamKind::Models => must("a list of names of models".to_owned()),
        ParamKind::Service if value.is_string() => Ok(()),
        ParamKind::Service => must("the name of a service".to_owned()),
    }
}
