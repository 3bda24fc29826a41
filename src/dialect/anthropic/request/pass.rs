//! A client's bytes as they are, where the model takes them as they are.

use bytes::Bytes;
use memchr::memmem;

use super::super::generation::Abilities;
use super::encode::{path, version_header};
use crate::dialect::{Target, Wire};

/// The way for the client's own bytes; `None` when they have to be said anew:
/// in a wrapping that moves the model out of the body, or to a model that
/// takes another form of `thinking` than they hold.
pub(in crate::dialect) fn pass_through(raw: &Bytes, target: &Target<'_>, stream: bool) -> Option<Wire> {
    let quirks = target.quirks;
    if quirks.vertex || quirks.model_in_path || !quirks.refused.is_empty() {
        return None;
    }
    let holds = |word: &str| memmem::find(raw, word.as_bytes()).is_some();
    let abilities = Abilities::of(target.model);
    let refused = (!abilities.thinking.takes_budget() && holds("\"budget_tokens\""))
        || (!abilities.thinking.takes_adaptive() && holds("\"adaptive\""))
        || (abilities.effort.is_none() && holds("\"effort\""));
    // Names of beta features in the body are the SDKs' word for a header; a citation without
    // its index is one of another maker's model, told to this client by us.
    let foreign = ["", " "].iter().any(|gap| holds(&format!("\"encrypted_index\":{gap}\"\"")));
    if refused || foreign || holds("\"betas\"") || holds_other_seals(raw) {
        return None;
    }
    let path = path(target, stream);
    Some(Wire { path, body: raw.clone(), headers: vec![version_header()], dropped: Vec::new() })
}

/// Longest mark of a maker in front of a seal, bytes.
const MARK: usize = 24;

/// Whether a thought has no seal, for it was changed or its maker gives none,
/// or that of another maker, which has a mark: the API refuses both.
fn holds_other_seals(raw: &[u8]) -> bool {
    let other = |field: &str, may_be_empty: bool| {
        memmem::find_iter(raw, field.as_bytes()).any(|at| {
            let rest = raw.get(at + field.len()..).unwrap_or_default().trim_ascii_start();
            let Some(rest) = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start) else { return false };
            let Some(value) = rest.strip_prefix(b"\"") else { return false };
            let head = value.get(..MARK).unwrap_or(value);
            let mark = head.split(|byte| *byte == b'"').next().unwrap_or_default();
            (mark.is_empty() && !may_be_empty) || mark.contains(&b'#')
        })
    };
    other("\"signature\"", false)
        || (memmem::find(raw, b"redacted_thinking").is_some() && other("\"data\"", true))
}
