//! What went wrong, and the one table of how each kind appears outside.

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The request is malformed or a value is out of range.
    InvalidRequest,
    /// The body is larger than the cap.
    TooLarge,
    /// The content type or content encoding is not one we read.
    UnsupportedMedia,
    /// No route, model or stored object has this name.
    NotFound,
    /// The endpoint exists, the method does not.
    MethodNotAllowed,
    /// No key, or a key that is not known.
    Unauthenticated,
    /// The key is known and may not do this.
    Forbidden,
    /// A policy refused the request.
    PolicyDenied,
    /// Too many requests or tokens for now.
    RateLimited,
    /// The account's money or quota is used up; waiting does not help.
    QuotaExceeded,
    /// The prompt does not fit the model's context window.
    ContextTooLong,
    /// The provider's content filter refused prompt or answer.
    ContentRefused,
    /// The request asks for what this model or dialect cannot do.
    Unsupported,
    /// No candidate fits, or all are unhealthy.
    NoCandidate,
    /// The provider or this gateway is overloaded.
    Overloaded,
    /// A time-out passed.
    TimedOut,
    /// The provider cannot be reached: refused, DNS, reset before an answer.
    Unreachable,
    /// TLS to the provider failed.
    Tls,
    /// The provider refused our credentials; the client's key is fine.
    UpstreamAuth,
    /// The provider answered something that is not its protocol.
    InvalidResponse,
    /// The provider failed by its own account (5xx).
    UpstreamFailed,
    /// The stream broke after it had begun.
    StreamBroken,
    /// A policy raised an error or broke a limit.
    PolicyFailed,
    /// The client went away.
    Cancelled,
    /// The gateway is shutting down or starting.
    Unavailable,
    /// The exchange would pass through this gateway twice.
    LoopDetected,
    /// A bug or a broken invariant of ours.
    Internal,
}

/// How a [`Kind`] appears outside: one row of the error table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// HTTP status that the client gets.
    pub status: u16,
    /// OpenAI's `error.type`.
    pub openai_type: &'static str,
    /// Default `error.code`, and the metric label.
    pub code: &'static str,
    /// Anthropic's `error.type`.
    pub anthropic_type: &'static str,
    /// Google's `error.status`.
    pub google_status: &'static str,
}

impl Kind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 27] = [
        Self::InvalidRequest,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::PolicyDenied,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::ContextTooLong,
        Self::ContentRefused,
        Self::Unsupported,
        Self::NoCandidate,
        Self::Overloaded,
        Self::TimedOut,
        Self::Unreachable,
        Self::Tls,
        Self::UpstreamAuth,
        Self::InvalidResponse,
        Self::UpstreamFailed,
        Self::StreamBroken,
        Self::PolicyFailed,
        Self::Cancelled,
        Self::Unavailable,
        Self::LoopDetected,
        Self::Internal,
    ];

    /// The table from kind to HTTP status and names on the wire.
    #[must_use]
    pub const fn row(self) -> Row {
        const INVALID: &str = "invalid_request_error";
        const SERVER: &str = "server_error";
        const API: &str = "api_error";
        const fn row(
            status: u16,
            openai_type: &'static str,
            code: &'static str,
            anthropic_type: &'static str,
            google_status: &'static str,
        ) -> Row {
            Row { status, openai_type, code, anthropic_type, google_status }
        }
        match self {
            Self::InvalidRequest => row(400, INVALID, "invalid_request", INVALID, "INVALID_ARGUMENT"),
            Self::TooLarge => row(413, INVALID, "request_too_large", "request_too_large", "INVALID_ARGUMENT"),
            Self::UnsupportedMedia => {
                row(415, INVALID, "unsupported_media_type", INVALID, "INVALID_ARGUMENT")
            }
            Self::NotFound => row(404, INVALID, "model_not_found", "not_found_error", "NOT_FOUND"),
            Self::MethodNotAllowed => row(405, INVALID, "method_not_allowed", INVALID, "UNIMPLEMENTED"),
            Self::Unauthenticated => {
                row(401, "authentication_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED")
            }
            Self::Forbidden => {
                row(403, "permission_error", "permission_denied", "permission_error", "PERMISSION_DENIED")
            }
            Self::PolicyDenied => {
                row(403, "permission_error", "policy_denied", "permission_error", "PERMISSION_DENIED")
            }
            Self::RateLimited => {
                row(429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED")
            }
            Self::QuotaExceeded => {
                row(429, "insufficient_quota", "insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED")
            }
            Self::ContextTooLong => row(400, INVALID, "context_length_exceeded", INVALID, "INVALID_ARGUMENT"),
            Self::ContentRefused => row(400, INVALID, "content_filter", INVALID, "INVALID_ARGUMENT"),
            Self::Unsupported => row(400, INVALID, "unsupported", INVALID, "INVALID_ARGUMENT"),
            Self::NoCandidate => row(503, SERVER, "no_candidate", "overloaded_error", "UNAVAILABLE"),
            Self::Overloaded => row(503, SERVER, "overloaded", "overloaded_error", "UNAVAILABLE"),
            Self::TimedOut => row(504, SERVER, "upstream_timeout", API, "DEADLINE_EXCEEDED"),
            Self::Unreachable => row(502, SERVER, "upstream_unreachable", API, "UNAVAILABLE"),
            Self::Tls => row(502, SERVER, "upstream_tls", API, "UNAVAILABLE"),
            Self::UpstreamAuth => row(502, SERVER, "upstream_auth", API, "INTERNAL"),
            Self::InvalidResponse => row(502, SERVER, "upstream_invalid_response", API, "INTERNAL"),
            Self::UpstreamFailed => row(502, SERVER, "upstream_failed", API, "INTERNAL"),
            Self::StreamBroken => row(502, SERVER, "stream_broken", API, "INTERNAL"),
            Self::PolicyFailed => row(500, SERVER, "policy_failed", API, "INTERNAL"),
            Self::Cancelled => row(499, SERVER, "cancelled", API, "CANCELLED"),
            Self::Unavailable => row(503, SERVER, "unavailable", "overloaded_error", "UNAVAILABLE"),
            Self::LoopDetected => row(508, SERVER, "loop_detected", API, "INTERNAL"),
            Self::Internal => row(500, SERVER, "internal_error", API, "INTERNAL"),
        }
    }

    /// Its name in policies, cases and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unsupported_media",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::PolicyDenied => "policy_denied",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::ContextTooLong => "context_too_long",
            Self::ContentRefused => "content_refused",
            Self::Unsupported => "unsupported",
            Self::NoCandidate => "no_candidate",
            Self::Overloaded => "overloaded",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::UpstreamAuth => "upstream_auth",
            Self::InvalidResponse => "invalid_response",
            Self::UpstreamFailed => "upstream_failed",
            Self::StreamBroken => "stream_broken",
            Self::PolicyFailed => "policy_failed",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::LoopDetected => "loop_detected",
            Self::Internal => "internal",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether another candidate may succeed where this attempt failed.
    #[must_use]
    pub const fn may_fall_back(self) -> bool {
        self.counts_against_health()
            || matches!(
                self,
                Self::ContextTooLong | Self::ContentRefused | Self::Unsupported | Self::NotFound
            )
    }

    /// Whether the failure speaks against the health of the model that was tried.
    #[must_use]
    pub const fn counts_against_health(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::QuotaExceeded
                | Self::Overloaded
                | Self::TimedOut
                | Self::Unreachable
                | Self::Tls
                | Self::UpstreamAuth
                | Self::InvalidResponse
                | Self::UpstreamFailed
                | Self::StreamBroken
        )
    }
}
