//! What a request asks of a model, and whether a model has it.

use std::fmt;
use std::sync::Arc;

use crate::dialect::LazyRequest;
use crate::error::Result;
use crate::ir::{Money, Part, ResponseFormat, Usage};
use crate::model::tokens::{Tokenizer, estimate, estimate_request, near_request};
use crate::model::{Candidate, Model};
use crate::policy::budget::load_soon;

/// Output tokens that a cost before the answer assumes, unless the request
/// allows fewer: about the mean of public traces of chats.
pub const EXPECTED_OUTPUT: u64 = 300;

/// How far the cheap estimate may be off before the exact count is asked, both ways.
const DOUBT: f64 = 0.25;

/// By how much the estimate is raised where the exact count would have to be waited for.
const MARGIN: f64 = 0.1;

/// What a request asks of a model.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    request: &'a LazyRequest,
    /// Input tokens by the cheap estimate.
    pub tokens: u64,
    /// Most tokens to answer with, where the client said.
    pub max_tokens: Option<u64>,
    /// Whether it carries images.
    pub images: bool,
    /// Whether it carries sound.
    pub audio: bool,
    /// Whether it carries films.
    pub video: bool,
    /// Whether it carries files.
    pub documents: bool,
    /// Whether it offers tools.
    pub tools: bool,
    /// Whether the answer must follow a JSON Schema.
    pub schema: bool,
    /// Whether nobody waits for a vocabulary to be loaded.
    at_once: bool,
}

/// Why a model cannot serve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// Input and answer exceed the context window.
    Window {
        /// Tokens needed.
        needs: u64,
        /// Tokens that there are.
        has: u64,
    },
    /// The client wants a longer answer than the model gives.
    Output {
        /// Tokens wanted.
        needs: u64,
        /// Tokens that there are.
        has: u64,
    },
    /// The model does not take this medium.
    Medium(&'static str),
    /// The request names files that this provider keeps, and the model is at another.
    Elsewhere(Arc<str>),
    /// The model cannot do this.
    Capability(&'static str),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window { needs, has } => {
                write!(f, "needs {needs} tokens, its context window has {has}")
            }
            Self::Output { needs, has } => write!(f, "asked for {needs} tokens of answer, it gives {has}"),
            Self::Elsewhere(at) => {
                write!(f, "is not at provider {at}, which keeps a file that the request names")
            }
            Self::Medium(medium) => write!(f, "does not take {medium} as input"),
            Self::Capability(capability) => write!(f, "does not support {capability}"),
        }
    }
}

/// Whether `model` is at another provider than the files that `request` names.
#[must_use]
pub fn elsewhere(request: &LazyRequest, model: &Model) -> Option<Misfit> {
    request.files_at().filter(|at| **at != model.provider.name).map(|at| Misfit::Elsewhere(Arc::clone(at)))
}

impl<'a> Need<'a> {
    /// What `request` asks.
    ///
    /// # Errors
    /// The request does not decode.
    pub fn of(request: &'a LazyRequest) -> Result<Self> {
        let tokens = estimate_request(request)?;
        let mut need = Self {
            request,
            tokens,
            max_tokens: None,
            images: false,
            audio: false,
            video: false,
            documents: false,
            tools: false,
            schema: false,
            at_once: false,
        };
        if let Some(talk) = request.glance(&estimate) {
            need.max_tokens = talk.max_tokens;
            return Ok(need);
        }
        let decoded = request.decoded()?;
        need.max_tokens = decoded.params.max_tokens;
        need.tools = !decoded.tools.is_empty();
        need.schema = matches!(decoded.format, Some(ResponseFormat::JsonSchema { .. }));
        for part in decoded.messages.iter().flat_map(|message| &message.parts) {
            need.look(part);
        }
        Ok(need)
    }

