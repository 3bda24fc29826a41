//! What the files of a set share while they run: their texts, for faults, and
//! the constants of their top levels, their expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::Dynamic;

use super::expressions::Expressions;

/// Texts and constants by file.
#[derive(Default)]
pub(super) struct Library {
    pub(super) sources: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) constants: BTreeMap<Arc<str>, BTreeMap<String, Dynamic>>,
    pub(super) expressions: Expressions,
}

impl Library {
    /// The text of `file`.
    pub(super) fn source(&self, file: &str) -> Option<&str> {
        self.sources.get(file).map(AsRef::as_ref)
    }

    /// The constant `name` of `file`.
    pub(super) fn constant(&self, file: &str, name: &str) -> Option<&Dynamic> {
        self.constants.get(file)?.get(name)
    }
}
