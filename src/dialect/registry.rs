//! The dialects that stand, as a table: a new one adds a line.

use super::anthropic::Anthropic;
use super::bedrock::Bedrock;
use super::cohere::Cohere;
use super::gemini::Gemini;
use super::ollama::Ollama;
use super::openai_chat::OpenAiChat;
use super::openai_completions::OpenAiCompletions;
use super::openai_responses::OpenAiResponses;
use super::{Inbound, Outbound};
use crate::ir::Dialect;

/// The client's sides.
const INBOUND: &[&dyn Inbound] = &[&OpenAiChat, &OpenAiResponses, &OpenAiCompletions, &Anthropic, &Gemini];

/// The provider's sides.
const OUTBOUND: &[&dyn Outbound] =
    &[&OpenAiChat, &OpenAiResponses, &OpenAiCompletions, &Anthropic, &Bedrock, &Cohere, &Gemini, &Ollama];

/// The client's side of `dialect`; `None` where clients do not speak it.
#[must_use]
pub fn inbound(dialect: Dialect) -> Option<&'static dyn Inbound> {
    INBOUND.iter().copied().find(|side| side.dialect() == dialect)
}

/// The provider's side of `dialect`; `None` where providers do not speak it.
#[must_use]
pub fn outbound(dialect: Dialect) -> Option<&'static dyn Outbound> {
    OUTBOUND.iter().copied().find(|side| side.dialect() == dialect)
}