    /// The same where nobody can wait: a vocabulary that is not there is loaded in
    /// the background, and the estimate decides meanwhile.
    #[must_use]
    pub fn at_once(self, at_once: bool) -> Self {
        Self { at_once, ..self }
    }

    fn look(&mut self, part: &Part) {
        match part {
            Part::Image(_) => self.images = true,
            Part::Audio(_) => self.audio = true,
            Part::Video(_) => self.video = true,
            Part::Document(_) => self.documents = true,
            Part::ToolResult(result) => result.parts.iter().for_each(|part| self.look(part)),
            _ => {}
        }
    }

    /// Why `model` cannot serve it; `None`: it can. What is not known of a
    /// model does not speak against it.
    #[must_use]
    pub fn misfit(&self, model: &Arc<Model>) -> Option<Misfit> {
        elsewhere(self.request, model).or_else(|| self.lacks(model)).or_else(|| self.too_long(model))
    }

    /// What the model cannot take or do.
    fn lacks(&self, model: &Model) -> Option<Misfit> {
        let plain = !(self.images || self.audio || self.video || self.documents || self.tools || self.schema);
        if plain {
            return None;
        }
        let media = [
            (self.images, "image"),
            (self.audio, "audio"),
            (self.video, "video"),
            (self.documents, "document"),
        ];
        let takes = |medium: &str| model.input.is_empty() || model.input.iter().any(|one| one == medium);
        let missing = media.into_iter().find(|(needed, medium)| *needed && !takes(medium));
        if let Some((_, medium)) = missing {
            return Some(Misfit::Medium(medium));
        }
        let can =
            |what: &str| model.capabilities.as_ref().is_none_or(|all| all.iter().any(|one| one == what));
        let asked = [(self.tools, "tools"), (self.schema, "structured_output")];
        let missing = asked.into_iter().find(|(needed, what)| *needed && !can(what));
        missing.map(|(_, what)| Misfit::Capability(what))
    }

    /// Whether input or answer are too long for the model: the cheap estimate
    /// decides where it is clear, the model's tokenizer where it is close.
    fn too_long(&self, model: &Arc<Model>) -> Option<Misfit> {
        let answer = self.max_tokens.unwrap_or(0);
        if let Some(has) = model.max_output_tokens.filter(|has| answer > *has) {
            return Some(Misfit::Output { needs: answer, has });
        }
        let has = model.context_window?;
        let room = has.saturating_sub(answer) as f64;
        let near = self.tokens as f64;
        let input = if near * (1.0 + DOUBT) <= room {
            return None;
        } else if near * (1.0 - DOUBT) > room {
            self.tokens
        } else {
            self.near(model)
        };
        (input as f64 > room).then_some(Misfit::Window { needs: input + answer, has })
    }

    /// The input tokens where the estimate alone cannot decide.
    fn near(&self, model: &Arc<Model>) -> u64 {
        let tokenizer = Tokenizer::of(model);
        if self.at_once && !tokenizer.is_ready() {
            load_soon([model]);
            return (self.tokens as f64 * (1.0 + MARGIN)).ceil() as u64;
        }
        near_request(self.request, tokenizer).unwrap_or(self.tokens)
    }

    /// What `candidate` would cost for it, about; absent: unpriced.
    #[must_use]
    pub fn cost(&self, candidate: &Candidate) -> Option<Money> {
        expected_cost(candidate, self.tokens, self.max_tokens)
    }
}

/// What an answer of `candidate` to `input` tokens costs, about: with
/// [`EXPECTED_OUTPUT`] tokens of answer, or `max_tokens` if fewer.
#[must_use]
pub fn expected_cost(candidate: &Candidate, input: u64, max_tokens: Option<u64>) -> Option<Money> {
    let output = max_tokens.unwrap_or(EXPECTED_OUTPUT).min(EXPECTED_OUTPUT);
    let usage = Usage { input, output, ..Usage::default() };
    candidate.price.as_ref().map(|price| price.cost(&usage))
}
