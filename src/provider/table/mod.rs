//! The table of provider kinds, in groups. An entry states only in what a
//! vendor differs from a server that speaks OpenAI's chat dialect under
//! `Authorization: Bearer`.
//!
//! Addresses and deviations come from each vendor's API reference, named in
//! `source` and checked 2026-11-21; `source` says so where a reference does not
//! state a deviation and it was seen in traffic or in the vendor's own clients.

mod gateways;
mod hosts;
mod makers;
mod media;
mod servers;

use std::sync::LazyLock;

use super::{Auth, Kind};
use crate::dialect::{Quirks, Refusal, SPEAKERS, TokenField, ToolIds, embed, rerank};
use crate::ir::{Dialect, Endpoint};

/// The kind of this name or alias.
#[must_use]
pub fn kind(name: &str) -> Option<&'static Kind> {
    kinds().iter().find(|kind| kind.name == name || kind.aliases.contains(&name))
}

/// Every kind.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    &KINDS
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    [makers::kinds(), hosts::kinds(), gateways::kinds(), servers::kinds(), media::kinds()].concat()
});

const CHAT: &[Dialect] = &[Dialect::OpenAiChat];
const CHAT_COMPLETIONS: &[Dialect] = &[Dialect::OpenAiChat, Dialect::OpenAiCompletions];
const CHAT_RESPONSES: &[Dialect] = &[Dialect::OpenAiChat, Dialect::OpenAiResponses];
const OPENAI: &[Dialect] = &[Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::OpenAiCompletions];
const EMBEDDINGS: &[Endpoint] = &[Endpoint::Embeddings];

/// A server that speaks OpenAI's chat dialect as OpenAI documents it.
fn compatible(name: &'static str, title: &'static str, base_url: &'static str) -> Kind {
    Kind {
        name,
        aliases: &[],
        title,
        dialects: CHAT,
        endpoints: &[],
        embed: embed::Form::OpenAi,
        rerank: rerank::Form::Jina,
        base_url,
        default_path: "/v1",
        auth: Auth::Bearer,
        in_process: false,
        headers: &[],
        quirks: Quirks::default(),
        otel_name: name,
        source: "",
    }
}

/// The ids of tool calls that OpenAI's models take.
/// Source: OpenAI API, error `string_above_max_length` on `tool_calls[].id`, checked 2026-11-22.
const OPENAI_IDS: ToolIds = ToolIds::AtMost(40);

/// What most look-alike servers deviate in: they know `max_tokens` alone, and no `developer`.
fn look_alike() -> Quirks {
    Quirks { token_field: TokenField::MaxTokens, no_developer_role: true, ..Quirks::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_entries_complete() {
        let mut names: Vec<&str> =
            kinds().iter().flat_map(|kind| [&[kind.name], kind.aliases].concat()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for found in kinds() {
            assert!(!found.source.is_empty() && !found.title.is_empty(), "{}", found.name);
            assert!(found.base_url.is_empty() || found.base_url.starts_with("http"), "{}", found.name);
            assert!(!found.base_url.ends_with('/') && !found.default_path.ends_with('/'), "{}", found.name);
            assert!(!found.dialects.is_empty() || !found.endpoints.is_empty(), "{}", found.name);
            for alias in found.aliases {
                assert_eq!(kind(alias).map(|kind| kind.name), Some(found.name));
            }
        }
        assert!(kind("nobody").is_none());
    }
}
