//! The one typed error: what went wrong ([`Kind`]), whose fault it is
//! ([`Origin`]), whether another try may help ([`Retry`]).
//!
//! Everything that decides on an error (retry, fallback, HTTP status, metric
//! label) reads these facts, never a message. One table, [`Kind::row`], maps a
//! kind to its HTTP status and its names on the wire; bodies in the client's
//! dialect are rendered by `dialect`.

mod kind;

pub use kind::{Kind, Row};

use std::borrow::Cow;
use std::time::Duration;

/// The result of anything that may fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The request as the client sent it.
    Client,
    /// A team's policy.
    Policy,
    /// The provider.
    Upstream,
    /// This gateway.
    Gateway,
}

/// Whether the same candidate may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Trying the same candidate again cannot help.
    Never,
    /// May be tried again after a back-off.
    Backoff,
    /// The provider named a wait before the next try.
    After(Duration),
}

/// An error with the facts that retry, fallback and rendering read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What went wrong.
    pub kind: Kind,
    /// Whose fault it is.
    pub origin: Origin,
    /// Whether the same candidate may be tried again.
    pub retry: Retry,
    /// What happened and what to do, for the client. Holds no secret and no prompt text.
    pub message: String,
    /// `error.code` where it is more precise than the kind's own.
    pub code: Option<Cow<'static, str>>,
    /// The request field at fault, as a path (`messages[0].content`).
    pub param: Option<String>,
    /// HTTP status that replaces the table's: a policy's, or a provider's 4xx.
    pub status: Option<u16>,
    /// HTTP status that the provider sent.
    pub upstream_status: Option<u16>,
}

impl Error {
    /// An error of this kind and origin; retry advice follows from the kind.
    #[must_use]
    pub fn new(kind: Kind, origin: Origin, message: impl Into<String>) -> Self {
        Self {
            kind,
            origin,
            retry: advised(kind),
            message: message.into(),
            code: None,
            param: None,
            status: None,
            upstream_status: None,
        }
    }

    /// The client's request is at fault (400).
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, Origin::Client, message)
    }

    /// The provider's answer is not its protocol.
    #[must_use]
    pub fn bad_answer(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidResponse, Origin::Upstream, message)
    }

    /// The provider answered well and said nothing: `place`, where its answers stand, is empty or missing.
    #[must_use]
    pub fn no_answer(place: &str) -> Self {
        Self::bad_answer(format!("the provider's answer holds no answer: its `{place}` are empty or missing"))
    }

    /// The provider's stream ended before what must stand in it did.
    #[must_use]
    pub fn broken_stream(before: &str) -> Self {
        let message = format!("the provider's stream ended before {before}");
        Self::new(Kind::StreamBroken, Origin::Upstream, message)
    }

    /// A broken invariant of ours.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, Origin::Gateway, message)
    }

    /// The same error with a more precise code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same error, naming the request field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same error with other retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// HTTP status that the client gets.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        self.status.unwrap_or(self.kind.row().status)
    }

    /// `error.code` on the wire.
    #[must_use]
    pub fn code(&self) -> &str {
        self.code.as_deref().unwrap_or(self.kind.row().code)
    }

    /// Whether the provider wants no other try of what another try mends as a rule.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.origin == Origin::Upstream && self.retry == Retry::Never && advised(self.kind) != Retry::Never
    }

    /// The wait that the provider named, if any.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.retry {
            Retry::After(wait) => Some(wait),
            Retry::Never | Retry::Backoff => None,
        }
    }
}

/// What an error of this kind advises where nobody says otherwise.
fn advised(kind: Kind) -> Retry {
    match kind {
        Kind::RateLimited
        | Kind::Overloaded
        | Kind::TimedOut
        | Kind::Unreachable
        | Kind::UpstreamFailed
        | Kind::InvalidResponse
        | Kind::StreamBroken => Retry::Backoff,
        _ => Retry::Never,
    }
}
