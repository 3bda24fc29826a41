//! A token that a cloud's token service gives out, and its life.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Kind, Origin, Result};
use crate::secret::Secret;

/// A token and its life.
#[derive(Debug, Clone)]
pub struct Token {
    /// Goes into `Authorization: Bearer`.
    pub access_token: Secret,
    /// Seconds since the Unix epoch at which it ends.
    pub expires: u64,
}

impl Token {
    /// Reads the answer of status 200 that came from `whom` at `now` (seconds since the
    /// Unix epoch). Its life stands in `expires_in` or `expires_on`, as a number or as text.
    ///
    /// Sources: RFC 6749, section 5.1; Microsoft, "How to use managed identities to acquire
    /// an access token", checked 2026-11-22.
    ///
    /// # Errors
    /// `UpstreamAuth` when it holds no token. Quotes nothing of it.
    pub fn read(answer: &[u8], now: u64, whom: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: Secret,
            expires_in: Option<Value>,
            expires_on: Option<Value>,
        }
        let number = |value: Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let read = serde_json::from_slice(answer).ok().and_then(|answer: Answer| {
            let within = answer.expires_in.and_then(number).map(|life| now.saturating_add(life));
            let expires = within.or_else(|| answer.expires_on.and_then(number))?;
            Some(Self { access_token: answer.access_token, expires })
        });
        read.ok_or_else(|| {
            Error::new(Kind::UpstreamAuth, Origin::Gateway, format!("{whom} answered without a token"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        for (answer, expected) in [
            (r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#, Some(4599)),
            (r#"{"access_token":"t","expires_in":"3599","expires_on":"9"}"#, Some(4599)),
            (r#"{"access_token":"t","expires_on":"1440938160"}"#, Some(1_440_938_160)),
            (r#"{"access_token":"t"}"#, None),
            (r#"{"error":"invalid_grant"}"#, None),
        ] {
            let token = Token::read(answer.as_bytes(), 1000, "Google");
            assert_eq!(token.as_ref().ok().map(|token| token.expires), expected, "{answer}");
            assert!(token.is_ok_and(|token| token.access_token.expose() == "t") || expected.is_none());
        }
    }
}
