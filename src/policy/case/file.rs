//! What a case file may say. Unknown keys are errors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::facts::ModelFacts;
use crate::policy::speech::Spoken;
use crate::yaml::{At, Named};

/// A case file: what its cases share, and the cases.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaseFile {
    /// Models that every case has.
    pub models: Named<ModelFacts>,
    /// Parameters that every case passes.
    pub with: Map<String, Value>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Case {
    /// What it shows, in a few words.
    pub name: At<String>,
    /// Parameters beside those of the file.
    pub with: Map<String, Value>,
    /// A user's text, or a chat body; in the body, `text`, `system` and `repeat` stand for `messages`.
    pub request: Option<At<Value>>,
    /// The endpoint at which it comes in: `chat` unless said otherwise.
    pub endpoint: Option<String>,
    /// Request headers that policies see.
    pub headers: BTreeMap<String, String>,
    /// The client's session.
    pub session: Option<String>,
    /// Who calls.
    pub key: KeyFacts,
    /// Models of this case alone, or what differs from the file's.
    pub models: Named<ModelFacts>,
    /// The route's candidates, in order; all models unless said otherwise.
    pub candidates: Option<Vec<String>>,
    /// The route's name.
    pub route: Option<String>,
    /// The time, as 2026-11-21T10:52:49Z.
    pub clock: Option<At<String>>,
    /// The seed of chance.
    pub seed: Option<u64>,
    /// State from exchanges before.
    pub state: Map<String, Value>,
    /// A failed attempt: `on_failure` is asked instead of `on_request` and `route`.
    pub attempt: Option<AttemptFacts>,
    /// A whole answer: `on_response` is asked instead.
    pub response: Option<Value>,
    /// The text of an answer: `on_text` is asked instead, on each of its sentences.
    pub text: Option<String>,
    /// The part of an answer that `text` is, as `ctx.part` says it.
    pub part: Spoken,
    /// What settling recorded: `on_settled` is asked instead.
    pub record: Option<Value>,
    /// What a client fed back: `on_feedback` is asked instead.
    pub feedback: Option<Value>,
    /// The answers of models that the policy asks, by name; a list answers in turn.
    pub answers: BTreeMap<String, Value>,
    /// Vectors by text, for `embed`.
    pub embeddings: BTreeMap<String, Vec<f64>>,
    /// What services answer, by name; a list answers in turn.
    pub services: BTreeMap<String, Value>,
    /// What is expected.
    pub expect: At<Expect>,
}

/// Who calls, as a case states it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeyFacts {
    /// The key's name.
    pub name: Option<String>,
    /// The person.
    pub user: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The department.
    pub department: Option<String>,
    /// Labels.
    pub tags: Map<String, Value>,
    /// USD left in the tightest budget.
    pub budget_left: Option<f64>,
}

/// A failed attempt, as a case states it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttemptFacts {
    /// The model that was tried.
    pub model: String,
    /// Its place among the attempts, from 1.
    pub number: Option<u32>,
    /// Why it failed: `rate_limited`, `overloaded`, ...
    pub kind: String,
    /// What the provider said.
    pub message: Option<String>,
    /// The HTTP status that the provider sent.
    pub status: Option<u16>,
    /// The wait that the provider named, ms.
    pub retry_after_ms: Option<u64>,
    /// How long it took, ms.
    pub elapsed_ms: Option<u64>,
    /// How many steps of the plan are left.
    pub steps_left: Option<u32>,
}

/// What is expected; what is not said is not checked.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The plan's models, in order.
    pub targets: Option<Vec<String>>,
    /// The plan's steps, in order; of each what is said.
    pub steps: Option<Vec<StepFacts>>,
    /// Bound on the whole plan, ms.
    pub total_ms: Option<u64>,
    /// Error kinds that move on.
    pub fall_back_on: Option<Vec<String>>,
    /// The request goes to a batch service: the models of which the first that has one takes it.
    pub batch: Option<Vec<String>>,
    /// The policy refuses.
    pub reject: Option<RejectFacts>,
    /// The policy answers with this text.
    pub respond: Option<String>,
    /// After a failure: the same model again, after so many ms.
    pub retry_ms: Option<u64>,
    /// After a failure: the client gets the error.
    pub give_up: Option<bool>,
    /// The policy decides nothing.
    pub nothing: Option<bool>,
    /// The request as the policy left it.
    pub request: Option<RequestFacts>,
    /// The answer's text as the policy left it.
    pub answer: Option<String>,
    /// In `on_text`: the policy stops the answer with these last words.
    pub stop: Option<String>,
    /// Notes, by name.
    pub notes: Map<String, Value>,
    /// State afterwards, by key.
    pub state: Map<String, Value>,
    /// Expected cost at the plan's first model, USD.
    pub cost_usd: Option<f64>,
    /// Candidates that fell, each with a part of the reason.
    pub falls: BTreeMap<String, String>,
    /// The models that the policy asked, in order.
    pub asked: Option<Vec<String>>,
    /// The policy fails; a part of the message.
    pub fault: Option<String>,
}

/// One step of a plan, as a case expects it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepFacts {
    /// The model.
    pub model: Option<String>,
    /// Longest wait for the first byte, ms.
    pub first_byte_ms: Option<u64>,
    /// Longest silence within a stream, ms.
    pub idle_ms: Option<u64>,
    /// Longest duration of the attempt, ms.
    pub attempt_ms: Option<u64>,
    /// Retries at the same model.
    pub retries: Option<u32>,
    /// Start of the next step beside this one, ms.
    pub hedge_after_ms: Option<u64>,
}

/// A refusal, as a case expects it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RejectFacts {
    /// HTTP status.
    pub status: Option<u16>,
    /// `error.code`.
    pub code: Option<String>,
    /// A part of `error.message`.
    pub message: Option<String>,
}

/// The request as a policy left it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RequestFacts {
    /// The model asked for.
    pub model: Option<String>,
    /// The system messages together.
    pub system: Option<String>,
    /// The last user message.
    pub last_user: Option<String>,
    /// The texts of all messages, each with its role in front: `user: hello`.
    pub messages: Option<Vec<String>>,
    /// The names of the tools.
    pub tools: Option<Vec<String>>,
    /// Parameters; `null`: taken out.
    pub params: Map<String, Value>,
    /// How long the provider shall keep the prompt: `5m`, `1h`.
    pub cache_prefix: Option<String>,
    /// What its requests share a cache under.
    pub cache_key: Option<String>,
    /// Whether the policy edited it at all.
    pub edited: Option<bool>,
}
