//! Policies at their hooks: what they see, what follows from what they say, and
//! what follows when they fail.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Gateway;
use super::beside;
use super::effects::Asker;
use super::exchange::{Exchange, Journey};
use super::journal::recorded;
use super::stock::{Live, default_plan};
use crate::dialect::LazyRequest;
use crate::error::{Error, Kind, Origin, Result};
use crate::ir::Response;
use crate::plan::{Plan, Verdict};
use crate::policy::speech::Spoken;
use crate::policy::{
    AttemptFacts, Bound, Catalog, Effects, Fault, FaultKind, Hook, OnError, Outcome, RouteFacts, Scene,
    dispatch,
};
use crate::record;

/// The policies of one exchange, with what they see.
pub(super) struct Deciders {
    journey: Arc<Journey>,
    /// Whether the policies on trial act in this exchange.
    pub(super) on_trial: bool,
    effects: Arc<dyn Effects>,
    /// Lent to the hook that runs.
    scene: Option<Box<Scene>>,
    pub(super) faults: Vec<String>,
    pub(super) journal: Vec<record::Effect>,
    /// What of an answer the client is not told, for policies changed what it belongs to.
    pub(super) dropped: Vec<String>,
    /// What the policies on trial would have done otherwise.
    pub(super) shadow: Option<Value>,
}

/// Where a request goes, or how its exchange ends without a provider.
pub(super) enum Decision {
    Go(Plan),
    Answer(Box<Response>),
    /// It can wait for a batch.
    Later(Plan),
}

/// What `on_failure` says.
pub(super) enum Ruling {
    None,
    Retry(Duration),
    GiveUp,
    Plan(Plan),
}

impl Deciders {
    /// The policies of the journey's route, which see `request`.
    pub(super) fn new(
        journey: &Arc<Journey>,
        request: LazyRequest,
        headers: Arc<Vec<(String, String)>>,
    ) -> Self {
        let seed = fastrand::u64(..);
        let route = &journey.route;
        let scene = Box::new(Scene {
            catalog: Catalog::lazy(Box::new(Live {
                journey: Arc::clone(journey),
                files_at: request.files_at().cloned(),
            })),
            request,
            route: Arc::new(RouteFacts { name: Arc::clone(&route.name), retries: route.retries.max }),
            principal: Arc::clone(&journey.principal),
            headers,
            session: journey.session.clone(),
            request_id: Arc::clone(&journey.id),
            now: journey.started,
            seed,
            state: Arc::clone(&journey.gateway.store),
            attempt: None,
            response: None,
            text: None,
            spoken: Spoken::Text,
            event: None,
            notes: Map::new(),
            trace: None,
        });
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
        let dice = (seed >> 12) as f64 / (1_u64 << 52) as f64;
        let on_trial = route.shadow.as_ref().is_some_and(|shadow| dice < shadow.share)
            && journey.gateway.trials.goes_on(&journey.bundle, route);
        Self {
            journey: Arc::clone(journey),
            on_trial,
            effects: Arc::new(Asker::new(journey)),
            scene: Some(scene),
            faults: Vec::new(),
            journal: Vec::new(),
            dropped: Vec::new(),
            shadow: None,
        }
    }

    /// The request, with the policies' edits.
    pub(super) fn request(&self) -> Result<&LazyRequest> {
        self.scene.as_ref().map(|scene| &scene.request).ok_or_else(lent)
    }

    /// Moves what policies noted, asked and failed at so far into the account.
    pub(super) fn account(&mut self, exchange: &mut Exchange) {
        if let Some(scene) = &mut self.scene {
            exchange.notes.extend(std::mem::take(&mut scene.notes));
        }
        exchange.faults.append(&mut self.faults);
        exchange.journal.append(&mut self.journal);
        exchange.dropped.append(&mut self.dropped);
    }

    /// A policy wants the whole answer: the provider is asked for it whole, and
    /// a client that wants a stream gets one made from it.
    pub(super) fn want_whole(&mut self) -> Result<()> {
        let scene = self.scene.as_mut().ok_or_else(lent)?;
        if scene.request.stream() { scene.request.edit(|request| request.stream = false) } else { Ok(()) }
    }

