//! What a policy may ask of the outside, and the journal of what came back.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::error::Error;
use crate::ir::{Media, Money, Request, Response};
use crate::plan::Plan;

/// Something that a policy asks of the outside. The gateway performs it; the
/// host writes it into the journal, or in a replay answers from there.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Ask models; see [`Ask`].
    Ask(Ask),
    /// Vectors of texts by an embedding model.
    Embed {
        /// The model's name.
        model: Arc<str>,
        /// The texts.
        texts: Vec<String>,
    },
    /// The nearest passages in a declared vector store.
    Search {
        /// The service's name.
        service: Arc<str>,
        /// Query text or vector, filters, limit: as the script wrote it.
        query: Value,
    },
    /// An HTTP call to a declared service.
    Http {
        /// The service's name.
        service: Arc<str>,
        /// `GET`, `POST`, ...
        method: String,
        /// Path below the service's base URL.
        path: String,
        /// JSON body.
        body: Option<Value>,
    },
    /// The words of a sound: an answer with a text.
    Transcribe(Hearing),
    /// A text as sound: an answer with a sound.
    Speak(Speaking),
    /// Is this text harmful? By a moderation model.
    Moderate {
        /// The model's name.
        model: Arc<str>,
        /// The text.
        text: String,
    },
}

/// Words wanted of a sound.
#[derive(Debug, Clone)]
pub struct Hearing {
    /// Who transcribes.
    pub plan: Plan,
    /// The sound.
    pub sound: Arc<Media>,
    /// The language that is spoken, ISO 639-1, where it is known.
    pub language: Option<String>,
    /// Bound on the whole.
    pub deadline: Duration,
}

/// A text wanted as sound.
#[derive(Debug, Clone)]
pub struct Speaking {
    /// Who speaks.
    pub plan: Plan,
    /// What is said.
    pub text: String,
    /// Fields of OpenAI's speech request besides: `voice`, `response_format`, `instructions`, `speed`.
    pub with: Map<String, Value>,
    /// Bound on the whole.
    pub deadline: Duration,
}

/// Asking one or several plans at once.
#[derive(Debug, Clone)]
pub struct Ask {
    /// One plan a leg; all legs start together.
    pub legs: Vec<Plan>,
    /// The request of each leg, or one for all.
    pub requests: Vec<Arc<Request>>,
    /// How many good answers are enough; the rest is cancelled and accounted for.
    pub quorum: usize,
    /// Bound on the whole.
    pub deadline: Duration,
}

/// What came of one leg of an [`Ask`].
#[derive(Debug, Clone)]
pub struct Answer {
    /// The model that answered, or was tried last.
    pub model: Arc<str>,
    /// The answer, or why there is none.
    pub outcome: Result<Arc<Response>, Error>,
    /// Duration, milliseconds.
    pub elapsed_ms: u64,
    /// What it cost; absent: unpriced.
    pub cost: Option<Money>,
}

/// What an [`Effect`] gave.
#[derive(Debug, Clone)]
pub enum EffectValue {
    /// One answer a leg, in the order of the legs.
    Answers(Vec<Answer>),
    /// JSON: vectors, passages, an HTTP answer `{status, body}`, moderation.
    Json(Value),
}

/// One effect of an exchange: the trace of `explain`, the evidence in the
/// record, and what a replay feeds back.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// The policy that asked.
    pub policy: Arc<str>,
    /// What was asked (`ask`, `embed`, ...).
    pub effect: Cow<'static, str>,
    /// SHA-256 of the canonical input, hex.
    pub input_hash: String,
    /// What came back.
    pub result: Result<EffectValue, Error>,
    /// Duration, milliseconds.
    pub elapsed_ms: u64,
    /// What it cost.
    pub cost: Money,
}

/// Who performs effects: the gateway, a case's script, a replay's journal.
/// Dropping the future cancels the effect.
pub trait Effects: Send + Sync {
    /// Performs one effect.
    fn perform(&self, effect: Effect) -> Pin<Box<dyn Future<Output = Result<EffectValue, Error>> + Send>>;

    /// What `now()` reads in a hook that waits; cases have a clock of their own.
    fn clock(&self) -> Clock {
        Clock::System
    }
}
