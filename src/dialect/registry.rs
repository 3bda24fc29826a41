//! The dialects that stand, as a table: a new one adds a line.

use super::anthropic::Anthropic;
use super::bedrock::Bedrock;
use super::cohere::Cohere;
use super::gemini::Gemini;
use super::ollama::Ollama;
use super::openai_chat::CHAT;
use super::openai_completions::COMPLETIONS;
use super::openai_responses::RESPONSES;
use super::{Inbound, Outbound};
use crate::ir::Dialect;

/// The client's sides.
static INBOUND: &[&dyn Inbound] = &[&CHAT, &RESPONSES, &COMPLETIONS, &Anthropic, &Gemini];

/// The provider's sides.
static OUTBOUND: &[&dyn Outbound] =
    &[&CHAT, &RESPONSES, &COMPLETIONS, &Anthropic, &Bedrock, &Cohere, &Gemini, &Ollama];

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
