//! Vendors of vectors, rankings, sound and pictures: no conversations.

use super::{Auth, Endpoint, Kind, compatible, embed, rerank};

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            dialects: &[],
            endpoints: &[Endpoint::Embeddings, Endpoint::Rerank],
            embed: embed::Form::Voyage,
            rerank: rerank::Form::Voyage,
            source: "Voyage AI API reference",
            ..compatible("voyage", "Voyage AI", "https://api.voyageai.com/v1")
        },
        Kind {
            dialects: &[],
            endpoints: &[Endpoint::Embeddings, Endpoint::Rerank],
            source: "Jina AI API reference",
            ..compatible("jina", "Jina AI", "https://api.jina.ai/v1")
        },
        Kind {
            dialects: &[],
            endpoints: &[Endpoint::Transcriptions, Endpoint::Speech],
            auth: Auth::Scheme("Token"),
            source: "Deepgram API reference, authentication",
            ..compatible("deepgram", "Deepgram", "https://api.deepgram.com/v1")
        },
        Kind {
            dialects: &[],
            endpoints: &[Endpoint::Transcriptions, Endpoint::Speech],
            auth: Auth::Header("xi-api-key"),
            source: "ElevenLabs API reference",
            ..compatible("elevenlabs", "ElevenLabs", "https://api.elevenlabs.io/v1")
        },
        Kind {
            dialects: &[],
            endpoints: &[Endpoint::Images],
            default_path: "/v2beta",
            source: "Stability AI REST API v2beta",
            ..compatible("stability", "Stability AI", "https://api.stability.ai/v2beta")
        },
        Kind {
            dialects: &[],
            endpoints: &[Endpoint::Images],
            default_path: "",
            auth: Auth::Header("mj-api-secret"),
            source: "midjourney-proxy API docs: Midjourney itself documents no API",
            ..compatible("midjourney", "Midjourney-style job server", "")
        },
    ]
}
