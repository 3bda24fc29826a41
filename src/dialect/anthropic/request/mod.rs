//! Requests: from a client's body, to a provider's.

mod betas;
mod caching;
mod conversation;
mod decode;
mod encode;
mod pass;
mod schema;
mod thinking;
mod tools;

pub(in crate::dialect) use betas::keep_known;
pub(super) use betas::{COMPANIONS, adopt};
pub(super) use decode::decode;
pub(super) use encode::encode;
pub(in crate::dialect) use encode::encode_body;
pub(super) use pass::pass_through;
pub(in crate::dialect) use schema::{is_recursive, restrict};
