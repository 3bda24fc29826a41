//! An explanation, for people and for machines.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::gateway::recorded;
use crate::ir::Money;
use crate::plan::{Step, Verdict};
use crate::policy::explain::{Explanation, Stop};
use crate::policy::{Answer, Branch, EffectValue, Fall, JournalEntry, Policies, Way};

/// Most branches shown of one hook: a loop over models comes to many.
const BRANCHES: usize = 40;
/// Most letters shown of what an effect gave.
const RESULT: usize = 60;

/// The explanation in lines; `admin` is the gateway whose prices and health were taken.
pub(super) fn as_text(explained: &Explanation, policies: &Policies, admin: Option<&str>) -> Vec<String> {
    let mut lines = vec![facts(admin)];
    lines.extend(explained.elsewhere.iter().map(fell));
    for stop in &explained.stops {
        lines.push(format!("{} {}: {}", stop.policy, stop.hook.function(), said(stop)));
        lines.extend(stop.branches.iter().take(BRANCHES).map(|branch| taken(branch, policies)));
        if let Some(more) = stop.branches.len().checked_sub(BRANCHES + 1) {
            lines.push(format!("    and {} branches more", more + 1));
        }
        lines.extend(stop.falls.iter().map(fell));
        lines.extend(stop.notes.iter().map(|(name, value)| format!("    note {name} = {value}")));
        if stop.edited {
            lines.push("    edited the request".to_owned());
        }
        lines.extend(stop.journal.iter().map(effect));
    }
    lines.push(format!("=> {}", in_words(&explained.verdict)));
    for (at, one) in explained.estimates.iter().enumerate() {
        let cost = one.cost.map_or("unpriced".to_owned(), |cost| format!("about {cost} USD"));
        let misfit =
            one.misfit.as_deref().map(|why| format!(" (cannot serve it: {why})")).unwrap_or_default();
        lines.push(format!(
            "   {}. {}: {} input tokens, {cost}{misfit}",
            at + 1,
            one.model,
            one.input_tokens
        ));
    }
    lines
}

/// `effect ask -> small: "3" (12 ms, 0.000002000 USD)`.
fn effect(entry: &JournalEntry) -> String {
    let came = match &entry.result {
        Ok(EffectValue::Json(value)) => short(&value.to_string()),
        Ok(EffectValue::Answers(answers)) => answers.iter().map(answered).collect::<Vec<_>>().join(", "),
        Err(error) => format!("{}: {}", error.code(), short(&error.message)),
    };
    let cost = if entry.cost == Money::ZERO { String::new() } else { format!(", {} USD", entry.cost) };
    format!("    effect {} -> {came} ({} ms{cost})", entry.effect, entry.elapsed_ms)
}

fn answered(answer: &Answer) -> String {
    match &answer.outcome {
        Ok(response) => format!("{}: {:?}", answer.model, short(&response.text())),
        Err(error) => format!("{}: {}", answer.model, error.code()),
    }
}

/// The beginning of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(RESULT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn fell(fall: &Fall) -> String {
    format!("    - {}: {}, {}", fall.model, fall.query, fall.why)
}

/// Where prices and health come from.
fn facts(admin: Option<&str>) -> String {
    match admin {
        Some(admin) => format!("prices and health: live, from {admin}"),
        None => "prices and health: no live ones; prices are those of the configuration, and every model counts as healthy and without traffic (--admin ADDRESS takes them from a running gateway)".to_owned(),
    }
}

/// `line 5: if x > 3 -> holds   (x = 4)`.
fn taken(branch: &Branch, policies: &Policies) -> String {
    let source = policies.get(&branch.file).map(|policy| Arc::clone(&policy.source));
    let text = source.as_deref().and_then(|source| source.lines().nth(branch.line.saturating_sub(1)));
    let text = text.unwrap_or_default().trim().trim_end_matches('{').trim_end();
    let way = match branch.way {
        Some(Way::Then) => "holds".to_owned(),
        Some(Way::Else) => "does not hold: else".to_owned(),
        Some(Way::Case(line)) => format!("the case on line {line}"),
        None => "does not hold".to_owned(),
    };
    let reads: Vec<String> =
        branch.reads.iter().map(|read| format!("{} = {}", read.name, read.value)).collect();
    let reads = if reads.is_empty() { String::new() } else { format!("   ({})", reads.join(", ")) };
    format!("    line {}: {text} -> {way}{reads}", branch.line)
}