    /// Whether a policy that acts has this hook.
    pub(super) fn has(&self, hook: Hook) -> bool {
        match &self.journey.route.shadow {
            Some(shadow) if self.on_trial => shadow.policy.policy.has(hook),
            _ => self.journey.route.policies.iter().any(|bound| bound.policy.has(hook)),
        }
    }

    /// The policies that act in this exchange, of those that have this hook.
    fn acting(&self, hook: Hook) -> Vec<Arc<Bound>> {
        let acting = match &self.journey.route.shadow {
            Some(shadow) if self.on_trial => std::slice::from_ref(&shadow.policy),
            _ => &self.journey.route.policies,
        };
        acting.iter().filter(|bound| bound.policy.has(hook)).map(Arc::clone).collect()
    }

    /// A learning hook of each policy in turn, which look at `event`.
    pub(super) async fn afterwards(&mut self, hook: Hook, event: Value) {
        if let Some(scene) = &mut self.scene {
            scene.event = Some(Arc::new(event));
        }
        for bound in self.acting(hook) {
            // A failure is counted and logged in `ask`; there is nobody else to tell.
            drop(self.ask(&bound, hook).await);
        }
    }

    /// `on_request` of each policy in turn; the first answer or refusal wins.
    pub(super) async fn on_request(&mut self) -> Result<Option<Box<Response>>> {
        if !self.has(Hook::Request) {
            return Ok(None);
        }
        for bound in self.acting(Hook::Request) {
            match self.ask(&bound, Hook::Request).await? {
                Verdict::Respond(response) => return Ok(Some(response)),
                verdict => refused(verdict)?,
            }
        }
        Ok(None)
    }

    /// `route` of each policy in turn; the first that decides wins. Without a
    /// decision the route's candidates are tried in their order.
    pub(super) async fn route(&mut self) -> Result<Decision> {
        let verdict = self.routed().await?;
        self.compare(&verdict).await;
        match verdict {
            Verdict::Route(plan) => Ok(Decision::Go(plan)),
            Verdict::Respond(response) => Ok(Decision::Answer(response)),
            Verdict::Batch(plan) => Ok(Decision::Later(plan)),
            verdict => refused(verdict).map(|()| Decision::Go(self.default_plan())),
        }
    }

    async fn routed(&mut self) -> Result<Verdict> {
        for bound in self.acting(Hook::Route) {
            match self.ask(&bound, Hook::Route).await? {
                Verdict::Continue => {}
                verdict => return Ok(verdict),
            }
        }
        Ok(Verdict::Route(self.default_plan()))
    }

    /// `on_failure` of each policy in turn; the first that says something wins.
    pub(super) async fn on_failure(&mut self, facts: impl FnOnce() -> AttemptFacts) -> Result<Ruling> {
        if !self.has(Hook::Failure) {
            return Ok(Ruling::None);
        }
        let facts = Arc::new(facts());
        if let Some(scene) = &mut self.scene {
            scene.attempt = Some(facts);
        }
        for bound in self.acting(Hook::Failure) {
            match self.ask(&bound, Hook::Failure).await? {
                Verdict::Retry { after } => return Ok(Ruling::Retry(after)),
                Verdict::GiveUp => return Ok(Ruling::GiveUp),
                Verdict::Route(plan) => return Ok(Ruling::Plan(plan)),
                verdict => refused(verdict)?,
            }
        }
        Ok(Ruling::None)
    }

    /// `on_response` of each policy in turn: the answer, edited or replaced.
    pub(super) async fn on_response(&mut self, response: Response) -> Result<Reviewed> {
        if let Some(scene) = &mut self.scene {
            scene.response = Some(Arc::new(response));
        }
        for bound in self.acting(Hook::Response) {
            match self.ask(&bound, Hook::Response).await? {
                Verdict::Respond(response) => {
                    if let Some(scene) = &mut self.scene {
                        scene.response = Some(Arc::from(response));
                    }
                }
                Verdict::Route(plan) => return Ok(Reviewed::Plan(plan)),
                verdict => refused(verdict)?,
            }
        }
        let response = self.scene.as_mut().and_then(|scene| scene.response.take()).ok_or_else(lent)?;
        Ok(Reviewed::Answer(Box::new(Arc::unwrap_or_clone(response))))
    }

