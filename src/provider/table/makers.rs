//! Makers of models, and the clouds that serve them under their own protocol.

use super::{
    Auth, CHAT_COMPLETIONS, CHAT_RESPONSES, Dialect, EMBEDDINGS, Endpoint, Kind, OPENAI, OPENAI_IDS, Quirks,
    Refusal, TokenField, ToolIds, compatible, embed, look_alike, rerank,
};

/// Everything besides conversations that OpenAI serves.
const OPENAI_ENDPOINTS: &[Endpoint] = &[
    Endpoint::Embeddings,
    Endpoint::Images,
    Endpoint::Transcriptions,
    Endpoint::Speech,
    Endpoint::Moderations,
    Endpoint::Batches,
    Endpoint::Files,
];

/// What OpenAI's reasoning models refuse. From 5.1 on sampling is taken while
/// they do not reason, which is their default.
/// Source: OpenAI API reference "Chat", `stop` (o3, o4-mini) and `max_tokens`
/// (o-series), checked 2026-11-21. The rest is stated in no reference: it is
/// known from the errors `unsupported_parameter` and `unsupported_value` of
/// these models, and from the capabilities in the AI SDK's OpenAI provider.
const REASONERS: &[Refusal] = &[
    Refusal {
        fields: &[
            "temperature",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "logprobs",
            "top_logprobs",
            "logit_bias",
        ],
        models: &["o1", "o3", "o4-mini", "gpt-5"],
        except: &["gpt-5-chat", "gpt-5."],
    },
    Refusal { fields: &["max_tokens"], models: &["o1", "o3", "o4-mini", "gpt-5"], except: &["gpt-5-chat"] },
    Refusal { fields: &["stop"], models: &["o1-mini", "o3", "o4-mini"], except: &["o3-mini"] },
];

/// OpenAI's own bounds, beyond what its reference says.
fn openai_quirks() -> Quirks {
    Quirks {
        cache_key: true,
        serves_tools: true,
        refused_by: REASONERS,
        tool_ids: OPENAI_IDS,
        ..Quirks::default()
    }
}

/// Vertex AI's address.
const VERTEX: &str = "https://{region-}aiplatform.googleapis.com/v1/\
    projects/{project}/locations/{region}";

pub(super) fn kinds() -> Vec<Kind> {
    [own_protocols(), look_alikes()].concat()
}

/// OpenAI and those who have a protocol of their own.
#[expect(clippy::too_many_lines, reason = "a table")]
fn own_protocols() -> Vec<Kind> {
    vec![
        Kind {
            dialects: OPENAI,
            endpoints: OPENAI_ENDPOINTS,
            quirks: openai_quirks(),
            source: "OpenAI API reference",
            ..compatible("openai", "OpenAI, and servers that speak its API", "https://api.openai.com/v1")
        },
        Kind {
            aliases: &["azure_openai"],
            dialects: OPENAI,
            endpoints: OPENAI_ENDPOINTS,
            default_path: "/openai/v1",
            auth: Auth::Entra,
            quirks: openai_quirks(),
            otel_name: "azure.ai.openai",
            source: "Azure OpenAI in Foundry Models, v1 REST API reference",
            ..compatible("azure", "Azure OpenAI", "")
        },
        Kind {
            default_path: "",
            auth: Auth::Entra,
            endpoints: EMBEDDINGS,
            quirks: Quirks {
                deployment_paths: true,
                refused_by: REASONERS,
                tool_ids: OPENAI_IDS,
                query: Some("api-version=2024-10-21".to_owned()),
                ..Quirks::default()
            },
            otel_name: "azure.ai.openai",
            source: "Azure OpenAI REST API reference, 2024-10-21",
            ..compatible("azure_deployments", "Azure OpenAI with deployments in the path", "")
        },
        Kind {
            dialects: &[Dialect::Anthropic],
            endpoints: &[Endpoint::Batches, Endpoint::Files],
            auth: Auth::Header("x-api-key"),
            headers: &[("anthropic-version", "2023-06-01")],
            quirks: Quirks { serves_tools: true, ..Quirks::default() },
            source: "Anthropic API reference",
            ..compatible("anthropic", "Anthropic", "https://api.anthropic.com/v1")
        },
        Kind {
            dialects: &[Dialect::Gemini],
            endpoints: &[Endpoint::Embeddings, Endpoint::Speech],
            embed: embed::Form::Gemini,
            default_path: "/v1beta",
            auth: Auth::Header("x-goog-api-key"),
            quirks: Quirks { serves_tools: true, ..Quirks::default() },
            otel_name: "gcp.gemini",
            source: "Gemini API reference",
            ..compatible("gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta")
        },
        Kind {
            dialects: &[Dialect::Gemini],
            endpoints: &[Endpoint::Embeddings, Endpoint::Speech],
            embed: embed::Form::Gemini,
            default_path: "",
            auth: Auth::GoogleToken,
            quirks: Quirks { vertex: true, serves_tools: true, ..Quirks::default() },
            otel_name: "gcp.vertex_ai",
            source: "Vertex AI REST reference, projects.locations.publishers.models",
            ..compatible("vertex", "Google Vertex AI", VERTEX)
        },
        Kind {
            dialects: &[Dialect::Anthropic],
            default_path: "",
            auth: Auth::GoogleToken,
            quirks: Quirks { vertex: true, ..Quirks::default() },
            otel_name: "gcp.vertex_ai",
            source: "Anthropic: Claude on Vertex AI",
            ..compatible("vertex_anthropic", "Anthropic's models on Google Vertex AI", VERTEX)
        },
        Kind {
            dialects: &[Dialect::Bedrock],
            endpoints: EMBEDDINGS,
            embed: embed::Form::Bedrock,
            default_path: "",
            auth: Auth::SigV4,
            otel_name: "aws.bedrock",
            source: "Amazon Bedrock Runtime API reference",
            ..compatible("bedrock", "Amazon Bedrock", "https://bedrock-runtime.{region}.amazonaws.com")
        },
        Kind {
            dialects: &[Dialect::OpenAiResponses, Dialect::OpenAiChat],
            default_path: "/openai/v1",
            otel_name: "aws.bedrock",
            source: "Amazon Bedrock user guide, OpenAI-compatible endpoints",
            ..compatible("bedrock_mantle", "Amazon Bedrock's OpenAI-compatible endpoint", "")
        },
        Kind {
            dialects: &[Dialect::Cohere],
            endpoints: &[Endpoint::Embeddings, Endpoint::Rerank, Endpoint::Transcriptions],
            embed: embed::Form::Cohere,
            rerank: rerank::Form::Cohere,
            default_path: "/v2",
            source: "Cohere API reference v2",
            ..compatible("cohere", "Cohere", "https://api.cohere.com/v2")
        },
    ]
}

