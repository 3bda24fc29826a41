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
    /// Which of the things that are kept for clients it gets to see.
    pub files: Sight,
}

/// Which files, batches and stored results a key gets to see, read, cancel and delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sight {
    /// Those that it made itself through this gateway.
    #[default]
    Own,
    /// Those that keys of its team made.
    Team,
    /// All that the provider's account keeps, wherever it was made.
    Account,
}

impl Principal {
    /// Whether it gets to see what the key `key` of `team` made.
    #[must_use]
    pub fn sees(&self, key: &str, team: Option<&str>) -> bool {
        match self.files {
            Sight::Account => true,
            _ if *self.key == *key => true,
            Sight::Team => self.team.is_some() && self.team.as_deref() == team,
            Sight::Own => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_sees_what_is_its_own_its_teams_or_the_accounts() {
        for (files, team, expected) in [
            (Sight::Own, Some("a"), [true, false, false, false]),
            (Sight::Team, Some("a"), [true, true, false, false]),
            (Sight::Team, None, [true, false, false, false]),
            (Sight::Account, None, [true, true, true, true]),
        ] {
            let principal =
                Principal { key: "k".into(), team: team.map(Arc::from), files, ..Principal::default() };
            let made = [("k", None), ("l", Some("a")), ("l", Some("b")), ("l", None)];
            assert_eq!(made.map(|(key, team)| principal.sees(key, team)), expected, "{files:?} {team:?}");
        }
    }
}
