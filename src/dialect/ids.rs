//! Ids that one side makes and the other bounds: of tool calls, and of users. The same
//! id always becomes the same text, so that a call and its result stay a pair.

use std::borrow::Cow;

use memchr::memmem;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// Longest `user` that OpenAI takes, characters; what stands there for other clients is
/// often longer (Claude Code's is 190).
/// Source: OpenAI API, error `string_above_max_length` on `user`, checked 2026-11-22.
const USER: usize = 64;

/// The characters of an id of Mistral's and their number.
/// Source: Mistral API reference, "tool_call_id", checked 2026-11-21.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const NINE: usize = 9;

/// Which ids of tool calls a vendor takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ToolIds {
    /// All.
    #[default]
    Any,
    /// Those of so many characters at most.
    AtMost(usize),
    /// Those of nine letters and digits.
    Nine,
}

impl ToolIds {
    /// `id`, or one that the vendor takes in its place.
    pub(super) fn fit(self, id: &str) -> Cow<'_, str> {
        match self {
            Self::Any => Cow::Borrowed(id),
            Self::AtMost(most) => bounded(id, most),
            Self::Nine => nine(id),
        }
    }

    /// Whether a body in OpenAI's chat form may hold an id that the vendor refuses.
    pub(super) fn may_refuse(self, body: &[u8]) -> bool {
        let mut ids = memmem::find_iter(body, "\"tool_call_id\"").map(|at| body.get(at + 14..));
        match self {
            Self::Any => false,
            Self::Nine => ids.next().is_some(),
            // Up to its end an id has no quote, whatever stands between it and its key.
            Self::AtMost(most) => ids.flatten().any(|rest| {
                let mut quotes = memchr::memchr_iter(b'"', rest);
                quotes.next().zip(quotes.next()).is_none_or(|(open, close)| close - open - 1 > most)
            }),
        }
    }
}

/// A tool call's id as Anthropic and Bedrock take it: letters, digits, `_` and `-`.
/// Source: Anthropic API, `tool_use.id` (`^[a-zA-Z0-9_-]+$`), checked 2026-11-21.
pub(super) fn plain(id: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
    id.chars().map(|sign| if plain(sign) { sign } else { '_' }).collect()
}

/// A user's id as OpenAI takes it.
pub(super) fn user(id: &str) -> Cow<'_, str> {
    bounded(id, USER)
}

/// `id`, or its hash where it has more than `most` characters, 64 at most.
fn bounded(id: &str, most: usize) -> Cow<'_, str> {
    if id.chars().nth(most).is_none() {
        return Cow::Borrowed(id);
    }
    let mut hash = hex(&Sha256::digest(id.as_bytes()));
    hash.truncate(most);
    Cow::Owned(hash)
}

/// An id of nine letters and digits.
fn nine(id: &str) -> Cow<'_, str> {
    if id.len() == NINE && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    // FNV-1a: stable between versions and processes, unlike a hash map's hasher.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut short = String::with_capacity(NINE);
    for _ in 0..NINE {
        let digit = usize::try_from(hash % 36).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'0');
        short.push(char::from(digit));
        hash /= 36;
    }
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_and_stay_apart() {
        let long = |end: &str| format!("{}{end}", "call_".repeat(8));
        for (kind, length) in [(ToolIds::AtMost(40), 40), (ToolIds::Nine, 9)] {
            let (one, other) = (long("x"), long("y"));
            assert_eq!((kind.fit(&one).len(), kind.fit(&one)), (length, kind.fit(&one)));
            assert_ne!(kind.fit(&one), kind.fit(&other));
        }
        assert_eq!(ToolIds::AtMost(40).fit(&long("")), long(""));
        assert_eq!(ToolIds::Any.fit(&long("x")), long("x"));
        assert_eq!(
            (user("ü".repeat(64).as_str()).chars().count(), user("ü".repeat(65).as_str()).len()),
            (64, 64)
        );
    }

    #[test]
    fn bodies_with_ids_that_are_refused_are_found() {
        let long = "c".repeat(41);
        for (kind, body, expected) in [
            (ToolIds::Any, format!("{{\"tool_call_id\":\"{long}\"}}"), false),
            (ToolIds::Nine, "{\"tool_call_id\":\"x\"}".to_owned(), true),
            (ToolIds::AtMost(40), format!("{{\"tool_call_id\" : \"{long}\"}}"), true),
            (
                ToolIds::AtMost(40),
                format!("[{{\"tool_call_id\":\"x\"}},{{\"tool_call_id\":\"{long}\"}}]"),
                true,
            ),
            (ToolIds::AtMost(40), "{\"tool_call_id\":\"x\"}".to_owned(), false),
            (ToolIds::AtMost(40), "{\"tool_call_id\":".to_owned(), true),
        ] {
            assert_eq!(kind.may_refuse(body.as_bytes()), expected, "{body}");
        }
    }
}
