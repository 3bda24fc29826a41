//! From what a hook returned to its verdict. What a hook may not return is an
//! error that says what it may.

use rhai::{Array, Dynamic};

use super::vocabulary;
use crate::plan::{Plan, Step, Verdict};
use crate::policy::Hook;

/// Reads what `hook` returned.
///
/// # Errors
/// It is no verdict of this hook; the text says what is.
pub(super) fn read(hook: Hook, value: Dynamic) -> Result<Verdict, String> {
    // A learning hook decides nothing: the value of its last statement is nobody's business.
    if value.is_unit() || matches!(hook, Hook::Settled | Hook::Feedback) {
        return Ok(Verdict::Continue);
    }
    let found = value.type_name();
    // What can be shown in full is cheap to keep.
    let plain = value.is_string() || value.is_int() || value.is_bool() || value.is_float();
    let kept = if plain { value.clone() } else { Dynamic::UNIT };
    let refused = || refuse(hook, &shown(&kept, found));
    let verdict = convert(hook, value).ok_or_else(refused)?;
    check(&verdict)?;
    if fits(hook, &verdict) { Ok(verdict) } else { Err(refused()) }
}

fn convert(hook: Hook, value: Dynamic) -> Option<Verdict> {
    if value.is::<Verdict>() {
        return value.try_cast::<Verdict>();
    }
    if hook == Hook::Text && value.is_string() {
        return value.into_string().ok().map(Verdict::Replace);
    }
    if vocabulary::is_response(&value) {
        return Some(Verdict::Continue);
    }
    plan(value).map(Verdict::Route)
}

/// A plan from a plan, a model's name, a view of a model, or a list of these.
pub(super) fn plan(value: Dynamic) -> Option<Plan> {
    if value.is::<Plan>() {
        return value.try_cast::<Plan>();
    }
    if let Some(plan) = vocabulary::as_plan(&value) {
        return Some(plan);
    }
    if value.is_array() {
        let steps: Option<Vec<Step>> = value
            .cast::<Array>()
            .into_iter()
            .map(|one| Some(plan(one)?.steps))
            .try_fold(Vec::new(), |mut all, steps| {
                all.extend(steps?);
                Some(all)
            });
        return Some(Plan { steps: steps?, ..Plan::default() });
    }
    value.is_string().then(|| value.into_string().ok()).flatten().map(|name| Plan::of([name.into()]))
}

/// Whether `hook` may return `verdict`.
fn fits(hook: Hook, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Continue => true,
        Verdict::Reject { .. } | Verdict::Respond(_) => {
            matches!(hook, Hook::Request | Hook::Route | Hook::Response)
        }
        Verdict::Batch(_) => hook == Hook::Route,
        Verdict::Route(_) => matches!(hook, Hook::Route | Hook::Failure | Hook::Response),
        Verdict::Retry { .. } | Verdict::GiveUp => hook == Hook::Failure,
        Verdict::Replace(_) | Verdict::Stop(_) => hook == Hook::Text,
    }
}

/// Bounds on the verdict itself.
fn check(verdict: &Verdict) -> Result<(), String> {
    match verdict {
        Verdict::Route(plan) if plan.steps.is_empty() => {
            Err("the plan is empty: it needs at least one model (an empty choice is best answered with `reject(503, ..)`)".to_owned())
        }
        Verdict::Route(plan) if plan.steps.iter().any(|step| step.model.is_empty()) => {
            Err("the plan names a model with an empty name".to_owned())
        }
        Verdict::Reject { status, .. } if !(400..=599).contains(status) => {
            Err(format!("`reject` needs a status from 400 to 599, not {status}"))
        }
        _ => Ok(()),
    }
}

fn refuse(hook: Hook, shown: &str) -> String {
    let may = hook.returns();
    format!("`{}` returned {shown}; it may return {may}", hook.function())
}

/// A value in few words: itself, or where that is `()` its type.
fn shown(value: &Dynamic, found: &str) -> String {
    if !value.is_unit() {
        let text = value.to_string();
        let short: String = text.chars().take(40).collect();
        let dots = if short.len() < text.len() { ".." } else { "" };
        return format!("`{short}{dots}`");
    }
    match found {
        "array" => "a list that is not all models".to_owned(),
        "map" => "an object map".to_owned(),
        other => format!("a value of type `{}`", other.rsplit("::").next().unwrap_or(other)),
    }
}
