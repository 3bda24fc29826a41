//! Names of beta features. Clients say them in a header; a request that is
//! encoded anew carries them among its extra fields.
//!
//! Source: Anthropic, Beta headers, checked 2026-11-21.

use http::HeaderMap;
use serde_json::Value;

use crate::ir::Request;

/// Where the names stand in a request, as the SDKs call it.
pub(super) const BETAS: &str = "betas";

/// The headers that belong to a request.
pub(in crate::dialect) const COMPANIONS: &[&str] = &["anthropic-beta"];

/// Beta features that Bedrock knows; it refuses a request that names another.
///
/// Source: Amazon Bedrock, Anthropic Claude Messages API, `anthropic_beta`, checked 2026-11-21.
const ON_BEDROCK: [&str; 12] = [
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "token-efficient-tools-2025-02-19",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "dev-full-thinking-2025-05-14",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "effort-2025-11-24",
    "tool-search-tool-2025-10-19",
    "tool-examples-2025-10-29",
];

/// Adds the names in the client's headers to those that its body has.
pub(in crate::dialect) fn adopt(request: &mut Request, companions: &HeaderMap) {
    let said = COMPANIONS.iter().flat_map(|name| companions.get_all(*name));
    let said = said.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut names = match request.extra.take(BETAS) {
        Some(Value::Array(names)) => names,
        _ => Vec::new(),
    };
    for name in said.map(str::trim).filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.into());
        }
    }
    if !names.is_empty() {
        request.extra.insert(BETAS, Value::Array(names));
    }
}

/// The names that Bedrock knows, and whether there were others.
pub(in crate::dialect) fn keep_known(names: Vec<String>) -> (Vec<String>, bool) {
    let count = names.len();
    let known: Vec<String> = names.into_iter().filter(|name| ON_BEDROCK.contains(&name.as_str())).collect();
    let others = known.len() < count;
    (known, others)
}
