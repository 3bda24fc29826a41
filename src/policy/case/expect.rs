//! What came of a case against what was expected: one line for each difference.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};

use super::file::{Case, Expect, RequestFacts, StepFacts};
use super::played::Played;
use crate::error::Kind;
use crate::ir::{Money, Request, Role, Tool};
use crate::plan::{Plan, Step, Verdict};
use crate::policy::query::Need;
use crate::problem::Problem;

/// Every difference, at the place of the case's `expect`.
pub(super) fn compare(case: &Case, played: &Played, path: &Path) -> Vec<Problem> {
    let mut seen = Differences::default();
    let expect = &case.expect.value;
    seen.verdict(expect, played);
    seen.plan(expect, played);
    if let Some(request) = &expect.request {
        seen.request(request, played);
    }
    seen.rest(expect, played);
    let name = &case.name.value;
    seen.found
        .into_iter()
        .map(|text| case.expect.mark(Problem::error(path, "case", format!("case `{name}`: {text}"))))
        .collect()
}

/// Differences found so far.
#[derive(Default)]
struct Differences {
    found: Vec<String>,
}

impl Differences {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, expected: Option<&T>, got: &T) {
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            self.found.push(format!("{what}: expected {expected:?}, got {got:?}"));
        }
    }

    fn verdict(&mut self, expect: &Expect, played: &Played) {
        match (&expect.fault, &played.verdict) {
            (Some(part), Err(fault)) if fault.message.contains(part.as_str()) => {}
            (Some(part), Err(fault)) => {
                self.found.push(format!("fault: expected `{part}` in `{}`", fault.message));
            }
            (Some(part), Ok(verdict)) => {
                self.found.push(format!("fault: expected `{part}`, got {}", shown(verdict)));
            }
            (None, Err(fault)) => self.found.push(fault.to_string()),
            (None, Ok(verdict)) => self.decided(expect, verdict),
        }
    }

    fn decided(&mut self, expect: &Expect, verdict: &Verdict) {
        let mut wrong = |what: &str, expected: String| {
            self.found.push(format!("{what}: expected {expected}, got {}", shown(verdict)));
        };
        if let Some(reject) = &expect.reject {
            let Verdict::Reject { status, code, message } = verdict else {
                return wrong("verdict", "a refusal".to_owned());
            };
            self.same("status", reject.status.as_ref(), status);
            self.same("code", reject.code.as_ref(), code);
            if let Some(part) = reject.message.as_ref().filter(|part| !message.contains(part.as_str())) {
                self.found.push(format!("message: expected `{part}` in `{message}`"));
            }
            return;
        }
        match (expect, verdict) {
            (Expect { batch: Some(models), .. }, Verdict::Batch(plan)) if names(plan) == *models => {}
            (Expect { batch: Some(models), .. }, _) => wrong("verdict", format!("a batch of {models:?}")),
            (Expect { respond: Some(text), .. }, Verdict::Respond(response)) if response.said() == *text => {}
            (Expect { respond: Some(text), .. }, _) => wrong("verdict", format!("the answer {text:?}")),
            (Expect { retry_ms: Some(ms), .. }, Verdict::Retry { after })
                if *after == Duration::from_millis(*ms) => {}
            (Expect { retry_ms: Some(ms), .. }, _) => wrong("verdict", format!("another try after {ms} ms")),
            (Expect { give_up: Some(true), .. }, Verdict::GiveUp) => {}
            (Expect { give_up: Some(true), .. }, _) => wrong("verdict", "that it gives up".to_owned()),
            (Expect { stop: Some(words), .. }, Verdict::Stop(message)) if words == message => {}
            (Expect { stop: Some(words), .. }, _) => wrong("verdict", format!("the end with {words:?}")),
            (Expect { nothing: Some(true), .. }, Verdict::Continue) => {}
            (Expect { nothing: Some(true), .. }, _) => wrong("verdict", "nothing".to_owned()),
            _ => {}
        }
    }

    fn plan(&mut self, expect: &Expect, played: &Played) {
        let wanted = expect.targets.is_some() || expect.steps.is_some() || expect.total_ms.is_some();
        let plan = match &played.verdict {
            Ok(Verdict::Route(plan)) => plan,
            Ok(other) if wanted => {
                return self.found.push(format!("verdict: expected a plan, got {}", shown(other)));
            }
            _ => return,
        };
        self.same("targets", expect.targets.as_ref(), &names(plan));
        if let Some(steps) = &expect.steps {
            self.same("steps", Some(&steps.len()), &plan.steps.len());
            for (at, (facts, step)) in steps.iter().zip(&plan.steps).enumerate() {
                self.step(at, facts, step);
            }
        }
        self.same("total_ms", expect.total_ms.map(Some).as_ref(), &ms(plan.total));
        let kinds = plan.fall_back_on.iter().flatten().map(|kind| Kind::name(*kind).to_owned()).collect();
        self.same("fall_back_on", expect.fall_back_on.as_ref(), &kinds);
        if let Some(usd) = expect.cost_usd {
            self.cost(usd, plan, played);
        }
    }

    fn step(&mut self, at: usize, facts: &StepFacts, step: &Step) {
        let mut same = |what: &str, expected: Option<u64>, got: Option<u64>| {
            self.same(&format!("steps[{at}].{what}"), expected.map(Some).as_ref(), &got);
        };
        same("first_byte_ms", facts.first_byte_ms, ms(step.first_byte));
        same("idle_ms", facts.idle_ms, ms(step.idle));
        same("attempt_ms", facts.attempt_ms, ms(step.total));
        same("retries", facts.retries.map(u64::from), step.retries.map(u64::from));
        same("hedge_after_ms", facts.hedge_after_ms, ms(step.hedge_after));
        self.same(&format!("steps[{at}].model"), facts.model.as_ref(), &step.model.to_string());
    }

    fn cost(&mut self, usd: f64, plan: &Plan, played: &Played) {
        let first = plan.steps.first().map(|step| &step.model);
        let models = played.scene.catalog.models();
        let candidate = models.iter().find(|candidate| Some(&candidate.model.name) == first);
        let need = Need::of(&played.scene.request);
        let cost = candidate.and_then(|candidate| need.ok()?.cost(candidate)).map(Money::as_usd);
        if cost.is_none_or(|cost| (cost - usd).abs() > usd.abs() * 0.01 + 1e-9) {
            self.found.push(format!("cost_usd: expected {usd}, got {cost:?}"));
        }
    }

    fn request(&mut self, expect: &RequestFacts, played: &Played) {
        self.same("request.edited", expect.edited.as_ref(), &played.scene.request.is_edited());
        let Ok(request) = played.scene.request.decoded() else { return };
        self.same("request.model", expect.model.as_ref(), &request.model);
        self.same("request.system", expect.system.as_ref(), &system(request));
        self.same("request.last_user", expect.last_user.as_ref(), &last_user(request));
        self.same("request.messages", expect.messages.as_ref(), &messages(request));
        self.same("request.tools", expect.tools.as_ref(), &tools(request));
        let prefix = request.caching.prefix.map(|life| life.name().to_owned());
        self.same("request.cache_prefix", expect.cache_prefix.clone().map(Some).as_ref(), &prefix);
        self.same("request.cache_key", expect.cache_key.clone().map(Some).as_ref(), &request.caching.key);
        for (name, value) in &expect.params {
            let got = crate::policy::field::get(request, name).unwrap_or_default();
            self.same(&format!("request.params.{name}"), Some(value), &got);
        }
    }

    fn rest(&mut self, expect: &Expect, played: &Played) {
        self.fields("notes", &expect.notes, |name| played.scene.notes.get(name).cloned());
        self.fields("state", &expect.state, |key| played.scene.state.get(key, played.scene.now));
        if let Some(text) = &expect.answer {
            let got = played.scene.response.as_ref().map(|response| response.text()).unwrap_or_default();
            self.same("answer", Some(text), &got);
        }
        self.same("asked", expect.asked.as_ref(), &played.asked);
        for (model, part) in &expect.falls {
            let fell = played.falls.iter().find(|fall| *fall.model == **model);
            let whole = fell.map(|fall| format!("{}: {}", fall.query, fall.why));
            if whole.as_ref().is_none_or(|whole| !whole.contains(part.as_str())) {
                let got = whole.map_or_else(|| "it did not fall".to_owned(), |whole| format!("`{whole}`"));
                self.found.push(format!("falls.{model}: expected `{part}`, got {got}"));
            }
        }
    }

    fn fields(&mut self, what: &str, expected: &Map<String, Value>, get: impl Fn(&str) -> Option<Value>) {
        for (name, value) in expected {
            let got = get(name).unwrap_or(Value::Null);
            if !alike(value, &got) {
                self.found.push(format!("{what}.{name}: expected {value}, got {got}"));
            }
        }
    }
}

