//! LiteLLM's settings that have no field of the same meaning here, and where
//! what they are for is found instead.

/// Settings by name, and what serves their purpose.
const PLACES: [(&[&str], &str); 19] = [
    (
        &["timeout", "request_timeout", "stream_timeout"],
        "a route has `timeouts: { first_byte: 10s, total: 2m }`",
    ),
    (&["num_retries", "max_retries"], "a route has `retries: { max: 2 }`"),
    (&["weight"], "a policy draws by weight: \"Balance by weight\" in docs/cookbook.md"),
    (&["order"], "a policy's plan is tried in its order: `plan([\"first\", \"second\"])`"),
    (
        &["tags"],
        "write them under the model's `tags`; policies read them, as \"Route by metadata, header or tag of the key\" in docs/cookbook.md",
    ),
    (
        &[
            "temperature",
            "top_p",
            "top_k",
            "max_tokens",
            "max_completion_tokens",
            "seed",
            "stop",
            "reasoning_effort",
            "thinking",
            "presence_penalty",
            "frequency_penalty",
        ],
        "a policy sets it: \"Defaults, caps and drops of parameters\" in docs/cookbook.md",
    ),
    (
        &[
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
            "aws_profile_name",
            "aws_role_name",
            "aws_web_identity_token",
        ],
        "set the environment that AWS's own tools read where pointsman runs, or an `api_key` (a Bedrock API key)",
    ),
    (
        &["vertex_credentials"],
        "`api_key: \"${file:PATH}\"` with the service account's key file, or GOOGLE_APPLICATION_CREDENTIALS where pointsman runs",
    ),
    (
        &[
            "allowed_fails",
            "allowed_fails_policy",
            "cooldown_time",
            "disable_cooldowns",
            "enable_pre_call_checks",
            "background_health_checks",
            "health_check_interval",
        ],
        "models that fail are left alone by themselves, and `fitting(req)` leaves out what a request does not fit",
    ),
    (
        &["retry_policy", "model_group_retry_policy"],
        "a policy's `on_failure()` decides: \"A retry policy by kind of error\" in docs/cookbook.md",
    ),
    (
        &[
            "redis_host",
            "redis_port",
            "redis_password",
            "redis_url",
            "database_url",
            "database_connection_pool_limit",
            "store_model_in_db",
            "store_prompts_in_spend_logs",
        ],
        "nothing outside is needed: `records: { folder: ./records }` keeps exchanges and their costs",
    ),
    (
        &[
            "success_callback",
            "failure_callback",
            "callbacks",
            "service_callback",
            "alerting",
            "alerting_threshold",
        ],
        "log lines are JSON, metrics are at /metrics of the admin port, and a policy's `on_settled()` sees each record",
    ),
    (
        &["cache", "cache_params", "cache_responses"],
        "answers are not cached; providers' prompt caches are, by the policy `context/prompt-cache`",
    ),
    (
        &["max_budget", "budget_duration", "provider_budget_config"],
        "\"A budget a day, then the cheap model\" in docs/cookbook.md",
    ),
    (&["max_parallel_requests", "global_max_parallel_requests"], "a model has `limits: { concurrent: 64 }`"),
    (
        &["guardrails"],
        "guards are policies: `guard/redact`, and \"Guard prompts by pattern\" in docs/cookbook.md",
    ),
    (&["set_verbose", "json_logs", "detailed_debug"], "`pointsman serve --log debug`; log lines are JSON"),
    (
        &["supports_vision", "supports_pdf_input", "supports_audio_input"],
        "a model has `modalities: { input: [text, image] }`",
    ),
    (
        &[
            "supports_function_calling",
            "supports_response_schema",
            "supports_reasoning",
            "supports_parallel_function_calling",
        ],
        "a model has `capabilities: [tools, parallel_tools, structured_output, reasoning]`",
    ),
];

/// Where the purpose of the setting `name` is served, if that is known.
pub(super) fn place(name: &str) -> Option<&'static str> {
    PLACES.iter().find(|(names, _)| names.contains(&name)).map(|(_, place)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipes_that_are_named_exist() {
        let cookbook = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cookbook.md");
        let cookbook = std::fs::read_to_string(cookbook).unwrap();
        let named = PLACES.iter().filter(|(_, place)| place.contains("docs/cookbook.md"));
        for (names, place) in named {
            let title = place.split('"').rev().nth(1).unwrap();
            assert!(cookbook.contains(&format!(". {title}\n")), "{names:?}: {title}");
        }
    }
}
