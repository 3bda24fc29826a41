//! From an error's status and words to its [`Kind`]: one table for all
//! providers, because servers borrow each other's words.

use crate::error::Kind;

/// The kind of an error of this status (200: inside an answer that began well)
/// whose code, type and reasons are `names`. Words tell more than statuses.
pub(super) fn kind(status: u16, names: &str, message: &str) -> Kind {
    let (names, message) = (names.to_ascii_lowercase(), message.to_ascii_lowercase());
    let by_words = WORDS.iter().find(|rule| rule.applies(status, &names, &message));
    by_words.map_or_else(|| by_status(status), |rule| rule.kind)
}

/// One rule from words to a kind.
struct Rule {
    /// The statuses at which it holds; 200 stands for an error inside an answer.
    statuses: &'static [u16],
    /// Any of these in code, type or reason.
    names: &'static [&'static str],
    /// Any of these in the message.
    messages: &'static [&'static str],
    /// What the message must have besides.
    with: &'static str,
    kind: Kind,
}

impl Rule {
    fn applies(&self, status: u16, names: &str, message: &str) -> bool {
        self.statuses.contains(&status)
            && (self.names.iter().any(|name| names.contains(name))
                || (self.messages.iter().any(|words| message.contains(words)) && message.contains(self.with)))
    }
}

const REFUSED: &[u16] = &[200, 400, 403, 404, 413, 422, 424, 429, 500];
/// The same but 429, where too many tokens are too many in too little time.
const TOO_LONG: &[u16] = &[200, 400, 403, 404, 413, 422, 424, 500];

/// Words that tell more than the status, the more telling first.
const WORDS: &[Rule] = &[
    // Bedrock words its limits on tokens a minute like a prompt that is too long.
    Rule {
        statuses: &[200, 400, 503],
        names: &["throttl"],
        messages: &["too many tokens"],
        with: "wait",
        kind: Kind::RateLimited,
    },
    Rule {
        statuses: TOO_LONG,
        names: &[
            "context_length_exceeded",
            "exceed_context_size",
            "too_many_prompt_tokens",
            "too_many_tokens",
            "context_window_exceeded",
            "model_max_prompt_tokens_exceeded",
            "string_above_max_length",
            "contextwindowexceeded",
            "tokens_limit_reached",
        ],
        messages: &[
            "maximum context length",
            "max context length",
            "context length exceeded",
            "context window",
            "available context size",
            "exceeds the context",
            "prompt is too long",
            "prompt too long",
            "input is too long",
            "too many tokens",
            "input tokens exceeded",
            "input token count",
            "maximum number of tokens allowed",
            "total length of all messages is too long",
            "reduce the length of the messages",
            "maximum prompt length",
            "prompt contains more tokens",
            "input length and `max_tokens` exceed",
            "too many input tokens",
            "exceeded model token limit",
            // vLLM, SGLang and Together, text-generation-inference, LM Studio.
            "longer than the maximum model length",
            "longer than the model's context length",
            "tokens + `max_new_tokens` must be",
            "`inputs` must have less than",
            "loaded with context length of only",
            "context length is only",
            "greater than the context length",
            // Z.ai, Moonshot, DashScope, watsonx, Voyage.
            "prompt exceeds max length",
            "token length too long",
            "range of input length should be",
            "cannot exceed the total tokens limit",
            "the max allowed tokens per submitted batch",
        ],
        with: "",
        kind: Kind::ContextTooLong,
    },
    Rule {
        statuses: REFUSED,
        names: &[
            "content_filter",
            "content_policy",
            "responsibleaipolicyviolation",
            "moderation",
            "prohibited_content",
            "datainspectionfailed",
            "data_inspection_failed",
            // OpenAI.
            "bio_policy",
            "cyber_policy",
        ],
        messages: &[
            "content management policy",
            "content filter",
            "content policy",
            "content exists risk",
            "inappropriate content",
            "safety system",
            // xAI, under 403; Z.ai.
            "violates usage guidelines",
            "or sensitive content in input",
            "flagged",
        ],
        with: "",
        kind: Kind::ContentRefused,
    },
    // Google words every limit as a quota, but not an empty purse.
    Rule {
        statuses: &[200, 429],
        names: &[],
        messages: &["credits are depleted"],
        with: "",
        kind: Kind::QuotaExceeded,
    },
    Rule {
        statuses: &[200, 429],
        names: &["resource_exhausted"],
        messages: &[],
        with: "",
        kind: Kind::RateLimited,
    },
    // ElevenLabs and watsonx, under statuses of credentials.
    Rule {
        statuses: &[401, 403],
        names: &["quota_exceeded", "token_quota_reached"],
        messages: &[],
        with: "",
        kind: Kind::QuotaExceeded,
    },
    Rule {
        statuses: &[200, 400, 402, 403, 412, 429],
        names: &[
            "insufficient_quota",
            "billing",
            "insufficient_balance",
            "credits_required",
            "arrearage",
            "budget_exceeded",
            // Moonshot, under 429.
            "exceeded_current_quota",
            "usage_limit_reached",
            // Bedrock, under 400.
            "servicequotaexceeded",
        ],
        messages: &[
            "exceeded your current quota, please check your plan and billing",
            "credit balance is too low",
            "insufficient balance",
            "insufficient credits",
            "requires more credits",
            "used all available credits",
            "account is not active",
            // Z.ai, xAI, Fireworks.
            "usage limit reached",
            "have any credits yet",
            "spending limit",
        ],
        with: "",
        kind: Kind::QuotaExceeded,
    },
    Rule {
        statuses: &[200, 400, 403, 404],
        names: &[
            "invalid_api_key",
            "api_key_invalid",
            "authentication_error",
            "unauthenticated",
            "expiredtoken",
            "unrecognizedclient",
            "organization_restricted",
        ],
        messages: &[
            "incorrect api key",
            "invalid api key",
            "api key not valid",
            "api key is invalid",
            "unregistered callers",
            "api key expired",
            "organization has been disabled",
        ],
        with: "",
        kind: Kind::UpstreamAuth,
    },
    Rule {
        statuses: &[200, 400, 403, 404, 422],
        names: &[
            "model_not_found",
            "unknown_model",
            "invalid_model",
            "deploymentnotfound",
            "model_not_available",
            "unavailable_model",
            "model_not_supported",
            "model_decommissioned",
        ],
        messages: &[
            "the supported api model names are",
            "specified model not found",
            "provided model identifier is invalid",
            "access to the model",
            "invalid model",
            "is not a valid model",
            "model not exist",
            "unknown model",
            "model not found",
        ],
        with: "",
        kind: Kind::NotFound,
    },
    Rule {
        statuses: &[400, 422],
        names: &[],
        messages: &["model"],
        with: "does not exist",
        kind: Kind::NotFound,
    },
    Rule {
        statuses: &[200, 400, 403, 413, 429, 500, 503],
        names: &["rate_limit", "ratelimit", "too_many_requests", "throttl", "resource_exhausted"],
        messages: &["rate limit", "too many requests"],
        with: "",
        kind: Kind::RateLimited,
    },
    Rule {
        statuses: &[200, 400, 429, 500, 502],
        names: &[
            "overloaded",
            "engine_overloaded",
            "capacity_exceeded",
            "over_capacity",
            "unavailable",
            "modelnotready",
            "slow_down",
        ],
        messages: &["overloaded", "over capacity", "capacity exceeded", "over_capacity"],
        with: "",
        kind: Kind::Overloaded,
    },
    Rule {
        statuses: &[400, 422, 500, 501],
        names: &[
            "unsupported_parameter",
            "not_supported_error",
            "unsupported_value",
            "operationnotsupported",
        ],
        messages: &[
            "not supported",
            "does not support",
            "doesn't support",
            "isn't supported",
            "unsupported",
            "requires --",
        ],
        with: "",
        kind: Kind::Unsupported,
    },
    Rule {
        statuses: &[200],
        names: &["timeout", "deadline_exceeded"],
        messages: &[],
        with: "",
        kind: Kind::TimedOut,
    },
    Rule {
        statuses: &[200],
        // OpenAI has a dozen codes for pictures that it cannot take: `invalid_image_url`, `image_too_large`, ...
        names: &["invalid_", "validation", "tool_use_failed", "image_", "_image", "data_residency"],
        messages: &[],
        with: "",
        kind: Kind::InvalidRequest,
    },
];