/// Equal, numbers by value: 1 and 1.0 are alike, and so are 0.3 and 0.30000000000000004.
fn alike(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-3),
        _ => match (a, b) {
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| alike(a, b)))
            }
            _ => a == b,
        },
    }
}

/// A verdict in few words.
fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Continue => "nothing".to_owned(),
        Verdict::Reject { status, code, message } => format!("reject({status}, {code:?}, {message:?})"),
        Verdict::Respond(response) => format!("the answer {:?}", response.text()),
        Verdict::Route(plan) => format!("a plan of {:?}", names(plan)),
        Verdict::Retry { after } => format!("another try after {} ms", after.as_millis()),
        Verdict::Batch(plan) => format!("a batch of {:?}", names(plan)),
        Verdict::GiveUp => "that it gives up".to_owned(),
        Verdict::Replace(text) => format!("the text {text:?}"),
        Verdict::Stop(text) => format!("the end with {text:?}"),
    }
}

fn names(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.model.to_string()).collect()
}

fn ms(time: Option<Duration>) -> Option<u64> {
    time.and_then(|time| u64::try_from(time.as_millis()).ok())
}

fn system(request: &Request) -> String {
    let system = request.messages.iter().filter(|message| message.role == Role::System);
    system.map(|message| message.joined_text()).collect::<Vec<_>>().join("\n\n")
}

fn last_user(request: &Request) -> String {
    let last = request.messages.iter().rev().find(|message| message.role == Role::User);
    last.map(|message| message.joined_text()).unwrap_or_default()
}

fn messages(request: &Request) -> Vec<String> {
    let role = |role: Role| format!("{role:?}").to_lowercase();
    request
        .messages
        .iter()
        .map(|message| format!("{}: {}", role(message.role), message.joined_text()))
        .collect()
}

fn tools(request: &Request) -> Vec<String> {
    let names = request.tools.iter().filter_map(|tool| match tool {
        Tool::Function { name, .. } => Some(name.clone()),
        Tool::Opaque { .. } => None,
    });
    names.collect()
}
