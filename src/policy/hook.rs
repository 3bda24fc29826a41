//! When a policy is asked, and what follows when it fails.

/// A point of the exchange at which a policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// After authentication; may edit the request.
    Request,
    /// To decide where it goes.
    Route,
    /// After a failed attempt, before the client has seen a byte.
    Failure,
    /// On each complete sentence of an answer.
    Text,
    /// On a whole answer.
    Response,
    /// After settling, off the request's path.
    Settled,
    /// When a client sends feedback for an exchange.
    Feedback,
}

impl Hook {
    /// Every hook, in the order of an exchange.
    pub const ALL: [Self; 7] = [
        Self::Request,
        Self::Route,
        Self::Failure,
        Self::Text,
        Self::Response,
        Self::Settled,
        Self::Feedback,
    ];

    /// The name of its function in a policy.
    #[must_use]
    pub const fn function(self) -> &'static str {
        match self {
            Self::Request => "on_request",
            Self::Route => "route",
            Self::Failure => "on_failure",
            Self::Text => "on_text",
            Self::Response => "on_response",
            Self::Settled => "on_settled",
            Self::Feedback => "on_feedback",
        }
    }

    /// The hook whose function is `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.function() == name)
    }

    /// When it is asked, for the reference.
    #[must_use]
    pub const fn when(self) -> &'static str {
        match self {
            Self::Request => "after authentication, before the request goes anywhere",
            Self::Route => "to decide where it goes",
            Self::Failure => "after a failed attempt, before the client has seen a byte",
            Self::Text => {
                "on each complete sentence of an answer, its refusal and its reasoning, streamed or not"
            }
            Self::Response => "on a whole answer",
            Self::Settled => "after settling, off the request's path",
            Self::Feedback => "on POST /v1/feedback for an exchange of the route",
        }
    }

    /// What it sees besides `req`, `ctx` and `state`; empty: nothing.
    #[must_use]
    pub const fn sees(self) -> &'static str {
        match self {
            Self::Request | Self::Route => "",
            Self::Failure => "attempt",
            Self::Text => "text",
            Self::Response => "res",
            Self::Settled => "record",
            Self::Feedback => "feedback",
        }
    }

    /// What it may return, in words.
    #[must_use]
    pub const fn returns(self) -> &'static str {
        match self {
            Self::Request => "nothing, `reject(status, code, message)` or `respond(..)`; it may edit `req`",
            Self::Route => {
                "a model's name, a model, a list of models, `plan([..])`, `batch(..)`, `respond(..)`, `reject(..)`, or nothing to leave it to the next policy"
            }
            Self::Failure => "nothing (the plan's next step), `retry(after_ms)`, `give_up()` or another plan",
            Self::Text => "nothing, the text to send instead, or `stop(message)`",
            Self::Response => "nothing, the edited `res`, `respond(..)`, `reject(..)` or another plan",
            Self::Settled | Self::Feedback => "nothing",
        }
    }

    /// What follows when the hook fails and its policy does not say otherwise.
    #[must_use]
    pub const fn on_error(self) -> OnError {
        match self {
            Self::Request | Self::Text | Self::Response => OnError::Deny,
            Self::Route | Self::Failure => OnError::Fallback,
            Self::Settled | Self::Feedback => OnError::Ignore,
        }
    }
}

/// What follows when a hook fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnError {
    /// The exchange is refused.
    Deny,
    /// The route's candidates are tried in their order.
    Fallback,
    /// As if the hook had returned nothing.
    Ignore,
}

impl OnError {
    /// The word for it in a policy's head.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Fallback => "fallback",
            Self::Ignore => "ignore",
        }
    }
}
