//! The table of provider kinds.

use std::sync::LazyLock;

use super::{Auth, Kind};
use crate::dialect::Quirks;
use crate::ir::{Dialect, Endpoint};

/// The kind of this name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    kinds().iter().find(|kind| kind.name == name)
}

/// Every kind.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    &KINDS
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    vec![
        Kind {
            name: "openai",
            title: "OpenAI, and servers that speak its API",
            dialects: &[Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::OpenAiCompletions],
            endpoints: &[
                Endpoint::Embeddings,
                Endpoint::Images,
                Endpoint::Transcriptions,
                Endpoint::Speech,
                Endpoint::Moderations,
                Endpoint::Batches,
                Endpoint::Files,
            ],
            base_url: "https://api.openai.com/v1",
            default_path: "/v1",
            auth: Auth::Bearer,
            in_process: false,
            headers: &[],
            quirks: Quirks::default(),
            otel_name: "openai",
            source: "OpenAI API reference, checked 2026-11-21",
        },
        Kind {
            name: "anthropic",
            title: "Anthropic",
            dialects: &[Dialect::Anthropic],
            endpoints: &[Endpoint::Batches, Endpoint::Files],
            base_url: "https://api.anthropic.com/v1",
            default_path: "/v1",
            auth: Auth::Header("x-api-key"),
            in_process: false,
            headers: &[("anthropic-version", "2023-06-01")],
            quirks: Quirks::default(),
            otel_name: "anthropic",
            source: "Anthropic API reference, checked 2026-11-21",
        },
        Kind {
            name: "gemini",
            title: "Google Gemini",
            dialects: &[Dialect::Gemini],
            endpoints: &[],
            base_url: "https://generativelanguage.googleapis.com/v1beta",
            default_path: "/v1beta",
            auth: Auth::Header("x-goog-api-key"),
            in_process: false,
            headers: &[],
            quirks: Quirks::default(),
            otel_name: "gcp.gemini",
            source: "Gemini API reference, checked 2026-11-21",
        },
        Kind {
            name: "simulated",
            title: "Simulated: answers by itself, without key or network",
            dialects: &[Dialect::OpenAiChat],
            endpoints: &[],
            base_url: "",
            default_path: "",
            auth: Auth::None,
            in_process: true,
            headers: &[],
            quirks: Quirks::default(),
            otel_name: "pointsman.simulated",
            source: "Pointsman's own",
        },
    ]
});