    /// `on_text` of each policy in turn, on one sentence of this part: each reads what the one before it left.
    pub(super) async fn on_text(&mut self, spoken: Spoken, sentence: String) -> Result<Said> {
        let mut text = sentence;
        for bound in self.acting(Hook::Text) {
            if let Some(scene) = &mut self.scene {
                (scene.text, scene.spoken) = (Some(Arc::from(text.as_str())), spoken);
            }
            match self.ask(&bound, Hook::Text).await? {
                Verdict::Replace(other) => text = other,
                Verdict::Stop(message) => return Ok(Said::Stop(message)),
                _ => {}
            }
            if text.is_empty() {
                break;
            }
        }
        Ok(Said::Text(text))
    }

    /// Runs one hook and applies what its policy says of failures.
    async fn ask(&mut self, bound: &Arc<Bound>, hook: Hook) -> Result<Verdict> {
        let scene = self.scene.take().ok_or_else(lent)?;
        let Outcome { scene, verdict, journal } = dispatch(bound, hook, scene, &self.effects).await;
        self.scene = Some(scene);
        let content = self.journey.bundle.settings.record_content;
        self.journal.extend(journal.iter().map(|entry| recorded(entry, hook, content)));
        self.journey.gateway.policy_ran(&self.journey.bundle, verdict.is_err());
        match verdict {
            Ok(verdict) => Ok(verdict),
            Err(fault) => {
                // Not the policy's fault: what it looked at is no valid request.
                self.request()?.decoded()?;
                report(&self.journey.gateway, &fault);
                self.faults.push(fault.to_string());
                if fault.kind == FaultKind::Saturated {
                    let text = "too many policies are waiting at once: try again in a moment";
                    return Err(Error::new(Kind::Overloaded, Origin::Gateway, text));
                }
                match bound.policy.on_error(hook) {
                    OnError::Ignore => Ok(Verdict::Continue),
                    OnError::Fallback if hook == Hook::Route => Ok(Verdict::Route(self.default_plan())),
                    OnError::Fallback => Ok(Verdict::Continue),
                    OnError::Deny => Err(failed(&fault)),
                }
            }
        }
    }

    fn default_plan(&self) -> Plan {
        default_plan(&self.journey)
    }

    /// Lets the policy on trial decide beside the acting ones, of whom this is the verdict.
    async fn compare(&mut self, acted: &Verdict) {
        if self.on_trial {
            return;
        }
        if let Some(scene) = &self.scene {
            self.shadow = beside::decide(&self.journey, scene, acted).await;
        }
    }
}

/// What `on_response` made of an answer.
pub(super) enum Reviewed {
    Answer(Box<Response>),
    Plan(Plan),
}

/// What the client gets in place of a sentence.
pub(super) enum Said {
    /// This text.
    Text(String),
    /// This text, and nothing after it.
    Stop(String),
}

/// The error for a verdict that ends the exchange; anything else goes on.
fn refused(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Reject { status, code, message } => {
            let mut error = Error::new(Kind::PolicyDenied, Origin::Policy, message).with_code(code);
            error.status = Some(status);
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Counts and logs a failed evaluation.
pub(super) fn report(gateway: &Gateway, fault: &Fault) {
    let kind = fault.kind.label();
    gateway.meters.policy_faults.with_label_values(&[fault.policy.as_str(), fault.hook, kind]).inc();
    tracing::warn!(
        policy = %fault.policy, hook = fault.hook, kind, line = fault.line, column = fault.column,
        source_line = fault.source_line.as_deref(), "{}", fault.message
    );
}

fn failed(fault: &Fault) -> Error {
    let text = format!("policy `{}` failed in {}: the request was refused", fault.policy, fault.hook);
    Error::new(Kind::PolicyFailed, Origin::Policy, text)
}

fn lent() -> Error {
    Error::internal("the scene is lent to a hook that did not give it back")
}

/// Moves what policies left behind into the account.
pub(super) fn keep(exchange: &mut Exchange, deciders: &mut Deciders) {
    deciders.account(exchange);
    exchange.on_trial = deciders.on_trial;
    exchange.shadow = deciders.shadow.take().or_else(|| deciders.on_trial.then(|| json!({ "acts": true })));
}