fn said(stop: &Stop) -> String {
    match &stop.verdict {
        Ok(verdict) => in_words(verdict),
        Err(fault) => format!("failed: {fault}"),
    }
}

fn in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Continue => "nothing".to_owned(),
        Verdict::Reject { status, code, message } => format!("refuses with {status} {code}: {message}"),
        Verdict::Respond(response) => format!("answers {:?}", response.text()),
        Verdict::Route(plan) => {
            let steps: Vec<String> = plan.steps.iter().map(step_in_words).collect();
            format!("tries {}", steps.join(", then "))
        }
        Verdict::Batch(plan) => {
            let models: Vec<&str> = plan.steps.iter().map(|step| &*step.model).collect();
            let of = if models.is_empty() { "of the candidates".to_owned() } else { models.join(", ") };
            format!("leaves it to a batch: the first that takes some, {of}")
        }
        Verdict::Retry { after } => format!("tries again after {} ms", after.as_millis()),
        Verdict::GiveUp => "gives up".to_owned(),
        Verdict::Replace(text) => format!("says {text:?} instead"),
        Verdict::Stop(text) => format!("ends with {text:?}"),
    }
}

fn step_in_words(step: &Step) -> String {
    let mut bounds = Vec::new();
    bounds.extend(step.first_byte.map(|time| format!("first byte {} ms", time.as_millis())));
    bounds.extend(step.idle.map(|time| format!("idle {} ms", time.as_millis())));
    bounds.extend(step.total.map(|time| format!("total {} ms", time.as_millis())));
    bounds.extend(step.hedge_after.map(|time| format!("hedged after {} ms", time.as_millis())));
    bounds.extend(step.retries.map(|times| format!("{times} retries")));
    if bounds.is_empty() { step.model.to_string() } else { format!("{} ({})", step.model, bounds.join(", ")) }
}

/// The explanation for machines.
pub(super) fn as_json(explained: &Explanation, admin: Option<&str>) -> Value {
    let stops: Vec<Value> = explained.stops.iter().map(stop_as_json).collect();
    let steps = explained.estimates.iter().map(|one| {
        json!({
            "model": &*one.model,
            "input_tokens": one.input_tokens,
            "cost_usd": one.cost.map(Money::as_usd),
            "misfit": one.misfit,
        })
    });
    json!({ "facts": admin.map_or("configuration", |_| "live"), "elsewhere": explained.elsewhere.iter().map(fall_as_json).collect::<Vec<_>>(), "stops": stops, "verdict": in_words(&explained.verdict), "steps": steps.collect::<Vec<_>>() })
}

fn fall_as_json(fall: &Fall) -> Value {
    json!({ "model": &*fall.model, "query": fall.query, "why": fall.why })
}

fn stop_as_json(stop: &Stop) -> Value {
    let falls: Vec<Value> = stop.falls.iter().map(fall_as_json).collect();
    let branches: Vec<Value> = stop.branches.iter().map(branch_as_json).collect();
    json!({
        "policy": &*stop.policy,
        "hook": stop.hook.function(),
        "verdict": said(stop),
        "failed": stop.verdict.is_err(),
        "branches": branches,
        "falls": falls,
        "notes": stop.notes,
        "edited": stop.edited,
        "effects": stop.journal.iter().map(|entry| recorded(entry, stop.hook, true)).collect::<Vec<_>>(),
    })
}

fn branch_as_json(branch: &Branch) -> Value {
    let (way, case) = match branch.way {
        Some(Way::Then) => ("then", None),
        Some(Way::Else) => ("else", None),
        Some(Way::Case(line)) => ("case", Some(line)),
        None => ("past", None),
    };
    let reads: Map<String, Value> =
        branch.reads.iter().map(|read| (read.name.clone(), Value::from(read.value.as_str()))).collect();
    json!({ "file": branch.file, "line": branch.line, "way": way, "case_line": case, "reads": reads })
}