/// Makers of models who speak OpenAI's dialect, each with deviations.
#[expect(clippy::too_many_lines, reason = "a table")]
fn look_alikes() -> Vec<Kind> {
    vec![
        Kind {
            endpoints: &[Endpoint::Embeddings, Endpoint::Transcriptions, Endpoint::Moderations],
            quirks: Quirks {
                no_stream_options: true,
                tool_ids: ToolIds::Nine,
                cache_key: true,
                renamed: &[("seed", "random_seed")],
                refused: &[
                    "logit_bias",
                    "logprobs",
                    "top_logprobs",
                    "user",
                    "store",
                    "service_tier",
                    "verbosity",
                    "moderation",
                    "prompt_cache_options",
                    "prompt_cache_retention",
                    "safety_identifier",
                ],
                ..look_alike()
            },
            otel_name: "mistral_ai",
            source: "Mistral API reference, ChatCompletionRequest: refused are OpenAI's fields that it does not list (not stated one by one)",
            ..compatible("mistral", "Mistral", "https://api.mistral.ai/v1")
        },
        Kind {
            dialects: CHAT_RESPONSES,
            default_path: "",
            quirks: Quirks {
                no_json_schema: true,
                reasoning_content: true,
                refused_by: &[Refusal {
                    fields: &["logprobs", "top_logprobs"],
                    models: &["deepseek-reasoner"],
                    except: &[],
                }],
                ..look_alike()
            },
            source: "DeepSeek API docs, response_format: text and json_object, nothing is said of json_schema; guide of deepseek-reasoner: logprobs and top_logprobs are refused",
            ..compatible("deepseek", "DeepSeek", "https://api.deepseek.com")
        },
        Kind {
            aliases: &["qwen"],
            endpoints: EMBEDDINGS,
            default_path: "/compatible-mode/v1",
            quirks: Quirks { cache_marks: true, ..look_alike() },
            otel_name: "alibaba_cloud.model_studio",
            source: "Alibaba Cloud Model Studio, OpenAI compatibility",
            ..compatible(
                "dashscope",
                "Qwen on Alibaba Cloud",
                "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            )
        },
        Kind {
            dialects: CHAT_RESPONSES,
            endpoints: &[Endpoint::Images, Endpoint::Batches],
            quirks: Quirks {
                refused_by: &[Refusal {
                    fields: &["presence_penalty", "frequency_penalty", "stop"],
                    models: &["grok-3-mini", "grok-4", "grok-code-fast-1"],
                    except: &["non-reasoning"],
                }],
                ..Quirks::default()
            },
            otel_name: "x_ai",
            source: "xAI API reference; guide Reasoning: penalties and stop are refused by reasoning models",
            ..compatible("xai", "xAI", "https://api.x.ai/v1")
        },
        Kind {
            default_path: "",
            quirks: look_alike(),
            source: "Perplexity API reference",
            ..compatible("perplexity", "Perplexity", "https://api.perplexity.ai")
        },
        Kind {
            quirks: Quirks { reasoning_content: true, ..look_alike() },
            otel_name: "moonshot_ai",
            source: "Moonshot AI open platform, chat API",
            ..compatible("moonshot", "Moonshot AI", "https://api.moonshot.ai/v1")
        },
        Kind {
            quirks: Quirks { no_json_schema: true, ..look_alike() },
            source: "MiniMax API docs, OpenAI compatible API; nothing is said of json_schema",
            ..compatible("minimax", "MiniMax", "https://api.minimax.io/v1")
        },
        Kind {
            default_path: "/api/paas/v4",
            quirks: Quirks { no_json_schema: true, reasoning_content: true, ..look_alike() },
            otel_name: "z_ai",
            source: "Z.ai developer documentation, response_format: text and json_object; nothing is said of json_schema",
            ..compatible("zai", "Z.ai", "https://api.z.ai/api/paas/v4")
        },
        Kind {
            dialects: CHAT_COMPLETIONS,
            quirks: Quirks {
                token_field: TokenField::MaxTokens,
                chat_path: Some("chat"),
                no_developer_role: true,
                ..Quirks::default()
            },
            source: "Writer API reference, chat completion",
            ..compatible("writer", "Writer", "https://api.writer.com/v1")
        },
    ]
}
