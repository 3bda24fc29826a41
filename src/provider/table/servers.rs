//! Servers that teams run themselves.

use super::{
    Auth, CHAT, CHAT_COMPLETIONS, Dialect, EMBEDDINGS, Endpoint, Kind, OPENAI, compatible, embed, look_alike,
};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            dialects: CHAT_COMPLETIONS,
            endpoints: EMBEDDINGS,
            quirks: look_alike(),
            source: "Ollama docs, OpenAI compatibility",
            ..compatible("ollama", "Ollama", "http://127.0.0.1:11434/v1")
        },
        Kind {
            dialects: &[Dialect::Ollama],
            endpoints: EMBEDDINGS,
            embed: embed::Form::Ollama,
            default_path: "/api",
            otel_name: "ollama",
            source: "Ollama API reference",
            ..compatible("ollama_native", "Ollama by its own API", "http://127.0.0.1:11434/api")
        },
        Kind {
            dialects: OPENAI,
            endpoints: &[Endpoint::Embeddings, Endpoint::Rerank, Endpoint::Transcriptions],
            source: "vLLM docs, OpenAI-compatible server",
            ..compatible("vllm", "vLLM", "http://127.0.0.1:8000/v1")
        },
        Kind {
            dialects: OPENAI,
            endpoints: EMBEDDINGS,
            quirks: look_alike(),
            source: "LM Studio docs, OpenAI compatibility",
            ..compatible("lmstudio", "LM Studio", "http://127.0.0.1:1234/v1")
        },
        Kind {
            dialects: CHAT_COMPLETIONS,
            endpoints: &[Endpoint::Embeddings, Endpoint::Rerank],
            quirks: look_alike(),
            source: "llama.cpp server README",
            ..compatible("llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1")
        },
        Kind {
            dialects: OPENAI,
            endpoints: &[
                Endpoint::Embeddings,
                Endpoint::Images,
                Endpoint::Transcriptions,
                Endpoint::Speech,
                Endpoint::Moderations,
                Endpoint::Rerank,
                Endpoint::Batches,
                Endpoint::Files,
            ],
            quirks: look_alike(),
            source: "OpenAI API reference",
            ..compatible("openai_compatible", "any server that speaks OpenAI's API", "")
        },
        Kind {
            dialects: CHAT,
            default_path: "",
            auth: Auth::None,
            in_process: true,
            endpoints: &[
                Endpoint::Embeddings,
                Endpoint::Images,
                Endpoint::Transcriptions,
                Endpoint::Speech,
                Endpoint::Moderations,
                Endpoint::Rerank,
                Endpoint::Batches,
                Endpoint::Files,
            ],
            otel_name: "pointsman.simulated",
            source: "Pointsman's own",
            ..compatible("simulated", "Simulated: answers by itself, without key or network", "")
        },
    ]
}
