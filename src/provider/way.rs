//! In which way each kind of provider takes what is no conversation.
//!
//! A kind that lists an endpoint and stands in no row takes it as clients send
//! it: OpenAI's form.

use super::Kind;
use crate::dialect::batch::BatchForm;
use crate::dialect::passage::Way;
use crate::ir::{Dialect, Endpoint};

/// Kinds that count tokens themselves, each in its own dialect. Sources:
/// Anthropic API reference "Count tokens", Gemini API reference
/// "models.countTokens", checked 2026-11-21.
const COUNTING: &[&str] = &["anthropic", "gemini"];

/// Kinds with forms of their own.
const WAYS: &[(&str, Endpoint, Way)] = &[
    ("deepgram", Endpoint::Transcriptions, Way::DeepgramListen),
    ("deepgram", Endpoint::Speech, Way::DeepgramSpeak),
    ("elevenlabs", Endpoint::Transcriptions, Way::ElevenLabsListen),
    ("elevenlabs", Endpoint::Speech, Way::ElevenLabsSpeak),
    ("gemini", Endpoint::Speech, Way::GeminiSpeak),
    ("vertex", Endpoint::Speech, Way::GeminiSpeak),
    ("stability", Endpoint::Images, Way::StabilityImages),
    ("midjourney", Endpoint::Images, Way::MidjourneyJobs),
];

impl Kind {
    /// Whether it counts the tokens of a conversation in its own dialect.
    #[must_use]
    pub fn counts_tokens(&self) -> bool {
        COUNTING.contains(&self.name)
    }

    /// The form of its batch service, where it has one that takes conversations.
    #[must_use]
    pub fn batch_form(&self) -> Option<BatchForm> {
        let serves = |endpoint| self.endpoints.contains(&endpoint);
        if !serves(Endpoint::Batches) {
            None
        } else if self.dialects.contains(&Dialect::Anthropic) {
            Some(BatchForm::Anthropic)
        } else {
            serves(Endpoint::Files).then_some(BatchForm::OpenAi)
        }
    }

    /// The way in which it takes what comes at `endpoint`; `None`: it has no such endpoint.
    #[must_use]
    pub fn way(&self, endpoint: Endpoint) -> Option<Way> {
        let own = WAYS.iter().find(|(kind, served, _)| *kind == self.name && *served == endpoint);
        own.map(|(_, _, way)| *way).or_else(|| {
            self.endpoints.contains(&endpoint).then_some(match endpoint {
                Endpoint::Embeddings => Way::Embed(self.embed),
                Endpoint::Rerank => Way::Rerank(self.rerank),
                _ => Way::Same,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::provider::kinds;

    #[test]
    fn ways_belong_to_endpoints_that_are_served() {
        for (kind, endpoint, _) in super::WAYS {
            assert!(!endpoint.is_conversation(), "{kind}");
            if let Some(known) = kinds().iter().find(|known| known.name == *kind) {
                assert!(known.way(*endpoint).is_some());
            }
        }
    }
}
