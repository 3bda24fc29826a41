//! Other gateways: one account, models of many makers.

use super::{
    Auth, CHAT_RESPONSES, Dialect, EMBEDDINGS, Endpoint, Kind, OPENAI, OPENAI_IDS, Quirks, compatible,
    look_alike,
};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            dialects: CHAT_RESPONSES,
            endpoints: &[Endpoint::Embeddings, Endpoint::Rerank, Endpoint::Transcriptions],
            default_path: "/api/v1",
            quirks: Quirks { cache_marks: true, ..Quirks::default() },
            source: "OpenRouter API reference",
            ..compatible("openrouter", "OpenRouter", "https://openrouter.ai/api/v1")
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
            ],
            quirks: Quirks { cache_marks: true, ..Quirks::default() },
            source: "LiteLLM proxy docs",
            ..compatible("litellm", "LiteLLM proxy", "http://127.0.0.1:4000/v1")
        },
        Kind {
            dialects: CHAT_RESPONSES,
            endpoints: EMBEDDINGS,
            auth: Auth::Header("x-portkey-api-key"),
            source: "Portkey docs, headers",
            ..compatible("portkey", "Portkey", "https://api.portkey.ai/v1")
        },
        Kind {
            aliases: &["vercel_gateway"],
            endpoints: EMBEDDINGS,
            source: "Vercel AI Gateway docs, OpenAI-compatible API",
            ..compatible("vercel", "Vercel AI Gateway", "https://ai-gateway.vercel.sh/v1")
        },
        Kind {
            endpoints: EMBEDDINGS,
            source: "TokenMix organisation card",
            ..compatible("tokenmix", "TokenMix.ai", "https://api.tokenmix.ai/v1")
        },
        Kind {
            default_path: "/inference",
            headers: &[("x-github-api-version", "2022-11-28")],
            quirks: Quirks { tool_ids: OPENAI_IDS, ..look_alike() },
            otel_name: "github.models",
            source: "GitHub REST API docs, models inference",
            ..compatible("github_models", "GitHub Models", "https://models.github.ai/inference")
        },
        Kind {
            dialects: CHAT_RESPONSES,
            default_path: "",
            headers: &[("copilot-integration-id", "vscode-chat")],
            quirks: Quirks { tool_ids: OPENAI_IDS, ..Quirks::default() },
            otel_name: "github.copilot",
            source: "no public reference: address and header as in GitHub's own client for VS Code",
            ..compatible("copilot", "GitHub Copilot", "https://api.githubcopilot.com")
        },
        Kind {
            dialects: &[Dialect::OpenAiResponses],
            default_path: "/backend-api/codex",
            otel_name: "openai",
            source: "OpenAI Codex docs, authentication with ChatGPT",
            ..compatible("chatgpt", "ChatGPT account (Codex)", "https://chatgpt.com/backend-api/codex")
        },
    ]
}
