//! Hosts of other people's models that speak OpenAI's chat dialect.

use super::{
    CHAT_COMPLETIONS, CHAT_RESPONSES, EMBEDDINGS, Endpoint, Kind, Quirks, SPEAKERS, compatible, look_alike,
};

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            dialects: CHAT_RESPONSES,
            endpoints: &[Endpoint::Transcriptions, Endpoint::Speech, Endpoint::Batches, Endpoint::Files],
            default_path: "/openai/v1",
            quirks: Quirks {
                no_developer_role: true,
                refused: &["logprobs", "top_logprobs", "logit_bias", "n", SPEAKERS],
                ..Quirks::default()
            },
            source: "Groq docs, OpenAI compatibility: logprobs, logit_bias, top_logprobs, names of messages and n above 1 are refused with 400",
            ..compatible("groq", "Groq", "https://api.groq.com/openai/v1")
        },
        Kind {
            dialects: CHAT_COMPLETIONS,
            endpoints: &[Endpoint::Embeddings, Endpoint::Images, Endpoint::Speech, Endpoint::Rerank],
            quirks: look_alike(),
            source: "Together AI API reference",
            ..compatible("together", "Together AI", "https://api.together.xyz/v1")
        },
        Kind {
            dialects: CHAT_COMPLETIONS,
            endpoints: EMBEDDINGS,
            default_path: "/inference/v1",
            quirks: look_alike(),
            source: "Fireworks AI API reference",
            ..compatible("fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1")
        },
        Kind {
            quirks: Quirks {
                no_developer_role: true,
                refused: &["frequency_penalty", "presence_penalty", "logit_bias"],
                ..Quirks::default()
            },
            source: "Cerebras Inference docs, OpenAI compatibility; earlier editions refused parallel_tool_calls and service_tier too",
            ..compatible("cerebras", "Cerebras", "https://api.cerebras.ai/v1")
        },
        Kind {
            quirks: look_alike(),
            source: "Hugging Face docs, Inference Providers",
            ..compatible("huggingface", "Hugging Face", "https://router.huggingface.co/v1")
        },
        Kind {
            dialects: CHAT_COMPLETIONS,
            endpoints: EMBEDDINGS,
            quirks: look_alike(),
            source: "NVIDIA NIM API reference",
            ..compatible("nvidia", "NVIDIA", "https://integrate.api.nvidia.com/v1")
        },
        Kind {
            quirks: look_alike(),
            source: "vLLM docs, Crusoe managed inference",
            ..compatible("crusoe", "Crusoe", "https://api.inference.crusoecloud.com/v1")
        },
        Kind {
            default_path: "/api/v2/cortex/v1",
            source: "Snowflake docs, Cortex REST API",
            ..compatible("snowflake", "Snowflake Cortex", "")
        },
    ]
}
