//! The record: the durable account of an exchange. Content (prompts, answers)
//! is never in it unless the configuration says so.

pub mod deferrals;
mod sqlite;

pub use sqlite::{Archive, Filter, Writer, WriterStats};

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The account of one exchange: what came, what was tried, how it ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// The request id (ULID).
    pub id: String,
    /// When it began, milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// The endpoint's name.
    pub endpoint: String,
    /// The client's dialect.
    pub dialect: String,
    /// The model's name as the client asked.
    pub asked: String,
    /// The route; empty when none claimed the name.
    pub route: String,
    /// The key's name.
    pub key: String,
    /// The person.
    pub user: Option<String>,
    /// The team.
    pub team: Option<String>,
    /// The department.
    pub department: Option<String>,
    /// The client's session.
    pub session: Option<String>,
    /// Hash of the bundle.
    pub bundle: String,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status that the client got.
    pub status: u16,
    /// Why it failed, where it did: the code.
    pub error: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Its provider.
    pub provider: Option<String>,
    /// Every attempt that was begun, in order.
    pub attempts: Vec<Attempt>,
    /// Input tokens of the answer that the client got.
    pub input_tokens: u64,
    /// Of them, from the provider's cache.
    pub cached_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Of them, reasoning.
    pub reasoning_tokens: u64,
    /// Whether the gateway counted because the provider did not.
    pub usage_estimated: bool,
    /// Cost of all attempts, nano-USD.
    pub cost_nano_usd: i64,
    /// Whether an attempt had no price: the cost is then a lower bound.
    pub unpriced: bool,
    /// Whole duration, milliseconds.
    pub duration_ms: f64,
    /// Until the client's first byte, milliseconds; absent: none was sent.
    pub first_byte_ms: Option<f64>,
    /// Of the time to the first byte, what the gateway itself took, milliseconds.
    pub overhead_ms: f64,
    /// Request fields that the chosen dialect could not carry.
    pub dropped: Vec<String>,
    /// What policies noted.
    pub notes: Map<String, Value>,
    /// Policies that failed.
    pub faults: Vec<String>,
    /// Effects of policies.
    pub journal: Vec<Effect>,
    /// What a policy on trial would have done otherwise.
    pub shadow: Option<Value>,
    /// Facts of the request for replays: sizes and features, or the body itself
    /// where content is kept.
    pub request: Option<Value>,
}

/// One attempt at a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// Its place among the exchange's attempts, from 1.
    pub number: u32,
    /// The model.
    pub model: Arc<str>,
    /// Its provider.
    pub provider: Arc<str>,
    /// What asked for it: `plan`, or the effect of a policy (`ask`, ...).
    pub cause: Cow<'static, str>,
    /// When it began, milliseconds after the exchange.
    pub began_ms: f64,
    /// Duration, milliseconds.
    pub duration_ms: f64,
    /// Until the first byte of the answer, milliseconds.
    pub first_byte_ms: Option<f64>,
    /// HTTP status of the provider.
    pub status: Option<u16>,
    /// Why it failed: the code; `cancelled` when it was no longer needed.
    pub error: Option<String>,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Cost, nano-USD; absent: unpriced.
    pub cost_nano_usd: Option<i64>,
}

/// One effect of a policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Effect {
    /// The policy.
    pub policy: String,
    /// The hook's function.
    pub hook: String,
    /// What was asked.
    pub effect: String,
    /// SHA-256 of the canonical input, hex.
    pub input_hash: String,
    /// What came back, in the journal's own form.
    pub result: Value,
    /// Duration, milliseconds.
    pub elapsed_ms: u64,
    /// Cost, nano-USD.
    pub cost_nano_usd: i64,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The client got the whole answer.
    #[default]
    Completed,
    /// The answer broke off after it had begun.
    Partial,
    /// The client got an error of a provider or of ours.
    Failed,
    /// The request was refused: bad input, no right, a policy.
    Rejected,
    /// The client left.
    Cancelled,
}

impl Outcome {
    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where records go. Never blocks the exchange: a full queue is counted by the sink.
pub trait Sink: Send + Sync + std::fmt::Debug {
    /// Takes one record.
    fn put(&self, exchange: Arc<Exchange>);

    /// How the keeping goes.
    fn keeping(&self) -> Keeping;
}

/// How the keeping of records goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Keeping {
    /// Records that are kept.
    pub written: u64,
    /// Records that are lost.
    pub lost: u64,
    /// How often the disk refused some; they are tried again.
    pub refused: u64,
    /// Records that wait.
    pub waiting: u64,
    /// Why they wait, while the disk refuses them.
    pub trouble: Option<String>,
}

impl Exchange {
    /// Its size in memory, bytes, about: what can be large in it is counted.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let journal: usize = self.journal.iter().map(|effect| 256 + weight(&effect.result)).sum();
        let notes: usize = self.notes.iter().map(|(name, value)| name.len() + weight(value)).sum();
        let shadow = self.shadow.as_ref().map_or(0, weight) + self.request.as_ref().map_or(0, weight);
        let texts = self.asked.len() + self.faults.iter().map(String::len).sum::<usize>();
        (1024 + 256 * self.attempts.len() + journal + notes + shadow + texts) as u64
    }
}

fn weight(value: &Value) -> usize {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().map(weight).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    own + size_of::<Value>()
}