/// What MiniMax's numbers mean; others are failures of its own.
/// Source: MiniMax API docs "Error Codes", checked 2026-11-21.
const NUMBERS: &[(&str, Kind)] = &[
    ("1001", Kind::TimedOut),
    ("1002", Kind::RateLimited),
    ("1004", Kind::UpstreamAuth),
    ("1008", Kind::QuotaExceeded),
    ("1026", Kind::ContentRefused),
    ("1027", Kind::ContentRefused),
    ("1039", Kind::RateLimited),
    ("1041", Kind::RateLimited),
    ("1042", Kind::InvalidRequest),
    ("2013", Kind::InvalidRequest),
    ("2045", Kind::RateLimited),
    ("2049", Kind::UpstreamAuth),
    ("2056", Kind::QuotaExceeded),
];

/// The kind of an error with this number of MiniMax's.
pub(super) fn numbered(code: &str) -> Kind {
    NUMBERS.iter().find(|(number, _)| *number == code).map_or(Kind::UpstreamFailed, |(_, kind)| *kind)
}

/// What a status means where no words say more.
fn by_status(status: u16) -> Kind {
    match status {
        401 | 403 | 407 => Kind::UpstreamAuth,
        402 => Kind::QuotaExceeded,
        404 | 410 => Kind::NotFound,
        408 | 504 | 522 | 524 => Kind::TimedOut,
        413 => Kind::TooLarge,
        415 => Kind::UnsupportedMedia,
        429 => Kind::RateLimited,
        498 | 503 | 529 => Kind::Overloaded,
        501 => Kind::Unsupported,
        // 499: the provider says that its caller went away.
        409 | 424 | 425 | 499 => Kind::UpstreamFailed,
        400..=499 => Kind::InvalidRequest,
        _ => Kind::UpstreamFailed,
    }
}
