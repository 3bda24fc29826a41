//! Plans: ordered attempts with their bounds.

use std::sync::Arc;
use std::time::Duration;

use rhai::{Array, Dynamic, Engine, ImmutableString};

use super::model::name_of;
use super::word::{count, getter, kind_of, word};
use crate::error::Kind;
use crate::model::Candidate;
use crate::plan::{Plan, Step};
use crate::policy::query::Selection;
use crate::policy::script::turn::{Reply, raise, read};
use crate::problem::did_you_mean;

/// Registers the words of plans.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Plan>("Plan");
    word(
        "plan(targets)",
        "A plan that tries these in order: a model, a name, a list, an array of them, another plan.",
        "plan(ctx.candidates.fitting(req).cheapest(req)).first_byte_ms(500)",
    )
    .register_into_engine(engine, |targets: Dynamic| plan_of(&targets));
    word(
        "then(targets)",
        "Adds further attempts after those that there are, with bounds of their own.",
        "plan(\"a\").first_byte_ms(500).then(\"b\")",
    )
    .register_into_engine(engine, |mut plan: Plan, targets: Dynamic| -> Reply<Plan> {
        plan.steps.extend(plan_of(&targets)?.steps);
        Ok(plan)
    });
    getter("len", "How many attempts it has.", "plan([\"a\", \"b\"]).len")
        .register_into_engine(engine, |plan: &mut Plan| plan.steps.len() as i64);
    getter("models", "The names of its models in order, as an array.", "plan(list).models")
        .register_into_engine(engine, |plan: &mut Plan| -> Array {
            plan.steps.iter().map(|step| (*step.model).into()).collect()
        });
    word("top(most)", "The first so many attempts.", "plan(list).top(3)").register_into_engine(
        engine,
        |mut plan: Plan, most: i64| {
            plan.steps.truncate(usize::try_from(most).unwrap_or(0));
            plan
        },
    );
    bounds(engine);
    fall_back(engine);
}

/// Sets one bound of a step.
type Bound = fn(&mut Step, u64);

fn bounds(engine: &mut Engine) {
    let each: [(&'static str, &str, &str, Bound); 5] = [
        ("first_byte_ms", "Longest wait for the first byte, ms", "first_byte_ms(500)", |step, ms| {
            step.first_byte = Some(Duration::from_millis(ms));
        }),
        ("idle_ms", "Longest silence within a stream, ms", "idle_ms(10000)", |step, ms| {
            step.idle = Some(Duration::from_millis(ms));
        }),
        ("attempt_ms", "Longest duration of the attempt, ms", "attempt_ms(20000)", |step, ms| {
            step.total = Some(Duration::from_millis(ms));
        }),
        ("retries", "How often to try the same model again", "retries(1)", |step, times| {
            step.retries = Some(u32::try_from(times).unwrap_or(u32::MAX));
        }),
        (
            "hedge_after_ms",
            "Start the next attempt beside this one when it is silent for so long, ms; the first to answer wins",
            "hedge_after_ms(800)",
            |step, ms| step.hedge_after = Some(Duration::from_millis(ms)),
        ),
    ];
    for (name, meaning, example, set) in each {
        let meaning = format!("{meaning}; of each attempt named so far.");
        word(&format!("{name}(value)"), &meaning, &format!("plan(list).{example}")).register_into_engine(
            engine,
            move |mut plan: Plan, value: Dynamic| -> Reply<Plan> {
                let value = count(&value, name)?;
                plan.steps.iter_mut().for_each(|step| set(step, value));
                Ok(plan)
            },
        );
    }
    word(
        "total_ms(value)",
        "Bound on everything until the client's first byte, and on the whole answer, ms.",
        "plan(list).total_ms(30000)",
    )
    .register_into_engine(engine, |plan: Plan, value: Dynamic| -> Reply<Plan> {
        let total = Duration::from_millis(count(&value, "total_ms")?);
        Ok(Plan { total: Some(total), ..plan })
    });
}

fn fall_back(engine: &mut Engine) {
    word(
        "fall_back_on(kinds)",
        "Which errors move on to the next attempt; without it all that another model may not have. Names as in `attempt.kind`.",
        "plan(list).fall_back_on([\"rate_limited\", \"overloaded\", \"timed_out\"])",
    )
    .register_into_engine(engine, |plan: Plan, kinds: Array| -> Reply<Plan> {
        let kinds: Vec<Kind> = kinds.iter().map(|name| kind_named(&name.to_string())).collect::<Reply<_>>()?;
        Ok(Plan { fall_back_on: Some(kinds), ..plan })
    });
}

/// The plan that a script's value stands for.
///
/// # Errors
/// It stands for none, or names a model that does not exist.
pub(super) fn plan_of(targets: &Dynamic) -> Reply<Plan> {
    let mut plan = Plan::default();
    add(&mut plan, targets)?;
    if plan.steps.is_empty() {
        return Err(raise(
            "a plan needs at least one model, and this list is empty: test `is_empty()` first",
        ));
    }
    Ok(plan)
}

/// The plan of a model or a list of models.
pub(in crate::policy::script) fn as_plan(value: &Dynamic) -> Option<Plan> {
    let models = value.is::<Candidate>() || value.is::<Selection>();
    models.then(|| plan_of(value).unwrap_or_default())
}

fn add(plan: &mut Plan, targets: &Dynamic) -> Reply<()> {
    if let Some(other) = targets.read_lock::<Plan>() {
        *plan = Plan { steps: std::mem::take(&mut plan.steps), ..other.clone() };
        plan.steps.extend(other.steps.iter().cloned());
    } else if let Some(list) = targets.read_lock::<Selection>() {
        plan.steps.reserve(list.len());
        plan.steps.extend(list.iter().map(|candidate| Step::of(Arc::clone(&candidate.model.name))));
    } else if let Some(list) = targets.read_lock::<Array>() {
        list.iter().try_for_each(|one| add(plan, one))?;
    } else if targets.is::<Candidate>() {
        plan.steps.push(Step::of(name_of(targets)?));
    } else if let Some(name) = targets.read_lock::<ImmutableString>() {
        plan.steps.push(Step::of(known(&name)?));
    } else {
        return Err(raise(format!(
            "a plan is made of models, names, lists and plans, not of {}",
            kind_of(targets)
        )));
    }
    Ok(())
}

/// The model's name, if there is such a model.
fn known(name: &str) -> Reply<Arc<str>> {
    read(|scene| {
        if let Some(known) = scene.catalog.name(name) {
            return Ok(known);
        }
        let models = scene.catalog.models();
        let near = did_you_mean(name, models.iter().map(|candidate| &*candidate.model.name));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(raise(format!("there is no model `{name}`{near}")))
    })?
}

/// The error kind of this name.
///
/// # Errors
/// There is none.
fn kind_named(name: &str) -> Reply<Kind> {
    Kind::named(name).ok_or_else(|| {
        let near = did_you_mean(name, Kind::ALL.into_iter().map(Kind::name));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        raise(format!("there is no kind of error `{name}`{near}"))
    })
}
