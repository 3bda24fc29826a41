//! Content blocks to and from [`crate::ir::Part`].

mod decode;
mod encode;
mod media;

pub(super) use decode::content;
pub(super) use encode::Encoder;
pub(in crate::dialect) use encode::object;
pub(in crate::dialect) use media::picture_type;

/// The one field that clients of any dialect may set on a block, tool or message for this one.
pub(super) const CACHE_CONTROL: &str = "cache_control";

/// The type of a page that a search found.
const SEARCH_RESULT: &str = "search_result";

/// Under this key goes back what a model wrote as arguments and is no JSON object.
///
/// Source: Anthropic, Fine-grained tool streaming, "Handling invalid JSON", checked 2026-11-21.
pub(in crate::dialect) const INVALID_JSON: &str = "INVALID_JSON";
