//! Streamed answers: every frame is a whole GenerateContentResponse with the
//! next parts; there is no closing mark, and usage is cumulative.
//!
//! Source: Gemini API reference "models.streamGenerateContent", checked 2026-11-21.

mod decode;
mod encode;
mod partial;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
