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
    if refused || foreign || holds("\"betas\"") {
        return None;
    }
    let path = path(target, stream);
    Some(Wire { path, body: raw.clone(), headers: vec![version_header()], dropped: Vec::new() })
}
