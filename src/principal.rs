//! Who calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ir::Money;
use crate::model::Tag;

/// Who calls: what a key stands for. Holds no secret.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Principal {
    /// The key's name; `anonymous` without keys.
    pub key: Arc<str>,
    /// The person, where known.
    pub user: Option<Arc<str>>,
    /// The team.
    pub team: Option<Arc<str>>,
    /// The department.
    pub department: Option<Arc<str>>,
    /// Free labels for policies.
    pub tags: BTreeMap<String, Tag>,
    /// Globs of the model names that the key may ask for; empty: all.
    pub models: Vec<String>,
    /// Money left in the tightest budget; absent: no budget.
    pub budget_left: Option<Money>,
}
