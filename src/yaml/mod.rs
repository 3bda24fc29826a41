//! YAML into typed values, with every problem of a file at once.
//!
//! A text becomes a [`Tree`] in which each value knows its place; a tree
//! becomes any `serde` type. Where a field is at fault the problem is noted and
//! reading goes on without that field, so that a file with ten mistakes is
//! reported with ten. Knows nothing of what the files mean.

mod decode;
mod flaw;
mod scalar;
mod syntax;
mod tree;
mod typed;

pub use decode::decode;
pub use tree::{Node, Tree, Value};
pub use typed::{At, Named};

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Largest file that is read, bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// Reads `text` as a `T`. The value is there when enough of it could be read to
/// go on checking; it is fit for use only when no problem is an error.
#[must_use]
pub fn read<T: DeserializeOwned>(file: &Path, text: &str) -> (Option<T>, Vec<Problem>) {
    let (tree, mut problems) = Tree::parse(file, text);
    let value = tree.and_then(|tree| {
        let (value, more) = decode(file, &tree.root);
        problems.extend(more);
        value
    });
    problems.sort_by_key(|problem| problem.at.map(|at| (at.line, at.column)));
    (value, problems)
}

#[cfg(test)]
mod tests;
